#include "common/base/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace tidemark {
namespace {

TEST(Printable, ControlCharactersMoveNoCursor) {
  EXPECT_EQ(printable("21.5 °C"), "21.5 °C");
  EXPECT_EQ(printable(std::string_view("a\x1b[31m\nb\x7f\0", 10)), "a\\x1b[31m\\x0ab\\x7f\\x00");
}

TEST(Text, Splits) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(split("a/b", '/'), (Parts{"a", "b"}));
  EXPECT_EQ(split("", '/'), (Parts{""}));
  EXPECT_EQ(split("/a/", '/'), (Parts{"", "a", ""}));
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

struct Match {
  const char* pattern;
  const char* text;
  bool matches;
};

TEST(Glob, StaysWithinALevelUnlessDoubled) {
  const Match cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "power", true},
      {"*", "line1/power", false},
      {"**", "line1/power", true},
      {"**", "", true},
      {"line?/power", "line1/power", true},
      {"line?/power", "line12/power", false},
      {"a?b", "a/b", false},
      {"*/power", "line1/power", true},
      {"*/power", "plant/line1/power", false},
      {"**/power", "plant/line1/power", true},
      {"**/power", "power", false},
      {"plant/**", "plant/line1/power", true},
      {"plant/**", "plant", false},
      {"p*r", "power", true},
      {"p*r", "pow/er", false},
      {"p**r", "pow/er", true},
      {"*a*b", "xaxbxab", true},
      {"*a*b", "xaxbxa", false},
      {"**a*/b", "a/a1/b", true},
      {"***", "a/b", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(glob_match(c.pattern, c.text), c.matches) << c.pattern << " against " << c.text;
  }
}

bool glob_by_hand(std::string_view p, std::string_view t) {
  if (p.empty()) return t.empty();
  if (p.substr(0, 2) == "**") {
    for (std::size_t i = 0; i <= t.size(); ++i) {
      if (glob_by_hand(p.substr(2), t.substr(i))) return true;
    }
    return false;
  }
  if (p[0] == '*') {
    for (std::size_t i = 0; i <= t.size(); ++i) {
      if (glob_by_hand(p.substr(1), t.substr(i))) return true;
      if (i < t.size() && t[i] == '/') return false;
    }
    return false;
  }
  if (t.empty() || (p[0] == '?' ? t[0] == '/' : p[0] != t[0])) return false;
  return glob_by_hand(p.substr(1), t.substr(1));
}

TEST(Glob, AgreesWithTheSimpleWay) {
  std::mt19937 random(1);
  const auto word = [&](std::string_view alphabet, std::size_t length_max) {
    std::string w;
    for (auto n = random() % (length_max + 1); n > 0; --n) {
      w += alphabet[random() % alphabet.size()];
    }
    return w;
  };
  for (int round = 0; round < 200'000; ++round) {
    const auto pattern = word("ab/**?", 8);
    const auto text = word("aab/", 9);
    ASSERT_EQ(glob_match(pattern, text), glob_by_hand(pattern, text))
        << pattern << " against " << text;
  }
}

TEST(Glob, OfAStrangerIsNotSlow) {
  const std::string text(20'000, 'a');
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", text));
}

TEST(SeriesMatch, TakesTheLastLevels) {
  const Match cases[] = {
      {"power", "edge/line1/power", true},
      {"power", "edge/line1/powers", false},
      {"line1/power", "edge/line1/power", true},
      {"line2/power", "edge/line1/power", false},
      {"edge/line1/power", "edge/line1/power", true},
      {"edge/power", "edge/line1/power", false},
      {"*/power", "edge/line1/power", true},
      {"*/*", "edge/line1/power", true},
      {"a/edge/line1/power", "edge/line1/power", false},
      {"line1/**", "edge/line1/power", true},
      {"line1/**", "edge/line1/phase/power", true},
      {"**", "edge/line1/power", true},
      {"edge/**", "edge/line1/power", true},
      {"**/power", "edge/line1/power", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(series_match(c.pattern, c.text), c.matches) << c.pattern << " against " << c.text;
  }
}

TEST(Counted, TakesAnSUnlessThereIsOne) {
  EXPECT_EQ(counted(0, "message"), "0 messages");
  EXPECT_EQ(counted(1, "message"), "1 message");
  EXPECT_EQ(counted(21, "message"), "21 messages");
}

struct CoverCase {
  const char* pattern;
  const char* other;
  bool covers;
};

TEST(SeriesCovers, WhatMatchesAllThatAnotherPatternMatches) {
  for (const auto& c : {CoverCase{"**", "line1/power_*", true}, CoverCase{"**", "**", true},
                        CoverCase{"*/power", "line1/power", true},
                        CoverCase{"line1/*", "line1/power_?", true},
                        CoverCase{"line1/p*", "line1/power_*", true},
                        CoverCase{"line1/power_*", "line1/p*", false},
                        CoverCase{"line1/*", "line2/*", false}, CoverCase{"line1/*", "**", false},
                        CoverCase{"*", "line1/**", false}, CoverCase{"line1/**", "line1/a/*", true},
                        CoverCase{"power", "line1/power", true},  // the last levels of a name
                        CoverCase{"line1/power", "power", false}, CoverCase{"a?", "a*", false},
                        CoverCase{"a?b", "a?b", true}, CoverCase{"*b*", "aba", true},
                        CoverCase{"*a", "*aa", true}, CoverCase{"*aa", "*a", false},
                        CoverCase{"a/**/b", "a/x/y/b", true}, CoverCase{"", "a", false}}) {
    EXPECT_EQ(series_covers(c.pattern, c.other), c.covers) << c.pattern << " over " << c.other;
  }
}

TEST(Nearest, IsWithinTwoEdits) {
  const std::vector<std::string> known = {"voltage", "current", "power", "id"};
  EXPECT_EQ(nearest("voltage", known), "voltage");
  EXPECT_EQ(nearest("votlage", known), "voltage");  // two letters swapped are one edit
  EXPECT_EQ(nearest("volage", known), "voltage");
  EXPECT_EQ(nearest("curent", known), "current");
  EXPECT_EQ(nearest("pwr", known), "power");
  EXPECT_EQ(nearest("frequency", known), "");
  EXPECT_EQ(nearest("xy", known), "");  // another word of two letters is not near
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(200, 'x'), known), "");
}

TEST(NearestSeries, KeepsTheLevelsAndStarsOfThePattern) {
  const std::vector<std::string> names = {"press-07/line1/power_total", "press-07/line1/energy"};
  EXPECT_EQ(nearest_series("power_totl", names), "power_total");
  EXPECT_EQ(nearest_series("line1/power_totl", names), "line1/power_total");
  EXPECT_EQ(nearest_series("*/power_totl", names), "*/power_total");
  EXPECT_EQ(nearest_series("pres-07/line1/energy", names), "press-07/line1/energy");
  EXPECT_EQ(nearest_series("nosuch", names), "");
  EXPECT_EQ(nearest_series("x/press-07/line1/energy", names), "");
}

TEST(ByteSizes, AreReadAndWritten) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"0", 0},          {"512", 512},          {"512 B", 512},
      {"64KiB", 65'536}, {"64 KiB", 65'536},    {"1.5 MiB", 1'572'864},
      {"100 kB", 100'000}, {"2 GiB", 2'147'483'648}, {"1TiB", 1'099'511'627'776}};
  for (const auto& [text, bytes] : cases) {
    const auto parsed = parse_bytes(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->count, bytes) << text;
  }
  for (const auto* text : {"", "KiB", "-1", "1 kib", "1 K", "nan", "inf", "1e30", "1 MiB x"}) {
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().fault(), Fault::bad_input);
  }
  EXPECT_EQ(format_bytes({0}), "0 B");
  EXPECT_EQ(format_bytes({1023}), "1023 B");
  EXPECT_EQ(format_bytes({1536}), "1.5 KiB");
  EXPECT_EQ(format_bytes({2'147'483'648}), "2 GiB");
}

TEST(Json, QuotesEveryByte) {
  const std::pair<std::string, std::string> cases[] = {
      {"", R"("")"},
      {"a\"b\\c", R"("a\"b\\c")"},
      {"\n\t\r", R"("\n\t\r")"},
      {std::string("\0\x1f", 2), R"("\u0000\u001f")"},
      {"\x7f", "\"\x7f\""},
      {"\xc3\xa4", "\"\xc3\xa4\""},
      {"\xf0\x9f\x94\xa5", "\"\xf0\x9f\x94\xa5\""},
      {"\xff", "\"\xef\xbf\xbd\""},
      {"\xc3", "\"\xef\xbf\xbd\""},                                  // cut short
      {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                  // overlong
      {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},  // a surrogate
      {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
  };
  for (const auto& [text, quoted] : cases) EXPECT_EQ(json_quote(text), quoted);
}

TEST(Json, NumbersAreTheShortestThatReadBack) {
  EXPECT_EQ(json_number(0.1), "0.1");
  EXPECT_EQ(json_number(231.2), "231.2");
  EXPECT_EQ(json_number(-0.0), "-0");
  EXPECT_EQ(json_number(1e300), "1e+300");
  EXPECT_EQ(json_number(5e-324), "5e-324");
  EXPECT_EQ(json_number(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(json_number(std::nan("")), "null");
}

}  // namespace
}  // namespace tidemark
