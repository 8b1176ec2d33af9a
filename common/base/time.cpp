#include "common/base/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace tidemark {
namespace {

using std::chrono::sys_days;

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::int64_t kSecond = 1'000'000'000;
// Longest first, so that the first exact one is the shortest text. Spellings beside the first are
// read only.
constexpr std::array kUnits = {
    Unit{"day", 86'400 * kSecond}, Unit{"h", 3'600 * kSecond}, Unit{"min", 60 * kSecond},
    Unit{"s", kSecond},            Unit{"ms", 1'000'000},      Unit{"us", 1'000},
    Unit{"ns", 1},                 Unit{"days", 86'400 * kSecond}, Unit{"d", 86'400 * kSecond},
    Unit{"week", 7 * 86'400 * kSecond}, Unit{"weeks", 7 * 86'400 * kSecond},
    Unit{"w", 7 * 86'400 * kSecond},    Unit{"years", 365 * 86'400 * kSecond},
    Unit{"year", 365 * 86'400 * kSecond}, Unit{"hours", 3'600 * kSecond},
    Unit{"hour", 3'600 * kSecond}, Unit{"m", 60 * kSecond}};
constexpr std::size_t kWrittenUnits = 7;

struct Scan {
  std::string_view text;
  bool ok = true;

  int number(std::size_t digits) {
    if (text.size() < digits) return ok = false, 0;
    int v = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, v);
    if (error != std::errc{} || end != text.data() + digits || text[0] == '-') ok = false;
    text.remove_prefix(digits);
    return v;
  }
  bool take(char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
  }
  void need(char c) { ok = take(c) && ok; }
};

Error bad_time(std::string_view text) {
  return {Fault::bad_input, "'" + std::string(text) +
                                "' is not a time; expected for example 2026-11-21T02:00:00Z"};
}

}  // namespace

SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

EventTime SystemClock::wall() const {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return event_time(static_cast<std::int64_t>(t.tv_sec) * kSecond + t.tv_nsec);
}

Nanoseconds SystemClock::thread_cpu() const {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return Nanoseconds(static_cast<std::int64_t>(t.tv_sec) * kSecond + t.tv_nsec);
}

std::string format_utc(EventTime t) {
  auto days = count_ns(t) / (86'400 * kSecond);
  auto rest = count_ns(t) % (86'400 * kSecond);
  if (rest < 0) --days, rest += 86'400 * kSecond;
  const std::chrono::year_month_day ymd{sys_days(std::chrono::days(days))};
  const auto ns = rest % kSecond;
  rest /= kSecond;
  auto out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(ymd.year()),
                         static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                         rest / 3600, rest / 60 % 60, rest % 60);
  if (ns % 1'000 != 0) {
    out += fmt::format(".{:09}", ns);
  } else if (ns % 1'000'000 != 0) {
    out += fmt::format(".{:06}", ns / 1'000);
  } else if (ns != 0) {
    out += fmt::format(".{:03}", ns / 1'000'000);
  }
  return out + "Z";
}

Result<EventTime> parse_utc(std::string_view text) {
  Scan in{text};
  const int year = in.number(4);
  in.need('-');
  const int month = in.number(2);
  in.need('-');
  const int day = in.number(2);
  const std::chrono::year_month_day ymd{std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(month)),
                                        std::chrono::day(static_cast<unsigned>(day))};
  // int64 nanoseconds reach from 1677-09-21 to 2262-04-11.
  if (!in.ok || !ymd.ok() || year < 1678 || year > 2261) return bad_time(text);
  std::int64_t ns = sys_days(ymd).time_since_epoch().count() * 86'400 * kSecond;
  if (in.text.empty()) return event_time(ns);
  if (!in.take('T') && !in.take('t')) in.need(' ');
  const int hour = in.number(2);
  in.need(':');
  const int minute = in.number(2);
  int second = 0;
  if (in.take(':')) second = in.number(2);
  const bool end_of_day = hour == 24 && minute == 0 && second == 0;
  if (!in.ok || (hour > 23 && !end_of_day) || minute > 59 || second > 60) return bad_time(text);
  ns += (hour * 3600LL + minute * 60LL + second) * kSecond;
  if (in.take('.') || in.take(',')) {
    std::int64_t scale = kSecond / 10;
    if (in.text.empty() || in.text[0] < '0' || in.text[0] > '9') return bad_time(text);
    while (!in.text.empty() && in.text[0] >= '0' && in.text[0] <= '9') {
      ns += (in.text[0] - '0') * scale;  // digits past the ninth count nothing
      scale /= 10;
      in.text.remove_prefix(1);
    }
  }
  if (in.take('Z') || in.take('z') || in.text.empty()) {
    if (!in.text.empty()) return bad_time(text);
    return event_time(ns);
  }
  const bool east = in.text[0] == '+';
  if (!east && in.text[0] != '-') return bad_time(text);
  in.text.remove_prefix(1);
  const int offset_hours = in.number(2);
  static_cast<void>(in.take(':'));
  const int offset_minutes = in.text.empty() ? 0 : in.number(2);
  if (!in.ok || !in.text.empty() || offset_hours > 23 || offset_minutes > 59) return bad_time(text);
  const auto offset = (offset_hours * 3600LL + offset_minutes * 60LL) * kSecond;
  return event_time(east ? ns - offset : ns + offset);
}

Result<EventTime> parse_time(std::string_view text, EventTime now) {
  if (text == "now") return now;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    TIDE_ASSIGN(const auto by, parse_duration(text.substr(1)));
    std::int64_t ns = 0;
    const bool past = text[0] == '-';
    if (by.count() < 0 ||
        (past ? __builtin_sub_overflow(count_ns(now), by.count(), &ns)
              : __builtin_add_overflow(count_ns(now), by.count(), &ns))) {
      return bad_time(text);
    }
    return event_time(ns);
  }
  return parse_utc(text);
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  const auto fail = [&] {
    return Error{Fault::bad_input, "'" + std::string(text) +
                                       "' is not a duration; expected for example 500ms, 5s, 1min, "
                                       "2h or 1day"};
  };
  const auto* const last = text.data() + text.size();
  const auto unit_from = [&](const char* at) -> const Unit* {
    while (at != last && *at == ' ') ++at;
    const std::string_view name(at, static_cast<std::size_t>(last - at));
    const auto found = std::find_if(kUnits.begin(), kUnits.end(),
                                    [&](const Unit& u) { return u.name == name; });
    return found == kUnits.end() ? nullptr : &*found;
  };
  // Whole numbers stay exact: a double would lose the last places of long ones.
  std::int64_t whole = 0;
  if (const auto [end, error] = std::from_chars(text.data(), last, whole); error == std::errc{}) {
    if (const auto* unit = unit_from(end)) {
      std::int64_t ns = 0;
      if (__builtin_mul_overflow(whole, unit->ns, &ns)) return fail();
      return Nanoseconds(ns);
    }
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || !std::isfinite(number)) return fail();
  const auto* unit = unit_from(end);
  if (unit == nullptr) return fail();
  const double ns = number * static_cast<double>(unit->ns);
  if (std::abs(ns) > 9.2e18) return fail();
  return Nanoseconds(std::llround(ns));
}

std::string format_duration(Nanoseconds d) {
  if (d.count() == 0) return "0s";
  for (std::size_t i = 0; i < kWrittenUnits; ++i) {
    if (d.count() % kUnits[i].ns == 0) {
      return fmt::format("{}{}", d.count() / kUnits[i].ns, kUnits[i].name);
    }
  }
  return fmt::format("{}ns", d.count());
}

}  // namespace tidemark
