#include "common/codec/recurrence.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/base/clones.h"

#ifdef TIDE_AVX2
#include <immintrin.h>
#endif

namespace tidemark::codec {
namespace {

constexpr std::size_t kRow = 6;     // values that a row has to share to be looked at
constexpr std::size_t kPart = 256;  // rows at once

constexpr std::uint32_t kMultiplier = 0x9e3779b1U;
using Picked = std::array<std::uint64_t, kPart / 64>;  // a bit each

// Which of kPart rows are in the sample; reads kPart + 8 words. A value and the next one decide;
// where they are the same, predictors see it.
void pick_plain(const std::uint64_t* words, std::uint32_t mask, Picked& picked) {
  const auto folded = [&](std::size_t i) {
    return static_cast<std::uint32_t>(words[i] ^ words[i] >> 32);
  };
  auto value = folded(0);
  for (std::size_t i = 0; i < kPart; ++i) {
    const auto next = folded(i + 1);
    const auto hash = (value ^ next << 5) * kMultiplier;
    const bool is = (hash & mask) == 0 && value != next;
    auto& bits = picked[i / 64];
    bits = bits >> 1 | std::uint64_t{is} << 63;
    value = next;
  }
}

#ifdef TIDE_AVX2
TIDE_AVX2 inline __m256i fold(const std::uint64_t* words) {
  const auto* at = reinterpret_cast<const __m256i*>(words);
  const auto a = _mm256_castsi256_ps(_mm256_loadu_si256(at));
  const auto b = _mm256_castsi256_ps(_mm256_loadu_si256(at + 1));
  const auto both = _mm256_xor_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
  return _mm256_permute4x64_epi64(_mm256_castps_si256(both), 0xd8);
}

TIDE_AVX2 void pick_fast(const std::uint64_t* words, std::uint32_t mask, Picked& picked) {
  const auto by = _mm256_set1_epi32(static_cast<int>(kMultiplier));
  const auto masks = _mm256_set1_epi32(static_cast<int>(mask));
  const auto one_on = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0);
  auto values = fold(words);
  auto turned = _mm256_permutevar8x32_epi32(values, one_on);
  for (auto& bits : picked) {
    bits = 0;
    for (unsigned at = 0; at < 64; at += 8) {
      words += 8;
      const auto coming = fold(words);
      const auto coming_turned = _mm256_permutevar8x32_epi32(coming, one_on);
      const auto next = _mm256_blend_epi32(turned, coming_turned, 0x80);
      const auto mixed = _mm256_xor_si256(values, _mm256_slli_epi32(next, 5));
      const auto hash = _mm256_mullo_epi32(mixed, by);
      const auto is = _mm256_andnot_si256(
          _mm256_cmpeq_epi32(values, next),
          _mm256_cmpeq_epi32(_mm256_and_si256(hash, masks), _mm256_setzero_si256()));
      const auto eight = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(is)));
      bits |= std::uint64_t{eight} << at;
      values = coming;
      turned = coming_turned;
    }
  }
}
#endif

void pick(const std::uint64_t* words, std::uint32_t mask, Picked& picked) {
#ifdef TIDE_AVX2
  if (has_avx2()) return pick_fast(words, mask, picked);
#endif
  pick_plain(words, mask, picked);
}

class Sample {
 public:
  Sample(std::span<const std::uint64_t> words, std::size_t stretch)
      : words_(words), stretch_(stretch) {}

  void add(std::size_t row) {
    const auto* w = words_.data() + row;
    if (w[0] == w[2] && w[0] == w[4] && w[1] == w[3] && w[1] == w[5]) return;  // two by turns
    ++rows_;
    auto mixed = w[0];
    for (std::size_t i = 1; i < kRow; ++i) mixed = std::rotl(mixed, 11) ^ w[i];
    mixed *= 0x9e3779b97f4a7c15U;
    auto& before = last_[static_cast<std::size_t>(mixed >> (64 - kSlotBits))];
    if (before > 0 && row + stretch_ <= words_.size()) {
      const auto* b = words_.data() + before - 1;
      again_ += std::memcmp(b, w, stretch_ * sizeof(*w)) == 0 ? 1 : 0;
    }
    before = static_cast<std::uint32_t>(row) + 1;
  }
  // Comparing on says no more.
  [[nodiscard]] bool enough() const { return again_ >= kEnough; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] double share() const {
    return rows_ == 0 ? 0 : static_cast<double>(again_) / static_cast<double>(rows_);
  }

 private:
  static constexpr std::size_t kEnough = 128;
  static constexpr unsigned kSlotBits = 10;

  std::span<const std::uint64_t> words_;
  std::size_t stretch_;
  std::size_t rows_ = 0, again_ = 0;
  std::array<std::uint32_t, 1U << kSlotBits> last_{};  // row + 1
};

// One row in 2^`fewer` of those that move.
void take_sample(std::span<const std::uint64_t> words, unsigned fewer, Sample& sample) {
  const auto mask = fewer == 0 ? 0U : ~0U << (32 - fewer);
  const auto rows = words.size() - kRow + 1;
  Picked picked;
  std::array<std::uint64_t, kPart + 8> last;
  for (std::size_t at = 0; at < rows && !sample.enough(); at += kPart) {
    const auto* from = words.data() + at;
    if (const auto left = words.size() - at; left < last.size()) {
      std::copy_n(from, left, last.begin());
      std::fill(last.begin() + static_cast<std::ptrdiff_t>(left), last.end(), words.back());
      from = last.data();
    }
    pick(from, mask, picked);
    for (std::size_t part = 0; part < picked.size(); ++part) {
      for (auto bits = picked[part]; bits != 0; bits &= bits - 1) {
        const auto row = at + part * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        if (row < rows) sample.add(row);
      }
    }
  }
}

}  // namespace

double recurring_share(std::span<const std::uint64_t> words, std::size_t bytes) {
  constexpr std::size_t kAccident = 24;  // bits; zstd takes about as many to say where it was
  constexpr std::size_t kStretchMax = 512;
  constexpr std::size_t kRowsMin = 24;
  constexpr unsigned kFewerMax = 20;
  if (words.size() < 2 * kRow) return 0;
  const auto stretch = std::clamp(kAccident * words.size() / (8 * bytes + 1), kRow, kStretchMax);
  auto fewer = std::min(static_cast<unsigned>(std::bit_width(words.size() / 96)), kFewerMax);
  for (;; fewer -= std::min(fewer, 3U)) {  // more where little moves
    Sample sample(words, stretch);
    take_sample(words, fewer, sample);
    if (sample.rows() >= kRowsMin || fewer == 0) return sample.share();
  }
}

}  // namespace tidemark::codec
