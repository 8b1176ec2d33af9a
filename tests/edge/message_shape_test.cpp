// A message that is read by its shape is read as the parser reads it.
#include "edge/payload/message_shape.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>

#include "common/base/random.h"

namespace tidemark::payload {
namespace {

struct Learned {
  JsonParser parser;
  Payload payload;
  std::unique_ptr<const MessageShape> shape;

  explicit Learned(std::string_view text, const TimeKeys& keys = {}) {
    if (parser.parse(as_bytes(text), keys, payload)) {
      shape = MessageShape::of(as_bytes(text), payload);
    }
  }
};

void expect_equal(const Payload& a, const Payload& b, std::string_view text) {
  ASSERT_EQ(a.records.size(), b.records.size()) << text;
  EXPECT_EQ(a.records[0].time, b.records[0].time) << text;
  EXPECT_EQ(a.records[0].interval, b.records[0].interval) << text;
  EXPECT_EQ(a.records[0].fault, b.records[0].fault) << text;
  ASSERT_EQ(a.leaves.size(), b.leaves.size()) << text;
  for (std::size_t i = 0; i < a.leaves.size(); ++i) {
    EXPECT_EQ(a.path(a.leaves[i]), b.path(b.leaves[i])) << text;
    EXPECT_EQ(a.leaves[i].array, b.leaves[i].array) << text;
    const auto& x = a.values[a.leaves[i].first];
    const auto& y = b.values[b.leaves[i].first];
    EXPECT_EQ(x.kind, y.kind) << text;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(x.number), std::bit_cast<std::uint64_t>(y.number))
        << text;
    EXPECT_EQ(x.text, y.text) << text;
    EXPECT_EQ(x.at, y.at) << text;
  }
}

struct Next {
  const char* name;
  const char* first;
  const char* next;
  bool read;
};
void PrintTo(const Next& row, std::ostream* out) { *out << row.name; }
class MessageShapes : public testing::TestWithParam<Next> {};

TEST_P(MessageShapes, ReadWhatIsLikeTheFirstAndNothingElse) {
  const Learned learned(GetParam().first);
  Payload out;
  const std::string_view next = GetParam().next;
  const bool read = learned.shape && learned.shape->read(as_bytes(next), {}, out);
  ASSERT_EQ(read, GetParam().read);
  if (read) expect_equal(out, Learned(next).payload, next);
}

INSTANTIATE_TEST_SUITE_P(
    Messages, MessageShapes,
    testing::Values(
        Next{"other numbers", R"({"ts":1700000000,"v":1})", R"({"ts":1700000001123,"v":-20.25})",
             true},
        Next{"no time", R"({"a":1,"b":{"c":2}})", R"({"a":0,"b":{"c":-0.0}})", true},
        Next{"blanks", "{ \"v\" : 1 }\n", "{ \"v\" : 2 }\n", true},
        Next{"a number alone", "1", "2", true},
        Next{"digits in a name", R"({"v1":{"2":3}})", R"({"v1":{"2":4}})", true},
        Next{"an escaped quote", R"({"a\"1":3})", R"({"a\"1":4})", true},
        Next{"null stays null", R"({"a":null,"v":3})", R"({"a":null,"v":4})", true},
        Next{"another name", R"({"v":1})", R"({"w":1})", false},
        Next{"a name more", R"({"v":1})", R"({"v":1,"w":2})", false},
        Next{"cut off", R"({"v":1})", R"({"v":1)", false},
        Next{"something behind", R"({"v":1})", R"({"v":1}})", false},
        Next{"an exponent", R"({"v":1})", R"({"v":1e3})", false},
        Next{"a leading zero", R"({"v":1})", R"({"v":01})", false},
        Next{"no digits", R"({"v":1})", R"({"v":-})", false},
        Next{"nothing behind the point", R"({"v":1})", R"({"v":1.})", false},
        Next{"two points", R"({"v":1})", R"({"v":1.2.3})", false},
        Next{"beyond 2^53", R"({"v":1})", R"({"v":9007199254740993})", false},
        Next{"many digits", R"({"v":1})", R"({"v":0.1234567890123456789012})", false},
        Next{"a time before 1980", R"({"ts":1700000000,"v":1})", R"({"ts":5,"v":1})", false},
        Next{"a time with decimals", R"({"ts":1700000000,"v":1})", R"({"ts":1700000000.5,"v":1})",
             false},
        Next{"true", R"({"v":1})", R"({"v":true})", false},
        Next{"nothing", R"({"v":1})", "", false},
        Next{"t may be a time or a temperature", R"({"t":21.5})", R"({"t":1700000000})", false},
        Next{"an interval", R"({"ts":1700000000,"dt":1,"v":2})",
             R"({"ts":1700000000,"dt":1,"v":2})", false},
        Next{"an array", R"({"v":[1,2]})", R"({"v":[1,2]})", false},
        Next{"a text", R"({"v":"1","w":2})", R"({"v":"1","w":2})", false},
        Next{"a time in text", R"({"ts":"1700000000","v":2})", R"({"ts":"1700000000","v":2})",
             false}));

TEST(MessageShape, ReadsEachNumberAsTheParserDoes) {
  const Learned learned(R"({"ts":1700000000,"x":{"v":1.5},"w":-2})");
  ASSERT_TRUE(learned.shape);
  SeededRandom random(5);
  const auto digits = [&](std::uint64_t count) {
    std::string text;
    for (; count > 0; --count) text += static_cast<char>('0' + random.below(10));
    return text;
  };
  const auto number = [&] {
    std::string text = random.below(3) == 0 ? "-" : "";
    text += digits(random.below(11) + 1);
    if (random.below(2) == 0) text += "." + digits(random.below(9));
    if (random.below(10) == 0) text += "e2";
    return text;
  };
  int read = 0;
  Payload out;
  Payload parsed;
  JsonParser parser;
  for (int i = 0; i < 20'000; ++i) {
    const auto time = random.below(std::uint64_t{1} << (20 + random.below(43)));
    const auto text = fmt::format(R"({{"ts":{},"x":{{"v":{}}},"w":{}}})", time, number(), number());
    if (!learned.shape->read(as_bytes(text), {}, out)) continue;
    ++read;
    ASSERT_TRUE(parser.parse(as_bytes(text), {}, parsed).ok()) << text;
    expect_equal(out, parsed, text);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(read, 2'000);
}

TEST(MessageShape, IsBounded) {
  std::string many = "{\"a0\":0";
  for (std::size_t i = 1; i < MessageShape::kNumbersMax; ++i) many += fmt::format(R"(,"a{}":0)", i);
  EXPECT_TRUE(Learned(many + "}").shape);
  EXPECT_FALSE(Learned(many + R"(,"b":0})").shape);
  const auto long_name = [](std::size_t bytes) {
    return fmt::format(R"({{"{}":1}})", std::string(bytes - 6, 'x'));  // and {"":1} without the 1
  };
  EXPECT_TRUE(Learned(long_name(MessageShape::kBytesMax + 1)).shape);
  EXPECT_FALSE(Learned(long_name(MessageShape::kBytesMax + 2)).shape);
}

}  // namespace
}  // namespace tidemark::payload
