// A linear predictor that learns as it goes, for what the block's own predictor leaves over when a
// signal changes within the block: normalised least mean squares in integers. Private to this
// folder; rules in FORMAT.md under "Residuals, dense".
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace tidemark::codec::dense {

class Predictor {
 public:
  // `width`: about how many bits a residual has; they are scaled to eight.
  explicit Predictor(int width) : scale_(width - kScaledBits) {}

  // Wraps around when a residual passes 64 bits; so does whoever adds to it.
  [[nodiscard]] std::int64_t next() {
    std::int32_t sum = newest_weight_ * newest_;  // 17 * 32,767 * 3,800 at most, which just fits
    for (std::size_t i = 0; i < kTaps; ++i) sum += weights_[i] * before_[at_ + i];
    sum_ = sum;
    const int shift = kWeightBits - scale_;
    if (shift > 0) return (std::int64_t{sum} + (std::int64_t{1} << (shift - 1))) >> shift;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{sum}) << -shift);
  }

  void learn(std::int64_t residual) {
    const auto value = scaled(residual);
    const auto error = std::clamp(value - (sum_ >> kWeightBits), -kScaledMax, kScaledMax);
    const auto gain = error * kGain / (energy_ + kEnergyMin);
    const auto moved = [gain](std::int32_t weight, std::int32_t before) {
      const auto to = weight + ((gain * before + kHalfGain) >> kGainBits);
      return static_cast<std::int16_t>(std::clamp(to, -32767, 32767));
    };
    newest_weight_ = moved(newest_weight_, newest_);
    for (std::size_t i = 0; i < kTaps; ++i) weights_[i] = moved(weights_[i], before_[at_ + i]);
    const std::int32_t oldest = before_[at_];
    energy_ += value * value - oldest * oldest;
    before_[at_] = before_[at_ + kTaps] = newest_;
    at_ = (at_ + 1) % kTaps;
    newest_ = static_cast<std::int16_t>(value);
  }

 private:
  static constexpr std::size_t kTaps = 16;  // besides the newest
  static constexpr int kScaledBits = 8, kWeightBits = 13, kGainBits = 12;
  static constexpr std::int32_t kScaledMax = 3800;
  static constexpr std::int32_t kHalfGain = 1 << (kGainBits - 1);
  // A hundredth of the full step, in units of weight and gain.
  static constexpr std::int32_t kGain = (1 << (kWeightBits + kGainBits)) / 100;
  static constexpr std::int32_t kEnergyMin = std::int32_t{kTaps} << 10;

  [[nodiscard]] std::int32_t scaled(std::int64_t residual) const {
    const auto most = scale_ >= 0 ? INT64_MAX : std::int64_t{kScaledMax} >> -scale_;
    residual = std::clamp(residual, -most, most);
    const auto v = scale_ >= 0 ? residual >> scale_ : residual * (std::int64_t{1} << -scale_);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(v, -kScaledMax, kScaledMax));
  }

  int scale_;
  std::int32_t sum_ = 0;
  std::int32_t energy_ = 0;  // of what lies before, at most 17 * 3,800^2
  // The newest one apart: a vector load right after the store of one of its elements has to wait.
  std::int16_t newest_ = 0, newest_weight_ = 0;
  std::size_t at_ = 0;
  std::array<std::int16_t, kTaps> weights_{};     // the last is that of the youngest
  std::array<std::int16_t, 2 * kTaps> before_{};  // a ring, twice: in order from at_ on
};

}  // namespace tidemark::codec::dense
