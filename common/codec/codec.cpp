#include "common/codec/codec.h"

#include <algorithm>
#include <limits>

#include "common/base/extremes.h"
#include "common/base/hash.h"
#include "common/codec/body.h"
#include "common/codec/column_coding.h"
#include "common/codec/footer.h"
#include "common/codec/outline.h"
#include "common/codec/packing.h"
#include "common/codec/sequence.h"
#include "common/codec/short_columns.h"
#include "common/model/record.h"

namespace tidemark::codec {
namespace {

constexpr std::uint8_t kMagic = 0xd0;        // high four bits; the low four are the version
constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kPackedByZstd = 1;    // flags; the others are 0
constexpr unsigned kTierShift = 1;           // two bits
constexpr std::uint8_t kHasFooters = 8;
constexpr std::size_t kShortColumn = 64;     // values
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kPackedBytesMin = 64;  // below, zstd's own frame eats what it could save

int level_of(Tier tier) {
  switch (tier) {
    case Tier::fast: return 1;
    case Tier::standard: return 3;
    case Tier::dense: return 12;
  }
  return 3;
}

// What is left to zstd: many short columns alike, texts, states of partials.
ByteVector pack_body(ByteSpan body, Tier tier) {
  if (body.size() < kPackedBytesMin) return {};
  auto packed = pack(body, level_of(tier));
  if (packed.size() + 4 >= body.size()) packed.clear();
  return packed;
}

// Long columns are packed by their own coders.
bool worth_packing(const Block& block) {
  std::size_t columns = 0, values = 0;
  for (const auto& g : block.groups) {
    columns += g.columns.size() + 1;
    for (const auto& c : g.columns) values += c.values();
  }
  return !block.partials.empty() || columns * kShortColumn > values;
}

struct Head {
  Summary summary;
  Tier tier = Tier::standard;
  std::vector<ColumnSummary> footers;
  bool packed = false;
  std::size_t body_bytes = 0;  // unpacked, when packed
};

void write_head(const Head& head, ByteWriter& out) {
  const auto& s = head.summary;
  out.u8(kMagic | kVersion);
  out.u8(static_cast<std::uint8_t>((head.packed ? kPackedByZstd : 0U) |
                                   (head.footers.empty() ? 0U : kHasFooters) |
                                   static_cast<unsigned>(head.tier) << kTierShift));
  out.varint(s.dictionaries.size());
  for (const auto d : s.dictionaries) out.fixed(d.count);
  out.varint(s.rows);
  out.varint(s.readings);
  out.svarint(s.time_min);
  out.varint(static_cast<std::uint64_t>(s.time_max) - static_cast<std::uint64_t>(s.time_min));
  if (head.packed) out.varint(head.body_bytes);
  if (!head.footers.empty()) write_footers(head.footers, s.time_min, out);
}

Error damaged(const char* why) { return {Fault::corrupt, std::string("block: ") + why}; }

// Checks version and checksum, and leaves `in` (of `bytes` without the checksum) at the body.
Result<Head> read_head(ByteSpan bytes, ByteReader& in) {
  if (bytes.size() > kBlockBytesMax) {
    return Error{Fault::bad_input, "block: " + std::to_string(bytes.size()) +
                                       " bytes, the limit is " + std::to_string(kBlockBytesMax)};
  }
  if (bytes.size() < kChecksumBytes + 2 || (bytes[0] & 0xf0) != kMagic) {
    return damaged("it does not begin as one");
  }
  if ((bytes[0] & 0x0f) != kVersion) {
    return Error{Fault::unsupported, "block: version " + std::to_string(bytes[0] & 0x0f) +
                                         "; this build reads " + std::to_string(kVersion)};
  }
  const auto content = bytes.first(bytes.size() - kChecksumBytes);
  if (ByteReader(bytes.last(kChecksumBytes)).fixed<std::uint64_t>() != xxh3(content)) {
    return damaged("wrong checksum");
  }
  in = ByteReader(content);
  static_cast<void>(in.u8());
  Head head;
  const auto flags = in.u8();
  const auto tier = flags >> kTierShift & 3;
  if (tier > static_cast<int>(Tier::dense) || flags > (kHasFooters | 7)) in.fail();
  head.packed = (flags & kPackedByZstd) != 0;
  head.tier = static_cast<Tier>(tier);
  const auto dictionaries = in.length(8);
  if (dictionaries > kDictionariesMax) in.fail();
  for (std::size_t i = 0; i < dictionaries && in.ok(); ++i) {
    head.summary.dictionaries.push_back({in.fixed<std::uint64_t>()});
  }
  head.summary.rows = in.varint();
  head.summary.readings = in.varint();
  head.summary.time_min = in.svarint();
  head.summary.time_max = static_cast<std::int64_t>(
      static_cast<std::uint64_t>(head.summary.time_min) + in.varint());
  std::uint64_t body_bytes = 0;
  if (head.packed) body_bytes = in.varint();
  if ((flags & kHasFooters) != 0) {
    head.footers = read_footers(in, head.summary.time_min);
    if (head.footers.empty()) in.fail();
  }
  if (!in.ok() || head.summary.time_max < head.summary.time_min) return damaged("damaged head");
  if (body_bytes > kBodyBytesMax || head.summary.rows > kValuesMax) {
    return Error{Fault::bad_input, "block: its head passes a bound"};
  }
  head.body_bytes = static_cast<std::size_t>(body_bytes);
  return head;
}

bool agree(const Summary& a, const Summary& b) {
  return a.rows == b.rows && a.readings == b.readings && a.time_min == b.time_min &&
         a.time_max == b.time_max;
}

}  // namespace

Summary summary(const Block& block) {
  Summary s;
  s.dictionaries = block.dictionaries;
  s.readings = readings_carried(block);
  constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
  auto min = kLast, max = std::numeric_limits<std::int64_t>::min();
  for (const auto& g : block.groups) {
    s.rows += g.times.size();
    if (g.times.empty()) continue;
    const auto [least, largest] = extremes_of(g.times);
    min = std::min(min, least);
    max = std::max(max, largest);
  }
  for (const auto& p : block.partials) {
    const auto inside = std::max<std::int64_t>(p.size, 1) - 1;
    min = std::min(min, p.start);
    max = std::max(max, p.start > kLast - inside ? kLast : p.start + inside);
  }
  if (min > max) min = max = 0;
  s.time_min = min;
  s.time_max = max;
  return s;
}

Result<ByteVector> encode(const Block& block, Tier tier) {
  Memories none;
  return encode(block, tier, none);
}

Result<ByteVector> encode(const Block& block, Tier tier, Memories& memories, Clocks clocks) {
  TIDE_TRY(check_block(block));
  Head head{summary(block), tier, {}};
  ByteVector body;
  ByteWriter body_out(body);
  write_body({tier, clocks}, block, head.summary.time_min, memories, head.footers, body_out);
  if (body.size() > kBodyBytesMax) {
    return Error{Fault::full, "block: more than 16 MiB before packing"};
  }
  const auto packed = worth_packing(block) ? pack_body(body, tier) : ByteVector{};
  head.packed = !packed.empty();
  head.body_bytes = body.size();

  ByteVector bytes;
  bytes.reserve(64 + head.summary.dictionaries.size() * 8 +
                (head.packed ? packed.size() : body.size()));
  ByteWriter out(bytes);
  write_head(head, out);
  out.raw(head.packed ? packed : body);
  out.fixed(xxh3(bytes));
  if (bytes.size() > kBlockBytesMax) {
    return Error{Fault::full, "block: " + std::to_string(bytes.size()) + " bytes, the limit is " +
                                  std::to_string(kBlockBytesMax)};
  }
  return bytes;
}

Result<Block> decode(ByteSpan bytes) {
  ByteReader in({});
  TIDE_ASSIGN(const auto head, read_head(bytes, in));
  auto body = in.raw(in.left());
  ByteVector unpacked;
  if (head.packed) {
    unpacked.resize(head.body_bytes);
    if (!unpack(body, unpacked)) return damaged("its body does not unpack");
    body = unpacked;
  }
  Block block;
  block.dictionaries = head.summary.dictionaries;
  ByteReader body_in(body);
  read_body(head.tier, body_in, head.summary.time_min, block);
  if (!body_in.done()) return damaged("damaged body, or past a bound");
  if (!agree(head.summary, summary(block)) || !footers_agree(block, head.footers)) {
    return damaged("head and body do not agree");
  }
  return block;
}

Result<Summary> summary(ByteSpan bytes) {
  ByteReader in({});
  TIDE_ASSIGN(auto head, read_head(bytes, in));
  return std::move(head.summary);
}

Result<Outline> outline(ByteSpan bytes) {
  ByteReader in({});
  TIDE_ASSIGN(auto head, read_head(bytes, in));
  Outline out{std::move(head.summary), std::move(head.footers)};
  std::uint64_t told = 0;
  for (const auto& c : out.columns) told += c.copy ? 0 : c.count;
  out.complete = told == out.summary.readings;
  return out;
}

bool Outline::may_hold(const std::vector<bool>& series, std::int64_t from, std::int64_t to) const {
  if (summary.time_max < from || summary.time_min > to) return false;
  return !complete || std::ranges::any_of(columns, [&](const ColumnSummary& c) {
    return !c.copy && c.series < series.size() && series[c.series] && c.time_max >= from &&
           c.time_min <= to;
  });
}

ByteVector encode_values(const Column& column, Tier tier, Memory* memory) {
  ByteVector bytes;
  ByteWriter out(bytes);
  Memory none;
  write_values(tier, column, memory == nullptr ? none : *memory, out);
  return bytes;
}

Result<> decode_values(ByteSpan bytes, Tier tier, Column& into) {
  ByteReader in(bytes);
  TextBudget texts;
  if (!read_values(tier, in, texts, into) || !in.done()) return damaged("damaged values");
  return {};
}

ByteVector encode_times(std::span<const std::int64_t> times, Tier tier) {
  ByteVector bytes;
  ByteWriter out(bytes);
  write_times(tier, Clocks::shared, times, out);
  return bytes;
}

Result<> decode_times(ByteSpan bytes, Tier tier, std::span<std::int64_t> into) {
  ByteReader in(bytes);
  if (!read_times(tier, in, into) || !in.done()) return damaged("damaged times");
  return {};
}

Method method_of(const Column& column, Tier tier) {
  const char* coder = tier == Tier::fast ? "bit-packing" : tier == Tier::dense ? "mixing" : "tans";
  Memory none;
  if (const auto method = ShortColumnWriter().method_of(column, none)) {
    std::string mode(method->integers() ? "short-integer" : "short-decimal");
    if (!method->integers()) mode += std::to_string(method->exponent());
    return {std::move(mode), method->constant() ? "constant" : "delta",
            method->constant() ? "none" : coder};
  }
  const auto with_sequence = [&](std::string mode, ByteSpan sequence) {
    const auto words = sequence_words(sequence);
    const bool told = words.ends_with("constant") || words.ends_with("slope");
    return Method{std::move(mode), words, told ? "none" : coder};
  };
  const auto bytes = encode_values(column, tier);
  if (bytes.empty()) return {"empty", "none", "none"};
  if (column.type == ValueType::text) return {"text", "none", coder};
  if (column.type == ValueType::boolean) return {"states", "none", coder};
  if (column.type == ValueType::i64) return with_sequence("integers", bytes);
  const auto mode = words_of_doubles(bytes);
  if (mode == "constant") return {mode, "none", "none"};
  if (mode == "zstd" || mode == "stored") return {mode, "none", mode};
  if (mode == "special" || mode == "float-split") return {mode, "none", coder};
  const std::size_t head = (mode.find("grid") != std::string::npos ? 9U : 1U) +
                           (mode.find("joined") != std::string::npos ? 1U : 0U);
  return with_sequence(mode, ByteSpan(bytes).subspan(head));
}

}  // namespace tidemark::codec
