#include "common/codec/sequence.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <optional>
#include <vector>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/extent.h"
#include "common/codec/fast.h"
#include "common/codec/predictor.h"
#include "common/codec/residuals.h"
#include "common/codec/sequence_heads.h"
#include "common/codec/value_table.h"

namespace tidemark::codec {
namespace {

constexpr std::size_t kShortSure = 12;   // values, if narrow, that are not worth another try
constexpr unsigned kShortWidth = 12;     // bits of these

unsigned taps_of(Tier tier, const Effort& effort) {
  if (!effort.linear || tier == Tier::fast) return 0;
  return tier == Tier::dense ? kTapsMax : 8;
}

// values = first + divisor * quotient, for all of a run; by doubles, which vectorise. Distances
// are below 2^51.
TIDE_CLONES bool divide_run(const std::int64_t* values, std::size_t n, std::int64_t first,
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

constexpr std::size_t kProbe = 24;  // values that may have no common divisor

// The greatest common divisor of `divisor` and some distances from the first value.
std::uint64_t gcd_of(std::uint64_t divisor, std::span<const std::int64_t> values,
                     std::size_t begin, std::size_t end) {
  for (auto i = begin; i < end && divisor != 1; ++i) {
    const auto d = minus(values[i], values[0]);
    const auto u = static_cast<std::uint64_t>(d);
    divisor = std::gcd(divisor, d < 0 ? 0 - u : u);
  }
  return divisor;
}
// Of the distances themselves: whether the first ones say so.
bool has_no_divisor(const std::int32_t* distances, std::size_t n) {
  std::uint32_t divisor = 0;
  for (std::size_t i = 1; i < std::min(n, kProbe) && divisor != 1; ++i) {
    const auto d = distances[i];
    divisor = std::gcd(divisor, static_cast<std::uint32_t>(d < 0 ? -d : d));
  }
  return divisor == 1;
}
bool has_slope(const std::int32_t* distances, std::size_t n) {
  for (std::size_t i = 2; i < n; ++i) {
    if (distances[i] - distances[i - 1] != distances[1]) return false;
  }
  return true;
}

// The greatest common divisor of all distances from the first value; 1: nothing to gain.
std::uint64_t divide(std::span<const std::int64_t> values, std::vector<std::int64_t>& quotients) {
  const auto n = values.size();
  auto divisor = gcd_of(0, values, 1, std::min(n, kProbe));
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
    divisor = gcd_of(divisor, values, at, at + m);
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

// Replaces what tier fast wrote from `head` on, `bytes` of it residuals, by what tier standard
// makes of these values, if that is worth its time.
void write_by_frequencies(Predictor p, std::span<const std::int64_t> values, std::size_t head,
                          std::size_t bytes, const Effort& effort, ByteWriter& out);

void write_plain(Tier tier, const Predictor& chosen, std::span<const std::int64_t> values,
                 const Cut& cut, Effort effort, ByteWriter& out) {
  if (chosen.leaves_nothing()) return write_predictor(chosen, 1, out);
  auto p = chosen;
  if (tier == Tier::fast) {
    const auto head = out.size();
    write_predictor(p, 1, out);
    const auto at = out.size();
    fast::write(p, values, out);
    if (effort.frequencies && may_pack_badly(values.size(), out.size() - at)) {
      write_by_frequencies(p, values, head, out.size() - at, effort, out);
    }
    return;
  }
  thread_local std::vector<std::int64_t> residuals;
  predict(p, padded(values, cut), cut, residuals);
  write_predictor(p, cut.lanes, out);
  write_residuals(tier, residuals, {cut.lanes, cut.rows - p.begin()}, out);
}

void write_by_frequencies(Predictor p, std::span<const std::int64_t> values, std::size_t head,
                          std::size_t bytes, const Effort& effort, ByteWriter& out) {
  thread_local std::vector<std::int64_t> residuals;
  predict(p, values, {1, values.size()}, residuals);
  if (!packs_badly(residuals, bytes, effort.frequencies_worth)) return;
  out.out().resize(head);
  write_plain(Tier::standard, choose_predictor(values, 0), values,
              cut_of(Tier::standard, values.size()), effort, out);
  out.out()[head] |= kByStandard;
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

bool slope_of(std::span<const std::int64_t> values) {
  for (std::size_t i = 2; i < values.size(); ++i) {
    if (minus(values[i], values[i - 1]) != minus(values[1], values[0])) return false;
  }
  return true;
}

void write_long(Tier tier, std::span<const std::int64_t> values, ByteWriter& out, Effort effort) {
  if (tier == Tier::fast && !effort.table) {
    IntegerFeed feed(values);
    const auto at = out.size();
    if (write_sequence(feed, out, effort)) return;
    out.out().resize(at);
  }
  if (const auto same_steps = choose_slope(values)) {
    return write_scaled(tier, values, {}, *same_steps, effort, out);
  }
  thread_local std::vector<std::int64_t> quotients;
  const auto divisor = values.size() < 3 || !effort.divisor ? 1 : divide(values, quotients);
  const auto& numbers = divisor == 1 ? values : std::span<const std::int64_t>(quotients);
  const auto plain = choose(tier, numbers, taps_of(tier, effort));
  if (divisor == 1) return write_scaled(tier, values, {}, plain, effort, out);
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

namespace {

// None where more than the first ones have to be known before.
std::optional<Predictor> choose(Feed& feed) {
  const auto begin = std::min(feed.size(), fast::kRun + 1);
  if (feed.size() <= kShortMax || !feed.make(0, begin) ||
      !has_no_divisor(feed.distances(), begin) || has_slope(feed.distances(), begin)) {
    return std::nullopt;
  }
  return fast::choose(feed);
}

}  // namespace

bool write_sequence(Feed& feed, ByteWriter& out, Effort effort) {
  const auto plain = choose(feed);
  if (!plain) return false;
  const auto n = feed.size();
  const auto head = out.size();
  write_predictor(*plain, 1, out);
  const auto at = out.size();
  if (!fast::write(*plain, feed, out)) return false;
  if (!effort.frequencies || !may_pack_badly(n, out.size() - at)) return true;
  thread_local std::vector<std::int64_t> values;
  feed.widen(values);
  write_by_frequencies(*plain, values, head, out.size() - at, effort, out);
  return true;
}

std::optional<double> forecast_bits(Feed& feed) {
  const auto plain = choose(feed);
  return plain ? std::optional(plain->bits) : std::nullopt;
}

double forecast_bits(std::span<const std::int64_t> values) {
  if (values.empty()) return 0;
  if (values.size() <= kShortMax) return 8.0 * static_cast<double>(plan_short(values).bytes);
  IntegerFeed feed(values);
  if (const auto bits = forecast_bits(feed)) return *bits;
  thread_local std::vector<std::int64_t> quotients;
  return choose(Tier::fast, divide(values, quotients) == 1 ? values : quotients, 0).bits;
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
