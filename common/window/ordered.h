// What depends on the order of readings: time-weighted mean, integral, increase of a counter, time
// in state. A reading's value is held until the next one, at most for `max_hold`.
//
// One Ordered is a run of readings by (time, value); runs that follow each other are joined
// (semantics E16), so that windows are made of slices. Sums are exact: equal readings cut in other
// slices give equal figures, to the bit.
//
// Counters   a fall is a reset to zero, and the new value is the increase; with `rollover` set and
//            a fall of more than half of it, the counter went past its end instead. Where a meter
//            was swapped, the increase is what the old one still counted and what the new one did.
// States     the kStatesMax with the lowest keys; the time of others is summed as "other".
// Bounds     about 200 B.
// Threads    one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/model/series.h"
#include "common/window/exact_sum.h"
#include "common/window/partial.h"

namespace tidemark::window {

// The aggregates made of it, as queries and configurations name them.
inline constexpr std::array<std::string_view, 4> kOrderedNames = {"twa", "integral", "increase",
                                                                  "time_in_state"};
bool is_ordered(std::string_view name);
// How a state is shown; not for text, whose keys stand for names that the caller has.
std::string state_name(ValueType type, std::int64_t key, int exponent);

struct OrderedSample {
  std::int64_t time = 0;
  double f64 = 0;        // f64 series
  std::int64_t i64 = 0;  // i64 and boolean; text: a number that stands for it
  friend bool operator==(const OrderedSample&, const OrderedSample&) = default;
};
// First or last of a partial that is not of text.
OrderedSample sample_of(const Partial::End& end);
// By time, then by value in total order.
bool comes_before(ValueType type, const OrderedSample& a, const OrderedSample& b);

// At `time` another meter took over: readings from then on are its own. Of old_end and new_start
// only the value counts.
struct MeterSwap {
  std::int64_t time = 0;
  OrderedSample old_end;
  OrderedSample new_start;
};

struct OrderedOptions {
  std::int64_t max_hold = 3'600'000'000'000;  // ns
  // In the unit of the values held: mantissas for i64. 0: the counter has none.
  double rollover_f64 = 0;
  std::int64_t rollover_i64 = 0;
  bool states = true;  // somebody asks for them
  std::vector<MeterSwap> swaps = {};  // by time
};

// What runs say of a stretch of time that is closed at both ends. Totals of other stretches, and of
// other series, are added in any order.
class Totals {
 public:
  static constexpr std::size_t kStatesMax = 16;

  explicit Totals(ValueType type) : type_(type) {}
  void merge(const Totals& other);

  struct State {
    std::int64_t key = 0;
    std::uint64_t ns = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  struct Gap {  // between a reading before the stretch and the first one in it
    std::int64_t from = 0;
    std::int64_t to = 0;
  };
  struct Figures {
    bool approximate = false;
    // Empty where no value was held. twa in the unit of the values, integral in that times seconds.
    std::optional<double> twa, integral;
    std::optional<double> increase;  // empty without a reading to compare with
    std::uint64_t resets = 0;
    std::vector<State> states;  // by key
    std::uint64_t other_ns = 0;
    // The longest over which the increase goes, and in which values were held no longer.
    std::optional<Gap> gap;
  };
  [[nodiscard]] Figures figures(int exponent) const;
  [[nodiscard]] bool approximate() const { return approximate_; }
  void miss() { approximate_ = true; }  // something is missing in it
  // Mantissas for i64; the integral is in values times nanoseconds.
  [[nodiscard]] const ExactSum& integral() const { return integral_; }
  [[nodiscard]] std::uint64_t held_ns() const { return held_ns_; }
  [[nodiscard]] const ExactSum& increase() const { return increase_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }  // that the increase consists of

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes (FORMAT.md)
  static Totals decode(ByteReader& in, ValueType type);  // what is none makes `in` fail

 private:
  friend class Ordered;
  void hold(const OrderedSample& sample, std::int64_t from, std::int64_t until, bool states);
  void count_up(const OrderedSample& from, const OrderedSample& to, const OrderedOptions& options);
  void step(const OrderedSample& from, const OrderedSample& to, const OrderedOptions& options);
  void differ(const OrderedSample& from, const OrderedSample& to);
  void add_state(std::int64_t key, std::uint64_t ns);

  ValueType type_;
  bool approximate_ = false;
  ExactSum integral_, increase_;
  std::uint64_t held_ns_ = 0, other_ns_ = 0, resets_ = 0, steps_ = 0;
  std::vector<State> states_;
  std::optional<Gap> gap_;
};

class Ordered {
 public:
  static constexpr std::size_t kStatesMax = Totals::kStatesMax;
  using Figures = Totals::Figures;

  explicit Ordered(ValueType type) : inner_(type) {}
  // Of readings of which only a partial is left: exact up to two of them, otherwise approximate
  // (their mean holds, and the counter goes from the first to the last). `partial` has values and
  // is not of text.
  static Ordered of(const Partial& partial, const OrderedOptions& options);

  // `sample` does not come before the last one.
  void add(const OrderedSample& sample, const OrderedOptions& options);
  // `next` begins not before this one's last reading.
  void follow(const Ordered& next, const OrderedOptions& options);
  [[nodiscard]] bool can_follow(const Ordered& next) const;
  // A reading is missing in the run: it came too late.
  void miss() { inner_.miss(); }

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const OrderedSample& first() const { return first_; }  // only if not empty
  [[nodiscard]] const OrderedSample& last() const { return last_; }
  [[nodiscard]] bool approximate() const { return inner_.approximate(); }

  // Of [begin, end), which holds this run; `before` is the reading before it; a later one is not
  // looked at.
  [[nodiscard]] Totals totals(std::int64_t begin, std::int64_t end,
                              const std::optional<OrderedSample>& before,
                              const OrderedOptions& options) const;
  [[nodiscard]] Figures within(std::int64_t begin, std::int64_t end,
                               const std::optional<OrderedSample>& before,
                               const OrderedOptions& options, int exponent) const {
    return totals(begin, end, before, options).figures(exponent);
  }

  // Of a run with readings that is not of text (FORMAT.md).
  void encode(ByteWriter& out) const;
  static Ordered decode(ByteReader& in, ValueType type);  // what is no run makes `in` fail

 private:
  std::uint64_t count_ = 0;
  OrderedSample first_, last_;
  Totals inner_;
};

}  // namespace tidemark::window
