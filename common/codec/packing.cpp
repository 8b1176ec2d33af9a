#include "common/codec/packing.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <vector>

#include "common/codec/numbers.h"
#include "common/codec/recurrence.h"

namespace tidemark::codec {
namespace {

// Contexts are large (0.5 to 1 MiB) and slow to build, a block is small: one for each thread.
ZSTD_CCtx* compressor() {
  struct Free {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* decompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

ByteVector pack(ByteSpan bytes, int level) {
  auto* context = compressor();
  if (context == nullptr) return {};
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);  // the reader knows it
  ByteVector packed(ZSTD_compressBound(bytes.size()));
  const auto n =
      ZSTD_compress2(context, packed.data(), packed.size(), bytes.data(), bytes.size());
  packed.resize(ZSTD_isError(n) != 0 ? 0 : n);
  return packed;
}

bool unpack(ByteSpan frame, std::span<std::uint8_t> to) {
  auto* context = decompressor();
  if (context == nullptr) return false;
  const auto n =
      ZSTD_decompressDCtx(context, to.data(), to.size(), frame.data(), frame.size());
  return ZSTD_isError(n) == 0 && n == to.size();
}

namespace {

constexpr std::size_t kSampleMax = 512, kSampleMin = 96;

// Bits that zstd takes for a value at least, by the values' own odds in a sample. Where up to two
// bytes of a value change, it packs bytes by their odds; else it tells where a value was last,
// which takes as many bits again.
double bits_of_order_0(std::span<const std::uint64_t> words, std::size_t sample_max) {
  constexpr std::size_t kSlots = 1024;
  constexpr double kOneByte = 1.12, kPlace = 2;  // of the bits by odds
  constexpr double kNoise = 4.8;                 // bits of a byte that moves, if nothing recurs
  constexpr double kHalfLog2E = 0.72;  // a sample of n leaves out (different - 1) / n times it
  const auto stride = std::max<std::size_t>(1, words.size() / sample_max);
  std::array<std::uint64_t, kSlots> keys;
  std::array<std::uint16_t, kSlots> counts{};
  std::array<std::uint16_t, kSampleMax> places;  // of the different ones
  std::size_t different = 0, sample = 0;
  std::uint64_t varying = 0;
  for (std::size_t i = 0; i < words.size() && sample < sample_max; i += stride, ++sample) {
    auto slot = static_cast<std::size_t>(words[i] * 0x9e3779b97f4a7c15U >> 54);
    while (counts[slot] != 0 && keys[slot] != words[i]) slot = (slot + 1) % kSlots;
    keys[slot] = words[i];
    varying |= words[i] ^ words[0];
    if (counts[slot]++ == 0) places[different++] = static_cast<std::uint16_t>(slot);
  }
  int moved = 0;  // bytes of a value
  for (int b = 0; b < 64; b += 8) moved += (varying >> b & 0xff) != 0 ? 1 : 0;
  if (sample_max == kSampleMax && different * 8 > sample * 7) return kNoise * moved;
  const auto n = static_cast<double>(sample);
  double bits = static_cast<double>(different - 1) * kHalfLog2E;
  for (std::size_t i = 0; i < different; ++i) {
    const double c = counts[places[i]];
    bits += c * rough_log2(n / c);
  }
  return (moved <= 1 ? kOneByte : moved == 2 ? 1 : kPlace) * bits / n;
}

// A small sample has fewer bits than a large one, and says it of most series.
bool below_order_0(std::span<const std::uint64_t> words, std::size_t bytes) {
  const auto ours = static_cast<double>(bytes) * 8 / static_cast<double>(words.size());
  return ours < bits_of_order_0(words, kSampleMin) || ours < bits_of_order_0(words, kSampleMax);
}

}  // namespace

bool zstd_may_win(std::span<const std::uint64_t> words, std::size_t bytes) {
  constexpr std::size_t kFrameMin = 40;  // bytes: a frame of a few values has hardly fewer
  constexpr std::size_t kFrameLeast = 24;
  constexpr double kSure = 0.2, kMore = 1.3;  // a share by sample may be as much more
  if (words.size() < 12 || bytes <= kFrameLeast) return false;
  if (bytes > kFrameMin && !below_order_0(words, bytes)) return true;
  const auto share = recurring_share(words, bytes);
  if (share == 0) return false;
  const auto ours = static_cast<double>(bytes) * 8 / static_cast<double>(words.size());
  return share > kSure || ours > (1 - kMore * share) * bits_of_order_0(words, kSampleMax);
}

// 16 parts, so that all that the values do is in it. Of so many, all together recur little more
// than these do.
bool zstd_takes_more(std::span<const std::uint64_t> words, std::size_t bytes, int level) {
  constexpr std::size_t kWorth = 4096, kParts = 16, kShare = 4;
  constexpr double kFarMore = 1.4;
  if (words.size() < kWorth) return false;
  const auto n = words.size() / (kParts * kShare);
  std::vector<std::uint64_t> sample;
  for (std::size_t i = 0; i < kParts; ++i) {
    const auto part = words.subspan(i * (words.size() / kParts), n);
    sample.insert(sample.end(), part.begin(), part.end());
  }
  const auto packed = pack({reinterpret_cast<const std::uint8_t*>(sample.data()),
                            sample.size() * sizeof(std::uint64_t)}, level);
  const auto share = static_cast<double>(sample.size()) / static_cast<double>(words.size());
  return static_cast<double>(packed.size()) > kFarMore * share * static_cast<double>(bytes);
}

}  // namespace tidemark::codec
