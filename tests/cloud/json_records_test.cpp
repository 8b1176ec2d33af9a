// What JSON records of plain readings say, and what is refused of them.
#include "cloud/plain/json_records.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace tidemark::plain {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kTime = 1'763'690'400 * kSecond;  // 2025-11-21T02:00:00Z

// "device|metric|value@ns" of each reading; a refusal in words.
std::string read(JsonRecords& records, const std::string& record) {
  const auto parsed = records.parse(as_bytes(record));
  if (!parsed) return parsed.error().text();
  std::string out;
  for (const auto& r : records.readings()) {
    const auto value = r.type == ValueType::text      ? "'" + std::string(r.text) + "'"
                       : r.type == ValueType::boolean ? std::string(r.boolean ? "true" : "false")
                                                      : fmt::format("{}", r.f64);
    out += std::string(r.device) + "|" + std::string(r.metric) + "|" + value + "@" +
           std::to_string(count_ns(r.time) - kTime) + " ";
  }
  if (records.refused() > 0) {
    out += std::to_string(records.refused()) + " refused: " + records.why();
  }
  return out;
}
std::string read(const std::string& record, JsonFields fields = {}) {
  JsonRecords records(std::move(fields));
  return read(records, record);
}

TEST(JsonRecords, NameTheirSeriesInThreeWays) {
  const std::string rest = R"("time":"2025-11-21T02:00:00Z","value":1.5})";
  EXPECT_EQ(read(R"({"series":"press-07/line1/power",)" + rest), "press-07/line1|power|1.5@0 ");
  EXPECT_EQ(read(R"({"series":"power",)" + rest), "|power|1.5@0 ");
  EXPECT_EQ(read(R"({"device":"a/b","metric":"t",)" + rest), "a/b|t|1.5@0 ");
  EXPECT_EQ(read(R"({"device":"a",)" + rest), "a|value|1.5@0 ");
  EXPECT_EQ(read(R"({"metric":"t",)" + rest), "|t|1.5@0 ");
  EXPECT_EQ(read(R"({"device":"x","metric":"y","series":"a/b",)" + rest), "a|b|1.5@0 ");
  EXPECT_EQ(read(R"({"series":"a/b","device":"x","metric":"y",)" + rest), "a|b|1.5@0 ");
  EXPECT_THAT(read("{" + rest),
              HasSubstr("it names no series: it has no 'series' and no 'device'"));
}

TEST(JsonRecords, HaveKeysAsConfigured) {
  EXPECT_EQ(read(R"({"device":"dev-0042","ts":1763690400250,"v":21.37})",
                 {.time = "ts", .value = "v"}),
            "dev-0042|v|21.37@250000000 ");
  EXPECT_EQ(read(R"({"sensor":"s","quantity":"q","at":5,"is":1,"time":"x","value":{"a":[1,2]}})",
                 {.device = "sensor", .metric = "quantity", .time = "at", .value = "is",
                  .time_unit = TimeUnit::s}),
            "s|q|1@" + std::to_string(5 * kSecond - kTime) + " ");
}

TEST(JsonRecords, TimesAreReadExactly) {
  const auto at = [](const std::string& time, TimeUnit unit = TimeUnit::automatic) {
    const auto all = read(R"({"series":"a","value":1,"time":)" + time + "}", {.time_unit = unit});
    return all.substr(all.find('@') + 1);
  };
  EXPECT_EQ(at("1763690400"), "0 ");
  EXPECT_EQ(at("1763690400.000000001"), "1 ");
  EXPECT_EQ(at("1763690400123"), "123000000 ");
  EXPECT_EQ(at("1763690400123456"), "123456000 ");
  EXPECT_EQ(at("1763690400123456789"), "123456789 ");
  EXPECT_EQ(at("1763690400123456789", TimeUnit::ns), "123456789 ");
  EXPECT_EQ(at(R"("2025-11-21T03:00:00.5+01:00")"), "500000000 ");
  EXPECT_EQ(at(R"("1763690400123")", TimeUnit::ms), "123000000 ");
  EXPECT_THAT(at("5"), HasSubstr("'time': 5 is no time since 1970"));
  EXPECT_THAT(at("1e30", TimeUnit::s), HasSubstr("'time': "));
  EXPECT_THAT(at("9200000000000000000", TimeUnit::ns), HasSubstr("lies at the end of time"));
  EXPECT_THAT(at("null"), HasSubstr("'time': expected a number or ISO 8601 text"));
  EXPECT_THAT(at(R"("yesterday")"), HasSubstr("'time': "));
}

TEST(JsonRecords, ValuesAreNumbersTextsTrueOrFalse) {
  const auto value = [](const std::string& text) {
    const auto all = read(R"({"series":"a","time":1763690400,"value":)" + text + "}");
    return all.substr(0, all.find('@'));
  };
  EXPECT_EQ(value("-0.1"), "|a|-0.1");
  EXPECT_EQ(value("1e3"), "|a|1000");
  EXPECT_EQ(value("12345678901234567890123"), "|a|1.2345678901234568e+22");
  EXPECT_EQ(value("true"), "|a|true");
  EXPECT_EQ(value(R"("auto \u00e9")"), "|a|'auto \u00e9'");
  EXPECT_THAT(value("null"), HasSubstr("'value' is no number"));
  EXPECT_THAT(value("[1]"), HasSubstr("'value' is no number"));
  EXPECT_THAT(value("1.2.3"), HasSubstr("its JSON is malformed"));
  EXPECT_THAT(value("1e999"), HasSubstr("its JSON is malformed"));
  EXPECT_THAT(value("\"" + std::string(JsonRecords::kTextBytesMax + 1, 'x') + "\""),
              HasSubstr("a text has at most 1024"));
}

TEST(JsonRecords, OfAnArrayGoodElementsAreTaken) {
  const std::string good = R"({"series":"a","time":1763690400,"value":1})";
  EXPECT_EQ(read("[" + good + "," + good + "]"), "|a|1@0 |a|1@0 ");
  EXPECT_EQ(read("[" + good + R"(,7,{"series":"a"},)" + good + "]"),
            "|a|1@0 |a|1@0 2 refused: element 1: it is no object");
  EXPECT_EQ(read(R"([{"series":"a","time":1763690400}])"), "element 0: it has no 'value'");
  EXPECT_EQ(read("[]"), "it holds no reading");
}

// The same object as an element of an array is the parser's.
TEST(JsonRecords, FlatOnesAreReadAsTheParserDoes) {
  const std::vector<std::string> records{
      R"({"device":"d","time":1763690400,"value":1.5})",
      R"( { "device" : "d" ,	"time" : 1763690400 , "value" : -0.0 } )" "\r\n",
      R"({"value":1.5,"device":"d","time":1763690400})",          // another order
      R"({"device":"d","time":1763690400,"value":1.5,"x":"y"})",  // and more keys
      R"({"x":null,"y":true,"z":false,"q":-1.25,"device":"d","time":1763690400,"value":1})",
      R"({"series":"a/b/c","time":"1763690400","value":true,"device":"d"})",
      R"({"series":"a/","time":"2025-11-21T02:00:00.5Z","value":false})",
      R"({"series":"/","time":1763690400,"value":1})",
      R"({"series":"","device":"d","time":1763690400,"value":1})",
      R"({"device":"","time":1763690400,"value":1})",
      R"({"device":"d","time":1763690400,"value":"a text of more than eight bytes"})",
      R"({"device":"d","time":1763690400,"value":"back\\slash \" and \u00e9"})",
      R"({"device":"dé","time":1763690400,"value":"ü"})",
      "{\"device\":\"d\xff\",\"time\":1763690400,\"value\":1}",
      "{\"device\":\"d\te\",\"time\":1763690400,\"value\":1}",
      "{\"device\":\"0123456\x01\",\"time\":1763690400,\"value\":1}",
      R"({"devic\u0065":"d","time":1763690400,"value":1})",
      R"({"device":"d","device":"e","time":1763690400,"value":1,"value":2})",
      R"({"device":"d","time":1763690400,"value":1e2})",
      R"({"device":"d","time":1763690400,"value":9007199254740993})",
      R"({"device":"d","time":1763690400,"value":12345678901234567890123})",
      R"({"device":"d","time":1763690400,"value":01})",
      R"({"device":"d","time":1763690400,"value":1.})",
      R"({"device":"d","time":1763690400,"value":-})",
      R"({"device":"d","time":1763690400,"value":1 2})",
      R"({"device":"d","time":1763690400,"value":truely})",
      R"({"device":"d","time":1763690400,"value":null})",
      R"({"device":"d","time":1763690400,"value":{"x":1}})",
      R"({"device":"d","time":1763690400,"value":1,"x":{"value":[2]}})",
      R"({"device":"d","time":1763690400,"value":1,"x":01})",
      R"({"device":7,"time":1763690400,"value":1})",
      R"({"device":"d","time":5,"value":1})",
      R"({"device":"d","time":-1763690400,"value":1})",
      R"({"device":"d","time":1763690400.25,"value":1})",
      R"({"device":"d","time":9200000000000000000,"value":1})",
      R"({"device":"d","time":"yesterday","value":1})",
      R"({"device":"d","time":1763690400})",
      R"({"device":"d","value":1})",
      R"({"time":1763690400,"value":1})",
      R"({"device":"d","time":1763690400,"value":1,})",
      R"({"device":"d","time":1763690400,"value":1)",
      R"({"device":"d","time":1763690400,"value":1}})",
      R"({"device":"d","time":1763690400,"value":1} {})",
      R"({"device":"d" "time":1763690400,"value":1})",
      R"({"device","time":1763690400,"value":1})",
      R"({,"device":"d","time":1763690400,"value":1})",
      R"({device:"d","time":1763690400,"value":1})",
      R"({"device":"d,"time":1763690400,"value":1})",
      R"({})", R"({)", R"({"device)",
      R"({")" + std::string(100, 'k') + R"(":1,"device":"d","time":1763690400,"value":1})",
      R"({"device":")" + std::string(256, 'd') + R"(","time":1763690400,"value":1})",
      R"({"device":")" + std::string(257, 'd') + R"(","time":1763690400,"value":1})",
      R"({"device":"d","time":1763690400,"value":")" + std::string(1024, 'x') + R"("})",
      R"({"device":"d","time":1763690400,"value":")" + std::string(1025, 'x') + R"("})"};
  const auto without = [](std::string text, const std::string& what) {
    const auto at = text.find(what);
    return at == std::string::npos ? text : text.erase(at, what.size());
  };
  JsonRecords all({});  // whose keys are those of the record before
  for (const auto& record : records) {
    const auto alone = read(record);
    EXPECT_EQ(read(all, record), alone) << record;
    const auto in_array = read("[" + record + "]");
    if (alone.find("malformed") != std::string::npos) {
      EXPECT_THAT(in_array, HasSubstr("malformed")) << record;
    } else {
      EXPECT_EQ(without(in_array, "element 0: "), alone) << record;
    }
  }
}

TEST(JsonRecords, WhatIsNoReadingIsRefusedByName) {
  EXPECT_EQ(read(""), "it is empty");
  EXPECT_THAT(read("garbage"), HasSubstr("its JSON is malformed"));
  EXPECT_EQ(read("7"), "it is no JSON object and no array of objects");
  EXPECT_EQ(read("\"x\""), "it is no JSON object and no array of objects");
  EXPECT_THAT(read(R"({"series":"a","time":1763690400,"value":1)"), HasSubstr("malformed"));
  EXPECT_THAT(read(R"({"series":"a","time":1763690400,"value":1} x)"), HasSubstr("malformed"));
  EXPECT_EQ(read(R"({"series":"a","value":1})"), "it has no 'time'");
  EXPECT_EQ(read(R"({"series":7,"time":1763690400,"value":1})"), "'series' is no text");
  EXPECT_THAT(read(R"({"series":"","time":1763690400,"value":1})"),
              HasSubstr("a name has 1 to 256"));
  EXPECT_THAT(read(R"({"device":")" + std::string(257, 'd') + R"(","time":1763690400,"value":1})"),
              HasSubstr("'device' has 257 bytes"));
  EXPECT_THAT(read(std::string(JsonRecords::kRecordBytesMax + 1, ' ')),
              HasSubstr("at most 1048576 are read"));
}

}  // namespace
}  // namespace tidemark::plain
