// Binary arithmetic coding: a bit costs what its probability says, to about 1/1000. Private to this
// folder; layout in FORMAT.md under "Residuals, dense".
//
// The interval is [low, low + range) of 64 bits, moved up by 32 bits whenever range falls below
// 2^32. No length tells where it ends: both sides know range, and thus how many bytes of the last
// window name a point from which all that may follow stays inside.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "common/base/bytes.h"

namespace tidemark::codec {

using Probability = std::uint32_t;  // of a one, in 1/65,536; 1 to 65,535

inline constexpr unsigned kPlainBitsMax = 16;  // of one call
inline constexpr std::uint64_t kRangeMin = std::uint64_t{1} << 32;

// Bytes of the last window that are written.
constexpr unsigned tail_bytes(std::uint64_t range) {
  return 8 - (static_cast<unsigned>(std::bit_width(range)) - 2) / 8;
}

class RangeEncoder {
 public:
  explicit RangeEncoder(ByteVector& out) : out_(out) {}

  bool bit(bool one, Probability p) {
    // Without a branch on the bit: half of them would be foreseen wrongly.
    const auto bound = (range_ >> 16) * p;
    const auto zeros = std::uint64_t{one} - 1;  // all bits set for a 0
    add(bound & zeros);
    range_ = bound + ((range_ - 2 * bound) & zeros);
    renormalise();
    return one;
  }
  // The low `count` bits of `value`, each as likely as not.
  std::uint64_t plain(std::uint64_t value, unsigned count) {
    value &= (std::uint64_t{1} << count) - 1;
    range_ >>= count;
    add(range_ * value);
    renormalise();
    return value;
  }
  void finish() {
    const auto bytes = tail_bytes(range_);
    const auto step = std::uint64_t{1} << (64 - 8 * bytes);
    add((step - low_ % step) % step);
    for (unsigned i = 0; i < bytes; ++i) put_highest();
  }

 private:
  void add(std::uint64_t part) {
    low_ += part;
    if (low_ >= part) return;
    // A carry out of the window, into what is written. It ends there: the interval lies below one.
    for (auto at = out_.size(); ++out_[--at] == 0;) {
    }
  }
  void renormalise() {
    if (range_ >= kRangeMin) return;
    for (int i = 0; i < 4; ++i) put_highest();
    range_ <<= 32;
  }
  void put_highest() {
    out_.push_back(static_cast<std::uint8_t>(low_ >> 56));
    low_ <<= 8;
  }

  ByteVector& out_;
  std::uint64_t low_ = 0, range_ = UINT64_MAX;
};

class RangeDecoder {
 public:
  // Reads ahead in `in`, and past it as zeros.
  explicit RangeDecoder(ByteSpan in) : in_(in) {
    for (int i = 0; i < 2; ++i) next_word();
  }

  bool bit(bool, Probability p) {
    const auto bound = (range_ >> 16) * p;
    const bool one = code_ < bound;
    const auto zeros = std::uint64_t{one} - 1;
    code_ -= bound & zeros;
    range_ = bound + ((range_ - 2 * bound) & zeros);
    renormalise();
    return one;
  }
  std::uint64_t plain(std::uint64_t, unsigned count) {
    range_ >>= count;
    const auto value = std::min(code_ / range_, (std::uint64_t{1} << count) - 1);
    code_ -= value * range_;
    renormalise();
    return value;
  }
  // Bytes up to here, if this is the end; more than there are when no writer wrote them.
  [[nodiscard]] std::size_t consumed() const { return at_ - 8 + tail_bytes(range_); }

 private:
  void renormalise() {
    if (range_ >= kRangeMin) return;
    next_word();
    range_ <<= 32;
  }
  void next_word() {
    for (std::size_t i = at_; i < at_ + 4; ++i) {
      code_ = code_ << 8 | (i < in_.size() ? in_[i] : 0U);
    }
    at_ += 4;
  }

  ByteSpan in_;
  std::size_t at_ = 0;
  std::uint64_t code_ = 0, range_ = UINT64_MAX;
};

}  // namespace tidemark::codec
