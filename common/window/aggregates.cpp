#include <array>

#include "common/base/text.h"
#include "common/window/partial.h"
#include "common/window/rounding.h"

namespace tidemark::window {
namespace {

const std::array<std::string, 9> kNames = {"count", "min",    "max",   "sum", "mean",
                                           "avg",   "stddev", "first", "last"};

}  // namespace

Aggregates Aggregates::of(const Partial& partial, int exponent, bool stddev) {
  Aggregates a;
  a.count = partial.count_;
  if (partial.count_ == 0) return a;
  if (partial.type_ == ValueType::text) {
    a.first_text = partial.first_.text;
    a.last_text = partial.last_.text;
    return a;
  }
  if (partial.type_ == ValueType::f64) {
    exponent = 0;  // a double is what it is
    a.min = partial.min_f64_;
    a.max = partial.max_f64_;
    a.first = partial.first_.f64;
    a.last = partial.last_.f64;
  } else {
    a.min = decimal_to_double(partial.min_i64_, exponent);
    a.max = decimal_to_double(partial.max_i64_, exponent);
    a.first = decimal_to_double(partial.first_.i64, exponent);
    a.last = decimal_to_double(partial.last_.i64, exponent);
  }
  a.sum = rounded_sum(partial.sum_, exponent);
  a.mean = rounded_mean(partial.sum_, partial.count_, exponent);
  if (!stddev) return a;
  a.stddev = rounded_deviation(partial.sum_, partial.squares_, partial.count_, exponent);
  return a;
}

Result<> Aggregates::check_name(std::string_view name) {
  std::string known;
  for (const auto& n : kNames) {
    if (n == name) return {};
    known += (known.empty() ? "" : ", ") + n;
  }
  const auto near = nearest(name, kNames);
  return Error{Fault::bad_input, "'" + std::string(name) + "' is not an aggregate" +
                                     (near.empty() ? "" : "; did you mean '" + near + "'?") +
                                     "; known are " + known};
}

std::optional<double> Aggregates::get(std::string_view name) const {
  if (name == "count") return static_cast<double>(count);
  if (name == "min") return min;
  if (name == "max") return max;
  if (name == "sum") return sum;
  if (name == "mean" || name == "avg") return mean;
  if (name == "stddev") return stddev;
  if (name == "first") return first;
  if (name == "last") return last;
  return std::nullopt;
}

}  // namespace tidemark::window
