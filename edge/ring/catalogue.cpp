#include "edge/ring/catalogue.h"

#include <limits>

#include "common/base/log.h"

namespace tidemark::ring {
namespace {

// application_id "TRNG". NORMAL in WAL mode syncs at WAL checkpoints only: a power cut may take
// back commits, never tear them, and ring.dat knows the rest. secure_delete off: Debian builds it
// on, which doubles what a flash has to write.
constexpr const char* kPragmas =
    "PRAGMA page_size=4096;"
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA secure_delete=0;"
    "PRAGMA cache_size=-512;"
    "PRAGMA mmap_size=0;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA wal_autocheckpoint=256;"
    "PRAGMA journal_size_limit=1048576;";
constexpr int kVersion = 2;  // another version's file is made anew from ring.dat
constexpr const char* kSchema =
    "PRAGMA application_id=0x54524e47;"
    "CREATE TABLE IF NOT EXISTS meta(id INTEGER PRIMARY KEY, ring INTEGER, marks BLOB);"
    "CREATE TABLE IF NOT EXISTS segments(number INTEGER PRIMARY KEY, at INTEGER, length INTEGER,"
    " ordinal INTEGER, first INTEGER, blocks INTEGER, checkpoint INTEGER, follows INTEGER,"
    " synced INTEGER, oldest INTEGER, checksum INTEGER);"
    "CREATE INDEX IF NOT EXISTS checkpoints ON segments(number) WHERE checkpoint=1;"
    "CREATE TABLE IF NOT EXISTS blocks(ordinal INTEGER, sequence INTEGER, segment INTEGER,"
    " offset INTEGER, stored INTEGER, bytes INTEGER, time_min INTEGER, time_max INTEGER,"
    " readings INTEGER, alarm INTEGER, reduction INTEGER, replaces BLOB,"
    " PRIMARY KEY(ordinal, sequence)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS alarms ON blocks(ordinal, sequence) WHERE alarm=1;";

#define SEGMENT_COLUMNS \
  "number,at,length,ordinal,first,blocks,checkpoint,follows,synced,oldest,checksum"
#define BLOCK_COLUMNS \
  "ordinal,sequence,segment,offset,stored,bytes,time_min,time_max,readings,alarm,reduction,replaces"

SegmentRow segment_from(const sqlite::Statement& s) {
  return {s.count(0), s.count(1),      s.count(2), s.count(3), s.count(4), s.count(5),
          s.count(6) != 0, s.count(7), s.count(8), s.count(9), s.count(10)};
}

BlockRow block_from(const sqlite::Statement& s) {
  BlockRow b;
  b.ordinal = s.count(0);
  b.segment = s.count(2);
  b.offset = s.count(3);
  b.meta = {s.count(1), s.integer(6), s.integer(7), s.count(8),
            s.count(9) != 0, s.count(5), s.count(4), static_cast<Reduction>(s.count(10)), {}};
  if (b.meta.reduction != Reduction::none) {
    ByteReader in(s.blob(11));
    b.meta.replaces = SequenceRanges::decode(in);
  }
  return b;
}

// SQLite's integers are signed; sequences and numbers never come near.
SequenceRange within_sqlite(SequenceRange r) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  return {std::min(r.first, kMax), std::min(r.last, kMax)};
}

}  // namespace

SegmentRow row_of(const SegmentHeader& h, std::uint64_t at) {
  return {h.number,     at,        h.length, h.ordinal, h.first, h.blocks,
          h.checkpoint, h.follows, h.synced, h.oldest,  h.index_checksum ^ h.body_checksum};
}

Result<std::unique_ptr<Catalogue>> Catalogue::open(const std::filesystem::path& path,
                                                   std::uint64_t id) {
  TIDE_ASSIGN(auto database, sqlite::Database::open(path, {.pragmas = kPragmas,
                                                           .schema = kSchema,
                                                           .version = kVersion,
                                                           .quick_check = true,
                                                           .busy_wait = {}}));
  std::unique_ptr<Catalogue> catalogue(new Catalogue(std::move(database)));
  TIDE_TRY(catalogue->begin(id));
  return catalogue;
}

Catalogue::Catalogue(std::unique_ptr<sqlite::Database> database)
    : database_(std::move(database)),
      add_segment_(*database_, "INSERT OR REPLACE INTO segments(" SEGMENT_COLUMNS
                               ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"),
      segment_(*database_, "SELECT " SEGMENT_COLUMNS " FROM segments WHERE number=?1"),
      oldest_(*database_, "SELECT " SEGMENT_COLUMNS
                          " FROM segments WHERE number>=?1 ORDER BY number LIMIT 1"),
      newest_(*database_, "SELECT " SEGMENT_COLUMNS
                          " FROM segments WHERE number<=?1 ORDER BY number DESC LIMIT 1"),
      checkpoint_(*database_, "SELECT " SEGMENT_COLUMNS " FROM segments WHERE checkpoint=1"
                              " AND number<=?1 ORDER BY number DESC LIMIT 1"),
      remove_segment_(*database_, "DELETE FROM segments WHERE number=?1"),
      add_block_(*database_, "INSERT OR REPLACE INTO blocks(" BLOCK_COLUMNS
                             ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"),
      block_(*database_, "SELECT " BLOCK_COLUMNS " FROM blocks WHERE ordinal=?1 AND sequence=?2"),
      up_(*database_, "SELECT " BLOCK_COLUMNS " FROM blocks WHERE ordinal=?1 AND sequence BETWEEN"
                      " ?2 AND ?3 ORDER BY sequence LIMIT ?4"),
      down_(*database_, "SELECT " BLOCK_COLUMNS " FROM blocks WHERE ordinal=?1 AND sequence BETWEEN"
                        " ?2 AND ?3 ORDER BY sequence DESC LIMIT ?4"),
      alarms_(*database_, "SELECT " BLOCK_COLUMNS " FROM blocks WHERE ordinal=?1 AND sequence"
                          " BETWEEN ?2 AND ?3 AND alarm=1 ORDER BY sequence LIMIT ?4"),
      remove_block_(*database_, "DELETE FROM blocks WHERE ordinal=?1 AND sequence=?2"),
      totals_(*database_, "SELECT count(*), total(readings), total(stored) FROM blocks"
                          " WHERE ordinal=?1 AND sequence BETWEEN ?2 AND ?3"),
      set_marks_(*database_, "UPDATE meta SET marks=?1 WHERE id=1"),
      get_marks_(*database_, "SELECT marks FROM meta WHERE id=1") {}

void Catalogue::remove(const std::filesystem::path& path) {
  for (const auto* end : {"", "-wal", "-shm", "-journal"}) {
    std::error_code failed;
    std::filesystem::remove(path.string() + end, failed);
  }
}

Result<> Catalogue::begin(std::uint64_t id) {
  TIDE_TRY(database_->fault());
  TIDE_ASSIGN(auto meta, database_->prepare("SELECT ring FROM meta WHERE id=1"));
  TIDE_ASSIGN(const bool known, meta.step());
  if (known && meta.count(0) != id) {
    return Error{Fault::corrupt, "ring.db: the catalogue of another ring"};
  }
  meta.rewind();
  if (!known) {
    TIDE_ASSIGN(auto make, database_->prepare("INSERT INTO meta VALUES(1,?1,x'')"));
    TIDE_TRY(make.execute(id));
  }
  // IMMEDIATE: the write lock is held all the time, so that a second agent on this ring is refused.
  return database_->execute("BEGIN IMMEDIATE");
}

Result<> Catalogue::commit(ByteSpan marks) {
  TIDE_TRY(set_marks_.execute(marks));
  TIDE_TRY(database_->execute("COMMIT"));
  return database_->execute("BEGIN IMMEDIATE");
}

Result<ByteVector> Catalogue::marks() {
  TIDE_ASSIGN(const bool found, get_marks_.start().step());
  const auto bytes = found ? get_marks_.blob(0) : ByteSpan{};
  ByteVector marks(bytes.begin(), bytes.end());
  get_marks_.rewind();
  return marks;
}

Result<> Catalogue::add(const SegmentRow& s) {
  return add_segment_.execute(s.number, s.at, s.length, s.ordinal, s.first, s.blocks, s.checkpoint,
                              s.follows, s.synced, s.oldest, s.checksum);
}

Result<> Catalogue::add(const BlockRow& b) {
  const auto& m = b.meta;
  ByteVector replaces;
  ByteWriter out(replaces);
  if (m.reduction != Reduction::none) m.replaces.encode(out);
  return add_block_.execute(b.ordinal, m.sequence, b.segment, b.offset, m.stored, m.bytes,
                            m.time_min, m.time_max, m.readings, m.alarm,
                            static_cast<std::uint64_t>(m.reduction), ByteSpan(replaces));
}

Result<std::optional<SegmentRow>> Catalogue::one_segment(sqlite::Statement& s,
                                                         std::uint64_t number) {
  TIDE_ASSIGN(const bool found, s.start(within_sqlite({number, number}).first).step());
  if (!found) return std::optional<SegmentRow>{};
  const auto row = segment_from(s);
  s.rewind();
  return std::optional(row);
}

Result<std::optional<SegmentRow>> Catalogue::segment(std::uint64_t number) {
  return one_segment(segment_, number);
}
Result<std::optional<SegmentRow>> Catalogue::oldest(std::uint64_t from) {
  return one_segment(oldest_, from);
}
Result<std::optional<SegmentRow>> Catalogue::newest(std::uint64_t to) {
  return one_segment(newest_, to);
}
Result<std::optional<SegmentRow>> Catalogue::checkpoint(std::uint64_t to) {
  return one_segment(checkpoint_, to);
}
Result<> Catalogue::remove_segment(std::uint64_t number) {
  return remove_segment_.execute(number);
}

Result<std::optional<BlockRow>> Catalogue::block(std::uint64_t ordinal, std::uint64_t sequence) {
  TIDE_ASSIGN(const bool found, block_.start(ordinal, sequence).step());
  if (!found) return std::optional<BlockRow>{};
  const auto row = block_from(block_);
  block_.rewind();
  return std::optional(row);
}

Result<std::vector<BlockRow>> Catalogue::blocks(std::uint64_t ordinal, SequenceRange range,
                                                Order order, std::size_t limit) {
  auto& s = order == Order::oldest_first ? up_ : down_;
  const auto r = within_sqlite(range);
  s.start(ordinal, r.first, r.last, std::min<std::size_t>(limit, 1 << 30));
  return rows_of(s);
}

Result<std::vector<BlockRow>> Catalogue::alarms(std::uint64_t ordinal, SequenceRange range,
                                                std::size_t limit) {
  const auto r = within_sqlite(range);
  alarms_.start(ordinal, r.first, r.last, std::min<std::size_t>(limit, 1 << 30));
  return rows_of(alarms_);
}

Result<std::vector<BlockRow>> Catalogue::rows_of(sqlite::Statement& s) {
  std::vector<BlockRow> rows;
  while (true) {
    TIDE_ASSIGN(const bool row, s.step());
    if (!row) return rows;
    rows.push_back(block_from(s));
  }
}

Result<> Catalogue::remove_block(std::uint64_t ordinal, std::uint64_t sequence) {
  return remove_block_.execute(ordinal, sequence);
}

Result<> Catalogue::clear() {
  return database_->execute("DELETE FROM segments; DELETE FROM blocks; UPDATE meta SET marks=x''");
}

Result<Totals> Catalogue::totals(std::uint64_t ordinal, SequenceRange range) {
  const auto r = within_sqlite(range);
  TIDE_ASSIGN(const bool found, totals_.start(ordinal, r.first, r.last).step());
  TIDE_CHECK(found, "a count without a row");
  const Totals t{totals_.count(0), totals_.count(1), totals_.count(2)};
  totals_.rewind();
  return t;
}

}  // namespace tidemark::ring
