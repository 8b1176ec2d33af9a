#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "edge/payload/number_text.h"
#include "edge/payload/payload.h"

namespace tidemark::payload {
namespace {

using testing::HasSubstr;

TEST(Path, IsCheckedAndShortened) {
  EXPECT_EQ(*canonical_path("$.a.b[0].c"), "a.b[0].c");
  EXPECT_EQ(*canonical_path("$[*].x"), "[*].x");
  EXPECT_EQ(*canonical_path("a"), "a");
  EXPECT_EQ(*canonical_path("$"), "");
  for (const char* path : {"$.a..b", "$.a.", "$.a[x]", "$.a[1", "$.a[]"}) {
    EXPECT_FALSE(canonical_path(path).ok()) << path;
  }
}

TEST(Path, WildcardsStandForPartsOfOneName) {
  struct Row {
    const char* pattern;
    const char* path;
    bool fits;
    std::vector<std::string_view> stood_for;
  };
  for (const auto& row : std::vector<Row>{{"a.b", "a.b", true, {}},
                                          {"a.b", "a.bc", false, {}},
                                          {"a.b", "a", false, {}},
                                          {"*.t", "x.t", true, {"x"}},
                                          {"*.t", "x.y.t", false, {}},
                                          {"*.t", ".t", false, {}},
                                          {"em:*.?_v", "em:0.a_v", true, {"0", "a"}},
                                          {"em:*.?_v", "em:0.ab_v", false, {}},
                                          {"em:*.?_v", "em:.a_v", false, {}},
                                          {"p_*_*", "p_a_b_c", true, {"a_b", "c"}},
                                          {"p[*]", "p[0]", true, {"0"}},
                                          {"p[*].x", "p[12].x", true, {"12"}},
                                          {"p[*]", "p", false, {}},
                                          {"p*", "p[0]", false, {}},
                                          {"", "", true, {}}}) {
    std::vector<std::string_view> stood_for;
    EXPECT_EQ(path_fits(row.pattern, row.path, stood_for), row.fits)
        << row.pattern << " " << row.path;
    if (row.fits) {
      EXPECT_EQ(stood_for, row.stood_for) << row.pattern << " " << row.path;
    }
  }
}

TEST(Decimal, IsExactOrRefused) {
  const auto exact = [](std::string_view text, int exponent) {
    const auto r = parse_decimal(text, exponent, Rounding::exact);
    return r ? std::to_string(*r) : r.error().text();
  };
  EXPECT_EQ(exact("231.2", -1), "2312");
  EXPECT_EQ(exact("-0.1", -3), "-100");
  EXPECT_EQ(exact("1.5e3", 0), "1500");
  EXPECT_EQ(exact("12e-1", -1), "12");
  EXPECT_EQ(exact("1200", 2), "12");
  EXPECT_EQ(exact("0.000", 0), "0");
  EXPECT_EQ(exact("0e999999999", 0), "0");
  EXPECT_EQ(exact("9223372036854775807", 0), "9223372036854775807");
  EXPECT_EQ(exact("0.30000000000000000000000000000000000000000", -1), "3");
  EXPECT_THAT(exact("9223372036854775808", 0), HasSubstr("does not fit"));
  EXPECT_THAT(exact("1e400", 0), HasSubstr("does not fit"));
  EXPECT_THAT(exact("1e99999999999", 0), HasSubstr("does not fit"));
  EXPECT_THAT(exact("0.25", -1), HasSubstr("finer than the resolution 1e-1"));
  EXPECT_THAT(exact("1e-99999999999", 0), HasSubstr("finer"));
  for (const char* text : {"", "-", ".", "1x", "e5", "1e", "0x10", "1 "}) {
    EXPECT_THAT(exact(text, 0), HasSubstr("is no number")) << text;
  }
}

TEST(Decimal, AgreesWithIntegerArithmetic) {
  SeededRandom random(11);
  for (int i = 0; i < 20'000; ++i) {
    const auto mantissa = static_cast<std::int64_t>(random.below(1'000'000'000'000)) - 500'000'000;
    const auto digits = static_cast<int>(random.below(9));
    auto text = std::to_string(mantissa < 0 ? -mantissa : mantissa);
    while (static_cast<int>(text.size()) <= digits) text.insert(0, "0");
    if (digits > 0) text.insert(text.size() - static_cast<std::size_t>(digits), ".");
    if (mantissa < 0) text.insert(0, "-");
    const auto read = parse_decimal(text, -digits, Rounding::exact);
    ASSERT_TRUE(read.ok()) << text;
    EXPECT_EQ(*read, mantissa) << text;
  }
}

TEST(Time, IsReadByUnitOrMagnitude) {
  const auto ns = [](std::string_view text, TimeUnit unit) {
    const auto r = parse_time_number(text, unit);
    return r ? count_ns(*r) : -1;
  };
  EXPECT_EQ(ns("1700000000", TimeUnit::automatic), 1'700'000'000'000'000'000);
  EXPECT_EQ(ns("1700000000000", TimeUnit::automatic), 1'700'000'000'000'000'000);
  EXPECT_EQ(ns("1700000000000000", TimeUnit::automatic), 1'700'000'000'000'000'000);
  EXPECT_EQ(ns("1700000000000000001", TimeUnit::automatic), 1'700'000'000'000'000'001);
  EXPECT_EQ(ns("1.7e9", TimeUnit::automatic), 1'700'000'000'000'000'000);
  EXPECT_EQ(ns("5", TimeUnit::s), 5'000'000'000);
  EXPECT_EQ(ns("1.9999", TimeUnit::us), 1999);  // below a nanosecond is cut
  EXPECT_EQ(ns("5", TimeUnit::automatic), -1);
  EXPECT_EQ(ns("-1700000000", TimeUnit::automatic), -1);
  EXPECT_EQ(ns("1e10", TimeUnit::s), -1);
  EXPECT_EQ(ns("1700000000", TimeUnit::iso8601), -1);
}

}  // namespace
}  // namespace tidemark::payload
