// Which coder packs the next block when uplink.tier is "auto": the densest that the link is worth
// and the CPU can pay.
//
// Link       a metered one is worth `dense`, any other `standard`.
// CPU        when packing took more than `cpu_share` of one CPU over kMeasure, the next block is
//            one tier lighter. It becomes heavier again after kCalm in which the heavier one would
//            have taken at most three quarters of the share, by what a value cost it before (or by
//            kStepCost, before it was tried).
// Pressure   an intake journal that is kPressed full makes it `fast` at once: the pipeline is
//            behind, and what it does not read sources have to keep.
// Same calls, same answers; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/time.h"
#include "common/codec/codec.h"

namespace tidemark::pipeline {

struct TierOptions {
  std::optional<codec::Tier> configured = codec::Tier::standard;  // empty: auto
  bool metered = false;    // the link has a budget
  double cpu_share = 0.1;  // of one CPU, for packing
};

class TierChoice {
 public:
  static constexpr Nanoseconds kMeasure = std::chrono::seconds(5);
  static constexpr Nanoseconds kCalm = std::chrono::seconds(60);
  static constexpr double kPressed = 0.75;
  static constexpr double kRelieved = 0.6;  // above it nothing becomes heavier
  static constexpr double kStepCost = 8;    // a value in standard against fast, dense: bench/codec

  explicit TierChoice(TierOptions options);

  // Before the blocks of a flush are packed; how full the journal is, of 1.
  codec::Tier choose(SteadyTime now, double journal_fill);
  // What packing them took.
  void packed(std::uint64_t values, Nanoseconds cpu);

  [[nodiscard]] codec::Tier tier() const { return tier_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] double cpu_share() const { return share_; }  // over the last kMeasure

 private:
  void measure(Nanoseconds elapsed);
  void become(codec::Tier tier, std::string why);
  [[nodiscard]] double expected_share(codec::Tier tier, double values_a_second) const;

  TierOptions options_;
  codec::Tier wanted_;
  codec::Tier tier_;
  std::string why_;
  std::optional<SteadyTime> since_;      // of the measurement at hand
  std::uint64_t values_ = 0;
  Nanoseconds cpu_{};
  double fill_ = 0;                      // the highest of it
  double share_ = 0;
  Nanoseconds calm_{};
  std::array<double, 3> cost_{};         // ns a value, by tier; 0: not tried
};

std::string_view name_of(codec::Tier tier);

}  // namespace tidemark::pipeline
