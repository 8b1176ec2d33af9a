// What depends on the order of readings: time-weighted mean, integral, increase of a counter, time
// in state. A reading's value is held until the next one, at most for `max_hold`.
//
// One Ordered is a run of readings whose times do not fall; runs that follow each other are joined
// (semantics E16), so that windows are made of slices. Sums are exact: equal readings cut in other
// slices give equal figures, to the bit.
//
// Counters   a fall is a reset to zero, and the new value is the increase; with `rollover` set and
//            a fall of more than half of it, the counter went past its end instead.
// Bounds     kStatesMax states, the time of further ones is summed as "other". About 200 B.
// Threads    one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/model/series.h"
#include "common/window/exact_sum.h"

namespace tidemark::window {

struct OrderedOptions {
  std::int64_t max_hold = 3'600'000'000'000;  // ns
  // In the unit of the values held: mantissas for i64. 0: the counter has none.
  double rollover_f64 = 0;
  std::int64_t rollover_i64 = 0;
};

struct OrderedSample {
  std::int64_t time = 0;
  double f64 = 0;        // f64 series
  std::int64_t i64 = 0;  // i64 and boolean; text: a number that stands for it
};

class Ordered {
 public:
  static constexpr std::size_t kStatesMax = 16;

  explicit Ordered(ValueType type) : type_(type) {}

  // `sample` is not older than the last one.
  void add(const OrderedSample& sample, const OrderedOptions& options);
  // `next` begins not before this one's last reading.
  void follow(const Ordered& next, const OrderedOptions& options);
  // A reading is missing in the run: it came too late.
  void miss() { approximate_ = true; }

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] const OrderedSample& first() const { return first_; }  // only if not empty
  [[nodiscard]] const OrderedSample& last() const { return last_; }
  [[nodiscard]] bool approximate() const { return approximate_; }

  struct State {
    std::int64_t key = 0;
    std::uint64_t ns = 0;
  };
  struct Figures {
    bool approximate = false;
    // Empty where no value was held. twa in the unit of the values, integral in that times seconds.
    std::optional<double> twa, integral;
    std::optional<double> increase;  // empty without a reading to compare with
    std::uint64_t resets = 0;
    std::vector<State> states;  // by key
    std::uint64_t other_ns = 0;
  };
  // The figures of [begin, end), which holds this run; `before` is the reading before it;
  // a later one is not looked at.
  [[nodiscard]] Figures within(std::int64_t begin, std::int64_t end,
                               const std::optional<OrderedSample>& before,
                               const OrderedOptions& options, int exponent) const;

 private:
  void hold(const OrderedSample& sample, std::int64_t from, std::int64_t until);
  void count_up(const OrderedSample& from, const OrderedSample& to, const OrderedOptions& options);
  void add_state(std::int64_t key, std::uint64_t ns);

  ValueType type_;
  bool approximate_ = false;
  std::uint64_t count_ = 0;
  OrderedSample first_, last_;
  ExactSum integral_, increase_;
  std::uint64_t held_ns_ = 0, other_ns_ = 0, resets_ = 0, steps_ = 0;
  std::vector<State> states_;
};

}  // namespace tidemark::window
