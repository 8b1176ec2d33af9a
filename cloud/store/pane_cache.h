// Panes in memory before the rows in cloud.db: changed ones are written when the batch commits.
//
// Bounds     kPanesMax panes and two a series stay in memory between commits; the ones unused for
//            longest go first. A backlog of days passes through and is not kept.
// Threads    that of its Database.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cloud/reconcile/pane.h"
#include "cloud/reconcile/tiers.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

using reconcile::Pane;
using reconcile::Tier;
using SeriesId = std::uint32_t;

class PaneCache {
 public:
  static constexpr std::size_t kPanesMax = 16'384;

  explicit PaneCache(sqlite::Database& database);
  // The pane, made if it is not there, and taken as changed. Valid until flush().
  Pane& change(SeriesId series, ValueType type, Tier tier, EventTime start);
  // Merges all panes inside [from, to) into `sum`. Returns how many readings lie in panes that
  // reach beyond, so that they may be inside or not.
  std::uint64_t sum(SeriesId series, EventTime from, EventTime to, window::Partial& sum);
  // Readings in the panes inside [from, to), bad ones too.
  std::uint64_t readings(SeriesId series, EventTime from, EventTime to);
  // Removes those panes.
  void remove(SeriesId series, EventTime from, EventTime to);
  // Writes what changed.
  void flush();
  // Between batches: forgets what is over the bound.
  void make_room();
  // Moves panes of the tier that start before `before` into the next, up to `limit`; their starts.
  std::vector<EventTime> fold(SeriesId series, ValueType type, Tier tier, EventTime before,
                              std::size_t limit);
  // First start of any pane of the series, or nothing.
  std::optional<EventTime> first(SeriesId series);
  // The last nanosecond of the newest pane of the series; the lowest number when it has none.
  std::int64_t newest(SeriesId series);
  // Starts of the panes of the series in [from, to), of the tiers up to `coarsest`.
  std::vector<EventTime> starts(SeriesId series, Tier coarsest, EventTime from, EventTime to,
                                std::size_t limit);
  [[nodiscard]] std::size_t size() const { return panes_.size(); }
  [[nodiscard]] std::size_t changed() const { return changed_.size(); }

 private:
  struct Key {
    SeriesId series;
    Tier tier;
    std::int64_t start;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const;
  };
  struct Entry {
    Pane pane;
    bool changed = false;
    std::uint64_t used = 0;  // the flush before which it was last used
  };
  Entry* cached(const Key& key);
  Entry* load(const Key& key, ValueType type);
  void sum_inside(SeriesId series, Tier tier, EventTime from, EventTime to, window::Partial& sum);

  sqlite::Statement select_, upsert_, range_, newest_, oldest_, remove_, remove_range_, starts_;
  std::unordered_map<Key, std::unique_ptr<Entry>, KeyHash> panes_;
  struct Rows {  // of a series, by tier
    std::array<std::int64_t, reconcile::kTiers> newest{};
    std::array<bool, reconcile::kTiers> any{};
  };
  Rows& rows_of(SeriesId series);
  std::unordered_map<SeriesId, Rows> rows_;
  std::vector<std::pair<Key, Entry*>> changed_;
  ByteVector scratch_;
  std::uint64_t flushes_ = 1;
};

}  // namespace tidemark::store
