// Columns of integers: a sequence, or what zstd makes of the raw values. And columns by their type.
#include <algorithm>

#include "common/codec/column_coding.h"
#include "common/codec/packing.h"
#include "common/codec/sequence.h"

namespace tidemark::codec {
namespace {

constexpr std::uint8_t kPacked = 9;  // beside the first bytes of sequences
constexpr int kLevel = 3;
constexpr std::size_t kFallbackMin = 24;  // bytes

}  // namespace

void write_integers(Tier tier, std::span<const std::int64_t> values, ByteWriter& out) {
  const auto at = out.size();
  const std::span words(reinterpret_cast<const std::uint64_t*>(values.data()), values.size());
  const auto may_win = [&] { return zstd_may_win(words, out.size() - at); };
  if (tier == Tier::fast) {
    write_sequence(tier, values, out, {.table = false});
    if (has_entropy_coder(ByteSpan(out.out()).subspan(at)) || !may_win()) return;
    out.out().resize(at);
  }
  write_sequence(tier, values, out);
  const auto size = out.size() - at;
  if (size <= kFallbackMin || (tier != Tier::dense && !may_win())) return;
  const auto packed = pack({reinterpret_cast<const std::uint8_t*>(values.data()),
                            values.size_bytes()}, kLevel);
  if (packed.empty() || packed.size() + 3 >= size) return;
  out.out().resize(at);
  out.u8(kPacked);
  out.blob(packed);
}

bool read_integers(Tier tier, ByteReader& in, std::span<std::int64_t> values) {
  if (values.empty()) return in.ok();
  auto ahead = in;
  if (ahead.u8() != kPacked) return read_sequence(tier, in, values);
  in = ahead;
  const auto frame = in.blob();
  if (!unpack(frame, {reinterpret_cast<std::uint8_t*>(values.data()), values.size_bytes()})) {
    in.fail();
  }
  return in.ok();
}

void write_values(Tier tier, const Column& c, Memory& memory, ByteWriter& out) {
  switch (c.type) {
    case ValueType::f64: return write_doubles(tier, c.f64, memory, out);
    case ValueType::i64: return write_integers(tier, c.i64, out);
    case ValueType::boolean: return write_booleans(tier, c.i64, out);
    case ValueType::text: return write_texts(tier, c.text, out);
  }
}

bool read_values(Tier tier, ByteReader& in, TextBudget& texts_left, Column& c) {
  switch (c.type) {
    case ValueType::f64: return read_doubles(tier, in, c.f64);
    case ValueType::i64: return read_integers(tier, in, c.i64);
    case ValueType::boolean: return read_booleans(tier, in, c.i64);
    case ValueType::text: return read_texts(tier, in, c.text, texts_left);
  }
  return false;
}

}  // namespace tidemark::codec
