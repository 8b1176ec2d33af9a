#include "edge/filter/detectors.h"

#include <algorithm>
#include <cmath>

namespace tidemark::filter {

namespace {
// MAD of a normal distribution is its sigma divided by this.
constexpr double kMadToSigma = 1.4826;
constexpr double kLearntRuns = 10;

double seconds(Nanoseconds d) { return std::chrono::duration<double>(d).count(); }
}  // namespace

Opinion RangeDetector::check(double value) const {
  if (value >= options_.min && value <= options_.max) return {};
  const double bound = value < options_.min ? options_.min : options_.max;
  const double span = options_.max - options_.min;
  // Just outside scores just above 1; a span beyond the bound scores 2.
  const double beyond = span > 0 ? std::abs(value - bound) / span : 1;
  return {std::nextafter(1.0, 2.0) + beyond, bound};
}

RateDetector::RateDetector(const RateOptions& options)
    : options_(options), ring_(options.samples - 1) {}

Opinion RateDetector::check(EventTime time, double value) {
  if (held_ > 0) {
    const auto& newest = ring_[(next_ + ring_.size() - 1) % ring_.size()];
    if (time <= newest.time) return {};
  }
  Opinion opinion;
  if (held_ == ring_.size()) {
    const auto& oldest = ring_[next_];
    const double rate = (value - oldest.value) / seconds(time - oldest.time);
    opinion.score = std::abs(rate) / options_.per_second_max;
    opinion.expected = std::copysign(options_.per_second_max, rate);
  }
  ring_[next_] = {time, value};
  next_ = (next_ + 1) % ring_.size();
  held_ = std::min(held_ + 1, ring_.size());
  return opinion;
}

Opinion StuckDetector::check(EventTime time, double value) {
  if (started_ && time < newest_) return {};
  if (!started_ || std::abs(value - run_value_) > options_.tolerance) {
    run_value_ = value;
    run_start_ = time;
  }
  started_ = true;
  newest_ = time;
  const auto run = time - run_start_;
  if (learnt_ < options_.learning) {
    ++learnt_;
    longest_ = std::max(longest_, run);
    return {};
  }
  const double limit = std::max(seconds(options_.after), kLearntRuns * seconds(longest_));
  return {seconds(run) / limit, run_value_};
}

SpikeDetector::SpikeDetector(const SpikeOptions& options) : options_(options) {
  ring_.reserve(options.samples);
  sorted_.reserve(options.samples);
}

double SpikeDetector::scale(double median) const {
  // The distances to the median, smallest first, are two runs that grow outward from it.
  const std::size_t n = sorted_.size();
  std::size_t right = n / 2;
  std::size_t left = right;  // one past the next value to the left
  const std::size_t at_mad = (n - 1) / 2;
  const std::size_t at_q95 = (n - 1) * 95 / 100;
  double mad_low = 0;
  double mad_high = 0;
  double distance = 0;
  for (std::size_t i = 0; i <= at_q95; ++i) {
    const bool take_right =
        left == 0 || (right < n && sorted_[right] - median <= median - sorted_[left - 1]);
    distance = take_right ? sorted_[right++] - median : median - sorted_[--left];
    if (i == at_mad) mad_low = distance;
    if (i == n / 2) mad_high = distance;
  }
  const double mad = (mad_low + mad_high) / 2;
  return std::max({kMadToSigma * mad, distance / 2, options_.floor});
}

void SpikeDetector::remember(double value) {
  if (ring_.size() < options_.samples) {
    ring_.push_back(value);
  } else {
    sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), ring_[next_]));
    ring_[next_] = value;
    next_ = (next_ + 1) % ring_.size();
  }
  sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), value), value);
}

Opinion SpikeDetector::check(EventTime time, double value) {
  if (time < newest_) return {};
  newest_ = time;
  Opinion opinion;
  if (ring_.size() == options_.samples) {
    const std::size_t n = sorted_.size();
    const double median = n % 2 == 1 ? sorted_[n / 2] : (sorted_[n / 2 - 1] + sorted_[n / 2]) / 2;
    if (const double s = scale(median); s > 0) {
      opinion = {std::abs(value - median) / (options_.sigmas * s), median};
    }
  }
  remember(value);
  return opinion;
}

LimitDetector::LimitDetector(const LimitOptions& options, double level, bool high)
    : options_(options), level_(level), high_(high) {}

LimitDetector::Change LimitDetector::check(EventTime time, double value) {
  if (time < newest_) return Change::none;
  newest_ = time;
  const double inside = high_ ? level_ - options_.deadband : level_ + options_.deadband;
  const bool beyond = high_ ? value > level_ : value < level_;
  const bool back = high_ ? value <= inside : value >= inside;
  if (!(on_ ? back : beyond)) {
    since_.reset();
    return Change::none;
  }
  if (!since_) since_ = time;
  if (time - *since_ < (on_ ? options_.off_delay : options_.on_delay)) return Change::none;
  on_ = !on_;
  since_.reset();
  return on_ ? Change::raised : Change::cleared;
}

}  // namespace tidemark::filter
