#include "common/codec/feed.h"

#include <algorithm>
#include <array>

#include "common/base/clones.h"
#include "common/codec/decimals.h"
#include "common/codec/joined.h"
#include "common/codec/numbers.h"

namespace tidemark::codec {
namespace {

// Both feeds of a writer have one: integers are written while no decimals are.
std::vector<std::int32_t>& working_distances() {
  thread_local std::vector<std::int32_t> distances;
  return distances;
}

TIDE_CLONES bool take_distances(const std::int64_t* v, std::size_t n, std::int64_t first,
                                      std::int32_t* distances) {
  constexpr auto kEnd = static_cast<std::uint64_t>(kDistanceEnd);
  std::uint64_t far = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto d = static_cast<std::uint64_t>(v[i]) - static_cast<std::uint64_t>(first);
    distances[i] = static_cast<std::int32_t>(d);
    far |= d + kEnd;
  }
  return far < 2 * kEnd;
}
TIDE_CLONES void add_first(const std::int32_t* distances, std::size_t n, std::int64_t first,
                                 std::int64_t* numbers) {
  for (std::size_t i = 0; i < n; ++i) numbers[i] = plus(first, distances[i]);
}

TIDE_CLONES bool join_distances(const std::int64_t* integers, const std::int64_t* ulps,
                                      std::size_t n, unsigned bits, std::int64_t first,
                                      std::int32_t* distances) {
  constexpr auto kEnd = static_cast<std::uint64_t>(kDistanceEnd);
  std::uint64_t far = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto d = (static_cast<std::uint64_t>(integers[i]) << bits) +
                   static_cast<std::uint64_t>(ulps[i]) - static_cast<std::uint64_t>(first);
    distances[i] = static_cast<std::int32_t>(d);
    far |= d + kEnd;
  }
  return far < 2 * kEnd;
}

}  // namespace

Feed::Feed(std::size_t size, std::vector<std::int32_t>& distances) : size_(size) {
  distances.resize(std::max(distances.size(), size));
  distances_ = distances.data();
}

bool Feed::make(std::size_t from, std::size_t to) {
  const bool next = from <= made_;
  if (next) from = made_;
  if (from >= to) return true;
  if (next) made_ = to;
  return make_part(from, to, distances_ + from);
}

void Feed::widen(std::vector<std::int64_t>& numbers) const {
  numbers.resize(size_);
  add_first(distances_, size_, first_, numbers.data());
}

IntegerFeed::IntegerFeed(std::span<const std::int64_t> values)
    : Feed(values.size(), working_distances()), values_(values) {
  begin(values[0]);
}
bool IntegerFeed::make_part(std::size_t from, std::size_t to, std::int32_t* distances) {
  return take_distances(&values_[from], to - from, first(), distances);
}

JoinedFeed::JoinedFeed(std::span<const std::int64_t> integers, std::span<const std::int64_t> ulps,
                       unsigned bits)
    : Feed(integers.size(), working_distances()), integers_(integers), ulps_(ulps), bits_(bits) {
  begin(joined(integers[0], ulps[0], bits));
}
bool JoinedFeed::make_part(std::size_t from, std::size_t to, std::int32_t* distances) {
  const auto first_low = first() - (std::int64_t{1} << (bits_ - 1));
  return join_distances(&integers_[from], &ulps_[from], to - from, bits_, first_low, distances);
}

DecimalFeed::DecimalFeed(std::span<const double> values, unsigned exponent)
    : Feed(values.size(), working_distances()), values_(values), exponent_(exponent) {}

bool DecimalFeed::make_part(std::size_t from, std::size_t to, std::int32_t* distances) {
  if (from == 0) {
    constexpr std::size_t kDigits = 8;
    constexpr auto kFirstEnd = std::int64_t{1} << 50;  // 2^51, of which no distance comes near
    std::array<std::int64_t, kDigits> k;
    const auto n = std::min(to, kDigits);
    if (decimal_misses(values_.data(), n, exponent_, k.data()) != 0) return false;
    if (k[0] <= -kFirstEnd || k[0] >= kFirstEnd) return false;
    if (exponent_ != 0 && all_end_in_0({k.data(), n})) return false;
    begin(k[0]);
  }
  return decimal_distances(&values_[from], to - from, exponent_, first(), distances);
}

}  // namespace tidemark::codec
