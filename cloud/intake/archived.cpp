#include "cloud/intake/archived.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/codec/codec.h"
#include "common/codec/outline.h"

namespace tidemark::intake {

std::vector<store::ArchivePosition> archived_at(store::Store& store,
                                                std::span<const Series* const> series,
                                                std::span<const Stretch> stretches) {
  std::set<store::SourceId> sources;
  for (const auto* s : series) {
    for (const auto source : s->row.sources()) sources.insert(source);
  }
  std::vector<store::ArchivePosition> all;
  for (const auto source : sources) {
    for (const auto& [from, to] : stretches) {
      const auto some = store.blocks().overlapping(source, count_ns(from), count_ns(to) - 1);
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  std::sort(all.begin(), all.end(), [](auto a, auto b) { return a.value < b.value; });
  all.erase(std::unique(all.begin(), all.end(), [](auto a, auto b) { return a.value == b.value; }),
            all.end());
  return all;
}

Result<> visit_archived(store::Store& store, Catalogue& catalogue, Edge& edge,
                        store::ArchivePosition at, std::span<const Series* const> series,
                        const Stretch& stretch, const VisitBlock& visit) {
  TIDE_ASSIGN(const auto archived, store.archive().read(at));
  TIDE_ASSIGN(const auto outline, codec::outline(archived.record.bytes));
  std::vector<Bound> bound;
  TIDE_TRY(catalogue.bind_known(edge, outline.summary.dictionaries, bound));
  std::vector<bool> meant;
  for (const auto& b : bound) {
    const Series* bound_to = b.series;
    meant.push_back(std::binary_search(series.begin(), series.end(), bound_to, std::less<>()));
  }
  if (!outline.may_hold(meant, count_ns(stretch.from), count_ns(stretch.to))) return {};
  TIDE_ASSIGN(const auto block, codec::decode(archived.record.bytes));
  return visit(archived.record, block, bound);
}

Result<std::uint64_t> each_archived(store::Store& store, Catalogue& catalogue, Edge& edge,
                                    const Series& series, EventTime from, EventTime to,
                                    const VisitBlock& visit) {
  const Stretch stretch{from, to};
  const std::array<const Series*, 1> one{&series};
  const auto positions = archived_at(store, one, {&stretch, 1});
  for (const auto at : positions) {
    TIDE_TRY(visit_archived(store, catalogue, edge, at, one, stretch, visit));
  }
  return std::uint64_t{positions.size()};
}

bool Repeats::known(const reconcile::Identity& identity) {
  const auto middle = seen_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (std::binary_search(seen_.begin(), middle, identity)) return true;
  seen_.push_back(identity);
  return false;
}

// A column has no repeats in itself: those that it brought can be found from now on.
void Repeats::end_of_column() {
  if (sorted_ == seen_.size()) return;
  const auto middle = seen_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  std::sort(middle, seen_.end());
  if (sorted_ > 0 && seen_[sorted_] < seen_[sorted_ - 1]) {
    std::inplace_merge(seen_.begin(), middle, seen_.end());
  }
  sorted_ = seen_.size();
}

}  // namespace tidemark::intake
