#include "common/base/number_text.h"

#include <gmock/gmock.h>

#include "common/base/random.h"

namespace tidemark {
namespace {

using testing::HasSubstr;

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
}  // namespace tidemark
