#include "common/codec/body.h"

#include <algorithm>
#include <numeric>

#include "common/codec/codec.h"
#include "common/codec/column_coding.h"
#include "common/codec/footer.h"
#include "common/codec/numbers.h"
#include "common/codec/short_columns.h"

namespace tidemark::codec {
namespace {

// The head of a column: low bits, then the step from the series of the column before.
constexpr std::uint64_t kTypeMask = 3;
constexpr std::uint64_t kHasGaps = 4;
constexpr std::uint64_t kHasQuality = 8;
constexpr std::uint64_t kShort = 16;   // short_columns.h
constexpr std::uint64_t kAsLast = 32;  // by the method of the short column before
constexpr unsigned kSeriesShift = 6;

constexpr std::size_t kShortGroup = 64;                 // rows
constexpr std::uint64_t kUnitMax = std::uint64_t{1} << 62;  // ns

// What a block may still take; the same sums on both sides.
struct Budget {
  std::size_t columns = kColumnsMax;
  std::size_t rows = kValuesMax;
  std::size_t values = kValuesMax;
  std::size_t cells = kCellsMax;
  TextBudget texts;

  static bool take(std::size_t& left, std::size_t n) {
    if (n > left) return false;
    left -= n;
    return true;
  }
};

Error full(const char* what, std::size_t limit) {
  return {Fault::full, "block: more than " + std::to_string(limit) + " " + what};
}

Result<> check_column(const Column& c, std::size_t rows, Budget& budget) {
  const auto bad = [&](const char* why) {
    return Error{Fault::bad_input,
                 "block: column of series " + std::to_string(c.series) + ": " + why};
  };
  const bool f64 = c.type == ValueType::f64, text = c.type == ValueType::text;
  if ((!f64 && !c.f64.empty()) || (!text && !c.text.empty()) || ((f64 || text) && !c.i64.empty())) {
    return bad("it holds values of another type");
  }
  if (!c.present.empty()) {
    if (c.present.size() != rows) return bad("presence is not by row");
    if (!Budget::take(budget.cells, rows)) return full("rows times columns with gaps", kCellsMax);
  }
  const auto present = c.present.empty()
                           ? rows
                           : static_cast<std::size_t>(
                                 std::count(c.present.begin(), c.present.end(), true));
  if (c.values() != present) return bad("the number of values is not that of its rows");
  if (!c.quality.empty() && c.quality.size() != present) return bad("quality is not by value");
  if (!Budget::take(budget.values, present)) return full("values", kValuesMax);
  for (const auto& t : c.text) {
    if (!Budget::take(budget.texts.values, t.size())) return full("bytes of text", kTextBytesMax);
  }
  return {};
}

// Returns the exponent of doubles that were written as decimals of a long column, or -1.
int write_column(Tier tier, const Column& c, std::int64_t expected_series, Memory& memory,
                 ShortColumnWriter& shorts, ByteWriter& out) {
  const auto step = zigzag(static_cast<std::int64_t>(c.series) - expected_series);
  const auto method = shorts.method_of(c, memory);
  out.varint(step << kSeriesShift | static_cast<std::uint64_t>(c.type) |
             (c.present.empty() ? 0 : kHasGaps) | (c.quality.empty() ? 0 : kHasQuality) |
             (method ? kShort : 0) | (method && *method == shorts.last() ? kAsLast : 0));
  if (!c.present.empty()) write_presence(tier, c.present, out);
  if (!c.quality.empty()) write_qualities(tier, c.quality, out);
  if (method) {
    shorts.write(*method, out);
    return -1;
  }
  const auto at = out.size();
  write_values(tier, c, memory, out);
  return c.type == ValueType::f64 ? decimal_exponent(ByteSpan(out.out()).subspan(at)) : -1;
}

// Of few rows in many groups, times are small numbers of this.
std::uint64_t time_unit(const Block& block, std::int64_t time_min) {
  std::size_t rows = 0;
  for (const auto& g : block.groups) rows += g.times.size();
  if (rows > block.groups.size() * kShortGroup) return 1;  // clock.cpp finds theirs
  std::uint64_t unit = 0;
  for (const auto& g : block.groups) {
    for (const auto t : g.times) {
      unit = std::gcd(unit, static_cast<std::uint64_t>(minus(t, time_min)));
      if (unit == 1) return 1;
    }
  }
  return unit == 0 || unit > kUnitMax ? 1 : unit;
}

void read_column(Tier tier, ByteReader& in, std::int64_t expected_series, std::size_t rows,
                 Budget& budget, ShortColumnReader& shorts, Column& c) {
  const auto head = in.varint();
  const auto series = plus(expected_series, unzigzag(head >> kSeriesShift));
  if (series < 0 || series > UINT32_MAX) in.fail();
  c.series = static_cast<std::uint32_t>(series);
  c.type = static_cast<ValueType>(head & kTypeMask);
  auto values = rows;
  if ((head & kHasGaps) != 0) {
    if (rows == 0 || !Budget::take(budget.cells, rows)) in.fail();
    if (!in.ok()) return;
    c.present.resize(rows);
    if (!read_presence(tier, in, c.present)) return;
    values = static_cast<std::size_t>(std::count(c.present.begin(), c.present.end(), true));
  }
  if (!Budget::take(budget.values, values)) in.fail();
  if ((head & kHasQuality) != 0) {
    if (values == 0) in.fail();
    if (!in.ok()) return;
    c.quality.resize(values);
    if (!read_qualities(tier, in, c.quality)) return;
  }
  if (!in.ok()) return;
  switch (c.type) {
    case ValueType::f64: c.f64.resize(values); break;
    case ValueType::text: c.text.resize(values); break;
    default: c.i64.resize(values);
  }
  if ((head & kShort) != 0) return shorts.read((head & kAsLast) != 0, in, c);
  if ((head & kAsLast) != 0) in.fail();
  read_values(tier, in, budget.texts, c);
}

void write_partials(const std::vector<PartialRow>& partials, std::int64_t time_min,
                    ByteWriter& out) {
  out.varint(partials.size());
  PartialRow before;
  before.start = time_min;
  for (const auto& p : partials) {
    out.varint(zigzag(static_cast<std::int64_t>(p.series) -
                      static_cast<std::int64_t>(before.series)) << 1 | (p.copy ? 1 : 0));
    out.svarint(minus(p.start, before.start));
    out.svarint(minus(p.size, before.size));
    out.varint(p.revision);
    out.varint(p.readings);
    out.blob(p.state);
    before.series = p.series;
    before.start = p.start;
    before.size = p.size;
  }
}

void read_partials(ByteReader& in, std::int64_t time_min, std::vector<PartialRow>& partials) {
  const auto n = in.length(6);
  if (n > kPartialsMax) return in.fail();
  partials.resize(n);
  PartialRow before;
  before.start = time_min;
  for (auto& p : partials) {
    const auto head = in.varint();
    const auto series =
        plus(static_cast<std::int64_t>(before.series), unzigzag(head >> 1));
    if (series < 0 || series > UINT32_MAX) in.fail();
    p.series = static_cast<std::uint32_t>(series);
    p.copy = (head & 1) != 0;
    p.start = plus(before.start, in.svarint());
    p.size = plus(before.size, in.svarint());
    p.revision = in.varint();
    p.readings = in.varint();
    const auto state = in.blob();
    if (!in.ok()) return;
    p.state.assign(state.begin(), state.end());
    before.series = p.series;
    before.start = p.start;
    before.size = p.size;
  }
}

}  // namespace

Result<> check_block(const Block& block) {
  if (block.dictionaries.size() > kDictionariesMax) return full("dictionaries", kDictionariesMax);
  if (block.groups.size() > kColumnsMax) return full("groups", kColumnsMax);
  if (block.partials.size() > kPartialsMax) return full("partials", kPartialsMax);
  Budget budget;
  for (const auto& g : block.groups) {
    if (g.times.size() > kRowsMax) return full("rows in a group", kRowsMax);
    if (!Budget::take(budget.rows, g.times.size())) return full("rows", kValuesMax);
    if (!Budget::take(budget.columns, g.columns.size())) return full("columns", kColumnsMax);
    for (const auto& c : g.columns) TIDE_TRY(check_column(c, g.times.size(), budget));
  }
  return {};
}

void write_body(Way way, const Block& block, std::int64_t time_min, Memories& memories,
                std::vector<ColumnSummary>& footers, ByteWriter& out) {
  const auto [tier, clocks] = way;
  out.varint(block.groups.size());
  const auto unit = time_unit(block, time_min);
  out.varint(unit);
  ShortColumnWriter shorts;
  std::vector<std::int64_t> relative;
  std::int64_t expected_series = 0;
  for (const auto& g : block.groups) {
    out.varint(g.times.size() << 1 | (g.copy ? 1 : 0));
    relative.clear();
    for (const auto t : g.times) {
      const auto distance = static_cast<std::uint64_t>(minus(t, time_min));
      relative.push_back(static_cast<std::int64_t>(distance / unit));
    }
    write_times(tier, clocks, relative, out);
    out.varint(g.columns.size());
    for (const auto& c : g.columns) {
      const auto exponent =
          write_column(tier, c, expected_series, memories.of(c.series), shorts, out);
      add_footer(g, c, exponent, footers);
      expected_series = std::int64_t{c.series} + 1;
    }
  }
  shorts.write_steps(tier, out);
  write_partials(block.partials, time_min, out);
}

void read_body(Tier tier, ByteReader& in, std::int64_t time_min, Block& block) {
  Budget budget;
  ShortColumnReader shorts;
  const auto groups = in.length(2);
  const auto unit = in.varint();
  if (groups > kColumnsMax || unit == 0 || unit > kUnitMax) return in.fail();
  block.groups.resize(groups);
  std::int64_t expected_series = 0;
  for (auto& g : block.groups) {
    const auto head = in.varint();
    if (head >> 1 > kRowsMax) return in.fail();
    const auto rows = static_cast<std::size_t>(head >> 1);
    if (!in.ok() || !Budget::take(budget.rows, rows)) return in.fail();
    g.copy = (head & 1) != 0;
    g.times.resize(rows);
    if (!read_times(tier, in, g.times)) return;
    for (auto& t : g.times) {
      const auto distance = static_cast<std::uint64_t>(t) * unit;
      t = plus(static_cast<std::int64_t>(distance), time_min);
    }
    const auto columns = in.length();
    if (!Budget::take(budget.columns, columns)) return in.fail();
    g.columns.reserve(columns);
    for (std::size_t i = 0; i < columns; ++i) {
      read_column(tier, in, expected_series, rows, budget, shorts, g.columns.emplace_back());
      if (!in.ok()) return;
      expected_series = std::int64_t{g.columns.back().series} + 1;
    }
  }
  shorts.read_steps(tier, in);
  if (in.ok()) read_partials(in, time_min, block.partials);
}

}  // namespace tidemark::codec
