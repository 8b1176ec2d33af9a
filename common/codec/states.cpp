// What is not a number: booleans, text, presence, quality.
#include <algorithm>
#include <map>

#include "common/codec/bits.h"
#include "common/codec/column_coding.h"
#include "common/codec/packing.h"
#include "common/codec/sequence.h"

namespace tidemark::codec {
namespace {

enum StateMethod : std::uint8_t { kAllFalse = 0, kAllTrue = 1, kBits = 2, kSequence = 3 };
enum TextMethod : std::uint8_t { kPlain = 0, kDictionary = 1, kPacked = 2 };
constexpr std::size_t kDictionaryMax = 4'096;
constexpr std::size_t kPackedBytesMin = 64;  // below, zstd's own frame eats what it could save
constexpr int kTextLevel = 3;

// States hardly ever change: linear prediction and tables do not pay.
constexpr Effort kStates{.linear = false, .table = false};

void write_sequence_or_bits(Tier tier, std::span<const std::int64_t> values, bool bits_would_do,
                            ByteWriter& out) {
  const auto at = out.size();
  out.u8(kSequence);
  write_sequence(tier, values, out, kStates);
  if (!bits_would_do || out.size() - at <= 1 + (values.size() + 7) / 8) return;
  out.out().resize(at);
  out.u8(kBits);
  BitWriter bits(out.out());
  for (const auto v : values) bits.put(static_cast<std::uint64_t>(v), 1);
  bits.finish();
}

void write_plain_texts(std::span<const std::string> values, ByteWriter& out) {
  ByteVector raw;
  ByteWriter to(raw);
  for (const auto& v : values) to.text(v);
  if (raw.size() >= kPackedBytesMin) {
    const auto packed = pack(raw, kTextLevel);
    if (!packed.empty() && packed.size() + 4 < raw.size()) {
      out.u8(kPacked);
      out.varint(raw.size());
      return out.blob(packed);
    }
  }
  out.u8(kPlain);
  out.raw(raw);
}

bool read_plain_texts(ByteReader& in, std::span<std::string> values, std::size_t& bytes_left) {
  const auto method = in.u8();
  ByteVector unpacked;
  ByteReader own({});
  if (method == kPacked) {
    const auto size = in.varint();
    const auto frame = in.blob();
    if (!in.ok() || size > bytes_left + values.size() * 4) {
      in.fail();
      return false;
    }
    unpacked.resize(static_cast<std::size_t>(size));
    if (!unpack(frame, unpacked)) in.fail();
    own = ByteReader(unpacked);
  } else if (method != kPlain) {
    in.fail();
  }
  auto& from = method == kPacked ? own : in;
  for (auto& v : values) {
    const auto text = from.text();
    if (!in.ok() || !from.ok() || text.size() > bytes_left) {
      in.fail();
      return false;
    }
    bytes_left -= text.size();
    v = text;
  }
  if (method == kPacked && !own.done()) in.fail();
  return in.ok();
}

}  // namespace

void write_booleans(Tier tier, std::span<const std::int64_t> values, ByteWriter& out) {
  if (values.empty()) return;
  const auto all = [&](auto test) { return std::all_of(values.begin(), values.end(), test); };
  if (all([](auto v) { return v == 0; })) return out.u8(kAllFalse);
  if (all([](auto v) { return v == 1; })) return out.u8(kAllTrue);
  write_sequence_or_bits(tier, values, all([](auto v) { return v == 0 || v == 1; }), out);
}

bool read_booleans(Tier tier, ByteReader& in, std::span<std::int64_t> values) {
  if (values.empty()) return in.ok();
  switch (in.u8()) {
    case kAllFalse: std::fill(values.begin(), values.end(), 0); return in.ok();
    case kAllTrue: std::fill(values.begin(), values.end(), 1); return in.ok();
    case kSequence: return read_sequence(tier, in, values);
    case kBits: {
      BitReader bits(in.raw((values.size() + 7) / 8));
      for (auto& v : values) v = static_cast<std::int64_t>(bits.get(1));
      return in.ok();
    }
    default: in.fail(); return false;
  }
}

void write_texts(Tier tier, std::span<const std::string> values, ByteWriter& out) {
  if (values.empty()) return;
  std::map<std::string_view, std::int64_t> known;
  std::vector<std::string> entries;
  std::vector<std::int64_t> indices;
  for (const auto& v : values) {
    const auto [at, added] = known.try_emplace(v, static_cast<std::int64_t>(entries.size()));
    if (added) entries.push_back(v);
    if (entries.size() > kDictionaryMax) break;
    indices.push_back(at->second);
  }
  // An entry that occurs once costs its index more than it would plain.
  if (entries.size() > kDictionaryMax || entries.size() * 2 > values.size() + 1) {
    return write_plain_texts(values, out);
  }
  out.u8(kDictionary);
  out.varint(entries.size());
  write_plain_texts(entries, out);
  write_sequence(tier, indices, out, {.linear = false, .table = false});
}

bool read_texts(Tier tier, ByteReader& in, std::span<std::string> values, TextBudget& left) {
  if (values.empty()) return in.ok();
  auto ahead = in;
  if (ahead.u8() != kDictionary) return read_plain_texts(in, values, left.values);
  in = ahead;
  const auto n = in.varint();
  if (n == 0 || n > kDictionaryMax || n > values.size()) in.fail();
  if (!in.ok()) return false;
  std::vector<std::string> entries(static_cast<std::size_t>(n));
  std::vector<std::int64_t> indices(values.size());
  if (!read_plain_texts(in, entries, left.entries) || !read_sequence(tier, in, indices)) {
    return false;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto index = static_cast<std::uint64_t>(indices[i]);
    if (index >= n || entries[static_cast<std::size_t>(index)].size() > left.values) {
      in.fail();
      return false;
    }
    values[i] = entries[static_cast<std::size_t>(index)];
    left.values -= values[i].size();
  }
  return true;
}

void write_presence(Tier tier, const std::vector<bool>& present, ByteWriter& out) {
  write_booleans(tier, std::vector<std::int64_t>(present.begin(), present.end()), out);
}

bool read_presence(Tier tier, ByteReader& in, std::vector<bool>& present) {
  std::vector<std::int64_t> flags(present.size());
  if (!read_booleans(tier, in, flags)) return false;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] < 0 || flags[i] > 1) in.fail();
    present[i] = flags[i] == 1;
  }
  return in.ok();
}

void write_qualities(Tier tier, std::span<const Quality> qualities, ByteWriter& out) {
  std::vector<std::int64_t> codes;
  for (const auto q : qualities) codes.push_back(static_cast<std::int64_t>(q));
  write_sequence(tier, codes, out, kStates);
}

bool read_qualities(Tier tier, ByteReader& in, std::span<Quality> qualities) {
  std::vector<std::int64_t> codes(qualities.size());
  if (!read_sequence(tier, in, codes)) return false;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 0 || codes[i] > static_cast<std::int64_t>(kQualityLast)) in.fail();
    qualities[i] = static_cast<Quality>(in.ok() ? codes[i] : 0);
  }
  return in.ok();
}

}  // namespace tidemark::codec
