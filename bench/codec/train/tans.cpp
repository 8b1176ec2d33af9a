#include "bench/codec/train/tans.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/codec/train/residuals.h"
#include "common/codec/tans.h"

namespace tidemark::bench {
namespace {

using namespace codec::tans;

constexpr int kRounds = 3;
constexpr double kPriorWeight = 1'000;  // occurrences that the table before stands for

using Weights = std::array<std::array<double, kSymbols>, kTables>;

// e^-x from +, *, / only, so that every machine has the same bits.
double decay(double x) {
  double r = 1 + x / 64;
  for (int i = 0; i < 6; ++i) r *= r;
  return 1 / r;
}

// Mean magnitude of what is entropy-coded under a kind of scale, in half octaves around 1.
double mean_of(unsigned kind) {
  constexpr double kRoot = 1.4142135623730951;
  const bool low_bits = kind > kExactScales;
  const auto half = static_cast<int>(low_bits ? kind - kExactScales - 1 + 15 : kind);
  return half % 2 == 0 ? std::ldexp(kRoot, half / 2 - 6) : std::ldexp(1, (half - 11) / 2);
}

// Noise of three shapes: two-sided exponential, normal, heavy-tailed.
void seed_values(unsigned shape, unsigned kind, unsigned cls, std::array<double, kSymbols>& w) {
  const double mean = mean_of(kind) * (cls == 0 ? 0.85 : cls == 2 ? 1.2 : 1);
  double sum = 0;
  for (unsigned s = 0; s < kPlain; ++s) {
    const double a = kind > kExactScales ? (s >> 1) + 0.5 : static_cast<double>((s + 1) >> 1);
    const double x = a / mean;
    if (mean < 2 && shape == 0) {
      w[s] = a == 0 ? 1 : 0.5;
      for (unsigned i = 0; i < (s + 1) >> 1; ++i) w[s] *= mean / (1 + mean);
    } else {
      w[s] = decay(shape == 0 ? x : shape == 1 ? x * x : 2 * std::sqrt(x));
    }
    sum += w[s];
  }
  for (unsigned s = kPlain; s < kEscape; ++s) w[s] = sum * 0.004 / (s - kPlain + 1);
  w[kEscape] = sum * 0.0005;
}

Weights seed() {
  Weights weights{};
  for (unsigned shape = 0; shape < kShapes; ++shape) {
    for (unsigned kind = 1; kind < kKinds; ++kind) {
      for (unsigned cls = 0; cls < kClasses; ++cls) {
        seed_values(shape, kind, cls, weights[table_of(shape, kind) + cls]);
      }
    }
  }
  for (unsigned t = kValueTables; t < kTables; ++t) {
    for (unsigned s = 0; s <= kFullScale; ++s) {
      weights[t][s] = decay(1.1 * std::fabs(static_cast<double>(s) - kStepMax)) + 0.01;
    }
  }
  return weights;
}

// Weights as frequencies that sum up to kStates; what must be writable has at least one state.
Frequencies normalised(unsigned table, const std::array<double, kSymbols>& weights) {
  Frequencies f{};
  if (table < kValueTables && table / kClasses % kKinds == 0) {  // runs of zeros
    f[0] = kStates;
    return f;
  }
  const bool values = table < kValueTables;
  double sum = 0;
  for (const auto w : weights) sum += w;
  int left = static_cast<int>(kStates);
  std::size_t most = 0;
  for (std::size_t s = 0; s < kSymbols; ++s) {
    const double share = weights[s] / sum * kStates;
    auto n = static_cast<int>(share + 0.5);
    const bool needed = values ? s == kEscape : s <= kFullScale;
    if (n == 0 && (needed || share > 0.3)) n = 1;
    f[s] = static_cast<std::uint16_t>(n);
    left -= n;
    if (f[s] > f[most]) most = s;
  }
  f[most] = static_cast<std::uint16_t>(f[most] + left);
  return f;
}

void count(const Model& model, const std::vector<std::vector<std::int64_t>>& streams,
           Weights& counts) {
  Tokens tokens;
  for (const auto& residuals : streams) {
    tokenise(model, residuals, 1, tokens);
    for (const auto t : tokens.scale_tokens) counts[t >> 6][t & 63] += 1;
    for (std::size_t i = 0; i < residuals.size(); ++i) {
      if (tokens.scales[i / kRun] != 0) counts[tokens.values[i] >> 6][tokens.values[i] & 63] += 1;
    }
  }
}

std::string text_of(const std::array<Frequencies, kTables>& all) {
  std::string text = "R\"(";
  for (const auto& f : all) {
    std::size_t used = kSymbols;
    while (used > 1 && f[used - 1] == 0) --used;
    for (std::size_t s = 0; s < used; ++s) text += (s == 0 ? "" : " ") + std::to_string(f[s]);
    text += '\n';
  }
  return text + ")\"\n";
}

}  // namespace

std::string tans_tables() {
  const auto streams = training_residuals();
  auto weights = seed();
  std::array<Frequencies, kTables> frequencies;
  const auto model = std::make_unique<Model>();
  for (int round = 0; round <= kRounds; ++round) {
    for (unsigned t = 0; t < kTables; ++t) frequencies[t] = normalised(t, weights[t]);
    if (round == kRounds) break;
    build(frequencies, *model);
    for (auto& w : weights) {
      double sum = 0;
      for (const auto v : w) sum += v;
      for (auto& v : w) v *= sum > 0 ? kPriorWeight / sum : 0;
    }
    count(*model, streams, weights);
  }
  return text_of(frequencies);
}

}  // namespace tidemark::bench
