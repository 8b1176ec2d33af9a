// The tables of history.db: FORMAT.md. Private to the folder.
#pragma once

namespace tidemark::history {

inline constexpr int kVersion = 1;
inline constexpr auto kFile = "history.db";

inline constexpr auto kSchema = R"(
CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL);
CREATE TABLE windows(
  id INTEGER PRIMARY KEY, series INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  type TEXT NOT NULL, revision INTEGER NOT NULL, readings INTEGER NOT NULL, flags INTEGER NOT NULL,
  "values" TEXT NOT NULL);
CREATE UNIQUE INDEX windows_by_series ON windows(series, start, "end");
CREATE TABLE events(
  id INTEGER PRIMARY KEY, series INTEGER NOT NULL, time INTEGER NOT NULL, cause TEXT NOT NULL,
  detector TEXT NOT NULL, text TEXT NOT NULL, value REAL, expected REAL, score REAL,
  context INTEGER NOT NULL, cleared INTEGER, acked INTEGER, acked_by TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT '');
CREATE INDEX events_by_series ON events(series, time);
CREATE TABLE marks(stored INTEGER PRIMARY KEY, window INTEGER NOT NULL, event INTEGER NOT NULL);
CREATE VIEW history AS
  SELECT s.name AS series, strftime('%Y-%m-%d %H:%M:%f', w.start / 1e9, 'unixepoch') AS start,
         strftime('%Y-%m-%d %H:%M:%f', w."end" / 1e9, 'unixepoch') AS "end", w.type, w.readings,
         json_extract(w."values", '$.mean') AS mean, json_extract(w."values", '$.min') AS min,
         json_extract(w."values", '$.max') AS max, s.unit, w."values"
  FROM windows w JOIN series s ON s.id = w.series;
CREATE VIEW alarms AS
  SELECT e.id, s.name AS series, strftime('%Y-%m-%d %H:%M:%f', e.time / 1e9, 'unixepoch') AS time,
         e.text, e.cleared IS NOT NULL AS cleared, e.acked IS NOT NULL AS acked, e.acked_by, e.note
  FROM events e JOIN series s ON s.id = e.series;
)";

// What people put aside for a while; made with the first of them: older files need no change.
inline constexpr auto kShelves =
    "CREATE TABLE IF NOT EXISTS shelves(series INTEGER NOT NULL, cause TEXT NOT NULL, "
    "until INTEGER NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY(series, cause))";

// The highest id that an event may have had, also one that was lost; older files need no change.
inline constexpr auto kIds = "CREATE TABLE IF NOT EXISTS ids(event INTEGER NOT NULL)";

// Ends of the agent; made with the first commit of a start that is not the first.
inline constexpr auto kGaps =
    "CREATE TABLE IF NOT EXISTS gaps(\"from\" INTEGER NOT NULL, \"to\" INTEGER NOT NULL, "
    "PRIMARY KEY(\"from\", \"to\"))";

inline constexpr int kCut = 1;          // windows.flags
inline constexpr int kApproximate = 2;

}  // namespace tidemark::history
