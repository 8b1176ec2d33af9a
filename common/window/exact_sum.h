// A sum without error: doubles and integers, and their squares, added in any order give the same
// bits, and are rounded once, when asked.
//
// Shape      signed 32-bit limbs, carries kept lazily in 64 bits, only the span that is in use.
//            Integers use limbs from 2^0 up; doubles may use any from 2^-2148 to 2^2112.
// Memory     a few limbs for ordinary sensors; at most kLimbsMax (136) of 8 bytes.
// Overflow   none below 2^64 additions. to_double() is infinite past the range of double.
// Threads    one at a time.
// Source     the idea of Neal's small superaccumulator (arXiv 1505.05571).
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"

namespace tidemark::window {

class ExactSum {
 public:
  static constexpr std::size_t kLimbsMax = 136;

  void add(double v);               // v is finite
  void add(std::int64_t v);
  void add_square(double v);        // v is finite
  void add_square(std::int64_t v);
  void add_product(double v, std::uint64_t by);  // v is finite
  void add_product(std::int64_t v, std::uint64_t by);
  // ±magnitude * 2^exponent, which lies within the range above.
  void add_scaled(std::uint64_t magnitude, int exponent, bool negative);
  void merge(const ExactSum& other);
  void subtract(const ExactSum& other);

  [[nodiscard]] bool is_zero() const;
  [[nodiscard]] double to_double() const;  // nearest, ties to even; a zero sum is +0

  // One canonical form (FORMAT.md): equal sums have equal bytes, however they were reached.
  void encode(ByteWriter& out) const;
  static ExactSum decode(ByteReader& in);  // what is not that form makes `in` fail
  friend bool operator==(const ExactSum& a, const ExactSum& b);

  // The sum as sign * magnitude * 2^exponent, for the final rounding.
  struct Integer {
    bool negative = false;
    std::vector<std::uint32_t> magnitude;  // low limb first, neither end zero; empty: zero
    int exponent = 0;                      // of two, a multiple of 32; 0 for zero
    friend bool operator==(const Integer&, const Integer&) = default;
  };
  [[nodiscard]] Integer integer() const;

 private:
  // Adds ±(high * 2^64 + low) * 2^exponent.
  void deposit(std::uint64_t low, std::uint64_t high, int exponent, bool negative);
  void reach(int first_limb, std::size_t limbs);  // makes limbs_ cover these
  void add_limbs(const ExactSum& other, bool negative);
  void carry();

  std::vector<std::int64_t> limbs_;
  int base_ = 0;               // limbs_[0] counts 2^(32 * base_)
  std::uint32_t pending_ = 0;  // deposits since the last carry()
};

// The double nearest to ±(magnitude + a bit) * 2^exponent, ties to even; `inexact` says whether
// there is a bit: something above 0 and below the lowest place, which then must lie at least two
// places under the last of the result (66 bits of magnitude are enough).
double round_to_double(const ExactSum::Integer& v, bool inexact = false);

}  // namespace tidemark::window
