#include <algorithm>
#include <array>
#include <vector>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/fast.h"
#include "common/codec/predictor.h"
#include "common/codec/residuals.h"
#include "common/codec/restorer.h"
#include "common/codec/sequence.h"
#include "common/codec/sequence_heads.h"

namespace tidemark::codec {
namespace {

constexpr std::int64_t kDivisorNear = std::int64_t{1} << 31;  // products below stay in 32 bits

bool read_short(ByteReader& in, std::size_t count, Values& to) {
  const auto head = in.u8();
  const bool delta = (head & kShortDelta) != 0;
  const auto width = head & 63U;
  if (count > kShortMax) in.fail();
  auto v = in.svarint();
  if (!in.ok()) return false;
  const auto numbers = delta ? count - 1 : count;
  BitReader bits(in.raw((numbers * width + 7) / 8));
  if (!in.ok()) return false;
  std::array<std::int64_t, kShortMax> values;
  for (std::size_t i = 0; i < count; ++i) {
    if (delta) {
      if (i > 0) v = plus(v, unzigzag(bits.get(width)));
      values[i] = v;
    } else {
      values[i] = plus(v, static_cast<std::int64_t>(bits.get(width)));
    }
  }
  to.take(values.data(), {{1, count}, 0, count});
  return true;
}

// False, and no products, if they may leave 32 bits.
TIDE_CLONES bool multiply(const std::int32_t* offsets, std::size_t n, std::int64_t by,
                                std::int32_t* products) {
  std::int32_t any = 0;  // of the bits but for the sign
  for (std::size_t i = 0; i < n; ++i) any |= offsets[i] ^ (offsets[i] >> 31);
  if (by >= kDivisorNear || (static_cast<std::int64_t>(any) + 1) * by >= kDivisorNear) return false;
  const auto factor = static_cast<std::int32_t>(by);
  for (std::size_t i = 0; i < n; ++i) products[i] = offsets[i] * factor;
  return true;
}

// Residuals into values, then on to whom they are for.
class Restoring final : public Values {
 public:
  Restoring(const Predictor& p, const Cut& cut, Values& to)
      : restorer_(p, cut.lanes), begin_(p.begin()), cut_(cut), to_(to) {}
  void take(std::int64_t* residuals, const Part& part) override {
    const auto at = begin_ + part.at;
    to_.take(restorer_.restore(residuals, at, part.rows), {cut_, at, part.rows});
  }

 private:
  Restorer restorer_;
  std::size_t begin_;
  Cut cut_;
  Values& to_;
};

void give_firsts(std::array<std::int64_t, kLanesMax> firsts, const Cut& cut, Values& to) {
  to.take(firsts.data(), {cut, 0, 1});
}

// first + step * place
void give_slope(std::int64_t first, std::int64_t step, const Cut& cut, Values& to) {
  std::array<std::int64_t, kStep> numbers;
  const auto rows_max = kStep / cut.lanes;
  for (std::size_t at = 0; at < cut.rows; at += rows_max) {
    const auto rows = std::min(rows_max, cut.rows - at);
    for (unsigned l = 0; l < cut.lanes; ++l) {
      auto v = plus(first, times(step, static_cast<std::int64_t>(l * cut.rows + at)));
      for (auto i = std::size_t{l}; i < rows * cut.lanes; i += cut.lanes, v = plus(v, step)) {
        numbers[i] = v;
      }
    }
    to.take(numbers.data(), {cut, at, rows});
  }
}

// The coder of a sequence and its cut; `tier` is that of the block.
bool read_plain(Tier tier, ByteReader& in, std::size_t count, Cut cut, Values& to) {
  auto ahead = in;
  const auto head = ahead.u8();
  if ((head & kShort) != 0) return read_short(in, count, to);
  in = ahead;
  if ((head & kByStandard) != 0 && tier == Tier::fast) {
    tier = Tier::standard;
    cut = cut_of(tier, count);
  }
  const auto p = read_predictor(head & static_cast<std::uint8_t>(~kByStandard), cut.lanes, in);
  if (!in.ok()) return false;
  if (p.leaves_nothing() && p.mean == 0 && cut.lanes == 1) {
    to.take_same(p.firsts[0], count);
    return true;
  }
  if (p.leaves_nothing()) {
    give_slope(p.firsts[0], p.mean, cut, to);
    return true;
  }
  if (tier == Tier::fast && p.kind != Prediction::linear) return fast::read(p, in, count, to);
  if (p.begin() == 1) give_firsts(p.firsts, cut, to);
  Restoring restoring(p, cut, to);
  return read_residuals(tier, in, {cut.lanes, cut.rows - p.begin()}, restoring);
}

TIDE_CLONES bool are_ranks(std::int64_t base, const std::int32_t* offsets, std::size_t n,
                                 std::size_t entries) {
  constexpr std::int64_t kNearBase = std::int64_t{1} << 40;
  if (base < -kNearBase || base > kNearBase) return false;
  auto least = offsets[0], largest = offsets[0];
  for (std::size_t i = 0; i < n; ++i) {
    least = offsets[i] < least ? offsets[i] : least;
    largest = offsets[i] > largest ? offsets[i] : largest;
  }
  return base + least >= 0 && base + largest < static_cast<std::int64_t>(entries);
}
TIDE_CLONES bool are_ranks(const std::int64_t* numbers, std::size_t n, std::size_t entries) {
  const auto last = static_cast<std::int64_t>(entries) - 1;
  std::int64_t outside = 0;  // its sign: a rank below 0, or above the last
  for (std::size_t i = 0; i < n; ++i) outside |= numbers[i] | minus(last, numbers[i]);
  return outside >= 0;
}

// Ranks into values, unless these are taken as ranks.
class FromTable final : public Values {
 public:
  FromTable(std::span<const std::int64_t> table, Values& to)
      : table_(table), to_(to), ranks_taken_(to.map(table)) {}
  void take(std::int64_t* numbers, const Part& part) override {
    const auto n = part.numbers();
    inside_ = inside_ && are_ranks(numbers, n, table_.size());
    if (!inside_) return;
    if (!ranks_taken_) {
      const auto* table = table_.data();
#pragma GCC unroll 8
      for (std::size_t i = 0; i < n; ++i) numbers[i] = table[numbers[i]];
    }
    to_.take(numbers, part);
  }
  void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                 std::size_t n) override {
    inside_ = inside_ && are_ranks(base, offsets, n, table_.size());
    if (!inside_) return;
    if (ranks_taken_) return to_.take_near(base, offsets, at, n);
    std::array<std::int64_t, kStep> mapped;
    const auto* from = table_.data() + base;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < n; ++i) mapped[i] = from[offsets[i]];
    to_.take(mapped.data(), {{1, at + n}, at, n});
  }
  [[nodiscard]] bool inside() const { return inside_; }

 private:
  std::span<const std::int64_t> table_;
  Values& to_;
  bool ranks_taken_;
  bool inside_ = true;
};

bool read_table(Tier tier, ByteReader& in, std::size_t count, const Cut& cut, Values& to) {
  const auto entries = in.varint();
  if (entries < 2 || entries > count) in.fail();
  if (!in.ok()) return false;
  std::vector<std::int64_t> table(static_cast<std::size_t>(entries));
  Into into(table);
  if (!read_plain(tier, in, table.size(), cut_of_entries(tier, table.size()), into)) return false;
  FromTable from(table, to);
  if (!read_plain(tier, in, count, cut, from)) return false;
  if (!from.inside()) in.fail();
  return from.inside();
}

// Differences into values; row 0 is apart.
class FromDeltas final : public Values {
 public:
  FromDeltas(const Predictor& delta, const Cut& cut, Values& to)
      : restorer_(delta, cut.lanes), cut_(cut), to_(to) {}
  void take(std::int64_t* numbers, const Part& part) override {
    whole_ = whole_ && part.cut.lanes == cut_.lanes;
    if (!whole_) return;
    const Part of_values{cut_, part.at + 1, part.rows};
    to_.take(restorer_.restore(numbers, of_values.at, part.rows), of_values);
  }
  [[nodiscard]] bool whole() const { return whole_; }

 private:
  Restorer restorer_;
  Cut cut_;
  Values& to_;
  bool whole_ = true;  // the differences come by the segments of the values
};

bool read_delta_table(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  const auto cut = cut_of(tier, count);
  if (cut.rows < 2) in.fail();
  const auto delta =
      read_predictor(static_cast<std::uint8_t>(Prediction::delta), cut.lanes, in);
  if (!in.ok()) return false;
  give_firsts(delta.firsts, cut, to);
  FromDeltas from(delta, cut, to);
  const Cut of_deltas{cut.lanes, cut.rows - 1};
  if (!read_table(tier, in, of_deltas.places(), of_deltas, from)) return false;
  if (!from.whole()) in.fail();
  return from.whole();
}

class Multiplied final : public Values {
 public:
  Multiplied(std::int64_t divisor, std::int64_t base, Values& to)
      : divisor_(divisor), base_(base), to_(to) {}
  void take(std::int64_t* numbers, const Part& part) override {
    const auto n = part.numbers();
    for (std::size_t i = 0; i < n; ++i) numbers[i] = plus(base_, times(numbers[i], divisor_));
    to_.take(numbers, part);
  }
  void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                 std::size_t n) override {
    std::array<std::int32_t, kStep> products;
    if (multiply(offsets, n, divisor_, products.data())) {
      to_.take_near(plus(base_, times(base, divisor_)), products.data(), at, n);
    } else {
      Values::take_near(base, offsets, at, n);
    }
  }

 private:
  std::int64_t divisor_, base_;
  Values& to_;
};

bool read_undivided(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  auto ahead = in;
  const auto head = ahead.u8();
  const auto cut = cut_of(tier, count);
  if (head != kTable && head != kDeltaTable) return read_plain(tier, in, count, cut, to);
  in = ahead;
  return head == kTable ? read_table(tier, in, count, cut, to)
                        : read_delta_table(tier, in, count, to);
}

}  // namespace

bool read_sequence(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  if (count == 0) return in.ok();
  auto ahead = in;
  if (ahead.u8() != kDivided) return read_undivided(tier, in, count, to);
  in = ahead;
  const auto divisor = static_cast<std::int64_t>(in.varint());
  const auto base = in.svarint();
  if (divisor < 2) in.fail();
  Multiplied multiplied(divisor, base, to);
  return in.ok() && read_undivided(tier, in, count, multiplied);
}

bool read_sequence(Tier tier, ByteReader& in, std::span<std::int64_t> values) {
  Into into(values);
  return read_sequence(tier, in, values.size(), into);
}

}  // namespace tidemark::codec
