// Panes in memory before the rows in cloud.db: changed ones are written when the batch commits.
//
// Late       readings of a pane that is not in memory are gathered beside its row, without reading
//            it; what a batch gathered is merged with the rows in the order of their key, several
//            with one look, before it is written or somebody asks.
// Bounds     kPanesMax panes and two a series that was met stay in memory between commits; the ones
//            unused for longest go first.
// Threads    that of its Database.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "cloud/reconcile/pane.h"
#include "cloud/reconcile/tiers.h"
#include "cloud/store/changes.h"
#include "cloud/store/value_gaps.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

using reconcile::Pane;
using reconcile::Tier;

class PaneCache {
 public:
  static constexpr std::size_t kPanesMax = 16'384;

  PaneCache(sqlite::Database& database, Changes& changes);
  // The pane, made if it is not there, and taken as changed. Valid until the next call.
  Pane& change(SeriesId series, ValueType type, Tier tier, EventTime start);
  // The same to add readings to, which is all that may be done: it may lack what was there before.
  Pane& gather(SeriesId series, ValueType type, Tier tier, EventTime start);
  // Merges what was gathered with the rows.
  void settle();
  // Merges all panes inside [from, to) into `sum` and closes it. Returns how many readings lie in
  // panes that reach beyond, so that they may be inside or not.
  std::uint64_t sum(SeriesId series, EventTime from, EventTime to,
                    const window::OrderedOptions& options, window::Summary& sum);
  reconcile::Before before(SeriesId series, EventTime t);
  // When the first value behind `t` is, at the earliest; nothing when there is none.
  std::optional<EventTime> after(SeriesId series, EventTime t);
  // Readings in the panes inside [from, to), bad ones too.
  std::uint64_t readings(SeriesId series, EventTime from, EventTime to);
  // Removes those panes.
  void remove(SeriesId series, EventTime from, EventTime to);
  // Writes what changed.
  void flush();
  // Between batches: forgets what is over the bound.
  void make_room();
  // Moves panes of the tier that start before `before` into the next, up to `limit`. The starts of
  // those panes there of which the order in time is not known any more.
  std::vector<EventTime> fold(SeriesId series, ValueType type, Tier tier, EventTime before,
                              const window::OrderedOptions& options, std::size_t limit);
  // First start of any pane of the series, or nothing.
  std::optional<EventTime> first(SeriesId series);
  // The last nanosecond of the newest pane of the series; the lowest number when it has none.
  std::int64_t newest(SeriesId series);
  // Starts of the panes of the series in [from, to), of the tiers up to `coarsest`.
  std::vector<EventTime> starts(SeriesId series, Tier coarsest, EventTime from, EventTime to,
                                std::size_t limit);
  // The panes of the series inside [from, to), the finest first.
  std::vector<std::pair<Tier, EventTime>> inside(SeriesId series, EventTime from, EventTime to);
  [[nodiscard]] std::size_t size() const { return panes_.size(); }
  // Panes that before() and after() have read.
  [[nodiscard]] std::uint64_t walked() const { return walked_; }
  [[nodiscard]] std::size_t changed() const { return changed_.size(); }

 private:
  struct Key {
    SeriesId series;
    Tier tier;
    std::int64_t start;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const;
  };
  struct Entry {
    explicit Entry(ValueType type) : pane(type) {}
    Pane pane;
    bool changed = false;
    bool whole = true;       // else its row, if there is one, has what came before
    std::uint64_t used = 0;  // the flush before which it was last used
    const Key* key = nullptr;
    Entry* before = nullptr;  // used longer ago
    Entry* behind = nullptr;
  };
  using Panes = std::unordered_map<Key, Entry, KeyHash>;
  using Item = Panes::value_type;
  struct Rows {  // of a series, by tier
    std::array<std::int64_t, reconcile::kTiers> newest{};
    std::array<bool, reconcile::kTiers> any{};
    std::array<std::optional<std::int64_t>, reconcile::kTiers> oldest{};  // once somebody asked
    bool met = false;  // a pane of it was in memory
  };
  // A window of more panes is read from the rows.
  static constexpr std::int64_t kSummedInMemoryMax = 64;
  static constexpr std::size_t kSpareMax = 4096;
  // Whether a row may be there: a start above all of them needs no look.
  bool may_have_row(const Key& key) { return key.start <= rows_of(key.series).newest[index(key)]; }
  static std::size_t index(const Key& key) { return static_cast<std::size_t>(key.tier); }
  static bool in_order(const Item* a, const Item* b) { return a->first < b->first; }
  Item& find(const Key& key, ValueType type, bool whole);
  // The pane as a whole, read where it is not in memory.
  Pane& load(const Key& key, ValueType type) { return find(key, type, true).second.pane; }
  Item& add(const Key& key, ValueType type);
  void forget(Panes::iterator at);
  void use(Entry& entry);
  void unlink(Entry& entry);
  Pane& mark_changed(Item& item);
  void settle_one(Item& item);
  void settle_some(std::span<Item* const> of_one_tier);
  void sum_inside(SeriesId series, Tier tier, EventTime from, EventTime to,
                  const window::OrderedOptions& options, window::Summary& sum);
  // False, and nothing done, where a pane may be in its row only.
  bool sum_in_memory(SeriesId series, Tier tier, EventTime from, EventTime to,
                     const window::OrderedOptions& options, window::Summary& sum);
  std::optional<std::int64_t> oldest(SeriesId series, std::size_t tier);

  void walk_back(SeriesId series, Tier tier, EventTime t, reconcile::Before& found);
  std::optional<EventTime> walk_on(SeriesId series, Tier tier, EventTime t);

  sqlite::Statement select_, upsert_, range_, newest_, oldest_, remove_, remove_range_, starts_,
      before_, after_;
  Panes panes_;
  Entry* longest_ago_ = nullptr;  // used
  Entry* latest_ = nullptr;
  std::vector<Panes::node_type> spare_;
  Rows& rows_of(SeriesId series);
  Rows read_rows(SeriesId series);
  std::unordered_map<SeriesId, Rows> rows_;
  std::size_t met_ = 0;  // of them
  std::vector<Item*> changed_, unsettled_;
  std::vector<Entry*> inside_;  // of the window at hand
  ValueGaps gaps_;
  Changes& changes_;
  std::uint64_t walked_ = 0;
  ByteVector scratch_;
  std::uint64_t flushes_ = 1;
};

}  // namespace tidemark::store
