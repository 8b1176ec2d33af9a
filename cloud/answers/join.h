// As-of joins of inputs whose series have different rates: power at 1 Hz beside flow at 20 Hz.
//
//   join := FORMULA at INPUT within DURATION            power / flow at power within 2s
//
// Each reading of INPUT is paired with the latest reading, at its time or before it by no more than
// DURATION, of each other input that FORMULA names (formula.h). What the formula makes of them is a
// value at the time of the reading, and figures are of those values as of any others.
//
// Exact      a value is computed in doubles, each step rounded once; their sums are exact. Of
//            readings of one time the highest counts, so that arrival decides nothing.
// Counted    readings that find no partner, and pairs of which the formula has no value.
// Others     what the latest reading of several series would be says nothing of one of them: within
//            a group every other input is one series, as its name says.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cloud/answers/formula.h"
#include "cloud/reconcile/pane.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::answers {

struct Join {
  static constexpr Nanoseconds kWithinMax = std::chrono::hours(24);

  // `inputs` in the order of their numbers. bad_input says what is wrong with it.
  static Result<Join> parse(std::string_view text, const std::vector<std::string>& inputs);

  ValueFormula formula;
  std::size_t at = 0;                // the input whose readings are paired
  std::vector<std::size_t> others;   // with the latest ones of these
  Nanoseconds within{};
};

struct Sample {
  EventTime time{};
  double value = 0;
};
// By time, then by value.
void sort(std::vector<Sample>& samples);

enum class PairState : std::uint8_t { paired, alone, no_value };
// Of all readings of `left` in their order. `inputs`: sorted, by their numbers; those of the others
// begin `within` before the first of left.
void each_pair(const Join& join, std::span<const Sample> left,
               std::span<const std::vector<Sample>> inputs,
               const std::function<void(EventTime, PairState, double)>& visit);

// What the pairs of a span of time hold.
struct Pairs {
  reconcile::Pane values;      // of f64
  std::uint64_t left = 0;      // readings that were to be paired
  std::uint64_t alone = 0;     // that found no partner
  std::uint64_t no_value = 0;  // of which the formula makes none
  std::uint64_t others = 0;    // readings of the other inputs in that time

  void encode(ByteWriter& out) const;
  static Result<Pairs> decode(ByteReader& in);
};

// Of a window, and what is to be said of it.
struct JoinSum {
  explicit JoinSum(const window::Parts& parts) : values(ValueType::f64, parts) {}
  void add(const Pairs& pairs);

  window::Summary values;
  std::uint64_t left = 0, alone = 0, no_value = 0, others = 0;
  std::string problem;             // why there are none
  std::vector<std::string> notes;  // why they are not all
};

}  // namespace tidemark::answers
