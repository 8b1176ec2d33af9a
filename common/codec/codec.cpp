#include "common/codec/codec.h"

#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "common/base/hash.h"
#include "common/codec/body.h"
#include "common/codec/column_coding.h"
#include "common/model/record.h"

namespace tidemark::codec {
namespace {

constexpr std::uint8_t kMagic = 0xd0;        // high four bits; the low four are the version
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kPackedByZstd = 1;    // flags; the others are 0
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

// Contexts are large (0.5 to 1 MiB) and slow to build, a block is small: one for each thread.
ZSTD_CCtx* compressor() {
  struct Free {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* decompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

// Empty when it does not pay.
ByteVector pack(ByteSpan body, Tier tier) {
  ByteVector packed;
  auto* context = compressor();
  if (context == nullptr || body.size() < kPackedBytesMin) return packed;
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level_of(tier));
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);  // our head has it
  packed.resize(ZSTD_compressBound(body.size()));
  const auto n =
      ZSTD_compress2(context, packed.data(), packed.size(), body.data(), body.size());
  if (ZSTD_isError(n) != 0 || n + 4 >= body.size()) return {};
  packed.resize(n);
  return packed;
}

struct Head {
  Summary summary;
  bool packed = false;
  std::size_t body_bytes = 0;  // unpacked, when packed
};

void write_head(const Head& head, ByteWriter& out) {
  const auto& s = head.summary;
  out.u8(kMagic | kVersion);
  out.u8(head.packed ? kPackedByZstd : 0);
  out.varint(s.dictionaries.size());
  for (const auto d : s.dictionaries) out.fixed(d.count);
  out.varint(s.rows);
  out.varint(s.readings);
  out.svarint(s.time_min);
  out.varint(static_cast<std::uint64_t>(s.time_max) - static_cast<std::uint64_t>(s.time_min));
  if (head.packed) out.varint(head.body_bytes);
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
  if (flags > kPackedByZstd) in.fail();
  head.packed = flags == kPackedByZstd;
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
  if (head.packed) head.body_bytes = static_cast<std::size_t>(in.varint());
  if (!in.ok() || head.summary.time_max < head.summary.time_min) return damaged("damaged head");
  if (head.body_bytes > kBodyBytesMax || head.summary.rows > kValuesMax) {
    return Error{Fault::bad_input, "block: its head passes a bound"};
  }
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
    for (const auto t : g.times) min = std::min(min, t), max = std::max(max, t);
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
  TIDE_TRY(check_block(block));
  Head head{summary(block)};
  ByteVector body;
  ByteWriter body_out(body);
  write_body(block, head.summary.time_min, body_out);
  if (body.size() > kBodyBytesMax) {
    return Error{Fault::full, "block: more than 16 MiB before packing"};
  }
  const auto packed = pack(body, tier);
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
    auto* context = decompressor();
    if (context == nullptr) return Error{Fault::full, "block: no memory to unpack it"};
    unpacked.resize(head.body_bytes);
    const auto n = ZSTD_decompressDCtx(context, unpacked.data(), unpacked.size(), body.data(),
                                       body.size());
    if (ZSTD_isError(n) != 0 || n != unpacked.size()) return damaged("its body does not unpack");
    body = unpacked;
  }
  Block block;
  block.dictionaries = head.summary.dictionaries;
  ByteReader body_in(body);
  read_body(body_in, head.summary.time_min, block);
  if (!body_in.done()) return damaged("damaged body, or past a bound");
  if (!agree(head.summary, summary(block))) return damaged("head and body do not agree");
  return block;
}

Result<Summary> summary(ByteSpan bytes) {
  ByteReader in({});
  TIDE_ASSIGN(auto head, read_head(bytes, in));
  return std::move(head.summary);
}

Method method_of(const Column& column) {
  ByteVector bytes;
  ByteWriter out(bytes);
  if (column.type == ValueType::text) return {"text", "none", "zstd"};
  if (column.type == ValueType::boolean) return {"bits", "none", "zstd"};
  if (column.type == ValueType::i64) {
    write_integers(column.i64, out);
    if (bytes.empty()) return {"empty", "none", "none"};
    return {"integers", std::string(predictor_of(bytes[0])), "varint+zstd"};
  }
  write_doubles(column.f64, out);
  if (bytes.empty()) return {"empty", "none", "none"};
  const std::string mode(mode_of(bytes[0]));
  if (mode != "decimal") return {mode, mode == "xor" ? "last" : "none", "bytes+zstd"};
  return {mode + std::to_string(bytes[0] >> 4), std::string(predictor_of(bytes[1])),
          "varint+zstd"};
}

ByteVector encode_values(const Column& column, Tier, Memory*) {
  ByteVector bytes;
  ByteWriter out(bytes);
  switch (column.type) {
    case ValueType::f64: write_doubles(column.f64, out); break;
    case ValueType::i64: write_integers(column.i64, out); break;
    case ValueType::boolean: write_booleans(column.i64, out); break;
    case ValueType::text: write_texts(column.text, out); break;
  }
  return bytes;
}

Result<> decode_values(ByteSpan bytes, Tier, Column& into) {
  ByteReader in(bytes);
  auto text_bytes = kTextBytesMax;
  switch (into.type) {
    case ValueType::f64: into.f64 = read_doubles(in, into.f64.size()); break;
    case ValueType::i64: into.i64 = read_integers(in, into.i64.size()); break;
    case ValueType::boolean: into.i64 = read_booleans(in, into.i64.size()); break;
    case ValueType::text: into.text = read_texts(in, into.text.size(), text_bytes); break;
  }
  if (!in.done()) return damaged("damaged values");
  return {};
}

ByteVector encode_times(std::span<const std::int64_t> times, Tier) {
  ByteVector bytes;
  ByteWriter out(bytes);
  write_integers(times, out);
  return bytes;
}

Result<> decode_times(ByteSpan bytes, Tier, std::span<std::int64_t> into) {
  ByteReader in(bytes);
  const auto times = read_integers(in, into.size());
  if (!in.done()) return damaged("damaged times");
  std::copy(times.begin(), times.end(), into.begin());
  return {};
}

}  // namespace tidemark::codec
