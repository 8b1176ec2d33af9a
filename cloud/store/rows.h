// The rows of cloud.db that are not panes and not answers: edges, their books, series, the index of
// the archive. Each class owns its prepared statements; transactions are the Store's.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/reconcile/edge_books.h"
#include "cloud/reconcile/manifest.h"
#include "cloud/store/archive.h"
#include "cloud/store/changes.h"
#include "cloud/store/dropped_rows.h"
#include "cloud/store/folded_manifests.h"
#include "common/model/series.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

struct EdgeRow {
  EdgeId id = 0;
  std::string name;
  std::string site;
  std::string program_version;
  Incarnation incarnation;
  std::uint64_t ordinal = 0;
  bool connected = false;
  EventTime seen{};
  std::string away;  // why it is not connected, where nobody said bye: its gateway is silent
};

// Descriptions at rest: a dictionary of one.
ByteVector encode_description(const SeriesDescription& d);
Result<SeriesDescription> decode_description(ByteSpan bytes);

class EdgeRows {
 public:
  explicit EdgeRows(sqlite::Database& database);
  std::vector<EdgeRow> all();
  EdgeId add(const std::string& name);
  void save(const EdgeRow& row, const reconcile::EdgeBooks& books);
  void save_incarnation(EdgeId edge, Incarnation i, const reconcile::IncarnationBooks& books);
  // Gives sources that have no id one; saves those that changed.
  void save_sources(EdgeId edge, reconcile::EdgeBooks& books);
  Result<> load_books(EdgeId edge, reconcile::EdgeBooks& books);
  Result<> load_incarnation(EdgeId edge, Incarnation i, reconcile::EdgeBooks& books);
  void forget_incarnation(EdgeId edge, Incarnation i);
  // Of settled starts past their bound only the sums stay.
  Result<> let_starts_go(EdgeId edge, reconcile::EdgeBooks& books);
  void add_off(EdgeId edge, const reconcile::OffTimes::Span& span);
  // The newest OffTimes::kSpansMax are kept.
  void bound_off(EdgeId edge);
  // Blocks of a start that were lost and nobody counted; none: it is forgotten.
  void save_uncounted(EdgeId edge, Incarnation i, const reconcile::IncarnationBooks::Uncounted& u);
  // Starts whose frames are not taken: another box says that it is the edge. The newest
  // CloneGuard::kRefusedMax are kept, oldest first.
  std::vector<Incarnation> refused(EdgeId edge);
  void refuse(EdgeId edge, Incarnation i, EventTime since);
  void forget_refused(EdgeId edge, Incarnation i);
  // Starts that a person let in and that did not say hello since; as many.
  std::vector<Incarnation> accepted(EdgeId edge);
  void accept(EdgeId edge, Incarnation i, EventTime since);
  void forget_accepted(EdgeId edge, Incarnation i);

 private:
  Result<reconcile::IncarnationBooks> read_incarnation(EdgeId edge, Incarnation i);
  sqlite::Database& database_;
  sqlite::Statement all_, add_, save_, save_incarnation_, add_source_, save_source_, incarnations_,
      sources_, one_incarnation_, forget_incarnation_, off_times_, add_off_, bound_off_, uncounted_,
      save_uncounted_, forget_uncounted_, gone_, save_gone_, refused_, refuse_,
      bound_refused_, forget_refused_, accepted_, accept_, bound_accepted_, forget_accepted_;
  ByteVector scratch_;
};

// The times of which raw readings of a series may have been left out by its edge (thinning), in
// whole hours.
struct ThinnedSpan {
  std::int64_t from = std::numeric_limits<std::int64_t>::max();
  std::int64_t until = std::numeric_limits<std::int64_t>::min();
  // Takes in [time_min, time_max]; false when it did before.
  bool extend(std::int64_t time_min, std::int64_t time_max);
  [[nodiscard]] bool meets(EventTime start, EventTime end) const {
    return from < count_ns(end) && count_ns(start) < until;
  }
};

struct SeriesRow {
  SeriesId id = 0;
  EdgeId edge = 0;
  SourceId source = 0;
  std::vector<SourceId> earlier;  // its sources before; readings and minutes of then are theirs
  SeriesDescription description;
  DictionaryHash said_in;  // the dictionary that has the description
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::uint64_t readings = 0;
  // Of the edge's windows that reached beyond one minute; 0: none did. Their readings are counted
  // in the minute in which they start.
  Nanoseconds widest_sum{};
  ThinnedSpan thinned;  // by the widest deadband that was said: description.deadband

  // All that it ever belonged to, each once.
  [[nodiscard]] std::vector<SourceId> sources() const;
};

class SeriesRows {
 public:
  explicit SeriesRows(sqlite::Database& database);
  Result<std::vector<SeriesRow>> all();
  SeriesId add(const SeriesRow& row);
  // Counts and times only.
  void save(const SeriesRow& row);
  // The words about it as well, which readers notice.
  void save_description(const SeriesRow& row);
  void add_source(SeriesId series, SourceId earlier);
  void flush();

 private:
  sqlite::Database& database_;
  sqlite::Statement all_, add_, save_, sources_, add_source_, count_change_;
  bool changed_ = false;  // what readers keep of the series
};

// Which blocks are in the archive, and where; which of them speak of a source at a given time.
class BlockIndex {
 public:
  explicit BlockIndex(sqlite::Database& database);
  void add(EdgeId edge, BlockName name, std::uint64_t hash, ArchivePosition at,
           std::uint64_t readings);
  // It is archived anew.
  void forget(EdgeId edge, BlockName name);
  std::optional<std::uint64_t> hash_of(EdgeId edge, BlockName name);
  // Where a block of this name and content is archived.
  std::optional<ArchivePosition> position_of(EdgeId edge, BlockName name, std::uint64_t hash);
  std::uint64_t readings_in(EdgeId edge, Incarnation i, SequenceRange range);
  void add_span(SourceId source, std::int64_t time_min, std::int64_t time_max, ArchivePosition at);
  // Writes the spans of the batch, which is done before they are looked at, too.
  void flush();
  // Blocks with readings of the source in [from, to], oldest first.
  std::vector<ArchivePosition> overlapping(SourceId source, std::int64_t from, std::int64_t to);
  // How near to a time blocks with readings of the source come: the last reading of those that
  // begin before it, or later than that, and the first of the others. Without one block.
  struct Reach {
    std::optional<std::int64_t> last, next;
  };
  Reach reach(SourceId source, std::int64_t time, ArchivePosition but);
  // Removes the index of everything before this position. Of each source the newest time of what
  // goes is kept (`forgotten`), but for times to come, from `latest` on: from there on the archive
  // has all of it.
  void forget_before(ArchivePosition at, EventTime latest);
  // The same of what one edge's blocks hold; their names and hashes stay.
  void forget_of_edge(EdgeId edge, ArchivePosition at, EventTime latest);

 private:
  struct Span {
    SourceId source;
    std::int64_t time_min, time_max;
    std::uint64_t position;
    friend auto operator<=>(const Span&, const Span&) = default;
  };
  static constexpr std::size_t kSpansMax = 65'536;  // of a batch in memory
  static constexpr std::size_t kReachSpansMax = 1000;  // that reach() looks at
  std::int64_t span_max(SourceId source);
  sqlite::Statement add_, forget_, hash_, position_, readings_, add_span_, overlapping_, before_,
      behind_, span_max_, save_span_max_, forget_blocks_, note_forgotten_, forget_spans_,
      note_forgotten_of_edge_, forget_spans_of_edge_;
  std::unordered_map<SourceId, std::int64_t> span_maxima_;
  std::vector<Span> spans_;  // of the batch
};

// Minute manifests by source, changed in memory and written with the batch.
class ManifestRows {
 public:
  ManifestRows(sqlite::Database& database, Changes& changes);
  // Readings of received blocks.
  void receive(SourceId source, Incarnation start, std::int64_t minute, std::uint64_t readings);
  // An edge's statement, as MinuteManifest has it; nothing when a newer one stands.
  struct Stated {
    reconcile::ManifestSum before, after;
  };
  std::optional<Stated> state(SourceId source, Incarnation incarnation, std::uint64_t seal_number,
                              const MinuteCounts& counts, bool last_word = false);
  [[nodiscard]] bool contradicts(SourceId source, Incarnation incarnation,
                                 std::uint64_t seal_number, const MinuteCounts& counts);
  // Over the minutes that [from, to) touches, and the quarters and days they were folded into.
  reconcile::ManifestSum sum(SourceId source, EventTime from, EventTime to);
  // The first minute, not folded, that anything was said of.
  std::optional<EventTime> first(SourceId source);
  // Minutes that [from, to) touches, not folded, of which more was sent than came.
  std::vector<EventTime> lacking(SourceId source, EventTime from, EventTime to);
  void flush();
  // What lies before the floors moves up, or goes; `proved` is the source's frontier.
  void fold(SourceId source, EventTime proved, ManifestFolder::Floors floors);
  // Its edge has no counts of these minutes: DroppedRows. False: it is known.
  bool drop(SourceId source, Incarnation start, Sequence next, const DroppedCounts& dropped);
  [[nodiscard]] bool any_dropped(Incarnation start) const { return dropped_.any(start); }
  [[nodiscard]] bool any_dropped(SourceId source, Incarnation start, DroppedCounts::Why why) const {
    return dropped_.any(source, start, why);
  }
  // As DroppedRows has them: what is taken back.
  DroppedRows::Resolved resolve(Incarnation start, Sequence whole) {
    return tell(dropped_.resolve(start, whole));
  }
  DroppedRows::Resolved found(Incarnation start) { return tell(dropped_.found(start)); }
  DroppedRows::Resolved shorten(SourceId source, std::int64_t last) {
    return tell(dropped_.shorten(source, last));
  }
  [[nodiscard]] std::size_t changed() const { return changed_.size(); }

 private:
  struct Key {
    SourceId source;
    std::int64_t minute;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const;
  };
  struct Entry {
    reconcile::MinuteManifest manifest;
    bool changed = false;
  };
  Entry& load(const Key& key);
  void note_changed(const Key& key, Entry& entry);
  void tell(const Key& key);
  DroppedRows::Resolved tell(DroppedRows::Resolved resolved);
  static constexpr std::size_t kEntriesMax = 50'000;
  sqlite::Statement select_, range_, first_, upsert_;
  Changes& changes_;
  FoldedManifests folded_;
  DroppedRows dropped_;
  ManifestFolder folder_;
  std::unordered_map<Key, Entry, KeyHash> entries_;
  std::vector<Key> changed_;
  ByteVector scratch_;
};

class SmallRows {  // single values
 public:
  explicit SmallRows(sqlite::Database& database);
  std::uint64_t meta(std::string_view key);
  void set_meta(std::string_view key, std::uint64_t value);

 private:
  sqlite::Statement meta_, set_meta_;
};

}  // namespace tidemark::store
