// A linear predictor that learns as it goes, for what the block's own predictor leaves over when a
// signal changes within the block: normalised least mean squares in integers. Private to this
// folder; rules in FORMAT.md under "Dense residuals".
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace tidemark::codec::dense {

class Predictor {
 public:
  static constexpr std::size_t kTaps = 16;

  // `width`: about how many bits a residual has; they are scaled to eight.
  explicit Predictor(int width) : scale_(width - kScaledBits) {}

  // Wraps around when a residual passes 64 bits; so does whoever adds to it.
  [[nodiscard]] std::int64_t next() {
    std::int32_t sum = 0;  // at most 16 * 32,767 * 4,095, which just fits
    for (std::size_t i = 0; i < kTaps; ++i) sum += weights_[i] * before_[at_ + i];
    sum_ = sum;
    const int shift = kWeightBits - scale_;
    if (shift > 0) return (std::int64_t{sum} + (std::int64_t{1} << (shift - 1))) >> shift;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{sum}) << -shift);
  }

  void learn(std::int64_t residual) {
    const auto value = scaled(residual);
    const std::int64_t error =
        std::clamp(value - (sum_ >> kWeightBits), -kScaledMax, kScaledMax);
    const auto gain = static_cast<std::int32_t>(error * kGain / (energy_ + kEnergyMin));
    for (std::size_t i = 0; i < kTaps; ++i) {
      const auto step = (gain * before_[at_ + i] + kHalfGain) >> kGainBits;
      weights_[i] = static_cast<std::int16_t>(std::clamp(weights_[i] + step, -32767, 32767));
    }
    const std::int32_t oldest = before_[at_];
    energy_ += value * value - oldest * oldest;
    before_[at_] = before_[at_ + kTaps] = static_cast<std::int16_t>(value);
    at_ = (at_ + 1) % kTaps;
  }

 private:
  static constexpr int kScaledBits = 8, kWeightBits = 13;
  static constexpr std::int32_t kScaledMax = 4095;
  static constexpr int kGainBits = 12;
  static constexpr std::int32_t kHalfGain = 1 << (kGainBits - 1);
  // A hundredth of the full step, in units of weight and gain.
  static constexpr std::int64_t kGain = (std::int64_t{1} << (kWeightBits + kGainBits)) / 100;
  static constexpr std::int64_t kEnergyMin = std::int64_t{16} << 10;

  [[nodiscard]] std::int32_t scaled(std::int64_t residual) const {
    const auto most = scale_ >= 0 ? INT64_MAX : std::int64_t{kScaledMax} >> -scale_;
    residual = std::clamp(residual, -most, most);
    const auto v = scale_ >= 0 ? residual >> scale_ : residual * (std::int64_t{1} << -scale_);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(v, -kScaledMax, kScaledMax));
  }

  int scale_;
  std::int32_t sum_ = 0;
  std::int64_t energy_ = 0;  // of what lies before
  std::size_t at_ = 0;
  std::array<std::int16_t, kTaps> weights_{};     // the last is that of the newest
  std::array<std::int16_t, 2 * kTaps> before_{};  // a ring, twice: in order from at_ on
};

}  // namespace tidemark::codec::dense
