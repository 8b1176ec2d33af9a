#include "edge/filter/series_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "edge/filter/detectors.h"

namespace tidemark::filter {

namespace {

Error refuse(std::string text) { return {Fault::bad_input, std::move(text)}; }

// Lets a lasting condition speak once, and again only when it gets worse.
class Hold {
 public:
  bool lets_through(const HoldOptions& options, EventTime time, double score) {
    const bool in_time = options.time <= Nanoseconds{} || time < until_;
    if (holding_ && in_time && score <= score_) return false;
    holding_ = options.samples > 0;
    left_ = options.samples;
    until_ = time + options.time;
    score_ = score;
    return true;
  }
  void tick() {  // once a reading, before lets_through()
    if (left_ > 0 && --left_ == 0) holding_ = false;
  }
  void shift(Nanoseconds by) { until_ += by; }

 private:
  bool holding_ = false;
  std::size_t left_ = 0;
  EventTime until_{};
  double score_ = 0;
};

}  // namespace

std::string_view to_string(Cause cause) {
  static constexpr std::array<std::string_view, 9> kNames{
      "none", "range", "rate", "stuck", "spike", "hihi", "hi", "lo", "lolo"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::string Event::text() const {
  const auto name = to_string(cause);
  switch (cause) {
    case Cause::range:
      return fmt::format("range: {} is beyond {}", value, expected);
    case Cause::rate:
      return fmt::format("rate: {} came faster than {} per second (score {:.2f})", value, expected,
                         score);
    case Cause::stuck:
      return fmt::format("stuck: unchanged at {} (score {:.2f})", value, score);
    case Cause::spike:
      return fmt::format("spike: {}, expected about {} (score {:.2f})", value, expected, score);
    default:
      return fmt::format("limit {}: {} is {} {}", name, value,
                         raised ? "beyond" : "back inside", expected);
  }
}

Result<> FilterOptions::check() const {
  const auto finite = [](double v) { return std::isfinite(v); };
  if (range && !(finite(range->min) && finite(range->max) && range->min < range->max)) {
    return refuse(fmt::format("range: min {} is not below max {}", range->min, range->max));
  }
  if (rate) {
    if (!(finite(rate->per_second_max) && rate->per_second_max > 0)) {
      return refuse(fmt::format("rate.max: {} is not above 0", rate->per_second_max));
    }
    if (rate->samples < 2 || rate->samples > 64) {
      return refuse(fmt::format("rate.samples: {} is not in [2, 64]", rate->samples));
    }
  }
  if (stuck) {
    if (stuck->after <= Nanoseconds{}) return refuse("stuck.after: it must be above 0");
    if (!(stuck->tolerance >= 0)) {
      return refuse(fmt::format("stuck.tolerance: {} is below 0", stuck->tolerance));
    }
  }
  if (spike) {
    if (spike->samples < 8 || spike->samples > 1024) {
      return refuse(fmt::format("spike.samples: {} is not in [8, 1024]", spike->samples));
    }
    if (!(finite(spike->sigmas) && spike->sigmas > 0)) {
      return refuse(fmt::format("spike.sigmas: {} is not above 0", spike->sigmas));
    }
    if (!(spike->floor >= 0)) {
      return refuse(fmt::format("spike.floor: {} is below 0", spike->floor));
    }
  }
  if (limits.size() > kLimitsMax) {
    return refuse(fmt::format("limit: {} of them, at most {} a series", limits.size(), kLimitsMax));
  }
  for (const auto& limit : limits) {
    double above = INFINITY;
    int levels = 0;
    for (const auto& level : {limit.hihi, limit.hi, limit.lo, limit.lolo}) {
      if (!level) continue;
      ++levels;
      if (!finite(*level) || !(*level < above)) {
        return refuse("limit: the levels must be finite and fall in the order hihi, hi, lo, lolo");
      }
      above = *level;
    }
    if (levels == 0) return refuse("limit: it needs one of hihi, hi, lo, lolo");
    if (!(limit.deadband >= 0)) {
      return refuse(fmt::format("limit.deadband: {} is below 0", limit.deadband));
    }
    if (limit.on_delay < Nanoseconds{} || limit.off_delay < Nanoseconds{}) {
      return refuse("limit: on_delay and off_delay must not be below 0");
    }
  }
  if (thin.deadband && !(finite(*thin.deadband) && *thin.deadband >= 0)) {
    return refuse(fmt::format("thin.deadband: {} is below 0", *thin.deadband));
  }
  return {};
}

bool FilterOptions::empty() const {
  return !range && !rate && !stuck && !spike && limits.empty() && !thin.deadband;
}

struct SeriesFilter::State {
  HoldOptions hold;
  ThinOptions thin;
  std::optional<RangeDetector> range;
  std::optional<RateDetector> rate;
  std::optional<StuckDetector> stuck;
  std::optional<SpikeDetector> spike;
  struct Level {
    Cause cause;
    LimitDetector detector;
  };
  std::vector<Level> levels;
  std::array<Hold, 4> holds;  // range, rate, stuck, spike

  bool kept = false;          // a reading was kept
  bool after_mark = false;
  double kept_value = 0;
  EventTime kept_time{};
  EventTime newest = kEventTimeMin;

  void weigh(Cause cause, const Opinion& opinion, EventTime time, double value, Verdict& verdict,
             std::vector<Event>& events) {
    auto& held = holds[static_cast<std::size_t>(cause) - static_cast<std::size_t>(Cause::range)];
    held.tick();
    if (!opinion.fires()) return;
    const auto quality = cause == Cause::range ? Quality::bad_range : Quality::uncertain;
    if (quality > verdict.quality) verdict = {quality, cause};
    if (held.lets_through(hold, time, opinion.score)) {
      events.push_back({cause, true, time, value, opinion.expected, opinion.score});
    }
  }
};

SeriesFilter::SeriesFilter(const FilterOptions& options) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.hold = options.hold;
  s.thin = options.thin;
  if (options.range) s.range.emplace(*options.range);
  if (options.rate) s.rate.emplace(*options.rate);
  if (options.stuck) s.stuck.emplace(*options.stuck);
  if (options.spike) s.spike.emplace(*options.spike);
  for (const auto& limit : options.limits) {
    const auto add = [&](const std::optional<double>& level, Cause cause, bool high) {
      if (level) s.levels.push_back({cause, LimitDetector(limit, *level, high)});
    };
    add(limit.hihi, Cause::hihi, true);
    add(limit.hi, Cause::hi, true);
    add(limit.lo, Cause::lo, false);
    add(limit.lolo, Cause::lolo, false);
  }
}

SeriesFilter::~SeriesFilter() = default;
SeriesFilter::SeriesFilter(SeriesFilter&&) noexcept = default;
SeriesFilter& SeriesFilter::operator=(SeriesFilter&&) noexcept = default;

Verdict SeriesFilter::check(EventTime time, double value, std::vector<Event>& events) {
  Verdict verdict;
  if (!std::isfinite(value)) return verdict;
  auto& s = *state_;
  s.newest = std::max(s.newest, time);
  if (s.range) {
    s.weigh(Cause::range, s.range->check(value), time, value, verdict, events);
    // What is not plausible is no measurement: the detectors that learn from the signal do not see
    // it, or one broken wire would widen their idea of normal.
    if (verdict.marked()) return verdict;
  }
  if (s.rate) s.weigh(Cause::rate, s.rate->check(time, value), time, value, verdict, events);
  if (s.spike) s.weigh(Cause::spike, s.spike->check(time, value), time, value, verdict, events);
  if (s.stuck) s.weigh(Cause::stuck, s.stuck->check(time, value), time, value, verdict, events);
  for (auto& level : s.levels) {
    const auto change = level.detector.check(time, value);
    if (change == LimitDetector::Change::none) continue;
    events.push_back({level.cause, change == LimitDetector::Change::raised, time, value,
                      level.detector.level(), 1});
  }
  return verdict;
}

bool SeriesFilter::keep(EventTime time, double value, const Verdict& verdict) {
  auto& s = *state_;
  if (!s.thin.deadband) return true;
  const bool silent_too_long =
      s.thin.keep_every > Nanoseconds{} && time - s.kept_time >= s.thin.keep_every;
  // Negated, so that a value that is not a number is kept.
  const bool moved = !(std::abs(value - s.kept_value) <= *s.thin.deadband);
  const bool keep = !s.kept || verdict.marked() || s.after_mark || moved || silent_too_long;
  s.after_mark = verdict.marked();
  if (keep) {
    s.kept = true;
    s.kept_value = value;
    s.kept_time = time;
  }
  return keep;
}

void SeriesFilter::stand(Cause cause, double level) {
  auto& levels = state_->levels;
  const auto alike = std::ranges::count(levels, cause, &State::Level::cause);
  for (auto& l : levels) {
    if (l.cause == cause && (alike == 1 || l.detector.level() == level)) l.detector.stand();
  }
}

void SeriesFilter::shift(Nanoseconds by) {
  auto& s = *state_;
  if (s.rate) s.rate->shift(by);
  if (s.spike) s.spike->shift(by);
  if (s.stuck) s.stuck->shift(by);
  for (auto& level : s.levels) level.detector.shift(by);
  for (auto& hold : s.holds) hold.shift(by);
  s.kept_time += by;
  if (s.newest != kEventTimeMin) s.newest += by;
}

EventTime SeriesFilter::newest() const { return state_->newest; }

bool SeriesFilter::in_alarm() const {
  for (const auto& level : state_->levels) {
    if (level.detector.on()) return true;
  }
  return false;
}

}  // namespace tidemark::filter
