#include "edge/sparkplug/payload.h"

#include <fmt/format.h>

#include <array>
#include <bit>

namespace tidemark::sparkplug {
namespace {

// Protocol Buffers, "Encoding": a key is a field number and one of these.
enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

Error bad(std::size_t at, std::string_view what) {
  return {Fault::bad_input, fmt::format("Sparkplug is malformed: at byte {}: {}", at, what)};
}

class Reader {
 public:
  // `base` is where `bytes` begin in the payload, for people.
  Reader(ByteSpan bytes, std::size_t base) : bytes_(bytes), base_(base) {}

  [[nodiscard]] bool done() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::size_t place() const { return base_ + at_; }

  struct Field {
    std::uint32_t number = 0;
    std::uint8_t type = 0;
    std::uint64_t bits = 0;  // of a varint or fixed one
    ByteSpan bytes;
    std::size_t at = 0;      // of what follows the key
  };
  Result<Field> next() {
    const auto key_at = place();
    TIDE_ASSIGN(const auto key, varint());
    Field f;
    f.number = static_cast<std::uint32_t>(key >> 3);
    f.type = static_cast<std::uint8_t>(key & 7);
    if (key >> 32 != 0 || f.number == 0) return bad(key_at, "it is no key of a field");
    f.at = place();
    switch (f.type) {
      case kVarint: {
        TIDE_ASSIGN(f.bits, varint());
        return f;
      }
      case kFixed64: return fixed(8, f);
      case kFixed32: return fixed(4, f);
      case kBytes: {
        TIDE_ASSIGN(const auto size, varint());
        if (size > bytes_.size() - at_) {
          return bad(f.at, fmt::format("a field of {} B, {} are left", size, bytes_.size() - at_));
        }
        f.at = place();
        f.bytes = bytes_.subspan(at_, static_cast<std::size_t>(size));
        at_ += static_cast<std::size_t>(size);
        return f;
      }
      default: return bad(key_at, fmt::format("wire type {} is not known", f.type));
    }
  }

 private:
  Result<std::uint64_t> varint() {
    const auto from = place();
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto b = bytes_[at_++];
      if (shift == 63 && b > 1) break;
      value |= std::uint64_t{b & 0x7fU} << shift;
      if ((b & 0x80U) == 0) return value;
    }
    return bad(from, "a number that does not end");
  }
  Result<Field> fixed(std::size_t size, Field f) {
    if (bytes_.size() - at_ < size) return bad(f.at, "it ends within a number");
    for (std::size_t i = 0; i < size; ++i) f.bits |= std::uint64_t{bytes_[at_++]} << (8 * i);
    return f;
  }

  ByteSpan bytes_;
  std::size_t base_;
  std::size_t at_ = 0;
};

// A field of our message with another wire type is a writer of another message.
Result<> expect(const Reader::Field& f, WireType type) {
  if (f.type == type) return {};
  return bad(f.at, fmt::format("field {} has wire type {}, expected {}", f.number, f.type,
                               static_cast<unsigned>(type)));
}

constexpr std::array<std::uint8_t, 20> kMetricTypes = {
    kVarint, kBytes,  kVarint, kVarint,  kVarint,  kVarint, kVarint, kVarint, kBytes, kBytes,
    kVarint, kVarint, kFixed32, kFixed64, kVarint, kBytes,  kBytes,  kBytes,  kBytes, kBytes};

void take(const Reader::Field& f, Metric& m) {
  switch (f.number) {
    case 1: m.name = as_text(f.bytes); break;
    case 2: m.alias = f.bits; break;
    case 3: m.timestamp = f.bits; break;
    case 4: m.datatype = static_cast<std::uint32_t>(f.bits); break;
    case 5: m.is_historical = f.bits != 0; break;
    case 7: m.is_null = f.bits != 0; break;
    case 10: m.value = static_cast<std::uint32_t>(f.bits); break;
    case 11: m.value = f.bits; break;
    case 12: m.value = std::bit_cast<float>(static_cast<std::uint32_t>(f.bits)); break;
    case 13: m.value = std::bit_cast<double>(f.bits); break;
    case 14: m.value = f.bits != 0; break;
    case 15: m.value = as_text(f.bytes); break;
    case 16:
    case 17:
    case 18:
    case 19: m.value = Other{}; break;
    default: break;  // transient, metadata, properties, and fields of later versions
  }
}

Result<Metric> parse_metric(ByteSpan bytes, std::size_t at) {
  Metric m;
  m.at = at;
  Reader in(bytes, at);
  while (!in.done()) {
    TIDE_ASSIGN(const auto f, in.next());
    if (f.number < kMetricTypes.size()) {
      TIDE_TRY(expect(f, static_cast<WireType>(kMetricTypes[f.number])));
    }
    take(f, m);
  }
  return m;
}

class Writer {
 public:
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) out.push_back(static_cast<std::uint8_t>(v | 0x80));
    out.push_back(static_cast<std::uint8_t>(v));
  }
  void number(unsigned field, std::uint64_t v) {
    varint(field << 3 | kVarint);
    varint(v);
  }
  void bytes(unsigned field, ByteSpan v) {
    varint(field << 3 | kBytes);
    varint(v.size());
    out.insert(out.end(), v.begin(), v.end());
  }
  ByteVector out;
};

}  // namespace

std::string_view name_of(DataType type) {
  static constexpr std::array<std::string_view, 16> kNames{
      "",       "Int8",   "Int16", "Int32",  "Int64",   "UInt8",  "UInt16",   "UInt32",
      "UInt64", "Float",  "Double", "Boolean", "String", "DateTime", "Text", "UUID"};
  const auto at = static_cast<std::size_t>(type);
  return at < kNames.size() ? kNames[at] : std::string_view();
}

Result<Payload> parse(ByteSpan bytes) {
  Payload p;
  Reader in(bytes, 0);
  while (!in.done()) {
    TIDE_ASSIGN(const auto f, in.next());
    switch (f.number) {
      case 1:
        TIDE_TRY(expect(f, kVarint));
        p.timestamp = f.bits;
        break;
      case 2: {
        TIDE_TRY(expect(f, kBytes));
        if (p.metrics.size() == kMetricsMax) {
          return bad(f.at, fmt::format("more than {} metrics", kMetricsMax));
        }
        TIDE_ASSIGN(auto metric, parse_metric(f.bytes, f.at));
        p.metrics.push_back(std::move(metric));
        break;
      }
      case 3:
        TIDE_TRY(expect(f, kVarint));
        p.seq = f.bits;
        break;
      default: break;  // uuid, body, and fields of later versions
    }
  }
  return p;
}

ByteVector encode_command(std::string_view name, std::uint64_t timestamp_ms) {
  Writer metric;
  metric.bytes(1, as_bytes(name));
  metric.number(3, timestamp_ms);
  metric.number(4, static_cast<std::uint32_t>(DataType::boolean));
  metric.number(14, 1);
  Writer payload;
  payload.number(1, timestamp_ms);
  payload.bytes(2, metric.out);
  return std::move(payload.out);
}

}  // namespace tidemark::sparkplug
