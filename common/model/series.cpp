#include "common/model/series.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "common/base/hash.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kVersionThinned = 2;  // one of its series is
constexpr std::uint8_t kDeviceStamped = 1;
constexpr std::uint8_t kThinned = 2;

std::uint8_t version_of(const std::vector<SeriesDescription>& series) {
  const auto thinned = [](const SeriesDescription& s) { return s.deadband.has_value(); };
  return std::any_of(series.begin(), series.end(), thinned) ? kVersionThinned : kVersion;
}

}  // namespace

Dictionary::Dictionary(std::vector<SeriesDescription> series) : series_(std::move(series)) {
  TIDE_CHECK(series_.size() <= kSeriesMax, "a dictionary holds too many series");
  ByteWriter out(bytes_);
  out.u8(version_of(series_));
  out.varint(series_.size());
  for (const auto& s : series_) {
    out.text(s.source);
    out.text(s.device);
    out.text(s.metric);
    out.text(s.poll_class);
    out.text(s.unit);
    out.u8(static_cast<std::uint8_t>(s.kind));
    out.u8(static_cast<std::uint8_t>(s.type));
    out.u8(static_cast<std::uint8_t>(s.exponent));
    out.u8(static_cast<std::uint8_t>((s.device_stamped ? kDeviceStamped : 0) |
                                     (s.deadband ? kThinned : 0)));
    if (s.deadband) out.fixed(std::bit_cast<std::uint64_t>(*s.deadband));
    out.varint(s.labels.size());
    for (const auto& [key, value] : s.labels) {
      out.text(key);
      out.text(value);
    }
  }
  hash_ = {xxh3(bytes_)};
}

Result<Dictionary> Dictionary::decode(ByteSpan bytes) {
  const auto bad = [](std::string why) { return Error{Fault::bad_input, "dictionary: " + why}; };
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version != kVersion && version != kVersionThinned) {
    return Error{Fault::unsupported, "dictionary: version " + std::to_string(version) +
                                         "; this build reads " + std::to_string(kVersion) +
                                         " and " + std::to_string(kVersionThinned)};
  }
  const auto n = in.length(10);
  if (n > kSeriesMax) return bad(std::to_string(n) + " series, the limit is 1024");
  std::vector<SeriesDescription> series(n);
  const auto name = [&] {
    const auto s = in.text();
    if (s.size() > kNameBytesMax) in.fail();
    return std::string(s);
  };
  for (auto& s : series) {
    s.source = name();
    s.device = name();
    s.metric = name();
    s.poll_class = name();
    s.unit = name();
    const auto kind = in.u8();
    const auto type = in.u8();
    s.exponent = static_cast<std::int8_t>(in.u8());
    const auto flags = in.u8();
    if (kind > 2 || type > 3 || s.exponent < -18 || s.exponent > 18 || flags > 3) in.fail();
    s.kind = static_cast<SeriesKind>(kind);
    s.type = static_cast<ValueType>(type);
    s.device_stamped = (flags & kDeviceStamped) != 0;
    if ((flags & kThinned) != 0) {
      s.deadband = std::bit_cast<double>(in.fixed<std::uint64_t>());
      if (!(*s.deadband >= 0) || !std::isfinite(*s.deadband)) in.fail();
    }
    const auto labels = in.length(2);
    if (labels > kLabelsMax) in.fail();
    for (std::size_t i = 0; i < labels && in.ok(); ++i) {
      auto key = name();
      s.labels.emplace(std::move(key), name());
    }
    if (!in.ok()) return bad("damaged or past a bound");
  }
  if (!in.done()) return bad("damaged or past a bound");
  Dictionary out(std::move(series));
  if (out.bytes_.size() != bytes.size() ||
      !std::equal(bytes.begin(), bytes.end(), out.bytes_.begin())) {
    return bad("not in its one canonical form");
  }
  return out;
}

double decimal_to_double(std::int64_t mantissa, int exponent) {
  if (exponent == 0) return static_cast<double>(mantissa);
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  if (exponent < 0 && exponent >= -22 && mantissa > -kExact && mantissa < kExact) {
    // Both operands exact, one division: correctly rounded.
    double scale = 1;
    for (int i = 0; i < -exponent; ++i) scale *= 10;
    return static_cast<double>(mantissa) / scale;
  }
  char text[48];
  auto end = std::to_chars(text, text + 24, mantissa).ptr;
  *end++ = 'e';
  end = std::to_chars(end, text + sizeof text, exponent).ptr;
  double v = 0;
  std::from_chars(text, end, v);
  return v;
}

}  // namespace tidemark
