#include "cloud/store/schema.h"

namespace tidemark::store {
namespace {

constexpr std::chrono::milliseconds kBusyWait{5000};
constexpr auto kSchema = R"sql(
    CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS edges(
      id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, site TEXT NOT NULL, version TEXT NOT NULL,
      incarnation INTEGER, ordinal INTEGER, connected INTEGER, seen INTEGER, blocks INTEGER,
      missing INTEGER, ledger BLOB, away TEXT NOT NULL DEFAULT '');
    CREATE TABLE IF NOT EXISTS incarnations(
      edge INTEGER, incarnation INTEGER, state BLOB, PRIMARY KEY(edge, incarnation)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sources(
      id INTEGER PRIMARY KEY, edge INTEGER, name TEXT, class TEXT, stamped INTEGER,
      sealed_until INTEGER, frontier INTEGER, due INTEGER, good INTEGER, taken INTEGER,
      span_max INTEGER NOT NULL DEFAULT 0, UNIQUE(edge, name, class));
    CREATE TABLE IF NOT EXISTS minutes(
      source INTEGER, minute INTEGER, state BLOB, PRIMARY KEY(source, minute)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS folded(
      source INTEGER, start INTEGER, width INTEGER, due INTEGER, good INTEGER, taken INTEGER,
      sent INTEGER, received INTEGER, lacking INTEGER,
      PRIMARY KEY(source, start, width)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS dropped(
      source INTEGER, incarnation INTEGER, first INTEGER, last INTEGER, why INTEGER, next INTEGER,
      readings INTEGER, PRIMARY KEY(source, incarnation, first, last, why)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS series(
      id INTEGER PRIMARY KEY, edge INTEGER, name TEXT, type INTEGER, exponent INTEGER,
      source INTEGER, description BLOB, first INTEGER, last INTEGER, readings INTEGER,
      said_in INTEGER NOT NULL DEFAULT 0, widest_sum INTEGER NOT NULL DEFAULT 0,
      thinned_from INTEGER NOT NULL DEFAULT 9223372036854775807,
      thinned_until INTEGER NOT NULL DEFAULT -9223372036854775808,
      UNIQUE(edge, name, type, exponent));
    CREATE TABLE IF NOT EXISTS series_sources(
      series INTEGER, source INTEGER, PRIMARY KEY(series, source)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS dictionaries(
      edge INTEGER, hash INTEGER, bytes BLOB, ordinal INTEGER NOT NULL DEFAULT 0,
      incarnation INTEGER NOT NULL DEFAULT 0, sequence INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY(edge, hash));
    CREATE TABLE IF NOT EXISTS dictionary_uses(
      edge INTEGER, hash INTEGER, position INTEGER, PRIMARY KEY(edge, hash)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS starts_gone(edge INTEGER PRIMARY KEY, state BLOB);
    CREATE TABLE IF NOT EXISTS uncounted(
      edge INTEGER, incarnation INTEGER, from_time INTEGER, until_time INTEGER, blocks INTEGER,
      PRIMARY KEY(edge, incarnation)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS off_times(
      edge INTEGER, off_from INTEGER, off_until INTEGER,
      PRIMARY KEY(edge, off_from, off_until)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS refused(
      edge INTEGER, incarnation INTEGER, since INTEGER,
      PRIMARY KEY(edge, incarnation)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS accepted(
      edge INTEGER, incarnation INTEGER, since INTEGER,
      PRIMARY KEY(edge, incarnation)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS alarms(
      edge INTEGER, kind TEXT, text TEXT, first INTEGER, last INTEGER, times INTEGER,
      PRIMARY KEY(edge, kind)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS orders(
      id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, words TEXT, outcome TEXT, done INTEGER);
    CREATE TABLE IF NOT EXISTS given_orders(
      id INTEGER PRIMARY KEY, name TEXT UNIQUE, giver TEXT, live INTEGER, backlog INTEGER,
      said INTEGER);
    CREATE TABLE IF NOT EXISTS blocks(
      edge INTEGER, incarnation INTEGER, sequence INTEGER, hash INTEGER, position INTEGER,
      readings INTEGER, PRIMARY KEY(edge, incarnation, sequence)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS spans(
      source INTEGER, time_min INTEGER, time_max INTEGER, position INTEGER,
      PRIMARY KEY(source, time_min, position)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS forgotten(source INTEGER PRIMARY KEY, until INTEGER);
    CREATE TABLE IF NOT EXISTS panes(
      series INTEGER, tier INTEGER, start INTEGER, state BLOB,
      PRIMARY KEY(series, tier, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS panes_unordered(
      series INTEGER, tier INTEGER, start INTEGER, cause INTEGER,
      PRIMARY KEY(series, tier, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS series_ordered(
      series INTEGER PRIMARY KEY, max_hold INTEGER, rollover REAL);
    CREATE TABLE IF NOT EXISTS meter_swaps(
      series INTEGER, at INTEGER, old_end INTEGER, new_start INTEGER, known_at INTEGER,
      PRIMARY KEY(series, at)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS waivers(
      id INTEGER PRIMARY KEY AUTOINCREMENT, edge INTEGER, source TEXT, retired INTEGER,
      until INTEGER, by TEXT, reason TEXT, at INTEGER, ended INTEGER, ended_by TEXT);
    CREATE INDEX IF NOT EXISTS waiver_of ON waivers(edge, source) WHERE ended=0;
    CREATE TABLE IF NOT EXISTS views(
      id INTEGER PRIMARY KEY, name TEXT, definition BLOB, current INTEGER);
    CREATE TABLE IF NOT EXISTS view_log(
      id INTEGER PRIMARY KEY, at INTEGER, name TEXT, view INTEGER);
    CREATE TABLE IF NOT EXISTS relabels(position INTEGER PRIMARY KEY, definition BLOB);
    CREATE TABLE IF NOT EXISTS groups(
      id INTEGER PRIMARY KEY AUTOINCREMENT, view INTEGER, key BLOB, UNIQUE(view, key));
    CREATE TABLE IF NOT EXISTS members(
      grp INTEGER, series INTEGER, since INTEGER, until INTEGER, inputs INTEGER,
      PRIMARY KEY(grp, series, since)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS member_of ON members(series);
    CREATE TABLE IF NOT EXISTS pairs(
      view INTEGER, series INTEGER, start INTEGER, stale INTEGER, state BLOB,
      PRIMARY KEY(view, series, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS slots(
      view INTEGER, series INTEGER, begins INTEGER, sealed_to INTEGER,
      PRIMARY KEY(view, series)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS answers(
      view INTEGER, series INTEGER, start INTEGER, position INTEGER,
      PRIMARY KEY(view, series, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS partials(
      view INTEGER, series INTEGER, start INTEGER, edge INTEGER, revision INTEGER, stale INTEGER,
      state BLOB, PRIMARY KEY(view, series, start, edge)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS history(
      position INTEGER PRIMARY KEY, view INTEGER, series INTEGER, start INTEGER, known_at INTEGER,
      body BLOB);
    CREATE INDEX IF NOT EXISTS history_window ON history(view, series, start);
    CREATE INDEX IF NOT EXISTS history_said ON history(position) WHERE view<0;
    CREATE TABLE IF NOT EXISTS speakers(part INTEGER PRIMARY KEY, run INTEGER, views BLOB);
    CREATE TABLE IF NOT EXISTS reaches(
      view INTEGER, series INTEGER, part INTEGER, run INTEGER, state BLOB,
      PRIMARY KEY(view, series, part)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS published(
      definition INTEGER, subject TEXT, start INTEGER, position INTEGER, known_at INTEGER,
      body BLOB, PRIMARY KEY(definition, subject, start, position)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS revisions_due(
      view INTEGER, series INTEGER, start INTEGER, cause INTEGER,
      PRIMARY KEY(view, series, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS minutes_due(
      source INTEGER, minute INTEGER, cause INTEGER, PRIMARY KEY(source, minute)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS windows_due(
      view INTEGER, series INTEGER, start INTEGER, until INTEGER, cause INTEGER,
      PRIMARY KEY(view, series, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS late(
      series INTEGER, start INTEGER, placement TEXT, readings INTEGER,
      PRIMARY KEY(series, start, placement)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS set_aside ON late(series, start)
      WHERE placement IN ('late_ledger','quarantine');
    CREATE TABLE IF NOT EXISTS deadletters(
      id INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT, reason TEXT, at INTEGER, size INTEGER,
      readings INTEGER, why INTEGER, state INTEGER, frame TEXT, lane INTEGER, incarnation INTEGER,
      sequence INTEGER, time_min INTEGER, time_max INTEGER, wants INTEGER, booked INTEGER,
      origin TEXT, outcome TEXT, closed INTEGER, bytes BLOB);
    CREATE TABLE IF NOT EXISTS events(
      id INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT, series TEXT, time INTEGER, cause TEXT,
      state TEXT, number INTEGER, json TEXT);
    CREATE INDEX IF NOT EXISTS event_at ON events(time, id);
    CREATE INDEX IF NOT EXISTS event_of ON events(edge);)sql";

// From version 1: a dictionary was known by its hash alone, and is every edge's now.
constexpr auto kLiftTo2 = R"sql(
    ALTER TABLE series ADD COLUMN said_in INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE dictionaries RENAME TO dictionaries_1;
    CREATE TABLE dictionaries(
      edge INTEGER, hash INTEGER, bytes BLOB, ordinal INTEGER NOT NULL DEFAULT 0,
      incarnation INTEGER NOT NULL DEFAULT 0, sequence INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY(edge, hash));
    INSERT INTO dictionaries(edge, hash, bytes) SELECT e.id, d.hash, d.bytes
      FROM edges e, dictionaries_1 d;
    DROP TABLE dictionaries_1;)sql";

// From version 2: how far back the archive reached for a source was not kept. Where it has been
// cut, any of it may be gone.
constexpr auto kLiftTo3 = R"sql(
    ALTER TABLE series ADD COLUMN widest_sum INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE forgotten(source INTEGER PRIMARY KEY, until INTEGER);
    INSERT INTO forgotten SELECT id, frontier FROM sources WHERE frontier IS NOT NULL
      AND EXISTS (SELECT 1 FROM meta WHERE key='archive_first');)sql";

// From version 4, as from 3 and 5, there are further tables, which kSchema makes. Edges did not say
// that they thin.
constexpr auto kLiftTo5 = R"sql(
    ALTER TABLE series ADD COLUMN thinned_from INTEGER NOT NULL DEFAULT 9223372036854775807;
    ALTER TABLE series ADD COLUMN thinned_until INTEGER NOT NULL DEFAULT -9223372036854775808;)sql";

// From version 5: edges were away because somebody said so, and there are further tables.
constexpr auto kLiftTo6 = "ALTER TABLE edges ADD COLUMN away TEXT NOT NULL DEFAULT '';";

// From version 6: of a dead letter only the reason and the packed readings of a block were kept;
// without its name nobody can take it any more. Quarters and days knew only what all their minutes
// together lack; a file from before 4 has their table as it is now.
constexpr auto kLiftTo7Before = R"sql(
    ALTER TABLE deadletters RENAME TO deadletters_6;
    CREATE TABLE folded_6 AS SELECT source,start,width,due,good,taken,sent,received FROM folded;
    DROP TABLE folded;)sql";
constexpr auto kLiftTo7 = R"sql(
    INSERT INTO deadletters SELECT id,edge,reason,at,length(bytes),readings,2,0,'',1,0,0,0,0,0,0,
      '','',0,bytes FROM deadletters_6;
    DROP TABLE deadletters_6;
    INSERT INTO folded SELECT *, MAX(0, sent-received) FROM folded_6;
    DROP TABLE folded_6;)sql";

// From version 8: what others published was known by the name of its view. It is read again.
constexpr auto kLiftTo9Before = R"sql(
    DROP TABLE IF EXISTS published;
    DELETE FROM meta WHERE key LIKE 'kafka % answers offset';)sql";

// From version 9: there were no panes of 10 s, which have a number of their own in the same table.

// From version 10: groups over partitions were put together in other partitions. They are made anew
// of what the partitions say again.
constexpr auto kLiftTo11 = R"sql(
    DELETE FROM answers WHERE series<0 AND view IN (SELECT view FROM reaches);
    DELETE FROM history WHERE series<0 AND view IN (SELECT view FROM reaches);
    DELETE FROM slots WHERE series<0 AND view IN (SELECT view FROM reaches);
    DELETE FROM partials WHERE series<0 AND view IN (SELECT view FROM reaches);
    DELETE FROM revisions_due WHERE series<0 AND view IN (SELECT view FROM reaches);
    DELETE FROM windows_due WHERE series<0 AND view IN (SELECT view FROM reaches);
    DELETE FROM reaches;
    DELETE FROM speakers;
    DELETE FROM meta WHERE key LIKE 'kafka % partials said';)sql";

// From version 11: there were no events.

}  // namespace

Result<std::unique_ptr<sqlite::Database>> open_writer(const std::filesystem::path& file) {
  return sqlite::Database::open(
      file, {.pragmas = "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                        "PRAGMA secure_delete=0; PRAGMA cache_size=-16384;"
                        "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;"
                        "PRAGMA temp_store=MEMORY",
             .schema = kSchema,
             .version = kSchemaVersion,
             .lifts = {kLiftTo2, kLiftTo3, kSchema, std::string(kSchema) + kLiftTo5,
                       std::string(kSchema) + kLiftTo6,
                       kLiftTo7Before + std::string(kSchema) + kLiftTo7, kSchema,
                       kLiftTo9Before + std::string(kSchema), kSchema,
                       std::string(kSchema) + kLiftTo11, kSchema},
             .busy_wait = kBusyWait,
             .io_error = Fault::unavailable});
}

Result<std::unique_ptr<sqlite::Database>> open_reader(const std::filesystem::path& file) {
  return sqlite::Database::open(
      file, {.pragmas = "PRAGMA query_only=1; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY",
             .version = kSchemaVersion,
             .reader = true,
             .busy_wait = kBusyWait,
             .io_error = Fault::unavailable});
}

}  // namespace tidemark::store
