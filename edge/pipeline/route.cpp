#include "edge/pipeline/route.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::pipeline {
namespace {

Quality worse(Quality a, Quality b) { return a < b ? b : a; }

std::string replaced(std::string text, std::string_view word, std::string_view by) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) {
    text.replace(at, word.size(), by);
  }
  return text;
}

// Wildcards in the name of a series would make a topic that nobody may publish to.
std::string topic_of(const std::string& pattern, const std::string& edge, const std::string& device,
                     const std::string& metric) {
  if (pattern.empty()) return {};
  auto topic = replaced(pattern, "{series}", device + "/" + metric);
  topic = replaced(replaced(replaced(topic, "{edge}", edge), "{device}", device), "{metric}",
                   metric);
  for (auto& c : topic) {
    if (c == '+' || c == '#' || static_cast<unsigned char>(c) < ' ') c = '_';
  }
  return topic;
}

// The detectors as configured, by cause.
std::vector<std::string> detectors_of(const filter::FilterOptions& f) {
  std::vector<std::string> out(static_cast<std::size_t>(filter::Cause::lolo) + 1);
  const auto at = [&](filter::Cause c) -> std::string& { return out[static_cast<std::size_t>(c)]; };
  if (f.range)
    at(filter::Cause::range) = fmt::format("range, {} to {}", f.range->min, f.range->max);
  if (f.rate) {
    at(filter::Cause::rate) = fmt::format("rate, at most {} per second over {} readings",
                                          f.rate->per_second_max, f.rate->samples);
  }
  if (f.stuck) {
    at(filter::Cause::stuck) = fmt::format("stuck, unchanged within {} for {}", f.stuck->tolerance,
                                           format_duration(f.stuck->after));
  }
  if (f.spike) {
    at(filter::Cause::spike) = fmt::format("spike, {} readings, {} sigmas", f.spike->samples,
                                           f.spike->sigmas);
  }
  for (const auto& l : f.limits) {
    const auto text = [&](std::string_view name, double level) {
      return fmt::format("limit, {} {}, deadband {}, on_delay {}, off_delay {}", name, level,
                         l.deadband, format_duration(l.on_delay), format_duration(l.off_delay));
    };
    if (l.hihi) at(filter::Cause::hihi) = text("hihi", *l.hihi);
    if (l.hi) at(filter::Cause::hi) = text("hi", *l.hi);
    if (l.lo) at(filter::Cause::lo) = text("lo", *l.lo);
    if (l.lolo) at(filter::Cause::lolo) = text("lolo", *l.lolo);
  }
  return out;
}

}  // namespace

const Rule* rule_of(const std::vector<Rule>& rules, const std::string& edge,
                    const SeriesDescription& series) {
  const auto name = edge + "/" + series.local_name();
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& r) {
    return series_match(r.select, name);
  });
  return rule == rules.end() ? nullptr : &*rule;
}

std::optional<double> deadband_of(const std::vector<Rule>& rules, const std::string& edge,
                                  const SeriesDescription& series) {
  const auto* rule = rule_of(rules, edge, series);
  if (rule == nullptr || series.type == ValueType::text) return std::nullopt;
  if (rule->forward != Forward::raw && rule->forward != Forward::both) return std::nullopt;
  return rule->filter.thin.deadband;
}

Route::Route(const SeriesDescription& series, const std::string& edge,
             const std::vector<Rule>& rules, std::size_t line, std::uint32_t handle,
             RouteParts parts)
    : parts_(parts), handle_(handle), exponent_(series.exponent) {
  local_.name = edge + "/" + series.local_name();
  local_.unit = series.unit;
  if (const auto* rule = rule_of(rules, edge, series)) follow(*rule, series, edge, line);
}

void Route::follow(const Rule& rule, const SeriesDescription& series, const std::string& edge,
                   std::size_t line) {
  forward_ = rule.forward;
  local_.topic = topic_of(rule.publish, edge, series.device, series.metric);
  const bool numbers = series.type != ValueType::text;
  if (!rule.filter.empty() && numbers) {
    filter_.emplace(rule.filter);
    if (parts_.sink != nullptr) {
      for (const auto& s : parts_.sink->standing(local_.name)) filter_->stand(s.cause, s.level);
    }
    local_.detectors = detectors_of(rule.filter);
  }
  if (rule.context && filter_) track_ = parts_.recorder.track(*rule.context);
  tells_ = parts_.raised != nullptr && (forward_ != Forward::nothing || track_);
  if (!rule.window) return;
  local_.window = to_string(rule.window->type);
  const bool grouped = rule.window->group != GroupBy::series;
  auto own = *rule.window;
  if (grouped) own.wanted = nullptr;
  const auto upstream = forward_ == Forward::windows ? window::Upstream::carrier
                        : forward_ == Forward::both  ? window::Upstream::copy
                                                     : window::Upstream::none;
  if (!grouped || upstream != window::Upstream::none) {
    window_.emplace(own, series.type, series.exponent, upstream);
  }
  if (!grouped || !numbers) return;
  LocalSeries group;
  const auto& middle = rule.window->group == GroupBy::device   ? series.device
                       : rule.window->group == GroupBy::source ? series.source
                                                               : std::string("all");
  group.name = fmt::format("{}/{}/{}", edge, middle, rule.window->name);
  group.unit = series.unit;
  group.window = local_.window;
  group.topic = topic_of(rule.publish, edge, middle, rule.window->name);
  group_ = parts_.groups.find(group, *rule.window);
  if (group_ != nullptr) group_->lines.insert(line);
}

void Route::filter_reading(std::int64_t time, const Column& column, std::size_t value,
                           Outcome& out, bool& kept) {
  const double v = column.type == ValueType::f64 ? column.f64[value]
                                                 : decimal_to_double(column.i64[value], exponent_);
  events_.clear();
  const auto verdict = filter_->check(event_time(time), v, events_);
  for (const auto& e : events_) {
    log::info("anomaly", "series={} {}", local_.name, e.text());
    out.alarm = out.alarm || e.raised;
    const auto id =
        parts_.sink == nullptr ? 0 : parts_.sink->event(local_, e, track_.has_value());
    if (tells_) parts_.raised->push_back({handle_, e, id});
  }
  out.quality = worse(out.quality, verdict.quality);
  kept = filter_->keep(event_time(time), v, verdict);
}

// Whether a carrier took it.
bool Route::window_reading(EventTime time, const Column& column, std::size_t value,
                           Quality quality) {
  const auto add = [&](const Column& c, std::size_t at) {
    if (group_ != nullptr) group_->add(time, c, at, exponent_);
    return window_ && window_->add(time, c, at);
  };
  if (quality == column.quality_of(value)) return add(column, value);
  Column marked;
  marked.type = column.type;
  if (column.type == ValueType::f64) {
    marked.f64 = {column.f64[value]};
  } else {
    marked.i64 = {column.i64[value]};
  }
  marked.quality = {quality};
  return add(marked, 0);
}

Route::Outcome Route::take(std::int64_t time, const Column& column, std::size_t value,
                           std::uint64_t bits, Origin origin) {
  if (origin.repeats) {
    if (!recent_) {
      recent_.emplace(forward_ == Forward::windows ? parts_.shared_memory : nullptr,
                      parts_.heard_until);
      if (window_) window_->expect_late();
    }
    if (recent_->repeated(time, bits)) return {Way::duplicate, column.quality_of(value), false};
  }
  Outcome out{Way::raw, column.quality_of(value), false};
  if (origin.historical) {
    if (forward_ == Forward::nothing) out.way = Way::local;
    return out;
  }
  bool kept = true;
  if (filter_ && !is_bad(out.quality)) filter_reading(time, column, value, out, kept);
  if (track_) {
    parts_.recorder.add(*track_, {time, bits, out.quality});
    if (out.alarm) parts_.recorder.anomaly(*track_, time);
  }
  const bool carried = (window_ || group_ != nullptr) &&
                       window_reading(event_time(time), column, value, out.quality);
  switch (forward_) {
    case Forward::nothing: out.way = Way::local; break;
    case Forward::windows:
      if (carried) out.way = Way::window;
      break;
    case Forward::raw:
    case Forward::both:
      if (!kept) out.way = Way::thinned;
      break;
  }
  return out;
}

void Route::flush_windows(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& out) {
  std::vector<window::LocalResult> results;
  window_->flush(frontier, handle, out, results);
  if (parts_.sink != nullptr && !results.empty()) parts_.sink->windows(local_, results);
}

void Route::clock_set(Nanoseconds by, EventTime now, std::uint32_t handle,
                      std::vector<PartialRow>& out) {
  // A device's own clock did not move with ours, unless its readings would be ahead of it now.
  const bool follows_us = !recent_ || (filter_ && filter_->newest() > now);
  if (filter_ && follows_us) filter_->shift(by);
  if (by >= Nanoseconds{}) return;
  if (recent_) recent_->set_back(count_ns(now));
  if (track_) parts_.recorder.set_back(*track_, count_ns(now));
  if (!window_) return;
  std::vector<window::LocalResult> results;
  window_->set_back(now, handle, out, results);
  if (parts_.sink != nullptr && !results.empty()) parts_.sink->windows(local_, results);
}

}  // namespace tidemark::pipeline
