#include "common/codec/sequence.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <optional>
#include <vector>

#include "common/codec/bits.h"
#include "common/codec/clones.h"
#include "common/codec/extent.h"
#include "common/codec/fast.h"
#include "common/codec/predictor.h"
#include "common/codec/residuals.h"
#include "common/codec/restorer.h"
#include "common/codec/value_table.h"

namespace tidemark::codec {
namespace {

// First bytes beside those of Prediction.
constexpr std::uint8_t kTable = 6;
constexpr std::uint8_t kDivided = 7;
constexpr std::uint8_t kDeltaTable = 8;
// A short sequence: its head is this, plus kShortDelta, plus the width of the numbers behind.
constexpr std::uint8_t kShort = 0x80;
constexpr std::uint8_t kShortDelta = 0x40;
constexpr std::size_t kShortMax = 64;    // values that may be short
constexpr std::size_t kShortSure = 12;   // values, if narrow, that are not worth another try
constexpr unsigned kShortWidth = 12;     // bits of these

constexpr std::int64_t kDivisorNear = std::int64_t{1} << 31;  // products below stay in 32 bits

// Beside the predictor: residuals by the coder of tier standard, though the tier is fast.
constexpr std::uint8_t kByStandard = 0x40;

unsigned taps_of(Tier tier, const Effort& effort) {
  if (!effort.linear || tier == Tier::fast) return 0;
  return tier == Tier::dense ? kTapsMax : 8;
}

// values = first + divisor * quotient, for all of a run; by doubles, which vectorise. Distances
// are below 2^51.
TIDE_CODEC_CLONES bool divide_run(const std::int64_t* values, std::size_t n, std::int64_t first,
                                  double divisor, std::int64_t* quotients) {
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = small_to_double(minus(values[i], first));
    const double q = (d / divisor + kMagic) - kMagic;
    wrong |= bits_of(q * divisor) ^ bits_of(d);
    quotients[i] = double_to_small(q);
  }
  return wrong == 0;
}

// The greatest common divisor of all distances from the first value; 1: nothing to gain.
std::uint64_t divide(std::span<const std::int64_t> values, std::vector<std::int64_t>& quotients) {
  constexpr std::size_t kProbe = 24;
  const auto gcd_of = [&](std::uint64_t divisor, std::size_t begin, std::size_t end) {
    for (auto i = begin; i < end && divisor != 1; ++i) {
      const auto d = minus(values[i], values[0]);
      const auto u = static_cast<std::uint64_t>(d);
      divisor = std::gcd(divisor, d < 0 ? 0 - u : u);
    }
    return divisor;
  };
  const auto n = values.size();
  auto divisor = gcd_of(0, 1, std::min(n, kProbe));
  if (divisor == 1) return 1;
  const auto extent = extent_of(values);
  if (static_cast<std::uint64_t>(minus(extent.high, extent.low)) >= std::uint64_t{1} << 50) {
    return 1;
  }
  quotients.resize(n);
  for (std::size_t at = 0; at < n && divisor != 1;) {
    const auto m = std::min<std::size_t>(512, n - at);
    if (divisor != 0 && divide_run(values.data() + at, m, values[0],
                                   static_cast<double>(divisor), quotients.data() + at)) {
      at += m;
      continue;
    }
    divisor = gcd_of(divisor, at, at + m);
    at = divisor == 0 ? at + m : 0;  // those before have a smaller divisor now
  }
  return divisor == 0 ? 1 : divisor;
}

// The places of `cut`: values, and behind them the last one again.
std::span<const std::int64_t> padded(std::span<const std::int64_t> values, const Cut& cut) {
  if (values.size() == cut.places()) return values;
  thread_local std::vector<std::int64_t> copy;
  copy.assign(values.begin(), values.end());
  copy.resize(cut.places(), values.back());
  return copy;
}

void write_plain(Tier tier, const Predictor& chosen, std::span<const std::int64_t> values,
                 const Cut& cut, Effort effort, ByteWriter& out) {
  if (chosen.leaves_nothing()) return write_predictor(chosen, 1, out);
  const auto head = out.size();
  auto p = chosen;
  thread_local std::vector<std::int64_t> residuals;
  if (tier == Tier::fast) {
    write_predictor(p, 1, out);
    const auto at = out.size();
    fast::write(p, values, out);
    if (!effort.frequencies || !may_pack_badly(values.size(), out.size() - at)) return;
    predict(p, values, cut, residuals);
    if (!packs_badly(residuals, out.size() - at, effort.frequencies_worth)) return;
    out.out().resize(head);
    write_plain(Tier::standard, choose_predictor(values, 0), values,
                cut_of(Tier::standard, values.size()), effort, out);
    out.out()[head] |= kByStandard;
    return;
  }
  predict(p, padded(values, cut), cut, residuals);
  write_predictor(p, cut.lanes, out);
  write_residuals(tier, residuals, {cut.lanes, cut.rows - p.begin()}, out);
}

// In tier fast the simple ones, by the runs that its coder would write.
Predictor choose(Tier tier, std::span<const std::int64_t> values, unsigned taps_max) {
  if (tier == Tier::fast) {
    if (const auto same_steps = choose_slope(values)) return *same_steps;
    return fast::choose(values);
  }
  return choose_predictor(values, taps_max);
}

struct ShortPlan {
  bool delta = false;
  unsigned width = 64;
  std::size_t bytes = 0;
};

ShortPlan plan_short(std::span<const std::int64_t> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::uint64_t steps = 0;
  for (std::size_t i = 1; i < values.size(); ++i) steps |= zigzag(minus(values[i], values[i - 1]));
  const auto level_width = static_cast<unsigned>(
      std::bit_width(static_cast<std::uint64_t>(minus(*high, *low))));
  const auto delta_width = static_cast<unsigned>(std::bit_width(steps));
  const auto bytes_of = [](std::int64_t first, std::size_t n, unsigned width) {
    const auto first_bits = static_cast<std::size_t>(std::bit_width(zigzag(first) | 1));
    return 1 + (first_bits + 6) / 7 + (n * width + 7) / 8;
  };
  const auto level = bytes_of(*low, values.size(), level_width);
  const auto delta = bytes_of(values[0], values.size() - 1, delta_width);
  return delta < level ? ShortPlan{true, delta_width, delta}
                       : ShortPlan{false, level_width, level};
}

void write_short(const ShortPlan& plan, std::span<const std::int64_t> values, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(kShort | (plan.delta ? kShortDelta : 0U) | plan.width));
  const auto base = plan.delta ? values[0] : *std::min_element(values.begin(), values.end());
  out.svarint(base);
  BitWriter bits(out.out());
  for (std::size_t i = plan.delta ? 1 : 0; i < values.size(); ++i) {
    bits.put(plan.delta ? zigzag(minus(values[i], values[i - 1]))
                        : static_cast<std::uint64_t>(minus(values[i], base)),
             plan.width);
  }
  bits.finish();
}

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
TIDE_CODEC_CLONES bool multiply(const std::int32_t* offsets, std::size_t n, std::int64_t by,
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
    static constexpr std::array<std::int32_t, kStep> kSame{};
    for (std::size_t at = 0; at < count; at += kStep) {
      to.take_near(p.firsts[0], kSame.data(), at, std::min(kStep, count - at));
    }
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

TIDE_CODEC_CLONES bool are_ranks(std::int64_t base, const std::int32_t* offsets, std::size_t n,
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
bool are_ranks(const std::int64_t* numbers, std::size_t n, std::size_t entries) {
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

// There are fewer entries than ranks, but they have to be there before the first of those.
Cut cut_of_entries(Tier tier, std::size_t entries) {
  const auto lanes = cut_of(tier, 4 * entries).lanes;
  return {lanes, (entries + lanes - 1) / lanes};
}

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

constexpr double kFastTableWorth = 0.9;  // in tier fast: of the bits without one

struct TablePlan {
  ValueTable table;
  Predictor entries, ranks;
  // With a price for the time in the decoder.
  [[nodiscard]] double bits() const {
    constexpr double kRankBits = 0.03;
    return entries.bits + ranks.bits + 40 + kRankBits * static_cast<double>(table.ranks.size());
  }
};

std::optional<TablePlan> plan_table(Tier tier, std::span<const std::int64_t> values,
                                    unsigned taps_max) {
  if (!looks_sparse(values)) return std::nullopt;
  auto table = table_of_values(values);
  if (!table) return std::nullopt;
  TablePlan plan{std::move(*table), {}, {}};
  plan.entries = choose(tier, plan.table.values, 0);
  plan.ranks = choose(tier, plan.table.ranks, taps_max);
  return plan;
}

void write_table(Tier tier, const TablePlan& plan, const Cut& cut, Effort effort,
                 ByteWriter& out) {
  const auto& entries = plan.table.values;
  out.varint(entries.size());
  write_plain(tier, plan.entries, entries, cut_of_entries(tier, entries.size()), {}, out);
  write_plain(tier, plan.ranks, plan.table.ranks, cut, effort, out);
}

// value = base + divisor * number
struct Scaling {
  std::int64_t base = 0;
  std::int64_t divisor = 1;
};

// By a table, where that is smaller; false when nothing was written. It takes the values
// themselves, not their quotients, so that its reader does not have to multiply.
bool write_tabled(Tier tier, std::span<const std::int64_t> numbers, const Scaling& scaling,
                  const Predictor& plain, const Effort& effort, ByteWriter& out) {
  const auto taps_max = taps_of(tier, effort);
  const auto scale = [&](TablePlan& plan, std::int64_t base) {
    if (scaling.divisor == 1) return;
    for (auto& v : plan.table.values) v = plus(base, times(v, scaling.divisor));
    plan.entries = choose(tier, plan.table.values, 0);
  };
  const auto cut = cut_of(tier, numbers.size());
  Predictor delta;
  delta.kind = Prediction::delta;
  std::optional<TablePlan> table, of_deltas;
  table = plan_table(tier, numbers, taps_max);
  const auto plain_bits = tier == Tier::fast ? plain.bits * kFastTableWorth : plain.bits;
  const auto best = table ? std::min(table->bits(), plain_bits) : plain_bits;
  if (plain.kind != Prediction::mean && (tier != Tier::fast || !table)) {
    thread_local std::vector<std::int64_t> deltas;
    predict(delta, padded(numbers, cut), cut, deltas);
    of_deltas = plan_table(tier, deltas, taps_max);
    if (of_deltas && of_deltas->bits() < best) {
      scale(*of_deltas, 0);
      for (auto& first : delta.firsts) first = plus(scaling.base, times(first, scaling.divisor));
      const auto head = out.size();
      write_predictor(delta, cut.lanes, out);
      out.out()[head] = kDeltaTable;
      // Segments are those of the values, whatever coder would be better for the ranks.
      write_table(tier, *of_deltas, {cut.lanes, cut.rows - 1}, {.frequencies = false}, out);
      return true;
    }
  }
  if (!table || table->bits() >= plain_bits) return false;
  scale(*table, scaling.base);
  out.u8(kTable);
  write_table(tier, *table, cut, {}, out);
  return true;
}

// Writes numbers that may be quotients.
void write_scaled(Tier tier, std::span<const std::int64_t> numbers, const Scaling& scaling,
                  const Predictor& plain, Effort effort, ByteWriter& out) {
  if (!plain.leaves_nothing() && effort.table &&
      write_tabled(tier, numbers, scaling, plain, effort, out)) {
    return;
  }
  if (scaling.divisor != 1) {
    out.u8(kDivided);
    out.varint(static_cast<std::uint64_t>(scaling.divisor));
    out.svarint(scaling.base);
  }
  const auto at = out.size();
  write_plain(tier, plain, numbers, cut_of(tier, numbers.size()), effort, out);
  if (numbers.size() > kShortMax || scaling.divisor == 1) return;
  const auto short_plan = plan_short(numbers);  // the other case is write_sequence()'s
  if (short_plan.width == 64 || short_plan.bytes >= out.size() - at) return;
  out.out().resize(at);
  write_short(short_plan, numbers, out);
}

}  // namespace

namespace {

bool slope_of(std::span<const std::int64_t> values) {
  for (std::size_t i = 2; i < values.size(); ++i) {
    if (minus(values[i], values[i - 1]) != minus(values[1], values[0])) return false;
  }
  return true;
}

void write_long(Tier tier, std::span<const std::int64_t> values, ByteWriter& out, Effort effort) {
  thread_local std::vector<std::int64_t> quotients;
  const auto divisor = values.size() < 3 || !effort.divisor ? 1 : divide(values, quotients);
  const auto& numbers = divisor == 1 ? values : std::span<const std::int64_t>(quotients);
  const auto plain = choose(tier, numbers, taps_of(tier, effort));
  if (divisor == 1 || plain.leaves_nothing()) {  // then so does the whole
    return write_scaled(tier, values, {}, divisor == 1 ? plain : choose(tier, values, 0), effort,
                        out);
  }
  write_scaled(tier, numbers, {values[0], static_cast<std::int64_t>(divisor)}, plain, effort, out);
}

}  // namespace

void write_sequence(Tier tier, std::span<const std::int64_t> values, ByteWriter& out,
                    Effort effort) {
  if (values.empty()) return;
  if (values.size() > kShortMax) return write_long(tier, values, out, effort);
  const auto plan = plan_short(values);
  const bool sure = values.size() <= kShortSure && plan.width <= kShortWidth;
  const auto at = out.size();
  if (!sure || slope_of(values)) write_long(tier, values, out, effort);
  if (plan.width == 64 || (out.size() > at && out.size() - at <= plan.bytes)) return;
  out.out().resize(at);
  write_short(plan, values, out);
}

double forecast_bits(std::span<const std::int64_t> values) {
  if (values.empty()) return 0;
  if (values.size() <= kShortMax) return 8.0 * static_cast<double>(plan_short(values).bytes);
  thread_local std::vector<std::int64_t> quotients;
  return choose(Tier::fast, divide(values, quotients) == 1 ? values : quotients, 0).bits;
}

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

bool has_entropy_coder(ByteSpan written) {
  return !written.empty() && written[0] >= kByStandard && written[0] < kByStandard + kTable;
}

bool is_tabled(ByteSpan written) { return !written.empty() && written[0] == kTable; }

std::string sequence_words(ByteSpan written) {
  constexpr const char* kWords[] = {"mean", "delta", "delta2", "linear", "constant", "slope"};
  ByteReader in(written);
  auto head = in.u8();
  std::string words;
  if (head == kDivided) {
    words = "divided+";
    static_cast<void>(in.varint());
    static_cast<void>(in.svarint());
    head = in.u8();
  }
  if (head == kTable) return words + "table";
  if (head == kDeltaTable) return words + "delta+table";
  return head < std::size(kWords) ? words + kWords[head] : "none";
}

}  // namespace tidemark::codec
