#include "common/codec/value_table.h"

#include <algorithm>
#include <array>
#include <bit>

#include "common/codec/bits.h"
#include "common/codec/extent.h"

namespace tidemark::codec {
namespace {

constexpr std::size_t kSparseMin = 32;  // values; below, a table costs more than it saves
constexpr std::uint64_t kPlacesMax = 65'536;
constexpr double kSparse = 1.5;  // width of the range in different values

constexpr std::size_t slot_of(std::int64_t v, unsigned bits) {
  return static_cast<std::size_t>(static_cast<std::uint64_t>(v) * 0x9e3779b97f4a7c15U >>
                                  (64 - bits));
}
double width(std::int64_t low, std::int64_t high) {
  return static_cast<double>(static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low));
}

}  // namespace

bool looks_sparse(std::span<const std::int64_t> values) {
  if (values.size() < kSparseMin) return false;
  const auto n = std::min(values.size(), kSparseSample);
  const auto stride = values.size() / n;
  constexpr unsigned kBits = 10;
  std::array<std::int64_t, 1U << kBits> keys;
  std::array<bool, 1U << kBits> used{};
  std::size_t different = 0;
  auto low = values[0], high = values[0];
  for (std::size_t i = 0; i < n; ++i) {
    const auto v = values[i * stride];
    low = std::min(low, v);
    high = std::max(high, v);
    auto slot = slot_of(v, kBits);
    while (used[slot] && keys[slot] != v) slot = (slot + 1) & (keys.size() - 1);
    if (used[slot]) continue;
    used[slot] = true;
    keys[slot] = v;
    ++different;
  }
  return different >= 2 && different * 4 <= n * 3 &&
         width(low, high) > kSparse * static_cast<double>(different);
}

namespace {

constexpr unsigned kDependentMax = 7;  // low bits of a value that the others may tell

// Of a narrow range: by a place for each value of it, or for each that is left without `dependent`
// low bits; nothing when one place has several.
std::optional<ValueTable> table_by_place(std::span<const std::int64_t> values, std::int64_t low,
                                         std::size_t places, unsigned dependent) {
  constexpr std::size_t kWord = 64;
  constexpr std::uint8_t kOccurs = 0x80;  // beside the dependent bits
  thread_local std::vector<std::uint8_t> working_flags;
  thread_local std::vector<std::uint16_t> working_ranks(kPlacesMax);
  working_flags.assign((places + kWord - 1) / kWord * kWord, 0);
  auto* const flags = working_flags.data();
  auto* const ranks = working_ranks.data();  // where it occurs
  const auto first = low >> dependent;
  const auto mask = static_cast<std::int64_t>(low_mask(dependent));
  const auto flag_of = [=](std::int64_t v) {
    return static_cast<std::uint8_t>(kOccurs | (v & mask));
  };
  for (const auto v : values) flags[(v >> dependent) - first] = flag_of(v);
  ValueTable table;
  for (std::size_t at = 0; at < places; at += kWord) {
    for (auto word = top_bits(flags + at); word != 0; word &= word - 1) {
      const auto place = at + static_cast<std::size_t>(std::countr_zero(word));
      ranks[place] = static_cast<std::uint16_t>(table.values.size());
      const auto high = static_cast<std::uint64_t>(first + static_cast<std::int64_t>(place));
      table.values.push_back(static_cast<std::int64_t>(high << dependent) |
                             (flags[place] & mask));
    }
  }
  if (table.values.size() < 2 || table.values.size() * 2 > values.size()) return std::nullopt;
  table.ranks.resize(values.size());
  unsigned others = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto place = (values[i] >> dependent) - first;
    table.ranks[i] = ranks[place];
    others |= static_cast<unsigned>(flags[place] ^ flag_of(values[i]));
  }
  if (others != 0) return std::nullopt;
  return table;
}

std::optional<ValueTable> table_by_hash(std::span<const std::int64_t> values);

}  // namespace

std::optional<ValueTable> table_of_values(std::span<const std::int64_t> values) {
  const auto [low, high] = extent_of(values);
  for (unsigned dependent = 0; dependent <= kDependentMax; ++dependent) {
    const auto places = static_cast<std::uint64_t>(high >> dependent) -
                        static_cast<std::uint64_t>(low >> dependent);
    if (places >= kPlacesMax) continue;
    auto table = table_by_place(values, low, static_cast<std::size_t>(places) + 1, dependent);
    if (table || dependent == 0) return table;
    break;
  }
  return table_by_hash(values);
}

namespace {

std::optional<ValueTable> table_by_hash(std::span<const std::int64_t> values) {
  const auto n = values.size();
  const auto bits = static_cast<unsigned>(std::bit_width(n));
  struct Entry {
    std::int64_t value;
    std::uint32_t number;  // from 1, in order of appearance; 0: free
  };
  std::vector<Entry> entries(std::size_t{1} << bits, Entry{0, 0});
  ValueTable table;
  table.ranks.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    auto slot = slot_of(values[i], bits);
    while (entries[slot].number != 0 && entries[slot].value != values[i]) {
      slot = (slot + 1) & (entries.size() - 1);
    }
    auto& e = entries[slot];
    if (e.number == 0) {
      if ((table.values.size() + 1) * 2 > n) return std::nullopt;
      table.values.push_back(values[i]);
      e = {values[i], static_cast<std::uint32_t>(table.values.size())};
    }
    table.ranks[i] = e.number - 1;
  }
  if (table.values.size() < 2) return std::nullopt;
  std::vector<std::uint32_t> order(table.values.size()), rank(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return table.values[a] < table.values[b]; });
  for (std::uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  for (auto& r : table.ranks) r = rank[static_cast<std::size_t>(r)];
  std::sort(table.values.begin(), table.values.end());
  return table;
}

}  // namespace

}  // namespace tidemark::codec
