#include "common/codec/packing.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "common/codec/numbers.h"

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

bool rows_recur(std::span<const std::uint64_t> words) {
  // Six in a row: of a few coarse levels triples recur by chance, and then zstd gains nothing.
  constexpr std::size_t kRow = 6, kSlots = 1024, kSample = 512;
  if (words.size() < 2 * kRow) return false;
  std::array<std::uint32_t, kSlots> seen{};
  const auto n = std::min(words.size() - kRow, kSample);
  const auto from = (words.size() - kRow - n) / 2;
  std::size_t again = 0;
  for (std::size_t i = from; i < from + n; ++i) {
    std::uint64_t hash = 0;
    for (std::size_t j = 0; j < kRow; ++j) hash = (hash ^ words[i + j]) * 0x9e3779b97f4a7c15U;
    const auto key = static_cast<std::uint32_t>(hash >> 32) | 1U;
    auto& slot = seen[(hash >> 20) % kSlots];
    again += slot == key ? 1 : 0;
    slot = key;
  }
  return again * 4 > n;
}

// Fewer bits than zstd could take by the values' own odds, by a sample. More than a few different
// values zstd tells by where each was last, which takes kPlace bits more than their odds.
bool below_order_0(std::span<const std::uint64_t> words, std::size_t bytes) {
  constexpr std::size_t kSlots = 256, kDifferentMax = 64, kSample = 512, kFew = 8;
  constexpr double kPlace = 2;
  const auto stride = std::max<std::size_t>(1, words.size() / kSample);
  std::array<std::uint64_t, kSlots> keys;
  std::array<std::uint32_t, kSlots> counts{};
  std::size_t different = 0;
  std::uint32_t sample = 0;
  for (std::size_t i = 0; i < words.size(); i += stride, ++sample) {
    auto slot = static_cast<std::size_t>(words[i] * 0x9e3779b97f4a7c15U >> 56);
    while (counts[slot] != 0 && keys[slot] != words[i]) slot = (slot + 1) % kSlots;
    keys[slot] = words[i];
    if (counts[slot]++ == 0 && ++different > kDifferentMax) return true;
  }
  double bits = 0;
  for (const auto c : counts) {
    if (c > 0) bits += c * rough_log2(static_cast<double>(sample) / c);
  }
  const auto odds = bits / sample + (different > kFew ? kPlace : 0);
  return static_cast<double>(bytes) * 8 / static_cast<double>(words.size()) < odds;
}

}  // namespace

bool zstd_may_win(std::span<const std::uint64_t> words, std::size_t bytes) {
  if (words.size() < 12) return false;
  return rows_recur(words) || (bytes > 128 && !below_order_0(words, bytes));
}

}  // namespace tidemark::codec
