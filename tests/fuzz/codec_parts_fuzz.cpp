#include "tests/fuzz/codec_parts_fuzz.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"
#include "common/codec/codec.h"
#include "common/codec/residuals.h"
#include "tests/common/blocks.h"

namespace tidemark::fuzz {
namespace {

using codec::Tier;

constexpr Tier kTiers[] = {Tier::fast, Tier::standard, Tier::dense};
constexpr std::size_t kCountMax = 4096;  // so that an execution stays below a millisecond or so
constexpr std::size_t kColumns = 5;

Tier tier_of(std::uint8_t b) { return kTiers[b % 3]; }

// Reads what there is, then zeros: every input makes a block.
class Source {
 public:
  explicit Source(ByteSpan in) : in_(in) {}
  template <typename T>
  T next() {
    T v{};
    const auto n = std::min(sizeof v, in_.size());
    std::copy_n(in_.begin(), n, reinterpret_cast<std::uint8_t*>(&v));
    in_ = in_.subspan(n);
    return v;
  }
  std::uint8_t u8() { return next<std::uint8_t>(); }
  [[nodiscard]] bool empty() const { return in_.empty(); }

 private:
  ByteSpan in_;
};

// Values of one law, told by the first byte, so that every mode and predictor is reached.
std::int64_t integer(Source& in, std::uint8_t law, std::int64_t before) {
  const auto wrapped = [](std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) +
                                     static_cast<std::uint64_t>(b));
  };
  switch (law % 6) {
    case 0: return in.next<std::int64_t>();
    case 1: return in.next<std::int16_t>();
    case 2: return wrapped(before, in.next<std::int8_t>());
    case 3: return wrapped(before, 1'000'000'000 + in.u8() % 4);
    case 4: return (in.u8() % 6) * std::int64_t{1'460};
    default: return before;
  }
}

double real(Source& in, std::uint8_t law, double before) {
  switch (law % 8) {
    case 0: return std::bit_cast<double>(in.next<std::uint64_t>());
    case 1: return in.next<std::int16_t>() / 10.0;
    case 2: return in.next<std::int32_t>() / 1e6;
    case 3: return std::bit_cast<float>(in.next<std::uint32_t>());
    case 4: return static_cast<float>(in.next<std::int16_t>() * 0.0023942);
    case 5: return before + in.next<std::int8_t>() * 1e-7;
    case 6: return in.u8() % 9 == 0 ? -0.0 : in.next<std::int8_t>() * 0.01;
    default: return before;
  }
}

Column column(Source& in, std::size_t rows) {
  Column c;
  c.series = in.next<std::uint16_t>();
  const auto head = in.u8();
  c.type = static_cast<ValueType>(head % 4);
  auto values = rows;
  if ((head & 0x10) != 0 && rows > 0) {
    for (std::size_t i = 0; i < rows; ++i) c.present.push_back(in.u8() % 4 != 0);
    values = static_cast<std::size_t>(std::count(c.present.begin(), c.present.end(), true));
  }
  const auto law = in.u8();
  for (std::size_t i = 0; i < values; ++i) {
    if (c.type == ValueType::f64) c.f64.push_back(real(in, law, i == 0 ? 21.5 : c.f64.back()));
    if (c.type == ValueType::i64) c.i64.push_back(integer(in, law, i == 0 ? 7 : c.i64.back()));
    if (c.type == ValueType::boolean) c.i64.push_back(law == 0 ? in.u8() : in.u8() % 2);
    if (c.type == ValueType::text) c.text.emplace_back(in.u8() % 5, static_cast<char>(law));
    if ((head & 0x20) != 0) {
      c.quality.push_back(static_cast<Quality>(in.u8() % (static_cast<int>(kQualityLast) + 1)));
    }
  }
  return c;
}

Block block(Source& in) {
  Block b;
  while (!in.empty() && b.groups.size() < 4) {
    Group g;
    g.copy = in.u8() % 4 == 0;
    const std::size_t rows = in.next<std::uint16_t>() % 700;
    const auto law = in.u8();
    for (std::size_t i = 0; i < rows; ++i) {
      g.times.push_back(integer(in, law, i == 0 ? 1'795'224'000'000'000'000 : g.times.back()));
    }
    for (auto n = in.u8() % kColumns; n > 0; --n) g.columns.push_back(column(in, rows));
    b.groups.push_back(std::move(g));
  }
  return b;
}

bool same(const Column& a, const Column& b) {
  const auto bits = [](double v) { return std::bit_cast<std::uint64_t>(v); };
  return a.i64 == b.i64 && a.text == b.text && std::ranges::equal(a.f64, b.f64, {}, bits, bits);
}

void residuals(Tier tier, ByteSpan input) {
  ByteReader in(input);
  const auto count = in.fixed<std::uint16_t>() % (kCountMax + 1);
  std::vector<std::int64_t> read(count), back(count);
  if (!codec::read_residuals(tier, in, read)) return;
  ByteVector bytes;
  ByteWriter out(bytes);
  codec::write_residuals(tier, read, out);
  ByteReader again(bytes);
  TIDE_CHECK(codec::read_residuals(tier, again, back) && again.done() && back == read,
             "residuals do not survive writing");
}

}  // namespace

void codec_block(ByteSpan input) {
  Source in(input);
  const auto made = block(in);
  for (const auto tier : kTiers) {
    const auto bytes = codec::encode(made, tier);
    if (!bytes.ok()) {
      TIDE_CHECK(bytes.error().fault() == Fault::full, "a block that fits is refused");
      continue;
    }
    const auto back = codec::decode(*bytes);
    TIDE_CHECK(back.ok() && codec::same_bits(*back, made), "a block does not survive encoding");
    TIDE_CHECK(codec::encode(made, tier).value() == *bytes, "a block has two encodings");
  }
}

void codec_values(ByteSpan input) {
  ByteReader in(input);
  const auto head = in.u8();
  const auto count = in.fixed<std::uint16_t>() % (kCountMax + 1);
  if (!in.ok()) return;
  const auto tier = tier_of(head >> 2);
  Column c;
  c.type = static_cast<ValueType>(head % 4);
  if (c.type == ValueType::f64) c.f64.resize(count);
  if (c.type == ValueType::i64 || c.type == ValueType::boolean) c.i64.resize(count);
  if (c.type == ValueType::text) c.text.resize(count);
  Column back = c;
  if (!codec::decode_values(in.raw(in.left()), tier, c).ok()) return;
  const auto bytes = codec::encode_values(c, tier);
  TIDE_CHECK(codec::decode_values(bytes, tier, back).ok() && same(back, c),
             "a column does not survive encoding");
}

void codec_times(ByteSpan input) {
  ByteReader in(input);
  const auto tier = tier_of(in.u8());
  const auto count = in.fixed<std::uint16_t>() % (kCountMax + 1);
  if (!in.ok()) return;
  std::vector<std::int64_t> times(count), back(count);
  if (!codec::decode_times(in.raw(in.left()), tier, times).ok()) return;
  const auto bytes = codec::encode_times(times, tier);
  TIDE_CHECK(codec::decode_times(bytes, tier, back).ok() && back == times,
             "times do not survive encoding");
}

void residuals_fast(ByteSpan input) { residuals(Tier::fast, input); }
void residuals_standard(ByteSpan input) { residuals(Tier::standard, input); }
void residuals_dense(ByteSpan input) { residuals(Tier::dense, input); }

void residuals_written(ByteSpan input) {
  Source in(input);
  const auto shift = in.u8() % 64;
  const auto narrow = in.u8() % 2 == 0;
  std::vector<std::int64_t> given;
  while (!in.empty() && given.size() < kCountMax) {
    const auto v = narrow ? std::int64_t{in.next<std::int8_t>()} : in.next<std::int64_t>();
    given.push_back(narrow ? v : v >> shift);
  }
  for (const auto tier : kTiers) {
    ByteVector bytes;
    ByteWriter out(bytes);
    codec::write_residuals(tier, given, out);
    std::vector<std::int64_t> back(given.size());
    ByteReader again(bytes);
    TIDE_CHECK(codec::read_residuals(tier, again, back) && again.done() && back == given,
               "residuals do not survive writing");
  }
}

}  // namespace tidemark::fuzz
