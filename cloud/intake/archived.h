// Readings of one series as archived blocks hold them, each counted once.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "cloud/intake/catalogue.h"
#include "cloud/reconcile/identities.h"
#include "cloud/store/store.h"
#include "common/model/block.h"
#include "common/model/record.h"

namespace tidemark::intake {

// A decoded block, and what its columns are, by index.
using VisitBlock = std::function<Result<>(const BlockRecord&, const Block&,
                                          const std::vector<Bound>&)>;

// Of event time.
struct Stretch {
  EventTime from{}, to{};
};

// Where blocks lie that may hold readings of these series at these times, oldest first.
std::vector<store::ArchivePosition> archived_at(store::Store& store,
                                                std::span<const Series* const> series,
                                                std::span<const Stretch> stretches);
// Decodes that block, unless its outline says that it has no reading of the series, which come
// sorted, at these times.
Result<> visit_archived(store::Store& store, Catalogue& catalogue, Edge& edge,
                        store::ArchivePosition at, std::span<const Series* const> series,
                        const Stretch& stretch, const VisitBlock& visit);

// Those that may hold readings of the series in [from, to), oldest first; how many were looked at.
Result<std::uint64_t> each_archived(store::Store& store, Catalogue& catalogue, Edge& edge,
                                    const Series& series, EventTime from, EventTime to,
                                    const VisitBlock& visit);

// Tells repeats of device-stamped readings, column by column, blocks oldest first.
class Repeats {
 public:
  // visit(value): each value of the column that lies in [from, to) and was not here before.
  template <typename Visit>
  void each_new(const Series& series, const Group& group, const Column& column, EventTime from,
                EventTime to, Visit visit) {
    const bool stamped = series.row.description.device_stamped;
    here_.assign(column.values(), 0);
    if (stamped) reconcile::mark_repeats(group, column, here_);
    reconcile::each_value(group, column, [&](std::size_t row, std::size_t value) {
      const auto time = event_time(group.times[row]);
      if (time < from || time >= to || here_[value] != 0) return;
      if (stamped && known({group.times[row], reconcile::value_bits(column, value)})) return;
      visit(row, value);
    });
    end_of_column();
  }

 private:
  bool known(const reconcile::Identity& identity);  // notes it
  void end_of_column();

  reconcile::Marks here_;
  std::vector<reconcile::Identity> seen_;  // sorted up to sorted_: of columns before this one
  std::size_t sorted_ = 0;
};

}  // namespace tidemark::intake
