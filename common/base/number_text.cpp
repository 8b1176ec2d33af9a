#include "common/base/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

namespace tidemark {

namespace {

constexpr std::int64_t k1980 = 315'532'800'000'000'000;
constexpr int kRateExponent = -9;                            // rates are read to the nHz
constexpr std::int64_t kNsTimesRate = 1'000'000'000'000'000'000;  // of one a second: 1e9 of each
constexpr int kExponentMax = 1'000'000'000;  // what is beyond int is taken for this

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }
std::string_view cut(std::string_view text) { return text.substr(0, 40); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

TimeUnit guess(double size) {
  return size < 1e11 ? TimeUnit::s : size < 1e14 ? TimeUnit::ms
         : size < 1e17 ? TimeUnit::us : TimeUnit::ns;
}

// Of a number in this unit, in nanoseconds.
int exponent_of(TimeUnit unit) {
  return unit == TimeUnit::ms ? -6 : unit == TimeUnit::us ? -3 : unit == TimeUnit::ns ? 0 : -9;
}

// Eight digits at once; false when there is another character among them.
bool take_eight(const char* text, std::uint64_t& digits) {
  std::uint64_t chunk = 0;
  std::memcpy(&chunk, text, sizeof chunk);
  if constexpr (std::endian::native == std::endian::big) chunk = __builtin_bswap64(chunk);
  const auto over = chunk + 0x4646464646464646;   // above '9' carries into the high bit
  const auto below = chunk - 0x3030303030303030;  // below '0' borrows from it
  if (((over | below) & 0x8080808080808080) != 0) return false;
  auto v = below;
  v = v * 10 + (v >> 8);  // pairs
  v = ((v & 0x000000ff000000ff) * (100 + (1000000ULL << 32)) +
       ((v >> 16) & 0x000000ff000000ff) * (1 + (10000ULL << 32))) >> 32;
  digits = digits * 100'000'000 + v;
  return true;
}

// Appends the digits at `at` to `digits` and returns where they end.
std::size_t take_digits(std::string_view text, std::size_t at, std::uint64_t& digits) {
  const auto end = std::min(text.size(), at + PlainNumber::kDigitsMax + 1);
  while (at + 8 <= end && take_eight(text.data() + at, digits)) at += 8;
  for (; at < end && is_digit(text[at]); ++at) {
    digits = digits * 10 + static_cast<unsigned>(text[at] - '0');
  }
  return at;
}

// (negative ? -1 : 1) * "whole.fraction" * 10^exponent.
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;
};

std::optional<Decimal> scan(std::string_view text) {
  Decimal d;
  std::size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  const auto digits = [&] {
    const auto first = at;
    while (is_digit(peek())) ++at;
    return text.substr(first, at - first);
  };
  if (peek() == '-') d.negative = true;
  if (peek() == '-' || peek() == '+') ++at;
  d.whole = digits();
  if (peek() == '.') {
    ++at;
    d.fraction = digits();
  }
  if (d.whole.empty() && d.fraction.empty()) return std::nullopt;
  if (peek() == 'e' || peek() == 'E') {
    ++at;
    if (peek() == '+') ++at;
    int e = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), e);
    if (error == std::errc::invalid_argument) return std::nullopt;
    if (error != std::errc()) e = text[at] == '-' ? -kExponentMax : kExponentMax;
    d.exponent = e;
    at = static_cast<std::size_t>(end - text.data());
  }
  return at == text.size() ? std::optional(d) : std::nullopt;
}

// magnitude * 10 + digit; false when that does not fit.
bool append(std::int64_t& magnitude, int digit) {
  return !__builtin_mul_overflow(magnitude, 10, &magnitude) &&
         !__builtin_add_overflow(magnitude, digit, &magnitude);
}

}  // namespace

std::optional<PlainNumber> PlainNumber::scan(std::string_view text) {
  PlainNumber n;
  n.negative = !text.empty() && text[0] == '-';
  const std::size_t first = n.negative ? 1 : 0;
  auto at = take_digits(text, first, n.digits);
  auto count = at - first;
  if (count == 0 || count > kDigitsMax || (count > 1 && text[first] == '0')) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    const auto point = at;
    at = take_digits(text, point + 1, n.digits);
    const auto decimals = at - point - 1;
    count += decimals;
    if (decimals == 0 || count > kDigitsMax) return std::nullopt;
    n.decimals = static_cast<std::uint8_t>(decimals);
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E' || is_digit(text[at]))) {
    return std::nullopt;
  }
  n.size = at;
  return n;
}

std::optional<double> PlainNumber::to_double() const {
  static constexpr std::array<double, kDigitsMax + 1> kPowers{
      1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
      1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
  if (digits > (std::uint64_t{1} << 53)) return std::nullopt;
  const double v = static_cast<double>(digits) / kPowers[decimals];
  return negative ? -v : v;
}

std::optional<EventTime> PlainNumber::to_time(TimeUnit unit) const {
  if (decimals != 0 || negative || unit == TimeUnit::iso8601) return std::nullopt;
  const bool guessed = unit == TimeUnit::automatic;
  if (guessed) unit = guess(static_cast<double>(digits));
  const std::int64_t scale = unit == TimeUnit::ms   ? 1'000'000
                             : unit == TimeUnit::us ? 1'000
                             : unit == TimeUnit::ns ? 1
                                                    : 1'000'000'000;
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(digits), scale, &ns)) return std::nullopt;
  if (guessed && ns < k1980) return std::nullopt;
  return event_time(ns);
}

Result<std::int64_t> parse_decimal(std::string_view text, int exponent, Rounding rounding) {
  const auto scanned = scan(text);
  if (!scanned) return bad(fmt::format("'{}' is no number", cut(text)));
  // Powers of ten of a unit of the result: of the digit under way, plus one.
  auto power = static_cast<std::int64_t>(scanned->whole.size()) + scanned->exponent - exponent;
  std::int64_t magnitude = 0;
  bool fits = true;
  bool finer = false;
  for (const auto part : {scanned->whole, scanned->fraction}) {
    for (const char c : part) {
      if (--power >= 0) {
        fits = fits && append(magnitude, c - '0');
      } else {
        finer = finer || c != '0';
      }
    }
  }
  if (finer && rounding == Rounding::exact) {
    return bad(fmt::format("{} is finer than the resolution 1e{}", cut(text), exponent));
  }
  for (; power > 0 && magnitude != 0 && fits; --power) fits = append(magnitude, 0);
  if (!fits) return bad(fmt::format("{} does not fit", cut(text)));
  return scanned->negative ? -magnitude : magnitude;
}

std::optional<double> parse_double(std::string_view text) {
  if (const auto plain = PlainNumber::scan(text); plain && plain->size == text.size()) {
    if (const auto v = plain->to_double()) return v;
  }
  double v = 0;
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(v)) {
    return std::nullopt;
  }
  return v;
}

Result<EventTime> parse_time_number(std::string_view number, TimeUnit unit) {
  if (const auto plain = PlainNumber::scan(number); plain && plain->size == number.size()) {
    if (const auto time = plain->to_time(unit)) return *time;
  }
  bool guessed = false;
  if (unit == TimeUnit::automatic) {
    const auto v = parse_double(number);
    if (!v) return bad(fmt::format("'{}' is no number", cut(number)));
    unit = guess(std::abs(*v));
    guessed = true;
  }
  if (unit == TimeUnit::iso8601) {
    return bad(fmt::format("{} is a number, expected ISO 8601 text", cut(number)));
  }
  auto ns = parse_decimal(number, exponent_of(unit), Rounding::truncate);
  if (!ns) return std::move(ns).error();
  if (guessed && *ns < k1980) {
    return bad(fmt::format("{} is no time since 1970 in s, ms, us or ns; name its unit, or stamp "
                           "readings at the edge", cut(number)));
  }
  return event_time(*ns);
}

Result<EventTime> parse_time_text(std::string_view text, TimeUnit unit, const TimeZone* zone) {
  if (unit != TimeUnit::iso8601 && parse_double(text)) return parse_time_number(text, unit);
  TIDE_ASSIGN(const auto time, parse_utc(text));
  return zone == nullptr || names_zone(text) ? time : zone->to_utc(time);
}

Result<Nanoseconds> parse_interval_number(std::string_view number, TimeUnit unit) {
  const bool rate = unit == TimeUnit::hz;
  auto count = parse_decimal(number, rate ? kRateExponent : exponent_of(unit), Rounding::truncate);
  if (!count) return std::move(count).error();
  if (rate && *count > 0) *count = (kNsTimesRate + *count / 2) / *count;
  if (*count > 0) return Nanoseconds(*count);
  return bad(fmt::format("{} {}", cut(number), rate ? "samples a second cannot be"
                                                    : "is not above 0 ns"));
}

}  // namespace tidemark
