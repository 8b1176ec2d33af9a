#include "edge/filter/detectors.h"

#include <algorithm>
#include <cmath>

namespace tidemark::filter {

namespace {
// MAD of a normal distribution is its sigma divided by this.
constexpr double kMadToSigma = 1.4826;
constexpr double kLearntRuns = 10;

double seconds(Nanoseconds d) { return std::chrono::duration<double>(d).count(); }

void move(EventTime& time, Nanoseconds by) {
  if (time != kEventTimeMin) time += by;  // before all readings stays before them
}
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

void RateDetector::shift(Nanoseconds by) {
  for (auto& sample : ring_) sample.time += by;
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

void StuckDetector::shift(Nanoseconds by) {
  run_start_ += by;
  newest_ += by;
}

SpikeDetector::SpikeDetector(const SpikeOptions& options) : options_(options) {
  ring_.reserve(options.samples);
  sorted_.reserve(options.samples);
}

// The place of the first value that is not below `v`. Without a branch: which way it goes is as
// good as chance, and a wrong guess would cost more than the whole search.
std::size_t SpikeDetector::place_of(double v) const {
  const double* base = sorted_.data();
  std::size_t n = sorted_.size();
  while (n > 1) {
    const std::size_t half = n / 2;
    base += base[half - 1] < v ? half : 0;
    n -= half;
  }
  return static_cast<std::size_t>(base - sorted_.data()) + (n == 1 && *base < v ? 1 : 0);
}

double SpikeDetector::scale(double median) const {
  // The distances to the median are two sorted runs that grow outward from the middle. How many of
  // the `rank` smallest lie in the right one is found by halving.
  const std::size_t n = sorted_.size();
  const std::size_t middle = n / 2;  // the right run has n - middle, the left one middle values
  const double* const right = sorted_.data() + middle;
  const double* const left = right - 1;
  const auto taken_right = [&](std::size_t rank) {
    std::size_t low = rank > middle ? rank - middle : 0;
    std::size_t width = std::min(rank, n - middle) - low;
    while (width > 0) {
      const std::size_t half = width / 2;
      const std::size_t at = low + half;
      const bool more = right[at] - median < median - *(left - (rank - at - 1));
      low = more ? at + 1 : low;
      width = more ? width - half - 1 : half;
    }
    return low;
  };
  // The next distance when `r` of the right run and `l` of the left one are taken.
  const auto next = [&](std::size_t r, std::size_t l) {
    if (r == n - middle) return median - *(left - l);
    if (l == middle) return right[r] - median;
    return std::min(right[r] - median, median - *(left - l));
  };
  const std::size_t rank = (n - 1) / 2;
  auto r = taken_right(rank);
  const double low = next(r, rank - r);
  double high = low;
  if (n % 2 == 0) {
    r = taken_right(rank + 1);
    high = next(r, rank + 1 - r);
  }
  const std::size_t at_q95 = (n - 1) * 95 / 100;
  r = taken_right(at_q95);
  return std::max({kMadToSigma * ((low + high) / 2), next(r, at_q95 - r) / 2, options_.floor});
}

void SpikeDetector::remember(double value) {
  const auto in = place_of(value);
  if (ring_.size() < options_.samples) {
    ring_.push_back(value);
    sorted_.insert(sorted_.begin() + static_cast<std::ptrdiff_t>(in), value);
    return;
  }
  const auto out = place_of(ring_[next_]);
  ring_[next_] = value;
  if (++next_ == options_.samples) next_ = 0;
  // Only what lies between the two places moves.
  auto* const s = sorted_.data();
  if (in > out) {
    std::copy(s + out + 1, s + in, s + out);
    s[in - 1] = value;
  } else {
    std::copy_backward(s + in, s + out, s + out + 1);
    s[in] = value;
  }
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

void SpikeDetector::shift(Nanoseconds by) { move(newest_, by); }

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

void LimitDetector::shift(Nanoseconds by) {
  move(newest_, by);
  if (since_) *since_ += by;
}

}  // namespace tidemark::filter
