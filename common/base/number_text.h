// Numbers and times as devices write them, read exactly: decimal text to a mantissa, never through
// a double, and times to nanoseconds by unit or magnitude.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/base/time_zone.h"

namespace tidemark {

// hz: of intervals alone, samples a second.
enum class TimeUnit : std::uint8_t { automatic, s, ms, us, ns, iso8601, hz };

enum class Rounding : std::uint8_t { exact, truncate };

// A number without exponent, as JSON allows it: (negative ? -1 : 1) * digits * 10^-decimals.
struct PlainNumber {
  static constexpr std::size_t kDigitsMax = 18;

  std::uint64_t digits = 0;
  std::uint8_t decimals = 0;
  bool negative = false;
  std::size_t size = 0;  // characters that it takes

  // Empty when no such number begins here, when it has more digits, or when it goes on with 'e'.
  static std::optional<PlainNumber> scan(std::string_view text);
  // The nearest double; empty when that takes more than one exact division.
  [[nodiscard]] std::optional<double> to_double() const;
  // What parse_time_number() says of it; empty: ask that.
  [[nodiscard]] std::optional<EventTime> to_time(TimeUnit unit) const;
};

// JSON number text as mantissa * 10^exponent. Fault::bad_input names what is wrong: no number,
// finer than 10^exponent (Rounding::exact only), or beyond 64 bits.
Result<std::int64_t> parse_decimal(std::string_view text, int exponent, Rounding rounding);

// The nearest double. Empty when it is no number, infinite, or "nan".
std::optional<double> parse_double(std::string_view text);

// A number since 1970 in `unit`, by magnitude when automatic: below 1e11 s, 1e14 ms, 1e17 us, else
// ns. Automatic also refuses what lies before 1980: an uptime or another quantity is no time.
Result<EventTime> parse_time_number(std::string_view number, TimeUnit unit);
// ISO 8601 text, or a number in text. A text that names no zone is a time of `zone`, else UTC.
Result<EventTime> parse_time_text(std::string_view text, TimeUnit unit,
                                  const TimeZone* zone = nullptr);

// A length of time above 0: a number in `unit` (seconds when automatic; of hz to the nearest ns).
Result<Nanoseconds> parse_interval_number(std::string_view number, TimeUnit unit);

}  // namespace tidemark
