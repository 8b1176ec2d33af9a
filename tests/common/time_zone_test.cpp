#include "common/base/time_zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace tidemark {
namespace {

using ::testing::HasSubstr;

EventTime at(std::string_view text) { return parse_utc(text).value(); }

// A database file of one second part: two changes, to +2 h and back to +1 h.
ByteVector berlin_2026() {
  ByteVector out;
  const auto put = [&](std::int64_t v, int bytes) {
    for (int i = bytes; i-- > 0;) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  };
  const auto head = [&](std::int64_t changes, std::int64_t types) {
    for (const char c : std::string_view("TZif2")) out.push_back(static_cast<std::uint8_t>(c));
    out.insert(out.end(), 15, 0);
    for (const auto n : {std::int64_t{0}, std::int64_t{0}, std::int64_t{0}, changes, types,
                         std::int64_t{4}}) {
      put(n, 4);
    }
  };
  head(0, 1);
  put(3600, 4);
  put(0, 2);
  put(0, 4);
  head(2, 2);
  put(at("2026-03-29T01:00:00Z").time_since_epoch().count() / 1'000'000'000, 8);
  put(at("2026-10-25T01:00:00Z").time_since_epoch().count() / 1'000'000'000, 8);
  out.insert(out.end(), {1, 0});
  put(3600, 4);
  put(0, 2);
  put(7200, 4);
  put(0, 2);
  put(0, 4);
  return out;
}

TEST(TimeZone, TakesTheOffsetOfItsDay) {
  const auto zone = TimeZone::parse(berlin_2026(), "Europe/Berlin").value();
  struct Row {
    const char* local;
    const char* utc;
  };
  for (const auto& row : {Row{"2026-01-01T12:00:00", "2026-01-01T11:00:00Z"},
                          Row{"2026-07-01T12:00:00", "2026-07-01T10:00:00Z"},
                          Row{"2026-03-29T01:59:59", "2026-03-29T00:59:59Z"},
                          Row{"2026-03-29T02:30:00", "2026-03-29T01:30:00Z"},  // left out
                          Row{"2026-03-29T03:00:00", "2026-03-29T01:00:00Z"},
                          Row{"2026-10-25T02:30:00", "2026-10-25T00:30:00Z"},  // twice: the first
                          Row{"2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
                          Row{"2026-12-31T23:00:00", "2026-12-31T22:00:00Z"}}) {
    EXPECT_EQ(format_utc(zone.to_utc(at(row.local))), row.utc) << row.local;
  }
}

TEST(TimeZone, EveryCutOfAFileIsRefusedAndNoByteBreaksIt) {
  const auto file = berlin_2026();
  for (std::size_t n = 0; n < file.size(); ++n) {
    EXPECT_FALSE(TimeZone::parse(ByteSpan(file).first(n), "x").ok()) << n;
  }
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto changed = file;
    changed[i] = 0xff;
    const auto zone = TimeZone::parse(changed, "x");
    if (zone) static_cast<void>(zone->to_utc(at("2026-07-01")));
  }
}

TEST(TimeZone, OffsetsAndUtcNeedNoDatabase) {
  const auto noon = at("2026-07-01T12:00:00");
  EXPECT_EQ(format_utc(TimeZone::find("+05:30")->to_utc(noon)), "2026-07-01T06:30:00Z");
  EXPECT_EQ(format_utc(TimeZone::find("-0800")->to_utc(noon)), "2026-07-01T20:00:00Z");
  EXPECT_EQ(TimeZone::find("UTC")->to_utc(noon), noon);
  for (const auto* name : {"", "+25:00", "/etc/passwd", "../../etc/passwd", "+1", "Mars/Phobos"}) {
    const auto zone = TimeZone::find(name);
    ASSERT_FALSE(zone.ok()) << name;
    EXPECT_THAT(zone.error().text(), HasSubstr("time zone '"));
  }
}

TEST(TimeZone, TheMachinesDatabaseIsRead) {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) {
    GTEST_SKIP() << "tzdata is not installed";
  }
  const auto zone = TimeZone::find("Europe/Berlin").value();
  EXPECT_EQ(format_utc(zone.to_utc(at("2026-07-01T12:00:00"))), "2026-07-01T10:00:00Z");
  EXPECT_EQ(format_utc(zone.to_utc(at("2026-11-21T12:00:00"))), "2026-11-21T11:00:00Z");
}

TEST(TimeZone, ATimeSaysWhetherItNamesItsZone) {
  for (const auto* text : {"2026-11-21T12:00:00Z", "2026-11-21T12:00:00+01:00",
                           "2026-11-21 12:00-0800"}) {
    EXPECT_TRUE(names_zone(text)) << text;
  }
  for (const auto* text : {"2026-11-21T12:00:00", "2026-11-21", "2026-11-21 12:00:00.5"}) {
    EXPECT_FALSE(names_zone(text)) << text;
  }
}

}  // namespace
}  // namespace tidemark
