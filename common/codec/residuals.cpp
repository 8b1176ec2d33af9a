#include "common/codec/residuals.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/codec/dense.h"
#include "common/codec/fast.h"
#include "common/codec/numbers.h"
#include "common/codec/tans.h"

namespace tidemark::codec {
namespace {

template <typename Reader>
bool run(Reader&& reader, ByteReader& in, const Cut& cut, Values& values) {
  alignas(32) std::array<std::int64_t, kStep> numbers;
  for (std::size_t at = 0; at < cut.rows;) {
    const auto rows = reader.next(numbers.data());
    if (rows == 0) break;
    values.take(numbers.data(), {cut, at, rows});
    at += rows;
  }
  return reader.finish(in);
}

}  // namespace

Cut cut_of(Tier tier, std::size_t count) {
  const auto lanes = tier == Tier::standard ? tans::lanes_of(count) : 1U;
  return {lanes, (count + lanes - 1) / lanes};
}

void write_residuals(Tier tier, std::span<const std::int64_t> residuals, const Cut& cut,
                     ByteWriter& out) {
  switch (tier) {
    case Tier::fast: return fast::write(residuals, out);
    case Tier::standard: return tans::write(residuals, cut.lanes, out);
    case Tier::dense: return dense::write(residuals, out);
  }
}

constexpr unsigned kSmall = 32, kBits = 5;  // folded; what they take packed

bool may_pack_badly(std::size_t residuals, std::size_t bytes) {
  constexpr std::size_t kWorth = 64;  // bytes
  return bytes >= kWorth && bytes * 8 <= residuals * kBits;
}

bool packs_badly(std::span<const std::int64_t> residuals, std::size_t bytes, double margin) {
  const auto n = residuals.size();
  std::array<std::uint32_t, kSmall> counts{};
  const auto stride = std::max<std::size_t>(1, n / 512);
  std::uint32_t sample = 0;
  for (std::size_t i = 0; i < n; i += stride, ++sample) {
    const auto folded = zigzag(residuals[i]);
    if (folded >= kSmall) return false;
    ++counts[static_cast<std::size_t>(folded)];
  }
  double bits = 0;
  for (const auto c : counts) {
    if (c > 0) bits += c * rough_log2(static_cast<double>(sample) / c);
  }
  return static_cast<double>(bytes) * 8 / static_cast<double>(n) > bits / sample + margin;
}

bool read_residuals(Tier tier, ByteReader& in, const Cut& cut, Values& values) {
  if (cut.rows == 0) return in.ok();
  switch (tier) {
    case Tier::fast: return run(fast::Reader(in, cut.rows), in, cut, values);
    case Tier::standard: return run(tans::Reader(in, cut), in, cut, values);
    case Tier::dense: return run(dense::Reader(in, cut.rows), in, cut, values);
  }
  return false;
}

void write_residuals(Tier tier, std::span<const std::int64_t> residuals, ByteWriter& out) {
  const auto cut = cut_of(tier, residuals.size());
  if (cut.places() == residuals.size()) return write_residuals(tier, residuals, cut, out);
  std::vector<std::int64_t> padded(residuals.begin(), residuals.end());
  padded.resize(cut.places());
  write_residuals(tier, padded, cut, out);
}

bool read_residuals(Tier tier, ByteReader& in, std::span<std::int64_t> residuals) {
  Into into(residuals);
  return read_residuals(tier, in, cut_of(tier, residuals.size()), into);
}

}  // namespace tidemark::codec
