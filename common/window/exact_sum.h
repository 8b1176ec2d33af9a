// A sum without error: doubles and integers, and their squares, added in any order give the same
// bits, and are rounded once, when asked.
//
// Shape      signed 32-bit limbs, carries kept lazily in 64 bits, only the span that is in use.
//            Integers use limbs from 2^0 up; doubles may use any from 2^-2148 to 2^2112.
// Memory     a few limbs for ordinary sensors; at most kLimbsMax (136) of 8 bytes.
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
  void merge(const ExactSum& other);
  void subtract(const ExactSum& other);

  [[nodiscard]] bool is_zero() const;
  [[nodiscard]] double to_double() const;  // nearest, ties to even

  // One canonical form: equal sums have equal bytes, whatever the way they were reached.
  void encode(ByteWriter& out) const;
  static ExactSum decode(ByteReader& in);
  friend bool operator==(const ExactSum& a, const ExactSum& b);

  // The sum as integer * 2^exponent, for the final rounding: two's complement limbs, low first.
  struct Integer {
    bool negative = false;
    std::vector<std::uint32_t> magnitude;  // low limb first, no leading zero limb
    int exponent = 0;                      // of two
  };
  [[nodiscard]] Integer integer() const;

 private:
  void deposit(std::uint64_t low, std::uint64_t high, int exponent, bool negative);
  void carry();
  std::vector<std::int64_t> limbs_;
  int base_ = 0;                // exponent of limbs_[0] is 32 * base_
  std::uint32_t pending_ = 0;   // deposits since the last carry()
};

}  // namespace tidemark::window
