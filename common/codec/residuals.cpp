#include "common/codec/residuals.h"

#include <algorithm>
#include <array>

#include "common/codec/dense.h"
#include "common/codec/fast.h"
#include "common/codec/numbers.h"
#include "common/codec/tans.h"

namespace tidemark::codec {
namespace {

template <typename Reader>
bool run(ByteReader& in, std::size_t count, std::int64_t before, Consumer& consumer) {
  std::array<std::int64_t, kBefore + kStep> places;
  std::fill_n(places.begin(), kBefore, before);
  Reader reader(in, count);
  for (std::size_t at = 0; at < count;) {
    const auto n = reader.next(places.data() + kBefore);
    if (n == 0) break;
    consumer.take(places.data() + kBefore, at, n);
    std::copy_n(places.begin() + static_cast<std::ptrdiff_t>(n), kBefore, places.begin());
    at += n;
  }
  return reader.finish(in);
}

class CopyTo final : public Consumer {
 public:
  explicit CopyTo(std::int64_t* to) : to_(to) {}
  void take(std::int64_t* residuals, std::size_t at, std::size_t n) override {
    std::copy_n(residuals, n, to_ + at);
  }

 private:
  std::int64_t* to_;
};

}  // namespace

void write_residuals(Tier tier, std::span<const std::int64_t> residuals, ByteWriter& out) {
  switch (tier) {
    case Tier::fast: return fast::write(residuals, out);
    case Tier::standard: return tans::write(residuals, out);
    case Tier::dense: return dense::write(residuals, out);
  }
}

constexpr unsigned kSmall = 32, kBits = 5;  // folded; what they take packed

bool may_pack_badly(std::size_t residuals, std::size_t bytes) {
  constexpr std::size_t kWorth = 64;  // bytes
  return bytes >= kWorth && bytes * 8 <= residuals * kBits;
}

bool packs_badly(std::span<const std::int64_t> residuals, std::size_t bytes) {
  constexpr double kMargin = 0.5;             // bits a value
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
  return static_cast<double>(bytes) * 8 / static_cast<double>(n) > bits / sample + kMargin;
}

bool read_residuals(Tier tier, ByteReader& in, std::size_t count, std::int64_t before,
                    Consumer& consumer) {
  if (count == 0) return in.ok();
  switch (tier) {
    case Tier::fast: return run<fast::Reader>(in, count, before, consumer);
    case Tier::standard: return run<tans::Reader>(in, count, before, consumer);
    case Tier::dense: return run<dense::Reader>(in, count, before, consumer);
  }
  return false;
}

bool read_residuals(Tier tier, ByteReader& in, std::span<std::int64_t> residuals) {
  CopyTo copy(residuals.data());
  return read_residuals(tier, in, residuals.size(), 0, copy);
}

}  // namespace tidemark::codec
