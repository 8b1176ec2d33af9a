// What figures need that depend on the order of time: how long the values of a series hold, where
// its counter begins anew, when its meter was swapped; and the panes whose order is to be made anew
// from the archive.
//
// Threads    that of its Database; what is read is remembered until forget_read().
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "cloud/reconcile/tiers.h"
#include "cloud/store/changes.h"
#include "common/model/series.h"
#include "common/sqlite/database.h"
#include "common/window/ordered.h"

namespace tidemark::store {

class OrderedRows {
 public:
  static constexpr Nanoseconds kMaxHold = std::chrono::hours(1);  // where nothing else is said
  static constexpr std::size_t kSwapsMax = 1000;                  // of one series

  // `changes`: null for who only reads.
  explicit OrderedRows(sqlite::Database& database, Changes* changes = nullptr);
  // Valid until the series' next change, or forget_read().
  const window::OrderedOptions& of(SeriesId series, const SeriesDescription& description);
  // `rollover` in the unit of the series; 0: none.
  void set_rule(SeriesId series, Nanoseconds max_hold, double rollover);

  struct Swap {
    SeriesId series = 0;
    EventTime at{};
    std::int64_t old_end = 0;    // a mantissa, or the bits of a double
    std::int64_t new_start = 0;
    EventTime known_at{};
  };
  // Fault::full past kSwapsMax. One of the same time is replaced.
  Result<> add_swap(const Swap& swap);
  bool remove_swap(SeriesId series, EventTime at);  // false: there was none
  std::vector<Swap> swaps(SeriesId series);

  struct Pane {
    SeriesId series = 0;
    reconcile::Tier tier{};
    EventTime start{};
    int cause = 0;  // why its windows are then answered anew (answers::Cause)
  };
  void add_unordered(const Pane& pane);
  void remove_unordered(const Pane& pane);
  // The finest and then first one of the series that ends by `by`.
  std::optional<Pane> first_unordered(SeriesId series, EventTime by);
  // Those of one tier that begin in [from, to).
  std::vector<Pane> unordered(SeriesId series, reconcile::Tier tier, EventTime from, EventTime to,
                              std::size_t limit);
  // When the first of any tier ends.
  std::optional<EventTime> first_end(SeriesId series);
  // Series of which some were added since the last call, each with the first end of those; at first
  // all that have any.
  std::unordered_map<SeriesId, EventTime> take_added();
  [[nodiscard]] bool any_added() const { return !added_.empty(); }
  // Also what other processes wrote is seen from now on.
  void forget_read();

 private:
  void note_added(SeriesId series, EventTime end);
  void forget_rule(SeriesId series);

  Changes* changes_;
  sqlite::Statement rule_, set_rule_, swaps_, add_swap_, remove_swap_, add_, some_, remove_;
  std::unordered_map<SeriesId, window::OrderedOptions> read_;
  std::unordered_map<SeriesId, EventTime> added_;
};

// A swap's value as one of the series.
window::OrderedSample sample_of(std::int64_t kept, ValueType type);

}  // namespace tidemark::store
