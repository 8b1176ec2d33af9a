// What a window of one series holds, and how well that is known.
#include "cloud/answers/emitter.h"
#include "common/model/poll_class.h"

namespace tidemark::answers {

Basis Emitter::look_at_panes(const SeriesState& series, const Span& window,
                             window::Summary& sum) {
  const auto& row = series.row;
  const auto& [start, end] = window;
  const auto counted = counted_from(start, row.widest_sum);
  // A month is a look at so many minutes.
  parts_read_ += static_cast<std::size_t>((end - start) / std::chrono::minutes(1));
  Basis basis;
  basis.unplaced = store_.panes().sum(row.id, start, end,
                                      store_.ordered().of(row.id, row.description), sum);
  basis.readings = sum.partial().count();
  const auto day = reconcile::width_of(reconcile::Tier::day);
  basis.waiting = store_.late().waiting(row.id, floor_to(counted, day), end).all();
  basis.reaches_back = counted < start;
  if (row.thinned.meets(start, end)) basis.deadband = row.description.deadband;
  return basis;
}

void Emitter::look_at_source(const ViewState& view, const store::SeriesRow& row,
                             const Span& window, Basis& basis) const {
  const auto& [start, end] = window;
  const auto proved_at = end + view.view.window.gap;
  basis.sealed = frontier_of(row.source) >= proved_at;
  basis.waived = !basis.sealed && word_for(row.source, view, window) != nullptr;
  basis.estimated = is_estimated(row.description);
  constexpr auto kMinute = std::chrono::minutes(1);
  basis.whole_minutes = start == floor_to(start, kMinute) && end == floor_to(end, kMinute);
  gave_up_(row, start, end, basis);
  basis.off = reconcile::covered(off_(row, start, end), start, end);
}

Basis Emitter::look(const ViewState& view, const SeriesState& series, const Span& window,
                    window::Summary& sum) {
  auto basis = look_at_panes(series, window, sum);
  look_at_source(view, series.row, window, basis);
  basis.manifest = minutes_of(series.row, counted_from(window.start, series.row.widest_sum),
                              window.end);
  return basis;
}

std::pair<Answer, Basis> Emitter::answer_of_series(const Slot& slot, const Span& window) {
  const auto& view = views_[slot.view];
  const auto& series = series_.at(slot.members[0].series);
  const auto& row = series.row;
  const auto type = row.description.type;
  window::Summary sum(type, window::Parts::of(view.needed, type));
  const auto basis = look(view, series, window, sum);
  Answer a;
  a.start = window.start;
  a.end = window.end;
  fill_values(a, sum, row.description, view.view.aggregates);
  judge(a, basis);
  if (basis.waived) a.waived.push_back(waived_of(*word_for(row.source, view, window)));
  note_increase(a, sum, store_.ordered().of(row.id, row.description), row.description);
  return {std::move(a), basis};
}

reconcile::ManifestSum Emitter::minutes_of(const store::SeriesRow& row, EventTime from,
                                           EventTime to) {
  auto sum = store_.manifests().sum(row.source, from, to);
  for (const auto source : row.earlier) sum += store_.manifests().sum(source, from, to);
  return sum;
}

}  // namespace tidemark::answers
