#include "edge/mqtt/decoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "common/base/disk.h"
#include "common/base/text.h"
#include "tests/edge/mqtt_bench.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Row {
  const char* name;
  const char* payload;
  std::vector<std::string> lines;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class Reads : public testing::TestWithParam<Row> {};

TEST_P(Reads, Payload) {
  Bench bench;
  EXPECT_EQ(bench.lines("plant/p1/vib", GetParam().payload), GetParam().lines);
  EXPECT_THAT(bench.reason(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Reads,
    testing::Values(
        Row{"a bare number", "21.5", {"p1/vib=21.5"}},
        Row{"a bare number with blanks", " -1e-3\n", {"p1/vib=-0.001"}},
        Row{"a bare boolean", "true", {"p1/vib=true"}},
        Row{"JSON text", "\"run\"", {"p1/vib='run'"}},
        Row{"time and value", R"({"ts":1700000000,"v":3})", {"p1/vib=3@2023-11-14T22:13:20Z"}},
        Row{"value and time", R"({"value":3,"time":1700000000123})",
            {"p1/vib=3@2023-11-14T22:13:20.123Z"}},
        Row{"us", R"({"ts":1700000000123456,"v":3})", {"p1/vib=3@2023-11-14T22:13:20.123456Z"}},
        Row{"ns", R"({"ts":1700000000123456789,"v":3})",
            {"p1/vib=3@2023-11-14T22:13:20.123456789Z"}},
        Row{"s with decimals, exactly", R"({"ts":1700000000.123456789,"v":3})",
            {"p1/vib=3@2023-11-14T22:13:20.123456789Z"}},
        Row{"ISO 8601", R"({"timestamp":"2023-11-14T23:13:20.5+01:00","v":3})",
            {"p1/vib=3@2023-11-14T22:13:20.500Z"}},
        Row{"a number in text as time", R"({"ts":"1700000000","v":3})",
            {"p1/vib=3@2023-11-14T22:13:20Z"}},
        Row{"t that can be a time", R"({"t":1700000000,"v":3})",
            {"p1/vib=3@2023-11-14T22:13:20Z"}},
        Row{"t that is a temperature", R"({"t":21.5,"h":40})", {"p1/t=21.5", "p1/h=40"}},
        Row{"flat", R"({"temp":21.5,"on":true,"mode":"auto","gone":null})",
            {"p1/temp=21.5", "p1/on=true", "p1/mode='auto'"}},
        Row{"nested", R"({"motor":{"temp":60,"axis":{"x":1}},"n":2})",
            {"p1/motor_temp=60", "p1/motor_axis_x=1", "p1/n=2"}},
        Row{"names are cleaned", R"({"a b/c*":1,"ü":2})", {"p1/a_b_c_=1", "p1/ü=2"}},
        Row{"escaped", R"({"a\u0062":"x\ny"})", {"p1/ab='x\ny'"}},
        Row{"a short array", R"({"acc":[1,2,null,4]})", {"p1/acc_0=1", "p1/acc_1=2",
            "p1/acc_3=4"}},
        Row{"an array of one", R"({"acc":[1]})", {"p1/acc=1"}},
        Row{"a bare array", "[1,2]", {"p1/vib_0=1", "p1/vib_1=2"}},
        Row{"samples", R"({"t0":1700000000,"dt_us":500,"v":[1,2,null,4]})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:20.000500Z",
             "p1/vib=4@2023-11-14T22:13:20.001500Z"}},
        Row{"samples, keys behind, start and interval in words",
            R"({"x":[1,2],"y":[3,4],"interval":"1s","start":"2023-11-14T22:13:20Z"})",
            {"p1/x=1@2023-11-14T22:13:20Z", "p1/x=2@2023-11-14T22:13:21Z",
             "p1/y=3@2023-11-14T22:13:20Z", "p1/y=4@2023-11-14T22:13:21Z"}},
        Row{"samples beside a value", R"({"ts":1700000000,"dt_ms":1000,"v":[1,2],"temp":20})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:21Z",
             "p1/temp=20@2023-11-14T22:13:20Z"}},
        Row{"records", R"([{"ts":1700000000,"v":1},{"ts":1700000001,"v":2}])",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:21Z"}},
        Row{"records in an object, with its time and interval",
            R"({"ts":1700000000,"dt":1,"data":[{"x":1},{"x":2}],"n":7})",
            {"p1/data_x=1@2023-11-14T22:13:20Z", "p1/data_x=2@2023-11-14T22:13:21Z",
             "p1/n=7@2023-11-14T22:13:20Z"}},
        Row{"beyond 2^53 as the nearest double", R"({"a":9007199254740993})",
            {"p1/a=9007199254740992"}},
        Row{"correctly rounded", R"({"a":0.1,"b":2.2250738585072011e-308})",
            {"p1/a=0.1", "p1/b=2.225073858507201e-308"}},
        Row{"nothing", "{}", {}}, Row{"an empty array", R"({"a":[]})", {}},
        Row{"a byte order mark", "\xef\xbb\xbf{\"a\":1}", {"p1/a=1"}}));

struct Reject {
  const char* name;
  const char* payload;
  std::vector<std::string> lines;  // what counts all the same
  const char* reason;
  std::uint64_t readings;
};
void PrintTo(const Reject& row, std::ostream* out) { *out << row.name; }
class Rejects : public testing::TestWithParam<Reject> {};

TEST_P(Rejects, WithAReasonAndKeepsTheRest) {
  Bench bench;
  EXPECT_EQ(bench.lines("plant/p1/vib", GetParam().payload), GetParam().lines);
  ASSERT_EQ(bench.rejected.size(), 1u);
  EXPECT_THAT(bench.reason(), HasSubstr(GetParam().reason));
  EXPECT_EQ(bench.rejected[0].readings, GetParam().readings);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Rejects,
    testing::Values(
        Reject{"empty", "", {}, "payload is no number: ''", 1},
        Reject{"words", "hello", {}, "payload is no number: 'hello'", 1},
        Reject{"bare nan", "nan", {}, "payload is no number: 'nan'", 1},
        Reject{"cut off", R"({"a":1,"b":)", {}, "JSON is malformed", 0},
        Reject{"no colon", R"({"a" 1})", {}, "JSON is malformed: near byte", 0},
        Reject{"more behind", R"({"a":1} x)", {}, "JSON is malformed", 0},
        Reject{"not UTF-8", "{\"a\":\"\xff\"}", {}, "JSON is malformed", 0},
        Reject{"NaN", R"({"a":NaN,"b":2})", {"p1/b=2"}, "at byte 5: $.a is 'NaN'", 1},
        Reject{"-Infinity", R"({"b":2,"a":-Infinity})", {"p1/b=2"},
               "at byte 11: $.a is '-Infinity'", 1},
        Reject{"infinite", R"({"a":1e999,"b":2})", {"p1/b=2"}, "at byte 5: $.a is '1e999'", 1},
        Reject{"a number that is none", R"({"a":01,"b":2})", {"p1/b=2"}, "'01', no JSON value", 1},
        Reject{"a sample of another type", R"({"ts":1700000000,"dt_s":1,"v":[1,"x",3]})",
               {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=3@2023-11-14T22:13:22Z"},
               "at byte 33: $.v is text, series 'p1/vib' holds numbers", 1},
        Reject{"a time that is none", R"({"ts":"yesterday","v":3})", {}, "time cannot be read", 1},
        Reject{"an uptime", R"({"ts":12345,"v":3,"w":4})", {}, "is no time since 1970", 2},
        Reject{"one bad record", R"([{"ts":1700000000,"v":1},{"ts":true,"v":2}])",
               {"p1/vib=1@2023-11-14T22:13:20Z"}, "expected a number or ISO 8601", 1},
        Reject{"samples without a start", R"({"dt_us":500,"v":[1,2]})", {},
               "samples have no start: v holds 2", 2},
        Reject{"samples without an interval",
               R"({"ts":1700000000,"v":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]})", {},
               "samples have no interval: 'v' holds 17", 17},
        Reject{"an interval of zero", R"({"ts":1700000000,"dt_us":0,"v":[1,2]})", {},
               "interval cannot be read: at byte 25", 2},
        Reject{"a key twice", R"({"a":1,"a":2})", {"p1/a=1"}, "key comes twice: at byte 11", 1},
        Reject{"two paths to one name", R"({"a":{"b":1},"a_b":2})", {"p1/a_b=1"},
               "two ways to one series", 1},
        Reject{"arrays in arrays", R"({"a":[1,[2,3]],"b":2})", {"p1/a_0=1", "p1/b=2"},
               "nested where or deeper than it is read", 1},
        Reject{"packed, too short", "TM\x01", {}, "packed array: 3 B are less", 0}));

TEST(MessageDecoder, NestingIsBounded) {
  Bench bench;
  std::string deep = "1";
  for (int i = 0; i < 200; ++i) deep = "{\"a\":" + deep + "}";
  EXPECT_THAT(bench.lines("plant/p1/vib", "{\"ok\":1,\"d\":" + deep + ",\"z\":2}"),
              ElementsAre("p1/ok=1", "p1/z=2"));
  EXPECT_THAT(bench.reason(), HasSubstr("deeper than it is read"));
}

TEST(MessageDecoder, ATypeIsThatOfTheFirstValue) {
  Bench bench;
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":1,"b":true,"c":"x"})"), testing::SizeIs(3));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":true,"b":"x"})"), IsEmpty());
  ASSERT_EQ(bench.rejected.size(), 2u);
  EXPECT_THAT(bench.rejected[0].reason, HasSubstr("$.a is true or false, series 'p1/a' holds "
                                                  "numbers"));
  EXPECT_THAT(bench.rejected[1].reason, HasSubstr("$.b is text, series 'p1/b' holds true or"));
}

// Said once after a start, "n/a" would refuse all numbers until the next one.
TEST(MessageDecoder, ATextGivesWayToWhatFollows) {
  Bench bench;
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":"n/a","b":"off"})"),
              ElementsAre("p1/a='n/a'", "p1/b='off'"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":21.5,"b":true})"),
              ElementsAre("p1/a=21.5", "p1/b=true"));
  EXPECT_EQ(bench.table().size(), 4u);
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":"n/a","b":"off"})"), IsEmpty());
  ASSERT_EQ(bench.rejected.size(), 2u);
  EXPECT_THAT(bench.rejected[0].reason, HasSubstr("$.a is text, series 'p1/a' holds numbers"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"ts":1700000000,"dt_s":1,"x":["n/a",2,3]})"),
              testing::SizeIs(2));
}

TEST(MessageDecoder, ATextThatIsConfiguredStays) {
  Options options;
  options.series = {{.path = "$.a", .metric = "a", .unit = "", .type = ValueType::text}};
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":"n/a"})"), ElementsAre("p1/a='n/a'"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"a":1.50})"), ElementsAre("p1/a='1.50'"));
}

TEST(MessageDecoder, AValueAloneOrInAListIsOneSeries) {
  Bench bench;
  for (const char* payload : {"3", R"({"v":3})", R"({"value":3})", R"([{"val":3}])"}) {
    EXPECT_THAT(bench.lines("plant/p1/vib", payload), ElementsAre("p1/vib=3")) << payload;
  }
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"v":1,"value":2})"), ElementsAre("p1/vib=1"));
  EXPECT_THAT(bench.reason(), HasSubstr("key comes twice"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"v":"x"})"), IsEmpty());
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"x":1})"), ElementsAre("p1/x=1"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"([{"x":1},{"x":2}])"), ElementsAre("p1/x=1",
                                                                              "p1/x=2"));
}

TEST(MessageDecoder, RowsOfTheSameSeriesShareAGroup) {
  Bench bench;
  const auto out = bench.decode("plant/p1/vib",
                                R"([{"ts":1700000000,"x":1,"y":2},{"ts":1700000001,"x":3,"y":4},
                                    {"ts":1700000002,"x":5}])");
  ASSERT_EQ(out.groups.size(), 2u);
  EXPECT_EQ(out.groups[0].times.size(), 2u);
  EXPECT_EQ(out.groups[0].columns.size(), 2u);
  EXPECT_EQ(out.groups[1].columns.size(), 1u);
}

TEST(MessageDecoder, ReasonsAreBoundedAndReadingsAreNot) {
  Bench bench;
  std::string payload = "{\"a\":1";
  for (int i = 0; i < 100; ++i) payload += fmt::format(",\"k{}\":NaN", i);
  EXPECT_THAT(bench.lines("plant/p1/vib", payload + "}"), ElementsAre("p1/a=1"));
  EXPECT_EQ(bench.rejected.size(), MessageDecoder::kRejectsMax + 1);
  std::uint64_t readings = 0;
  for (const auto& r : bench.rejected) readings += r.readings;
  EXPECT_EQ(readings, 100u);
}

TEST(MessageDecoder, ConfiguredSeriesAloneAreTaken) {
  Options options;
  options.series = {
      {.path = "$.u", .metric = "voltage", .unit = "V", .kind = SeriesKind::gauge,
       .type = ValueType::i64, .exponent = -1},
      {.path = "$.e.total", .metric = "energy", .unit = "kWh", .kind = SeriesKind::counter,
       .type = {}, .exponent = 0},
      {.path = "$.state", .metric = "", .unit = "", .kind = SeriesKind::state,
       .type = ValueType::boolean, .exponent = 0},
      {.path = "$.name", .metric = "", .unit = "", .kind = SeriesKind::gauge,
       .type = ValueType::text, .exponent = 0}};
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib",
                          R"({"u":231.2,"e":{"total":7.5,"x":1},"state":"ON","name":7,"z":1})"),
              ElementsAre("p1/voltage=2312e-1", "p1/energy=7.5", "p1/state=true", "p1/name='7'"));
  EXPECT_EQ(bench.table().at(0).unit, "V");
  EXPECT_EQ(bench.table().at(1).kind, SeriesKind::counter);
  // Text of a device that quotes its numbers, and what is finer than the resolution.
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"u":"230"})"), ElementsAre("p1/voltage=2300e-1"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"u":230.25})"), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("finer than the resolution 1e-1"));
}

TEST(MessageDecoder, IntegersBeyondDoublesStayExactWhereConfigured) {
  Options options;
  options.series = {{.path = "$.n", .metric = "", .unit = "", .kind = SeriesKind::counter,
                     .type = ValueType::i64, .exponent = 0}};
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"n":9007199254740993})"),
              ElementsAre("p1/n=9007199254740993e0"));
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"n":9223372036854775808})"), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("does not fit"));
}

TEST(MessageDecoder, StampSaysWhoseTimeCounts) {
  Options edge;
  edge.stamp = Stamp::edge;
  Bench at_edge(edge);
  EXPECT_THAT(at_edge.lines("plant/p1/vib", R"({"ts":"never","v":3})"), ElementsAre("p1/vib=3"));
  Options device;
  device.stamp = Stamp::device;
  Bench at_device(device);
  EXPECT_THAT(at_device.lines("plant/p1/vib", R"({"v":3})"), IsEmpty());
  EXPECT_THAT(at_device.reason(), HasSubstr("message has no time"));
  EXPECT_THAT(at_device.lines("plant/p1/vib", "3"), IsEmpty());
  EXPECT_EQ(at_device.rejected.size(), 1u);
}

TEST(MessageDecoder, WhatWasRetainedCountsOnlyWithItsOwnTime) {
  Bench bench;
  EXPECT_THAT(bench.lines("plant/p1/vib", "3", kRetained), IsEmpty());
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"v":3})", kRetained), IsEmpty());
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"ts":1700000000,"v":3})", kRetained),
              testing::SizeIs(1));
  EXPECT_THAT(bench.rejected, IsEmpty());
}

TEST(MessageDecoder, TopicsThatNobodyAskedForAreRejected) {
  Bench bench;
  EXPECT_THAT(bench.lines("other/p1", "3"), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("topic is not subscribed"));
  EXPECT_THAT(bench.lines("sensors", "3"), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("has no level for topic[1]"));
}

TEST(MessageDecoder, TwoTopicsAreNeverMixedIntoOneSeries) {
  Bench bench;
  EXPECT_THAT(bench.lines("sensors/p1/a", R"({"x":1})"), ElementsAre("p1/x=1"));
  EXPECT_THAT(bench.lines("sensors/p1/b", R"({"x":2})"), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("two ways to one series: $.x of topic 'sensors/p1/b'"));
  Options options;
  options.metric_prefix = "topic[2]";
  Bench prefixed(options);
  EXPECT_THAT(prefixed.lines("sensors/p1/a", R"({"x":1})"), ElementsAre("p1/a_x=1"));
  EXPECT_THAT(prefixed.lines("sensors/p1/b", R"({"x":2})"), ElementsAre("p1/b_x=2"));
}

TEST(MessageDecoder, AMessageThatIsTooLargeSaysSo) {
  Bench bench;
  ByteVector buffer;
  journal::Entry entry;
  const std::string payload(100, 'x');
  to_entry({.flags = kCut, .packet_id = 7, .size = 300'000, .topic = as_bytes("sensors/p1/a"),
            .payload = as_bytes(payload)}, buffer, entry);
  const auto message = from_entry(entry);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->payload.size(), 100u);
  EXPECT_EQ(message->packet_id, 7u);
  Options options;
  options.name = "floor";
  options.topics = {"#"};
  MessageDecoder decoder(options, nullptr);
  source::SeriesTable table;
  source::Decoded out;
  decoder.decode(entry, table, out);
  ASSERT_EQ(out.rejected.size(), 1u);
  EXPECT_THAT(out.rejected[0].reason, HasSubstr("300000 B, at most 262144 B"));
}

TEST(MessageDecoder, AScheduleCountsEveryMessage) {
  Options options;
  options.every = std::chrono::seconds(1);
  Bench bench(options);
  auto out = bench.decode("sensors/p1/a", "3");
  ASSERT_EQ(out.expected.size(), 1u);
  EXPECT_TRUE(out.expected[0].good);
  out = bench.decode("sensors/p1/a", "?");
  EXPECT_FALSE(out.expected.at(0).good);
}

ByteVector packed(std::uint8_t type, std::uint8_t flags, std::int8_t exponent,
                  std::uint16_t channels, std::int64_t t0, std::uint32_t dt, std::uint32_t n,
                  const ByteVector& body) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.raw(as_bytes("TM"));
  out.u8(1);
  out.u8(type);
  out.u8(flags);
  out.u8(static_cast<std::uint8_t>(exponent));
  out.fixed(channels);
  out.fixed(static_cast<std::uint64_t>(t0));
  out.fixed(dt);
  out.fixed(n);
  out.raw(body);
  return bytes;
}
constexpr std::int64_t kT0 = 1'700'000'000'000'000'000;

TEST(MessageDecoder, ReadsPackedArrays) {
  Bench bench;
  const auto lines = [&](std::string_view topic, const ByteVector& bytes) {
    return bench.lines(topic, as_text(bytes));
  };
  EXPECT_THAT(lines("sensors/p1/i16", packed(1, 0, -2, 1, kT0, 1000, 2, {0x34, 0x12, 0xff, 0xff})),
              ElementsAre("p1/i16=4660e-2@2023-11-14T22:13:20Z",
                          "p1/i16=-1e-2@2023-11-14T22:13:20.000001Z"));
  EXPECT_THAT(lines("sensors/p1/big", packed(2, 1, 0, 1, kT0, 1, 1, {0, 0, 1, 2})),
              ElementsAre("p1/big=258e0@2023-11-14T22:13:20Z"));
  EXPECT_THAT(lines("sensors/p1/f32", packed(3, 0, 0, 2, kT0, 1, 1, {0, 0, 0x80, 0x3f, 0, 0, 0,
                                                                   0xc0})),
              ElementsAre("p1/f32_0=1@2023-11-14T22:13:20Z", "p1/f32_1=-2@2023-11-14T22:13:20Z"));
  EXPECT_THAT(lines("sensors/p1/f64", packed(4, 1, 0, 1, kT0, 1, 1, {0x40, 0, 0, 0, 0, 0, 0, 0})),
              ElementsAre("p1/f64=2@2023-11-14T22:13:20Z"));
  EXPECT_THAT(bench.reason(), IsEmpty());
}

// Every type in both orders of bytes: -1234 fits all of them, and no order reads as another.
TEST(MessageDecoder, ReadsPackedArraysOfEveryTypeAndOrder) {
  struct Type {
    std::uint8_t code;
    ByteVector big;  // of -1234
    const char* value;
  };
  const std::vector<Type> types = {
      {1, {0xfb, 0x2e}, "-1234e0"},
      {2, {0xff, 0xff, 0xfb, 0x2e}, "-1234e0"},
      {3, {0xc4, 0x9a, 0x40, 0x00}, "-1234"},
      {4, {0xc0, 0x93, 0x48, 0, 0, 0, 0, 0}, "-1234"}};
  for (const auto& type : types) {
    for (const bool big : {false, true}) {
      Bench bench;
      const ByteVector body = big ? type.big : ByteVector(type.big.rbegin(), type.big.rend());
      const auto bytes = packed(type.code, big ? 1 : 0, 0, 1, kT0, 1, 1, body);
      EXPECT_THAT(bench.lines("sensors/p1/a", as_text(bytes)),
                  ElementsAre(fmt::format("p1/a={}@2023-11-14T22:13:20Z", type.value)))
          << int{type.code} << (big ? " big" : " little");
    }
  }
}

TEST(MessageDecoder, ThePackedExampleOfTheFormatPageIsRead) {
  const auto page = read_file(TIDEMARK_SOURCE "/edge/payload/FORMAT.md", 1 << 20);
  ASSERT_TRUE(page.ok());
  const auto begin = page->find("```hex packed") + 13;
  std::string bytes;
  const auto fence = page->substr(begin, page->find("```", begin) - begin);
  for (const auto line : split(fence, '\n')) {
    for (const auto word : split(line.substr(0, line.find('#')), ' ')) {
      if (!word.empty()) bytes += static_cast<char>(std::stoi(std::string(word), nullptr, 16));
    }
  }
  Bench bench;
  EXPECT_THAT(bench.lines("sensors/p1/a", bytes),
              ElementsAre("p1/a=4660e-2@2023-11-14T22:13:20Z",
                          "p1/a=-1e-2@2023-11-14T22:13:20.000001Z"));
}

TEST(MessageDecoder, RejectsPackedArraysThatAreWrong) {
  Bench bench;
  const auto reason = [&](const ByteVector& bytes) {
    EXPECT_THAT(bench.lines("sensors/p1/a", as_text(bytes)), IsEmpty());
    return bench.reason();
  };
  const ByteVector two{1, 0, 2, 0};
  EXPECT_THAT(reason(packed(9, 0, 0, 1, kT0, 1, 2, two)), HasSubstr("type 9"));
  EXPECT_THAT(reason(packed(1, 4, 0, 1, kT0, 1, 2, two)), HasSubstr("flags 0x4"));
  EXPECT_THAT(reason(packed(3, 0, -1, 1, kT0, 1, 1, two)), HasSubstr("exponent -1"));
  EXPECT_THAT(reason(packed(1, 0, 19, 1, kT0, 1, 2, two)), HasSubstr("exponent 19"));
  EXPECT_THAT(reason(packed(1, 0, 0, 0, kT0, 1, 2, two)), HasSubstr("0 channels"));
  EXPECT_THAT(reason(packed(1, 0, 0, 1, kT0, 1, 3, two)), HasSubstr("header says 3 times 1"));
  EXPECT_THAT(reason(packed(1, 0, 0, 1, 0, 1, 2, two)), HasSubstr("no start time"));
  EXPECT_THAT(reason(packed(1, 0, 0, 1, INT64_MAX - 1, 1, 2, two)), HasSubstr("after the year"));
}

// Two sources under one name: what is denied while the other one lives is taken once it is gone.
TEST(Names, OfAnotherSourceAreDeniedUntilItIsGone) {
  source::SeriesTable table;
  const auto decode = [&table](MessageDecoder& decoder, std::string_view topic) {
    ByteVector buffer;
    journal::Entry entry;
    to_entry({.flags = 0, .packet_id = 1, .size = 1, .topic = as_bytes(topic),
              .payload = as_bytes("7")}, buffer, entry);
    source::Decoded out;
    decoder.decode(entry, table, out);
    return out;
  };
  const auto options = [](const char* name, const char* topics) {
    Options o;
    o.name = name;
    o.topics = {topics};
    return o;
  };
  MessageDecoder a(options("a", "a/#"), nullptr);
  MessageDecoder b(options("b", "b/#"), nullptr);
  EXPECT_EQ(decode(a, "a/press-08").groups.size(), 1u);
  for (int i = 0; i < 2; ++i) {
    const auto out = decode(b, "b/press-08");
    EXPECT_THAT(out.groups, IsEmpty());
    ASSERT_EQ(out.rejected.size(), 1u);
    EXPECT_EQ(out.rejected[0].readings, 1u);
    EXPECT_THAT(out.rejected[0].reason,
                HasSubstr("the value of topic 'b/press-08' of source 'b' leads to "
                          "'press-08/press-08', which belongs to the value of topic 'a/press-08' "
                          "of source 'a'"));
  }
  table.owners().keep_if([](const auto&, const source::Way& way) { return way.source == "b"; });
  EXPECT_EQ(decode(b, "b/press-08").groups.size(), 1u);
  EXPECT_THAT(decode(a, "a/press-08").groups, IsEmpty());  // though it had the series
}

TEST(Names, AreReleasedToTheOtherTopicWhileBothSpeak) {
  Bench bench;
  EXPECT_THAT(bench.lines("sensors/p1/a", R"({"x":1,"y":1})"), ElementsAre("p1/x=1", "p1/y=1"));
  EXPECT_THAT(bench.lines("sensors/p1/b", R"({"x":2})"), IsEmpty());
  ASSERT_TRUE(bench.table().owners().release("p1/x"));
  EXPECT_THAT(bench.lines("sensors/p1/a", R"({"x":3,"y":3})"), ElementsAre("p1/y=3"));
  EXPECT_THAT(bench.lines("sensors/p1/b", R"({"x":4})"), ElementsAre("p1/x=4"));
  EXPECT_EQ(bench.table().size(), 2u);  // the same series
}

TEST(Names, OfAnEarlierStartAreStillTheOtherTopics) {
  Bench bench;
  bench.table().owners().load({"p1/x", {"floor", "sensors/p1/a", "x"}});
  EXPECT_THAT(bench.lines("sensors/p1/b", R"({"x":2})"), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("silent since the agent's start"));
  EXPECT_THAT(bench.lines("sensors/p1/b", R"({"x":[1,2],"t0":1700000000,"dt_ms":1})"), IsEmpty());
  EXPECT_THAT(bench.lines("sensors/p1/a", R"({"x":1})"), ElementsAre("p1/x=1"));
  EXPECT_THAT(bench.lines("sensors/p1/b", R"({"x":2})"), IsEmpty());
  EXPECT_THAT(bench.reason(), testing::Not(HasSubstr("silent")));
}

// Which ways of earlier starts still stand.
TEST(Names, AreAWaysForAsLongAsTheConfigurationLeadsIt) {
  const auto leads = [](const Options& options, const char* topic, const char* path,
                        const char* series) {
    return MessageDecoder(options, nullptr).leads({"floor", topic, path}, series);
  };
  Options o;
  o.name = "floor";
  o.topics = {"plant/+/vib", "sensors/#"};
  EXPECT_TRUE(leads(o, "plant/p1/vib", "", "p1/vib"));
  EXPECT_TRUE(leads(o, "plant/p1/vib", "a.b", "p1/a_b"));
  EXPECT_TRUE(leads(o, "sensors/s", "t[2]", "s/t_2"));
  EXPECT_FALSE(leads(o, "plants/p1/vib", "a.b", "p1/a_b"));
  EXPECT_FALSE(leads(o, "", "vib", "p1/vib"));  // it had another protocol
  o.device = "topic[2]";
  EXPECT_FALSE(leads(o, "plant/p1/vib", "x", "p1/x"));
  EXPECT_TRUE(leads(o, "plant/p1/vib", "x", "vib/x"));
  EXPECT_FALSE(leads(o, "sensors/s", "x", "s/x"));  // it has no such level
  o.device = "";
  o.metric_prefix = "topic[2]";
  EXPECT_FALSE(leads(o, "plant/p1/vib", "x", "p1/x"));
  EXPECT_TRUE(leads(o, "plant/p1/vib", "x", "p1/vib_x"));
  o.metric_prefix = "";
  o.series.resize(2);
  o.series[0].path = "$.ch.*.p";
  o.series[0].metric = "power_{1}";
  o.series[1].path = "$.x";
  o.series[1].beside = "$.y";
  EXPECT_TRUE(leads(o, "plant/p1/vib", "ch.7.p", "p1/power_7"));
  EXPECT_TRUE(leads(o, "plant/p1/vib", "x", "p1/x"));
  EXPECT_FALSE(leads(o, "plant/p1/vib", "z", "p1/z"));
  o.other_numbers = true;
  EXPECT_TRUE(leads(o, "plant/p1/vib", "z", "p1/z"));
  EXPECT_FALSE(leads(o, "plant/p1/vib", "z.z", "p1/z_z"));
  o.inside = {{"plant/+/vib", "$.ch.{topic[1]}"}};
  EXPECT_TRUE(leads(o, "plant/p1/vib", "p", "p1/power_p1"));
}

}  // namespace
}  // namespace tidemark::mqtt
