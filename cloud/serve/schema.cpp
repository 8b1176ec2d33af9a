#include "cloud/serve/schema.h"

#include "cloud/serve/answer_store.h"

namespace tidemark::serve {
namespace {

constexpr int kVersion = 1;
constexpr std::chrono::milliseconds kBusyWait{5000};
constexpr auto kSchema = R"sql(
    CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS views(
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash INTEGER NOT NULL, version INTEGER NOT NULL,
      made INTEGER NOT NULL, width_min INTEGER NOT NULL, width_max INTEGER NOT NULL,
      aligned INTEGER NOT NULL, figures TEXT NOT NULL, UNIQUE(name, hash));
    CREATE TABLE IF NOT EXISTS view_log(
      name TEXT, place INTEGER, origin INTEGER, view INTEGER, at INTEGER,
      PRIMARY KEY(name, place, origin)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS in_force(
      name TEXT, place INTEGER, origin INTEGER, view INTEGER,
      PRIMARY KEY(name, place)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS subjects(
      id INTEGER PRIMARY KEY, view INTEGER NOT NULL, series TEXT NOT NULL, grp BLOB NOT NULL,
      labels BLOB NOT NULL, unit TEXT NOT NULL, place INTEGER NOT NULL, UNIQUE(view, series, grp));
    CREATE TABLE IF NOT EXISTS history(
      position INTEGER PRIMARY KEY, subject INTEGER NOT NULL, start INTEGER NOT NULL,
      revision INTEGER NOT NULL, appended INTEGER NOT NULL, gone INTEGER, origin INTEGER NOT NULL,
      made INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE UNIQUE INDEX IF NOT EXISTS history_window ON history(subject, start, revision);
    CREATE INDEX IF NOT EXISTS history_gone ON history(gone) WHERE gone IS NOT NULL;
    CREATE TABLE IF NOT EXISTS answers(
      subject INTEGER, start INTEGER, position INTEGER NOT NULL,
      PRIMARY KEY(subject, start)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS refused(
      id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT, reason TEXT, at INTEGER);)sql";

}  // namespace

Result<std::unique_ptr<sqlite::Database>> open_writer(const std::filesystem::path& folder) {
  return sqlite::Database::open(
      served_path(folder),
      // Synced at each commit, though all of it could be read again: positions that listeners have
      // heard must not mean something else after a power cut.
      {.pragmas = "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                  "PRAGMA secure_delete=0; PRAGMA cache_size=-16384;"
                  "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;"
                  "PRAGMA temp_store=MEMORY",
       .schema = kSchema,
       .version = kVersion,
       .busy_wait = kBusyWait,
       .io_error = Fault::unavailable});
}

Result<std::unique_ptr<sqlite::Database>> open_reader(const std::filesystem::path& folder) {
  return sqlite::Database::open(
      served_path(folder),
      {.pragmas = "PRAGMA query_only=1; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY",
       .version = kVersion,
       .reader = true,
       .busy_wait = kBusyWait,
       .io_error = Fault::unavailable});
}

}  // namespace tidemark::serve
