// What detectors raised, as rows that are copies beside the flight recorder's.
#include "common/model/events.h"
#include "edge/pipeline/event_json.h"
#include "edge/pipeline/pipeline.h"

namespace tidemark::pipeline {

// Its counts would be in the line of the series that is the first to raise one, and it has none: no
// line of the manifest comes into being with it.
std::uint32_t Pipeline::events_series(std::uint32_t raised_by) {
  const auto& from = table_.at(raised_by);
  auto& source = sources_[source_by_name_.at(from.source)];
  if (!source.events) {
    SeriesDescription d;
    d.source = d.device = from.source;
    d.metric = kEventsMetric;
    d.poll_class = from.poll_class;
    d.kind = SeriesKind::state;
    d.type = ValueType::text;
    source.events = table_.own(d);
  }
  return *source.events;
}

void Pipeline::gather_events() {
  const auto now = clock_.steady();
  for (const auto& raised : raised_) {
    const auto skipped = event_pace_.take(now);
    if (!skipped) continue;
    const auto& series = series_[raised.series].route.local();
    context_row_.copy = true;
    auto& column = context_row_.columns.emplace_back();
    column.series = events_series(raised.series);
    column.type = ValueType::text;
    column.text = {event_json(series, raised.event, raised.id, *skipped)};
    context_.add_row(context_row_, 0, count_ns(raised.event.time), {0}, {true}, {Quality::good});
    context_row_.columns.clear();
  }
  raised_.clear();
}

}  // namespace tidemark::pipeline
