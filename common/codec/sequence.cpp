#include "common/codec/sequence.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "common/codec/residuals.h"

namespace tidemark::codec {
namespace {

enum Predictor : std::uint8_t { kMean = 0, kDelta = 1, kDelta2 = 2, kConstant = 4 };

std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::uint64_t cost(std::span<const std::int64_t> residuals) {
  std::uint64_t bits = 0;
  for (const auto r : residuals) bits += static_cast<std::uint64_t>(std::bit_width(zigzag(r)));
  return bits;
}

std::int64_t mean_of(std::span<const std::int64_t> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const auto range = static_cast<std::uint64_t>(minus(*high, *low));
  if (range >= std::uint64_t{1} << 46) return *low;  // the sum below would overflow
  std::uint64_t sum = 0;
  for (const auto v : values) sum += static_cast<std::uint64_t>(minus(v, *low));
  return plus(*low, static_cast<std::int64_t>(sum / values.size()));
}

}  // namespace

void write_sequence(Tier tier, std::span<const std::int64_t> values, ByteWriter& out) {
  if (values.empty()) return;
  if (std::all_of(values.begin(), values.end(), [&](auto v) { return v == values[0]; })) {
    out.u8(kConstant);
    return out.svarint(values[0]);
  }
  const auto n = values.size() - 1;
  const auto mean = mean_of(values);
  std::vector<std::int64_t> level(n), delta(n), delta2(n);
  for (std::size_t i = 0; i < n; ++i) {
    level[i] = minus(values[i + 1], mean);
    delta[i] = minus(values[i + 1], values[i]);
    delta2[i] = minus(delta[i], i == 0 ? 0 : delta[i - 1]);
  }
  const auto level_cost = cost(level) + 8, delta_cost = cost(delta), delta2_cost = cost(delta2);
  const auto predictor = level_cost < delta_cost && level_cost < delta2_cost ? kMean
                         : delta_cost <= delta2_cost                         ? kDelta
                                                                             : kDelta2;
  out.u8(predictor);
  out.svarint(values[0]);
  if (predictor == kMean) out.svarint(minus(mean, values[0]));
  write_residuals(tier, predictor == kMean ? level : predictor == kDelta ? delta : delta2, out);
}

bool read_sequence(Tier tier, ByteReader& in, std::span<std::int64_t> values) {
  if (values.empty()) return in.ok();
  const auto predictor = in.u8();
  values[0] = in.svarint();
  if (predictor == kConstant) {
    std::fill(values.begin(), values.end(), values[0]);
    return in.ok();
  }
  if (predictor > kDelta2) in.fail();
  const auto mean = predictor == kMean ? plus(values[0], in.svarint()) : 0;
  if (!read_residuals(tier, in, values.subspan(1))) return false;
  std::int64_t step = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (predictor == kMean) {
      values[i] = plus(values[i], mean);
      continue;
    }
    step = predictor == kDelta ? values[i] : plus(step, values[i]);
    values[i] = plus(values[i - 1], step);
  }
  return true;
}

}  // namespace tidemark::codec
