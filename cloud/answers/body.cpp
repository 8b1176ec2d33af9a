#include "cloud/answers/body.h"

#include <bit>

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kNotesVersion = 2;  // the same, and notes behind it
constexpr std::uint8_t kUnitVersion = 3;   // both, and a unit that no series says behind them
constexpr std::uint8_t kWaivedVersion = 4;  // all that, and who was not waited for

void encode_optional(ByteWriter& out, const std::optional<double>& v) {
  out.u8(v ? 1 : 0);
  if (v) out.fixed(std::bit_cast<std::uint64_t>(*v));
}
std::optional<double> decode_optional(ByteReader& in) {
  if (in.u8() == 0) return std::nullopt;
  return std::bit_cast<double>(in.fixed<std::uint64_t>());
}

void encode_values(ByteWriter& out, const std::map<std::string, std::optional<double>>& values) {
  out.varint(values.size());
  for (const auto& [name, value] : values) {
    out.text(name);
    encode_optional(out, value);
  }
}
std::map<std::string, std::optional<double>> decode_values(ByteReader& in) {
  std::map<std::string, std::optional<double>> values;
  const auto n = in.length(2);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    auto name = std::string(in.text());
    values[std::move(name)] = decode_optional(in);
  }
  return values;
}

std::string text_of(ByteReader& in) { return std::string(in.text()); }

}  // namespace

void encode_body(ByteWriter& out, const Answer& a) {
  const auto version = !a.waived.empty() ? kWaivedVersion
                       : !a.unit.empty() ? kUnitVersion
                       : a.notes.empty() ? kVersion
                                         : kNotesVersion;
  out.u8(version);
  out.fixed(static_cast<std::uint64_t>(count_ns(a.end)));
  encode_values(out, a.values);
  out.varint(a.texts.size());
  for (const auto& [name, text] : a.texts) {
    out.text(name);
    out.text(text);
  }
  out.u8(static_cast<std::uint8_t>(a.state));
  out.varint(a.revision);
  out.text(a.cause);
  encode_optional(out, a.completeness);
  out.u8(static_cast<std::uint8_t>((a.estimated ? 1 : 0) | (a.approximate ? 2 : 0)));
  encode_optional(out, a.coverage);
  out.varint(a.missing.size());
  for (const auto& m : a.missing) {
    out.text(m.source);
    out.text(m.reason);
  }
  out.varint(a.lost);
  encode_values(out, a.previous);
  if (version == kVersion) return;
  out.varint(a.notes.size());
  for (const auto& n : a.notes) out.text(n);
  if (version >= kUnitVersion) out.text(a.unit);
  if (version < kWaivedVersion) return;
  out.varint(a.waived.size());
  for (const auto& w : a.waived) {
    out.text(w.source);
    out.u8(w.retired ? 1 : 0);
    out.fixed(static_cast<std::uint64_t>(count_ns(w.until)));
    out.text(w.by);
    out.text(w.reason);
    out.fixed(static_cast<std::uint64_t>(count_ns(w.at)));
  }
}

Result<> decode_body(ByteSpan bytes, Answer& a) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version < kVersion || version > kWaivedVersion) {
    return Error(Fault::unsupported, "answer of an unknown version");
  }
  a.end = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  a.values = decode_values(in);
  const auto texts = in.length(2);
  for (std::size_t i = 0; i < texts && in.ok(); ++i) {
    auto name = text_of(in);
    a.texts[std::move(name)] = text_of(in);
  }
  a.state = static_cast<State>(in.u8());
  a.revision = in.varint();
  a.cause = text_of(in);
  a.completeness = decode_optional(in);
  const auto flags = in.u8();
  a.estimated = (flags & 1) != 0;
  a.approximate = (flags & 2) != 0;
  a.coverage = decode_optional(in);
  const auto missing = in.length(2);
  for (std::size_t i = 0; i < missing && in.ok(); ++i) {
    auto source = text_of(in);
    a.missing.push_back({std::move(source), text_of(in)});
  }
  a.lost = in.varint();
  a.previous = decode_values(in);
  const auto notes = version != kVersion ? in.length(1) : 0;
  for (std::size_t i = 0; i < notes && in.ok(); ++i) a.notes.push_back(text_of(in));
  if (version >= kUnitVersion) a.unit = text_of(in);
  const auto waived = version >= kWaivedVersion ? in.length(1) : 0;
  for (std::size_t i = 0; i < waived && in.ok(); ++i) {
    auto& w = a.waived.emplace_back();
    w.source = text_of(in);
    w.retired = in.u8() != 0;
    w.until = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
    w.by = text_of(in);
    w.reason = text_of(in);
    w.at = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  }
  if (!in.done()) return Error(Fault::corrupt, "answer: its bytes do not end where it does");
  return {};
}

}  // namespace tidemark::answers
