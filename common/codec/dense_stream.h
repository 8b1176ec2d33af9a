// One stream of the dense tier, written and read by the same steps: `Coder` is a RangeEncoder or a
// RangeDecoder. Private to this folder; rules in FORMAT.md under "Residuals, dense".
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "common/codec/dense_odds.h"

namespace tidemark::codec::dense {

constexpr std::uint64_t magnitude(std::int64_t r) {
  return r < 0 ? 0 - static_cast<std::uint64_t>(r) : static_cast<std::uint64_t>(r);
}

template <typename Coder>
class Stream {
 public:
  // `width`: bits of the mean magnitude, which sets the first expectation.
  Stream(Coder& coder, Model& model, int width) : coder_(coder), m_(model) {
    fast_ = slow_ = width == 0 ? 0 : std::uint64_t{16} << (width - 1);
    last_class_ = class_before_ = width;
  }

  // Writes `residual` and returns it, or reads and returns the next one.
  std::int64_t step(std::int64_t residual) {
    const auto wanted = magnitude(residual);
    expect();
    const int size = code_class(static_cast<int>(std::bit_width(wanted)));
    int sign = 0;
    std::uint64_t value = 0;
    if (size != 0) {
      sign = decide(coder_, residual < 0, m_.sign[sign_context(size)]) ? -1 : 1;
      value = code_bits(wanted, size);
    }
    remember(value, size, sign);
    return static_cast<std::int64_t>(sign < 0 ? 0 - value : value);
  }

 private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  [[nodiscard]] int near(int size) const { return std::clamp(size - expected_, -4, 4) + 4; }

  // From the means to contexts.
  void expect() {
    const auto mean = (fast_ + slow_) >> 1;
    const int width = static_cast<int>(std::bit_width(mean));
    const int half = width >= 2 ? static_cast<int>(mean >> (width - 2) & 1) : 0;
    int scale = width < 2 ? static_cast<int>(mean) : width * 2 + half - 2;
    if (scale >= kScales - 2) scale = kScales - 2 + half;
    expected_ = std::clamp(width - 4, 0, 56);
    by_scale_ = m_.by_scale[index(scale)].data();
    by_last_two_ = m_.by_last_two[index(near(last_class_) * kNear + near(class_before_))].data();
    rough_ = expected_ < 2 ? expected_ : expected_ < 4 ? 2 : 3;
  }

  bool decide_at(bool one, int node) {
    const auto i = index(node);
    return decide(coder_, one, by_scale_[i], by_last_two_[i],
                  m_.weights[i * kRoughScales + index(rough_)]);
  }

  int code_class(int wanted) {
    // An expected class of 0 would always be reached: then the first question is "more than 0".
    const int first = std::max(expected_, 1);
    int size = first;
    if (decide_at(wanted >= first, 0)) {
      while (size < 64 && decide_at(wanted > size, std::min(kSteps, size - first + 1))) ++size;
      return size;
    }
    for (--size; size > 0; --size) {
      if (!decide_at(wanted < size, kSteps + std::min(kSteps, first - size))) break;
    }
    return size;
  }

  [[nodiscard]] std::size_t sign_context(int size) const {
    const int signs = (last_sign_ + 1) * 3 + sign_before_ + 1;
    return index((signs * 4 + std::min(3, last_class_)) * 12 + std::min(11, size));
  }

  // The bits below the highest: two by the model, the others as they are.
  std::uint64_t code_bits(std::uint64_t wanted, int size) {
    std::uint64_t value = 1;
    int left = size - 1;
    const int above = std::clamp(size - expected_ + 1, 0, 2);
    const auto context = index((std::min(size, 23) * 3 + above) * 3);
    int node = 0;
    for (int i = 0; i < 2 && left > 0; ++i) {
      --left;
      const bool one = decide(coder_, (wanted >> left & 1) != 0, m_.top[context + index(node)]);
      value = value << 1 | (one ? 1 : 0);
      node = one ? 2 : 1;
    }
    while (left > 0) {
      const int count = std::min<int>(left, kPlainBitsMax);
      left -= count;
      value = value << count | coder_.plain(wanted >> left, static_cast<unsigned>(count));
    }
    return value;
  }

  void remember(std::uint64_t value, int size, int sign) {
    const auto capped = std::min(value, std::uint64_t{1} << 54);
    fast_ = fast_ - (fast_ >> 2) + capped * 4;
    slow_ = slow_ - (slow_ >> 4) + capped;
    class_before_ = last_class_;
    last_class_ = size;
    sign_before_ = last_sign_;
    last_sign_ = sign;
  }

  Coder& coder_;
  Model& m_;
  std::uint64_t fast_, slow_;  // means of magnitudes, times 16: over about 4 and 16 residuals
  int last_class_, class_before_;
  int last_sign_ = 0, sign_before_ = 0;

  // Of the residual at hand.
  int expected_ = 0, rough_ = 0;
  Counter* by_scale_ = nullptr;
  Counter* by_last_two_ = nullptr;
};

}  // namespace tidemark::codec::dense
