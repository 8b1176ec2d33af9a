// Doubles, bit for bit: special ones apart, the others as integers in the mode that fits.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "common/base/clones.h"
#include "common/codec/bits.h"
#include "common/codec/column_coding.h"
#include "common/codec/double_modes.h"
#include "common/codec/joined.h"
#include "common/codec/numbers.h"
#include "common/codec/packing.h"
#include "common/codec/recurrence.h"
#include "common/codec/sequence.h"
#include "common/codec/value_table.h"

namespace tidemark::codec {
namespace {

constexpr std::uint64_t kMinusZero = 0x8000000000000000U;
constexpr std::uint64_t kExponentBits = 0x7ff0000000000000U;
constexpr int kFallbackLevel = 3;
constexpr std::size_t kFallbackMin = 24;  // bytes
constexpr std::size_t kFewValues = 64;
constexpr std::size_t kFewSpecials = 16;  // one in so many, or fewer

// What stands for a special value in the flags; of `other` the bits follow.
enum Special : std::uint8_t { kNone = 0, kZero = 1, kPlus = 2, kMinus = 3, kNaN = 4, kOther = 5 };
constexpr std::array<std::uint64_t, 5> kSpecialBits = {
    0, kMinusZero, kExponentBits, kMinusZero | kExponentBits, 0x7ff8000000000000U};

bool is_special(double v) {
  return (bits_of(v) & kExponentBits) == kExponentBits || bits_of(v) == kMinusZero;
}
std::uint8_t special_of(double v) {
  for (std::uint8_t s = kZero; s < kOther; ++s) {
    if (bits_of(v) == kSpecialBits[s]) return s;
  }
  return is_special(v) ? kOther : kNone;
}

struct Scan {
  bool special = false, alike = true;
  double largest = 0;  // magnitude
};

TIDE_CLONES Scan scan(const double* v, std::size_t n) {
  const auto first = bits_of(v[0]);
  std::uint64_t largest = 0, differs = 0, zero = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto b = bits_of(v[i]);
    const auto magnitude = b & ~kMinusZero;
    largest = magnitude > largest ? magnitude : largest;
    differs |= b ^ first;
    zero |= std::uint64_t{b == kMinusZero};
  }
  return {zero != 0 || largest >= kExponentBits, differs == 0, std::bit_cast<double>(largest)};
}

constexpr std::size_t kScanned = 256;  // values at once

// What all know of one part of the values.
void add_part(const Scan& part, bool begins_alike, Scan& all) {
  all.special = all.special || part.special;
  all.alike = all.alike && part.alike && begins_alike;
  all.largest = std::max(all.largest, part.largest);
}
// As far as the first part with a special one.
Scan scan_ordinary(std::span<const double> values) {
  Scan all;
  for (std::size_t at = 0; at < values.size() && !all.special; at += kScanned) {
    const auto n = std::min(kScanned, values.size() - at);
    add_part(scan(values.data() + at, n), bits_of(values[at]) == bits_of(values[0]), all);
  }
  return all;
}

// Ulps are noise of a few bits. Of many, a second pass of tANS has to be worth the time that it
// takes for each.
constexpr std::size_t kManyUlps = 4000;
Tier ulps_tier(Tier tier, std::size_t values) {
  return tier == Tier::standard && values >= kManyUlps ? Tier::fast : tier;
}
Effort ulps_effort(Tier tier) {
  return {.linear = false, .table = false, .divisor = false,
          .frequencies = tier == Tier::standard, .frequencies_worth = 2};
}

std::span<const std::uint64_t> words_of(std::span<const double> values) {
  return {reinterpret_cast<const std::uint64_t*>(values.data()), values.size()};
}
ByteSpan raw_bytes(std::span<const double> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

void write_head(DoubleMode mode, unsigned exponent, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(mode) | exponent << 4));
}

// Sign and exponent of floats go as a sequence, their 23 bits of mantissa raw: of signals around
// zero the ordered bits jump. Written only where that is smaller.
bool write_split(Tier tier, std::span<const double> values, std::size_t at, ByteWriter& out) {
  const bool both_signs =
      std::any_of(values.begin(), values.end(), [](double v) { return v > 0; }) &&
      std::any_of(values.begin(), values.end(), [](double v) { return v < 0; });
  if (!both_signs) return false;
  std::vector<std::int64_t> tops(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto b = std::bit_cast<std::uint32_t>(static_cast<float>(values[i]));
    tops[i] = (b >> 23 & 0xff) << 1 | b >> 31;
  }
  ByteVector split;
  ByteWriter to(split);
  write_head(DoubleMode::float_split, 0, to);
  write_sequence(tier, tops, to, {.linear = false});
  if (split.size() + (values.size() * 23 + 7) / 8 >= out.size() - at) return false;
  BitWriter bits(split);
  for (const auto v : values) {
    bits.put(std::bit_cast<std::uint32_t>(static_cast<float>(v)) & 0x7fffffU, 23);
  }
  bits.finish();
  out.out().resize(at);
  out.raw(split);
  return true;
}

bool read_split(Tier tier, ByteReader& in, std::span<double> values) {
  std::vector<std::int64_t> tops(values.size());
  if (!read_sequence(tier, in, tops)) return false;
  BitReader bits(in.raw((values.size() * 23 + 7) / 8));
  if (!in.ok()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (tops[i] < 0 || tops[i] >= 512) {
      in.fail();
      return false;
    }
    const auto top = static_cast<std::uint32_t>(tops[i]);
    const auto b = static_cast<std::uint32_t>(bits.get(23)) | top >> 1 << 23 | top << 31;
    values[i] = static_cast<double>(std::bit_cast<float>(b));
  }
  return true;
}

// The head of what was chosen; k and ulps are one sequence then, if that is told.
void write_mode(const DoubleChoice& choice, unsigned joined, ByteWriter& out) {
  if (joined == 0) {
    write_head(choice.mode, choice.exponent, out);
  } else {
    write_head(DoubleMode::joined, choice.exponent, out);
    write_head(choice.mode, joined, out);
  }
  if (has_scale(choice.mode)) out.fixed(bits_of(choice.scale));
}

// Joins the ulps, of so many bits, if that hardly takes more than two sequences; 0 if not.
unsigned try_to_join(DoubleChoice& choice, unsigned bits) {
  constexpr double kSequenceWorth = 1.03;  // of the bits: for the time of a sequence
  constexpr double kFewBits = 3;  // for each value: there may be better coders of these
  if (bits == 0) return 0;
  const auto apart = forecast_bits(choice.integers) + forecast_bits(choice.ulps);
  const auto n = choice.integers.size();
  if (n > kFewValues && apart < kFewBits * static_cast<double>(n)) return 0;
  JoinedFeed feed(choice.integers, choice.ulps, bits);
  const auto together = forecast_bits(feed);
  if (together && *together > apart * kSequenceWorth) return 0;
  join(choice.ulps, bits, choice.integers);
  if (together || forecast_bits(choice.integers) <= apart * kSequenceWorth) return bits;
  part(choice.ulps, bits, choice.integers);
  return 0;
}

// Writes the integers behind their head, and maybe the ulps; whether by a table.
bool write_integers(const DoubleChoice& choice, unsigned joined, bool ulps, ByteWriter& out) {
  write_mode(choice, joined, out);
  const auto at = out.size();
  write_sequence(Tier::fast, choice.integers, out);
  const bool tabled = is_tabled(ByteSpan(out.out()).subspan(at));
  if (ulps) write_sequence(Tier::fast, choice.ulps, out, ulps_effort(Tier::fast));
  return tabled;
}

// In tier fast, where zstd may win, tables are tried: they take as long as all else. Replaces what
// lies from `at` on.
void write_by_table(const DoubleChoice& choice, unsigned joined, std::size_t at, Memory& memory,
                    ByteWriter& out) {
  const ByteVector plain(out.out().begin() + static_cast<std::ptrdiff_t>(at), out.out().end());
  out.out().resize(at);
  memory.tabled = write_integers(choice, joined, has_ulps(choice.mode) && joined == 0, out);
  if (out.size() - at < plain.size()) return;
  memory.tabled = false;
  out.out().resize(at);
  out.raw(plain);
}

bool values_recur(const DoubleChoice& choice, unsigned joined_bits) {
  if (joined_bits == 0) return looks_sparse(choice.integers);
  std::array<std::int64_t, kSparseSample> sample;
  const auto n = std::min(choice.integers.size(), sample.size());
  const auto stride = choice.integers.size() / std::max<std::size_t>(n, 1);
  for (std::size_t i = 0; i < n; ++i) {
    sample[i] = joined(choice.integers[i * stride], choice.ulps[i * stride], joined_bits);
  }
  return looks_sparse({sample.data(), n});
}

// By a table at once, where that was the way before. Or where values recur and have ulps, of so
// many bits: those of a printer are the same ones each time, and the table has them too. False, and
// nothing written, if it is no table then.
bool is_tabled_at_once(DoubleChoice& choice, unsigned bits, Memory& memory, ByteWriter& out) {
  const bool before = std::exchange(memory.tabled, false);
  if (has_ulps(choice.mode) ? bits == 0 : !before) return false;
  if (!before && !values_recur(choice, bits)) return false;
  const auto at = out.size();
  if (bits != 0) join(choice.ulps, bits, choice.integers);
  memory.tabled = write_integers(choice, bits, false, out);
  if (memory.tabled) return true;
  out.out().resize(at);
  if (bits != 0) part(choice.ulps, bits, choice.integers);
  return false;
}

// Whether zstd may take fewer bytes; writers below say the same.
bool write_chosen(Tier tier, std::span<const double> values, DoubleChoice& choice, Memory& memory,
                  ByteWriter& out) {
  const auto at = out.size();
  const auto may_win = [&] { return zstd_may_win(words_of(values), out.size() - at); };
  const bool ulps = has_ulps(choice.mode);
  const auto bits = tier == Tier::fast && ulps ? joined_bits(choice.ulps) : 0;
  if (tier == Tier::fast && is_tabled_at_once(choice, bits, memory, out)) return may_win();
  const auto joined = try_to_join(choice, bits);
  write_mode(choice, joined, out);
  write_sequence(tier, choice.integers, out, {.table = tier != Tier::fast});
  if (ulps && joined == 0) {
    write_sequence(ulps_tier(tier, values.size()), choice.ulps, out, ulps_effort(tier));
  }
  if (tier == Tier::fast) {
    if (!may_win()) return false;
    write_by_table(choice, joined, at, memory, out);
  }
  if (choice.mode == DoubleMode::float_bits) write_split(tier, values, at, out);
  return tier == Tier::dense || may_win();
}

DoubleChoice& working_choice() {
  thread_local DoubleChoice choice;
  return choice;
}

// In tier fast, decimals as before while they are tested: where they pass no sooner than the bytes
// are there. Nothing if they are others, or not so simple; else as write_chosen().
std::optional<bool> write_decimals_again(std::span<const double> values, Memory& memory,
                                         ByteWriter& out) {
  if (!may_be_decimal_again(memory) || memory.tabled) return std::nullopt;
  auto& choice = working_choice();
  choice.mode = DoubleMode::decimal;
  choice.exponent = memory.exponent;
  const auto at = out.size();
  write_mode(choice, 0, out);
  DecimalFeed feed(values, choice.exponent);
  if (!write_sequence(feed, out)) {
    out.out().resize(at);
    return std::nullopt;
  }
  ++memory.blocks;
  if (!zstd_may_win(words_of(values), out.size() - at)) return false;
  feed.widen(choice.integers);
  write_by_table(choice, 0, at, memory, out);
  return zstd_may_win(words_of(values), out.size() - at);
}

// Values without special ones.
bool write_ordinary(Tier tier, std::span<const double> values, const Scan& of, Memory& memory,
                    ByteWriter& out) {
  if (of.alike) {
    write_head(DoubleMode::constant, 0, out);
    out.fixed(bits_of(values[0]));
    return false;
  }
  auto& choice = working_choice();
  choose_mode(values, of.largest, memory, choice);
  return write_chosen(tier, values, choice, memory, out);
}

// Replaces what was written from `at` on by zstd's or the raw bytes, where those are smaller.
void fall_back(Tier tier, bool zstd_may_win, std::span<const double> values, std::size_t at,
               ByteWriter& out) {
  const auto raw = raw_bytes(values);
  const auto size = out.size() - at;
  const bool in_vain = tier == Tier::fast && zstd_may_win &&
                       recurring_share(words_of(values), size) == 0 &&
                       zstd_takes_more(words_of(values), size, kFallbackLevel);
  if (size > kFallbackMin && zstd_may_win && !in_vain) {
    const auto packed = pack(raw, kFallbackLevel);
    if (!packed.empty() && packed.size() + 3 < std::min(size, raw.size())) {
      out.out().resize(at);
      write_head(DoubleMode::packed, 0, out);
      return out.blob(packed);
    }
  }
  if (size <= raw.size()) return;
  out.out().resize(at);
  write_head(DoubleMode::stored, 0, out);
  out.raw(raw);
}

struct SpecialValue {
  std::size_t row;
  std::uint8_t kind;
  std::uint64_t bits;
};

struct Specials {
  std::vector<SpecialValue> values;
  Scan others;  // of all that is left in their places
};

// Takes the special values out; in their places go ordinary ones: -0.0 is at home at 0.0, the
// others where the signal was.
Specials take_specials(std::span<double> values) {
  Specials specials;
  const auto first = std::find_if_not(values.begin(), values.end(), is_special);
  double last = first == values.end() ? 0 : *first;
  for (std::size_t at = 0; at < values.size(); at += kScanned) {
    const auto n = std::min(kScanned, values.size() - at);
    auto part = scan(values.data() + at, n);
    for (auto i = at; part.special && i < at + n; ++i) {
      const auto kind = special_of(values[i]);
      if (kind != kNone) {
        specials.values.push_back({i, kind, bits_of(values[i])});
        values[i] = kind == kZero ? 0.0 : last;
      }
      last = values[i];
    }
    if (part.special) part = scan(values.data() + at, n);
    last = values[at + n - 1];
    add_part(part, bits_of(values[at]) == bits_of(values[0]), specials.others);
  }
  return specials;
}

// Few are told one by one: by the distance from the one before and what they are.
bool write_special(Tier tier, std::span<const double> values, Memory& memory, ByteWriter& out) {
  thread_local std::vector<double> ordinary;
  ordinary.assign(values.begin(), values.end());
  const auto [specials, others] = take_specials(ordinary);
  write_head(DoubleMode::special, 0, out);
  const bool few = specials.size() * kFewSpecials <= values.size();
  out.varint(few ? specials.size() : 0);
  if (!few) {
    std::vector<std::int64_t> flags(values.size(), kNone);
    for (const auto& s : specials) flags[s.row] = s.kind;
    write_sequence(tier, flags, out, {.linear = false});
  }
  std::size_t before = 0;
  for (const auto& s : specials) {
    if (few) out.varint((s.row - before) << 3 | s.kind);
    if (s.kind == kOther) out.fixed(s.bits);
    before = s.row;
  }
  return write_ordinary(tier, ordinary, others, memory, out);
}

bool read_ordinary(Tier tier, ByteReader& in, std::span<double> values);

bool read_special(Tier tier, ByteReader& in, std::span<double> values) {
  std::vector<SpecialValue> specials;
  const auto add = [&](std::size_t row, std::uint64_t kind) {
    if (kind < kZero || kind > kOther || row >= values.size()) return in.fail();
    specials.push_back({row, static_cast<std::uint8_t>(kind),
                        kind == kOther ? in.fixed<std::uint64_t>()
                                       : kSpecialBits[static_cast<std::size_t>(kind)]});
  };
  const auto few = in.length();
  if (few > 0) {
    std::size_t row = 0;
    for (std::size_t i = 0; i < few && in.ok(); ++i) {
      const auto step = in.varint();
      row += static_cast<std::size_t>(std::min<std::uint64_t>(step >> 3, values.size()));
      add(row, step & 7);
    }
  } else {
    std::vector<std::int64_t> flags(values.size());
    if (!read_sequence(tier, in, flags)) return false;
    for (std::size_t i = 0; i < flags.size() && in.ok(); ++i) {
      if (flags[i] != kNone) add(i, static_cast<std::uint64_t>(flags[i]));
    }
  }
  if (!in.ok() || !read_ordinary(tier, in, values)) return false;
  for (const auto& s : specials) values[s.row] = std::bit_cast<double>(s.bits);
  return true;
}

// What gives doubles for integers; the simple case of Joined.
struct Plain {
  DoubleMode mode;
  unsigned exponent;
  double scale;
  void restore(std::span<const std::int64_t> numbers, double* to) const {
    restore_doubles(mode, exponent, scale, numbers, to);
  }
  [[nodiscard]] bool restore(std::int64_t base, std::span<const std::int32_t> offsets,
                             double* to) const {
    return restore_doubles(mode, exponent, scale, base, offsets, to);
  }
};

// Integers to doubles as they come, or, of a table, its doubles by rank.
template <typename Restorer>
class Doubles final : public Values {
 public:
  Doubles(const Restorer& restorer, std::span<double> to) : restorer_(restorer), to_(to) {}
  void take(std::int64_t* numbers, const Part& part) override {
    if (part.cut.lanes == 1) return put({numbers, part.rows}, &to_[part.at]);
    std::array<double, kStep> doubles;
    put({numbers, part.numbers()}, doubles.data());
    put_in_place(doubles.data(), part, to_);
  }
  void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                 std::size_t n) override {
    auto* const to = &to_[at];
    if (!table_.empty()) {
      const auto* const from = table_.data() + base;
#pragma GCC unroll 8
      for (std::size_t i = 0; i < n; ++i) to[i] = from[offsets[i]];
    } else if (!restorer_.restore(base, {offsets, n}, to)) {
      Values::take_near(base, offsets, at, n);
    }
  }
  bool map(std::span<const std::int64_t> table) override {
    table_.resize(table.size());
    for (std::size_t at = 0; at < table.size(); at += kStep) {
      const auto n = std::min(kStep, table.size() - at);
      restorer_.restore(table.subspan(at, n), table_.data() + at);
    }
    return true;
  }

 private:
  void put(std::span<const std::int64_t> numbers, double* to) const {
    if (table_.empty()) return restorer_.restore(numbers, to);
    const auto* const from = table_.data();
    const auto* const ranks = numbers.data();
    const auto n = numbers.size();
#pragma GCC unroll 8
    for (std::size_t i = 0; i < n; ++i) to[i] = from[ranks[i]];
  }

  Restorer restorer_;
  std::span<double> to_;
  std::vector<double> table_;  // if there is one
};
// And the ulps that these are off.
class Ulps final : public Values {
 public:
  Ulps(DoubleMode mode, std::span<double> to) : mode_(mode), to_(to) {}
  void take(std::int64_t* numbers, const Part& part) override {
    if (part.cut.lanes == 1) return add_ulps(mode_, {numbers, part.rows}, &to_[part.at]);
    alignas(32) std::array<std::int64_t, kStep> by_lane;
    const Cut local{part.cut.lanes, part.rows};
    put_in_place(numbers, {local, 0, part.rows}, std::span(by_lane).first(local.places()));
    for (unsigned l = 0; l < local.lanes; ++l) {
      const auto begin = l * part.cut.rows + part.at;
      if (begin >= to_.size()) return;
      const auto n = std::min(part.rows, to_.size() - begin);
      add_ulps(mode_, {by_lane.data() + l * local.rows, n}, &to_[begin]);
    }
  }
  void take_near(std::int64_t base, const std::int32_t* offsets, std::size_t at,
                 std::size_t n) override {
    if (!add_ulps(mode_, base, {offsets, n}, &to_[at])) Values::take_near(base, offsets, at, n);
  }
  void take_same(std::int64_t number, std::size_t count) override {
    if (number != 0) Values::take_same(number, count);  // 0 in most blocks of a grid
  }

 private:
  DoubleMode mode_;
  std::span<double> to_;
};

bool read_joined(Tier tier, unsigned exponent, ByteReader& in, std::span<double> values) {
  const auto head = in.u8();
  Joined joined{static_cast<DoubleMode>(head & 15), exponent, 0, unsigned{head} >> 4};
  if (!has_ulps(joined.mode) || joined.bits == 0 || joined.bits > kJoinedBitsMax) in.fail();
  if (has_scale(joined.mode)) joined.scale = std::bit_cast<double>(in.fixed<std::uint64_t>());
  if (!in.ok()) return false;
  Doubles doubles(joined, values);
  return read_sequence(tier, in, values.size(), doubles);
}

bool read_ordinary(Tier tier, ByteReader& in, std::span<double> values) {
  const auto head = in.u8();
  const auto mode = static_cast<DoubleMode>(head & 15);
  const unsigned exponent = head >> 4;
  if (mode > DoubleMode::joined || mode == DoubleMode::special ||
      mode == DoubleMode::packed || mode == DoubleMode::stored) {
    in.fail();  // these stand alone
  }
  if (!in.ok()) return false;
  switch (mode) {
    case DoubleMode::constant:
      std::fill(values.begin(), values.end(), std::bit_cast<double>(in.fixed<std::uint64_t>()));
      return in.ok();
    case DoubleMode::float_split: return read_split(tier, in, values);
    case DoubleMode::joined: return read_joined(tier, exponent, in, values);
    default: break;
  }
  if (!has_ulps(mode)) {
    Doubles doubles(Plain{mode, exponent, 0}, values);
    return read_sequence(tier, in, values.size(), doubles);
  }
  const auto scale = has_scale(mode) ? std::bit_cast<double>(in.fixed<std::uint64_t>()) : 0.0;
  Doubles bases(Plain{mode, exponent, scale}, values);
  if (!read_sequence(tier, in, values.size(), bases)) return false;
  Ulps ulps(mode, values);
  return read_sequence(ulps_tier(tier, values.size()), in, values.size(), ulps);
}

}  // namespace

void write_doubles(Tier tier, std::span<const double> values, Memory& memory, ByteWriter& out) {
  if (values.empty()) return;
  const auto at = out.size();
  bool zstd_may_win = false;
  const auto again =
      tier == Tier::fast ? write_decimals_again(values, memory, out) : std::nullopt;
  if (again) {
    zstd_may_win = *again;
  } else if (is_decimal_again(values, memory, working_choice())) {
    zstd_may_win = write_chosen(tier, values, working_choice(), memory, out);
  } else if (const auto of = scan_ordinary(values); of.special) {
    zstd_may_win = write_special(tier, values, memory, out);
  } else {
    zstd_may_win = write_ordinary(tier, values, of, memory, out);
  }
  fall_back(tier, zstd_may_win, values, at, out);
}

bool read_doubles(Tier tier, ByteReader& in, std::span<double> values) {
  if (values.empty()) return in.ok();
  auto ahead = in;
  const auto head = ahead.u8();
  const std::span raw(reinterpret_cast<std::uint8_t*>(values.data()), values.size_bytes());
  switch (static_cast<DoubleMode>(head)) {
    case DoubleMode::special: in = ahead; return read_special(tier, in, values);
    case DoubleMode::packed:
      if (!unpack(ahead.blob(), raw)) ahead.fail();
      break;
    case DoubleMode::stored: {
      const auto bytes = ahead.raw(raw.size());
      if (ahead.ok()) std::copy(bytes.begin(), bytes.end(), raw.begin());
      break;
    }
    default: return read_ordinary(tier, in, values);
  }
  in = ahead;
  return in.ok();
}

int decimal_exponent(ByteSpan written) {
  const bool decimal =
      !written.empty() && (written[0] & 15) == static_cast<std::uint8_t>(DoubleMode::decimal);
  return decimal ? written[0] >> 4 : -1;
}

std::string words_of_doubles(ByteSpan written) {
  constexpr const char* kWords[] = {"bits",         "decimal",     "float-decimal", "decimal+ulps",
                                    "grid+ulps",    "float-bits",  "float-decimal+ulps",
                                    "float-split",  "constant",    "zstd",          "stored",
                                    "special",      "float-grid+ulps", "printed-float"};
  if (written.empty()) return "empty";
  const auto head = static_cast<DoubleMode>(written[0] & 15);
  if (head == DoubleMode::joined && written.size() > 1) {
    const std::uint8_t apart = (written[1] & 15U) | (written[0] & 0xf0U);
    return words_of_doubles({&apart, 1}) + ", joined";
  }
  const auto mode = static_cast<unsigned>(head);
  std::string words = kWords[mode < std::size(kWords) ? mode : 0];
  if (words.find("decimal") != std::string::npos || words == "printed-float") {
    words += std::to_string(written[0] >> 4);
  }
  return words;
}

}  // namespace tidemark::codec
