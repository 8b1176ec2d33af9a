#include "edge/payload/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace tidemark::payload {

namespace {

constexpr int kExponentMax = 400;  // doubles end at 308; further digits only cost time

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }
std::string_view cut(std::string_view text) { return text.substr(0, 40); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

__extension__ using Wide = unsigned __int128;

// value = (negative ? -1 : 1) * digits * 10^exponent; `more` when digits beyond 38 were dropped.
struct Decimal {
  bool negative = false;
  Wide digits = 0;
  int exponent = 0;
  bool more = false;
};

std::optional<Decimal> scan(std::string_view text) {
  Decimal d;
  std::size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  if (peek() == '-') d.negative = true;
  if (peek() == '-' || peek() == '+') ++at;
  int count = 0;
  int significant = 0;
  const auto take = [&](bool fraction) {
    for (; is_digit(peek()); ++at, ++count) {
      const auto digit = static_cast<unsigned>(text[at] - '0');
      if (significant < 38) {
        d.digits = d.digits * 10 + digit;
        if (d.digits != 0) ++significant;
        if (fraction) --d.exponent;
      } else {
        d.more = d.more || digit != 0;
        if (!fraction) ++d.exponent;
      }
      if (d.exponent < -100'000 || d.exponent > 100'000) return;
    }
  };
  take(false);
  if (peek() == '.') {
    ++at;
    take(true);
  }
  if (count == 0) return std::nullopt;
  if (peek() == 'e' || peek() == 'E') {
    ++at;
    if (peek() == '+') ++at;
    int e = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), e);
    if (error == std::errc::invalid_argument) return std::nullopt;
    if (error != std::errc()) e = text[at] == '-' ? -kExponentMax : kExponentMax;
    d.exponent += std::clamp(e, -kExponentMax, kExponentMax);
    at = static_cast<std::size_t>(end - text.data());
  }
  return at == text.size() ? std::optional(d) : std::nullopt;
}

}  // namespace

Result<std::int64_t> parse_decimal(std::string_view text, int exponent, Rounding rounding) {
  const auto scanned = scan(text);
  if (!scanned) return bad(fmt::format("'{}' is no number", cut(text)));
  auto d = *scanned;
  const auto too_large = [&] { return bad(fmt::format("{} does not fit", cut(text))); };
  bool rest = d.more;
  int shift = d.exponent - exponent;
  for (; shift < 0 && d.digits != 0; ++shift) {
    rest = rest || d.digits % 10 != 0;
    d.digits /= 10;
  }
  if (rest && rounding == Rounding::exact) {
    return bad(fmt::format("{} is finer than the resolution 1e{}", cut(text), exponent));
  }
  constexpr auto kLimit = static_cast<Wide>(std::numeric_limits<std::int64_t>::max());
  for (; shift > 0 && d.digits != 0; --shift) {
    if (d.digits > kLimit) return too_large();
    d.digits *= 10;
  }
  if (d.digits > kLimit) return too_large();
  const auto magnitude = static_cast<std::int64_t>(d.digits);
  return d.negative ? -magnitude : magnitude;
}

std::optional<double> parse_double(std::string_view text) {
  double v = 0;
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(v)) {
    return std::nullopt;
  }
  return v;
}

Result<EventTime> parse_time_number(std::string_view number, TimeUnit unit) {
  bool guessed = false;
  if (unit == TimeUnit::automatic) {
    const auto v = parse_double(number);
    if (!v) return bad(fmt::format("'{}' is no number", cut(number)));
    const double size = std::abs(*v);
    unit = size < 1e11 ? TimeUnit::s : size < 1e14 ? TimeUnit::ms
         : size < 1e17 ? TimeUnit::us : TimeUnit::ns;
    guessed = true;
  }
  if (unit == TimeUnit::iso8601) {
    return bad(fmt::format("{} is a number, expected ISO 8601 text", cut(number)));
  }
  auto ns = parse_interval_number(number, unit);
  if (!ns) return std::move(ns).error();
  constexpr std::int64_t k1980 = 315'532'800'000'000'000;
  if (guessed && ns->count() < k1980) {
    return bad(fmt::format("{} is no time since 1970 in s, ms, us or ns; name its unit, or stamp "
                           "readings at the edge", cut(number)));
  }
  return EventTime(*ns);
}

Result<EventTime> parse_time_text(std::string_view text, TimeUnit unit) {
  if (unit != TimeUnit::iso8601 && parse_double(text)) return parse_time_number(text, unit);
  return parse_utc(text);
}

Result<Nanoseconds> parse_interval_number(std::string_view number, TimeUnit unit) {
  const int exponent = unit == TimeUnit::ms ? -6 : unit == TimeUnit::us ? -3
                     : unit == TimeUnit::ns ? 0 : -9;
  auto ns = parse_decimal(number, exponent, Rounding::truncate);
  if (!ns) return std::move(ns).error();
  return Nanoseconds(*ns);
}

}  // namespace tidemark::payload
