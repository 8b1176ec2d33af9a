#include "common/window/ordered.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/window/rounding.h"

namespace tidemark::window {
namespace {

constexpr int kNanosecondExponent = -9;

// time + span, at most the largest time.
std::int64_t after(std::int64_t time, std::int64_t span) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(time, span, &sum) ? INT64_MAX : sum;
}

}  // namespace

void Ordered::add_state(std::int64_t key, std::uint64_t ns) {
  const auto at = std::lower_bound(states_.begin(), states_.end(), key,
                                   [](const State& s, std::int64_t k) { return s.key < k; });
  if (at != states_.end() && at->key == key) {
    at->ns += ns;
  } else if (states_.size() < kStatesMax) {
    states_.insert(at, {key, ns});
  } else {
    other_ns_ += ns;
  }
}

void Ordered::hold(const OrderedSample& sample, std::int64_t from, std::int64_t until) {
  if (until <= from) return;
  const auto ns = static_cast<std::uint64_t>(until) - static_cast<std::uint64_t>(from);
  held_ns_ += ns;
  if (type_ == ValueType::f64) {
    integral_.add_product(sample.f64, ns);
    // States are whole numbers.
    if (std::abs(sample.f64) < 9e15 && sample.f64 == std::floor(sample.f64)) {
      add_state(static_cast<std::int64_t>(sample.f64), ns);
    } else {
      other_ns_ += ns;
    }
    return;
  }
  if (type_ != ValueType::text) integral_.add_product(sample.i64, ns);
  add_state(sample.i64, ns);
}

void Ordered::count_up(const OrderedSample& from, const OrderedSample& to,
                       const OrderedOptions& options) {
  if (type_ == ValueType::text) return;
  ++steps_;
  if (type_ == ValueType::f64) {
    const bool fell = to.f64 < from.f64;
    const bool rolled =
        fell && options.rollover_f64 > 0 && from.f64 - to.f64 > options.rollover_f64 / 2;
    increase_.add(to.f64);
    if (rolled) increase_.add(options.rollover_f64);
    if (!fell || rolled) {
      increase_.add(-from.f64);
    } else {
      ++resets_;
    }
    return;
  }
  const auto distance = [](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  };
  if (to.i64 >= from.i64) {
    increase_.add_product(std::int64_t{1}, distance(from.i64, to.i64));
    return;
  }
  const auto fall = distance(to.i64, from.i64);
  if (options.rollover_i64 > 0 && fall > static_cast<std::uint64_t>(options.rollover_i64) / 2) {
    increase_.add(options.rollover_i64);
    increase_.add_product(std::int64_t{-1}, fall);
  } else {
    increase_.add(to.i64);
    ++resets_;
  }
}

void Ordered::add(const OrderedSample& sample, const OrderedOptions& options) {
  if (count_ == 0) {
    first_ = sample;
  } else {
    TIDE_CHECK(sample.time >= last_.time, "a run of readings goes back in time");
    hold(last_, last_.time, std::min(sample.time, after(last_.time, options.max_hold)));
    count_up(last_, sample, options);
  }
  last_ = sample;
  ++count_;
}

void Ordered::follow(const Ordered& next, const OrderedOptions& options) {
  approximate_ = approximate_ || next.approximate_;
  if (next.count_ == 0) return;
  if (count_ == 0) {
    const bool approximate = approximate_;
    *this = next;
    approximate_ = approximate;
    return;
  }
  TIDE_CHECK(next.first_.time >= last_.time, "runs of readings overlap");
  hold(last_, last_.time, std::min(next.first_.time, after(last_.time, options.max_hold)));
  count_up(last_, next.first_, options);
  integral_.merge(next.integral_);
  increase_.merge(next.increase_);
  held_ns_ += next.held_ns_;
  other_ns_ += next.other_ns_;
  resets_ += next.resets_;
  steps_ += next.steps_;
  for (const auto& s : next.states_) add_state(s.key, s.ns);
  last_ = next.last_;
  count_ += next.count_;
}

Ordered::Figures Ordered::within(std::int64_t begin, std::int64_t end,
                                 const std::optional<OrderedSample>& before,
                                 const OrderedOptions& options, int exponent) const {
  auto all = *this;
  if (before && before->time <= begin) {
    const auto until = std::min(count_ > 0 ? first_.time : end,
                                after(before->time, options.max_hold));
    all.hold(*before, begin, until);
    if (count_ > 0) all.count_up(*before, first_, options);
  }
  if (count_ > 0) {
    all.hold(last_, last_.time, std::min(end, after(last_.time, options.max_hold)));
  }
  Figures out;
  out.approximate = approximate_;
  out.states = std::move(all.states_);
  out.other_ns = all.other_ns_;
  out.resets = all.resets_;
  if (type_ == ValueType::text) return out;
  if (type_ == ValueType::f64) exponent = 0;  // a double is what it is
  if (all.held_ns_ > 0) {
    out.twa = rounded_mean(all.integral_, all.held_ns_, exponent);
    out.integral = rounded_sum(all.integral_, exponent + kNanosecondExponent);
  }
  if (all.steps_ > 0) out.increase = rounded_sum(all.increase_, exponent);
  return out;
}

}  // namespace tidemark::window
