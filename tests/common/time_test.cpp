#include "common/base/time.h"

#include <gtest/gtest.h>

#include <random>

namespace tidemark {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(Time, IsWrittenWithAsManyDecimalsAsNeeded) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1'795'225'200'412'000'000, "2026-11-21T01:40:00.412Z"},
      {1'000, "1970-01-01T00:00:00.000001Z"},
      {1, "1970-01-01T00:00:00.000000001Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {-86'400 * kSecond, "1969-12-31T00:00:00Z"},
      {kMax, "2262-04-11T23:47:16.854775807Z"},
      {kMin, "1677-09-21T00:12:43.145224192Z"},
  };
  for (const auto& [ns, text] : cases) EXPECT_EQ(format_utc(event_time(ns)), text);
}

TEST(Time, IsReadInTheFormsOfRfc3339) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01", 0},
      {"1970-01-01 00:01", 60 * kSecond},
      {"1970-01-01t00:00:01z", kSecond},
      {"1970-01-01T00:00:01.5", kSecond * 3 / 2},
      {"1970-01-01T00:00:00,000000001Z", 1},
      {"1970-01-01T00:00:00.0000000019Z", 1},
      {"1970-01-01T02:00:00+02:00", 0},
      {"1970-01-01T02:00:00+0200", 0},
      {"1970-01-01T02:00:00+02", 0},
      {"1969-12-31T19:30:00-04:30", 0},
      {"1970-01-01T24:00:00Z", 86'400 * kSecond},
      {"2016-12-31T23:59:60Z", 1'483'228'800 * kSecond},  // a leap second is the next one's start
      {"2024-02-29", 1'709'164'800 * kSecond},
  };
  for (const auto& [text, ns] : cases) {
    const auto t = parse_utc(text);
    ASSERT_TRUE(t.ok()) << text;
    EXPECT_EQ(count_ns(*t), ns) << text;
  }
}

TEST(Time, RefusesWhatIsNone) {
  for (const auto* text :
       {"", "yesterday", "2026", "2026-1-1", "2026-13-01", "2026-02-30", "2025-02-29",
        "2026-01-01T", "2026-01-01X00:00", "2026-01-01T25:00", "2026-01-01T24:00:01Z",
        "2026-01-01T00:60", "2026-01-01T00:00:61", "2026-01-01T00:00:00.Z", "2026-01-01T00:00Zx",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+1", "2026-01-01T00:00:00*01:00",
        "-001-01-01", "1500-01-01", "2500-01-01", "2026-01-01T-1:00", "2026-01-01T+1:00"}) {
    const auto t = parse_utc(text);
    ASSERT_FALSE(t.ok()) << text;
    EXPECT_EQ(t.error().fault(), Fault::bad_input);
  }
}

TEST(Time, ReadsBackWhatItWrote) {
  std::mt19937_64 random(1);
  const auto first = count_ns(*parse_utc("1678-01-01")), last = count_ns(*parse_utc("2261-12-31"));
  for (int i = 0; i < 20'000; ++i) {
    const auto span = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
    const auto ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(first) + random() % span);
    const auto t = parse_utc(format_utc(event_time(ns)));
    ASSERT_TRUE(t.ok());
    ASSERT_EQ(count_ns(*t), ns);
  }
}

TEST(Time, CanBeRelativeToNow) {
  const auto now = event_time(1'000 * kSecond);
  EXPECT_EQ(*parse_time("now", now), now);
  EXPECT_EQ(*parse_time("-10s", now), event_time(990 * kSecond));
  EXPECT_EQ(*parse_time("+1min", now), event_time(1'060 * kSecond));
  EXPECT_EQ(*parse_time("1970-01-01", now), event_time(0));
  for (const auto* text : {"", "-", "--10s", "+-10s", "-10", "then"}) {
    EXPECT_FALSE(parse_time(text, now).ok()) << text;
  }
  EXPECT_FALSE(parse_time("+292years", *parse_utc("2026-11-21")).ok());  // past all time
}

TEST(Duration, IsReadAndWritten) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"0s", 0},           {"1ns", 1},          {"5us", 5'000},      {"250ms", 250'000'000},
      {"5s", 5 * kSecond}, {"1.5s", kSecond * 3 / 2}, {"1m", 60 * kSecond},
      {"1min", 60 * kSecond}, {"1 h", 3'600 * kSecond}, {"2h", 7'200 * kSecond},
      {"1d", 86'400 * kSecond}, {"1day", 86'400 * kSecond}, {"2days", 172'800 * kSecond},
      {"1week", 604'800 * kSecond}, {"-5s", -5 * kSecond},
      {"9223372036854775807ns", kMax}, {"9007199254740993ns", 9'007'199'254'740'993}};
  for (const auto& [text, ns] : cases) {
    const auto d = parse_duration(text);
    ASSERT_TRUE(d.ok()) << text;
    EXPECT_EQ(d->count(), ns) << text;
  }
  for (const auto* text : {"", "5", "s", "5 S", "5sec.", "inf s", "nans", "1e30s", "1s 2s",
                           "9223372036854775808ns", "1000years"}) {
    const auto d = parse_duration(text);
    ASSERT_FALSE(d.ok()) << text;
    EXPECT_EQ(d.error().fault(), Fault::bad_input);
  }
  EXPECT_EQ(format_duration(Nanoseconds(0)), "0s");
  EXPECT_EQ(format_duration(Nanoseconds(kSecond * 3 / 2)), "1500ms");
  EXPECT_EQ(format_duration(Nanoseconds(7 * 86'400 * kSecond)), "7day");
  EXPECT_EQ(format_duration(Nanoseconds(90 * 60 * kSecond)), "90min");
  EXPECT_EQ(format_duration(Nanoseconds(kMax)), "9223372036854775807ns");
}

TEST(Duration, ReadsBackWhatItWrote) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const Nanoseconds d(static_cast<std::int64_t>(random()) >> (random() % 64));
    const auto back = parse_duration(format_duration(d));
    ASSERT_TRUE(back.ok()) << format_duration(d);
    ASSERT_EQ(*back, d);
  }
}

TEST(Floor, IsTheStartOfTheSlice) {
  constexpr Nanoseconds kMinute = std::chrono::minutes(1);
  EXPECT_EQ(floor_to(event_time(0), kMinute), event_time(0));
  EXPECT_EQ(floor_to(event_time(60 * kSecond - 1), kMinute), event_time(0));
  EXPECT_EQ(floor_to(event_time(60 * kSecond), kMinute), event_time(60 * kSecond));
  EXPECT_EQ(floor_to(event_time(-1), kMinute), event_time(-60 * kSecond));
  EXPECT_EQ(floor_to(event_time(-60 * kSecond), kMinute), event_time(-60 * kSecond));
  EXPECT_EQ(floor_to(kEventTimeMin, kMinute), kEventTimeMin);  // its slice begins before all time
}

TEST(Clock, ManualOneMovesWhenTold) {
  ManualClock clock(event_time(5));
  const auto start = clock.steady();
  clock.advance(std::chrono::seconds(2));
  clock.jump_wall(std::chrono::hours(-1));
  EXPECT_EQ(clock.steady() - start, std::chrono::seconds(2));
  EXPECT_EQ(count_ns(clock.wall()), 5 + 2 * kSecond - 3'600 * kSecond);
}

}  // namespace
}  // namespace tidemark
