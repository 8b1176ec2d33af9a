#include "edge/pipeline/route.h"

#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::pipeline {
namespace {

Quality worse(Quality a, Quality b) { return a < b ? b : a; }

}  // namespace

Route::Route(const SeriesDescription& series, const std::string& edge,
             const std::vector<Rule>& rules)
    : name_(edge + "/" + series.local_name()), exponent_(series.exponent) {
  if (series.device_stamped) recent_.emplace();
  for (const auto& rule : rules) {
    if (!series_match(rule.select, name_)) continue;
    forward_ = rule.forward;
    if (!rule.filter.empty() && series.type != ValueType::text) filter_.emplace(rule.filter);
    if (rule.window) {
      auto options = *rule.window;
      options.raw_travels = forward_ != Forward::windows;
      window_.emplace(series.type, options);
    }
    break;
  }
}

Route::Outcome Route::take(std::int64_t time, const Column& column, std::size_t value,
                           std::uint64_t bits) {
  if (recent_ && recent_->repeated(time, bits))
    return {Way::duplicate, column.quality_of(value), false};
  Outcome out{Way::raw, column.quality_of(value), false};
  filter::Verdict verdict;
  bool kept = true;
  if (filter_ && !is_bad(out.quality)) {
    const double v = column.type == ValueType::f64
                         ? column.f64[value]
                         : decimal_to_double(column.i64[value], exponent_);
    events_.clear();
    verdict = filter_->check(event_time(time), v, events_);
    for (const auto& e : events_) {
      log::info("anomaly", "series={} {}", name_, e.text());
      out.alarm = out.alarm || e.raised;
    }
    out.quality = worse(out.quality, verdict.quality);
    kept = filter_->keep(event_time(time), v, verdict);
  }
  auto in_window = window::SeriesWindow::Placement::too_old;
  if (window_) {
    if (out.quality == column.quality_of(value)) {
      in_window = window_->add(event_time(time), column, value);
    } else {
      Column marked;
      marked.type = column.type;
      if (column.type == ValueType::f64) {
        marked.f64 = {column.f64[value]};
      } else {
        marked.i64 = {column.i64[value]};
      }
      marked.quality = {out.quality};
      in_window = window_->add(event_time(time), marked, 0);
    }
  }
  switch (forward_) {
    case Forward::nothing: out.way = Way::local; break;
    case Forward::windows:
      if (in_window == window::SeriesWindow::Placement::taken) out.way = Way::window;
      break;
    case Forward::raw:
    case Forward::both:
      if (!kept) out.way = Way::thinned;
      break;
  }
  return out;
}

void Route::flush_windows(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& out) {
  window_->flush(frontier, handle, out);
}

}  // namespace tidemark::pipeline
