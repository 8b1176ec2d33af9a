// What windows of several series hold, as one. Series may hold their numbers differently (decimals
// of several exponents, integers, booleans, doubles): each kind is summed by itself and all of them
// are brought together once, exactly, when a figure is asked.
//
// Promise    the figures do not depend on the order of adding, to the bit; those of one kind alone
//            are Figures of it.
// Several    kinds have no quantiles and no distinct count: their sketches do not fit together.
// Text       goes with text only: beside numbers its figures are not looked at.
// Ties       of first and last: the lower value is first and the higher last, as in Partial.
// Bounds     a summary for each kind: at most 37 exponents, doubles, booleans.
// Threads    one at a time.
#pragma once

#include <map>
#include <utility>

#include "common/window/summary.h"

namespace tidemark::window {

class Mixed {
 public:
  // A closed summary; one without a value is of no kind. `exponent`: the series' decimal exponent,
  // of type i64 only.
  void add(const Summary& state, int exponent);
  // All that another one was given.
  void merge(const Mixed& other);

  [[nodiscard]] std::uint64_t count() const;  // that entered values

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes (FORMAT.md)
  static Result<Mixed> decode(ByteReader& in);  // faults as Summary's

 private:
  friend class MixedFigures;
  using Kind = std::pair<ValueType, int>;
  std::map<Kind, Summary> parts_;
  bool doubtful_ = false;  // of who said nothing, what depends on order is approximate
};

// The figures of what must outlive them.
class MixedFigures {
 public:
  explicit MixedFigures(const Mixed& mixed);
  // As Figures.
  [[nodiscard]] std::optional<double> get(std::string_view name) const;
  [[nodiscard]] bool exact(std::string_view name) const;
  [[nodiscard]] const Aggregates& plain() const { return plain_; }
  [[nodiscard]] std::vector<std::pair<std::string, double>> states() const;
  // Of several kinds: quantiles and distinct counts are empty.
  [[nodiscard]] bool several() const { return kinds_.size() > 1; }

 private:
  std::vector<Figures> kinds_;
  bool doubtful_;
  Aggregates plain_;
  std::optional<double> twa_, integral_, increase_;
};

}  // namespace tidemark::window
