#include "edge/pipeline/tier_choice.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidemark::pipeline {
namespace {

using codec::Tier;

constexpr double kRoomAbove = 0.75;  // of the share, for a heavier tier
constexpr double kNewest = 0.25;     // weight of the newest cost

Tier lighter(Tier t) { return static_cast<Tier>(static_cast<unsigned>(t) - 1); }
Tier heavier(Tier t) { return static_cast<Tier>(static_cast<unsigned>(t) + 1); }
std::size_t at(Tier t) { return static_cast<std::size_t>(t); }

}  // namespace

std::string_view name_of(Tier tier) {
  switch (tier) {
    case Tier::fast: return "fast";
    case Tier::standard: return "standard";
    case Tier::dense: return "dense";
  }
  return "standard";
}

TierChoice::TierChoice(TierOptions options)
    : options_(options),
      wanted_(options.configured.value_or(options.metered ? Tier::dense : Tier::standard)),
      tier_(wanted_),
      why_(options.configured ? "configured"
           : options.metered  ? "the link has a budget"
                              : "the link has no budget") {}

Tier TierChoice::choose(SteadyTime now, double journal_fill) {
  if (!since_) since_ = now;
  fill_ = std::max(fill_, journal_fill);
  const Nanoseconds elapsed = now - *since_;
  const bool measured = elapsed >= kMeasure;
  if (measured) measure(elapsed);
  if (!options_.configured && journal_fill >= kPressed) {
    calm_ = {};
    become(Tier::fast, fmt::format("the intake journal was {:.0f} % full", 100 * journal_fill));
  }
  if (measured) {
    since_ = now;
    values_ = 0;
    cpu_ = {};
    fill_ = journal_fill;
  }
  return tier_;
}

void TierChoice::packed(std::uint64_t values, Nanoseconds cpu) {
  values_ += values;
  cpu_ += cpu;
  if (values == 0 || cpu <= Nanoseconds{}) return;
  const auto cost = static_cast<double>(cpu.count()) / static_cast<double>(values);
  auto& known = cost_[at(tier_)];
  known = known == 0 ? cost : known + kNewest * (cost - known);
}

void TierChoice::measure(Nanoseconds elapsed) {
  share_ = static_cast<double>(cpu_.count()) / static_cast<double>(elapsed.count());
  if (options_.configured) return;
  if (share_ > options_.cpu_share && tier_ != Tier::fast) {
    calm_ = {};
    return become(lighter(tier_), fmt::format("{} took {:.1f} % of a CPU, at most {:.1f} %",
                                              name_of(tier_), 100 * share_,
                                              100 * options_.cpu_share));
  }
  if (tier_ == wanted_) return;
  const auto rate = static_cast<double>(values_) / std::chrono::duration<double>(elapsed).count();
  const auto next = expected_share(heavier(tier_), rate);
  const bool fits = next <= kRoomAbove * options_.cpu_share && fill_ < kRelieved;
  calm_ = fits ? calm_ + elapsed : Nanoseconds{};
  if (calm_ < kCalm) return;
  calm_ = {};
  become(heavier(tier_), fmt::format("{} is expected to take {:.1f} % of a CPU, at most {:.1f} %",
                                     name_of(heavier(tier_)), 100 * next,
                                     100 * options_.cpu_share));
}

double TierChoice::expected_share(Tier tier, double values_a_second) const {
  auto cost = cost_[at(tier)];
  if (cost == 0) cost = cost_[at(lighter(tier))] * kStepCost;
  return values_a_second * cost / 1e9;
}

void TierChoice::become(Tier tier, std::string why) {
  if (tier == tier_) return;
  tier_ = tier;
  why_ = std::move(why);
}

}  // namespace tidemark::pipeline
