// Every format and what can be wrong with it: a reason that people can count, the readings that it
// cost, and the rest goes on: of that message where there is a rest, and the next one whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/quarantine/quarantine.h"
#include "tests/edge/mqtt_bench.h"

namespace tidemark::mqtt {
namespace {

using testing::HasSubstr;
using namespace std::string_literals;

struct Row {
  const char* name;
  Format format;
  std::string payload;
  const char* kind;     // what it is counted under: no numbers and names of one message
  const char* detail;   // of the reason
  std::uint64_t readings = 0;
  std::size_t kept = 0;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class Malformed : public testing::TestWithParam<Row> {};

const std::string kLongName(100'000, 'k');
std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// One i16 of 1.5 at 1700000000 s.
const std::string kHeader = "TM\x01\x01\x00\xff\x01\x00\x00\x00\x2a\x36\xfe\x9c\x97\x17"
                            "\xe8\x03\x00\x00\x01\x00\x00\x00"s;
const std::string kPacked = kHeader + "\x0f\x00"s;
std::string packed(std::size_t at, char byte) {
  auto bytes = kPacked;
  bytes[at] = byte;
  return bytes;
}
// A birth of one metric, "a" = 1.5 at 1000 ms, sequence 0.
const std::string kBirth = "\x08\xe8\x07\x12\x0e\x0a\x01\x61\x20\x0a\x69\x00\x00\x00\x00\x00\x00"
                           "\xf8\x3f\x18\x00"s;

// The same with a name of 2,000 bytes.
const std::string kLongBirth = "\x08\xe8\x07\x12\xde\x0f\x0a\xd0\x0f"s + std::string(2000, 'k') +
                               kBirth.substr(8);

struct Good {
  const char* topic;
  std::string payload;
};
Good good(Format format) {
  switch (format) {
    case Format::csv: return {"plant/p1/vib", "a,b\n1,2\n"};
    case Format::influx: return {"plant/p1/vib", "m f=1"};
    case Format::packed: return {"plant/p1/vib", kPacked};
    case Format::sparkplug: return {"spBv1.0/G/NBIRTH/E", kBirth};
    case Format::number: return {"plant/p1/vib", "1"};
    default: return {"plant/p1/vib", R"({"a":1})"};
  }
}

TEST_P(Malformed, IsRefusedAndTheRestGoesOn) {
  const auto& row = GetParam();
  Options options;
  options.format = row.format;
  options.topics = {"plant/#", "spBv1.0/#"};
  Bench bench(options);
  const auto [topic, next] = good(row.format);
  EXPECT_EQ(bench.lines(topic, row.payload).size(), row.kept);
  ASSERT_EQ(bench.rejected.size(), 1u);
  EXPECT_EQ(quarantine::kind_of(bench.reason()), row.kind);
  EXPECT_THAT(bench.reason(), HasSubstr(row.detail));
  EXPECT_EQ(bench.rejected[0].readings, row.readings);
  EXPECT_THAT(bench.lines(topic, next), testing::Not(testing::IsEmpty()));
  EXPECT_TRUE(bench.rejected.empty()) << bench.reason();
}

INSTANTIATE_TEST_SUITE_P(
    Json, Malformed,
    testing::Values(
        Row{"cut", Format::json, R"({"a":1,"b")", "JSON is malformed", "near byte"},
        Row{"empty", Format::json, "", "JSON is malformed", ""},
        Row{"blanks", Format::json, "  \n", "JSON is malformed", ""},
        Row{"NUL", Format::json, "{\"a\":\0 1}"s, "JSON is malformed", "", 0},
        Row{"not UTF-8", Format::json, "{\"a\xff\":1}", "JSON is malformed", ""},
        Row{"two of them", Format::json, R"({"a":1}{"a":2})", "JSON is malformed", ""},
        Row{"no number", Format::json, R"({"a":--1,"b":1})", "value cannot be used",
            "at byte 5: $.a is '--1'", 1, 1},
        Row{"a time that is none", Format::json, R"({"ts":false,"a":1})", "time cannot be read",
            "", 1},
        Row{"too deep", Format::json, std::string(2000, '[') + std::string(2000, ']'),
            "value cannot be used", "deeper than it is read", 1},
        Row{"a text where JSON is said", Format::json, "21,5", "JSON is malformed", ""},
        Row{"too many values", Format::json,
            "[" + repeated("1,", 131'073) + "1]", "too many values", "more than 131072"},
        Row{"a long key above many values", Format::json,
            "{\"" + kLongName + "\":{" + repeated("\"a\":1,", 1000) + "\"a\":1}}",
            "too many values", "bytes of paths"},
        Row{"a path no series can have", Format::json, "{\"" + kLongName + "\":1,\"b\":1}",
            "path is too long", "more than 1024 bytes", 1, 1}));

INSTANTIATE_TEST_SUITE_P(
    Number, Malformed,
    testing::Values(
        Row{"empty", Format::number, "", "payload is no number", "''", 1},
        Row{"a decimal comma", Format::number, "21,5", "payload is no number", "'21,5'", 1},
        Row{"two numbers", Format::number, "1 2", "payload is no number", "'1 2'", 1},
        Row{"a unit", Format::number, "21.5 C", "payload is no number", "'21.5 C'", 1},
        Row{"infinite", Format::number, "1e999", "payload is no number", "'1e999'", 1},
        Row{"hexadecimal", Format::number, "0x10", "payload is no number", "'0x10'", 1},
        Row{"bytes", Format::number, "\0\1\2"s, "payload is no number", "", 1}));

INSTANTIATE_TEST_SUITE_P(
    Csv, Malformed,
    testing::Values(
        Row{"a row too short", Format::csv, "a,b\n1\n3,4\n", "CSV is malformed",
            "CSV line 2: 1 cells, expected 2", 1, 2},
        Row{"a row too long", Format::csv, "a,b\n1,2,3\n3,4\n", "CSV is malformed",
            "CSV line 2: 3 cells, expected 2", 3, 2},
        Row{"a quote without an end", Format::csv, "time,a,b\n1700000000,3,4\n1,\"1,2\n5,6,7\n",
            "CSV is malformed", "CSV line 3: near byte 37: a quoted text does not end", 2, 2},
        Row{"a quote without an end in the header", Format::csv, "a,\"b\n1,2\n", "CSV is malformed",
            "does not end"},
        Row{"text behind a quote", Format::csv, "a,b\n1,2\n\"3\"4,5\n6,7\n", "CSV is malformed",
            "CSV line 3: near byte 11", 2, 4},
        Row{"no header", Format::csv, "1,2\n", "CSV is malformed", "no header"},
        Row{"not UTF-8", Format::csv, "a,b\n1,\xff\n", "text is not UTF-8", ""},
        Row{"too many values", Format::csv, "a\n" + repeated("1\n", 131'080), "too many values",
            "more than 131072", 8, 131'072},
        Row{"a long name above many rows", Format::csv,
            std::string(250, 'k') + "\n" + repeated("1\n", 20'000), "too many values",
            "bytes of names", 20'000 - (4 << 20) / 250, (4 << 20) / 250},
        Row{"a time that is none", Format::csv, "time,a\nsoon,1\n", "time cannot be read", "", 1}));

INSTANTIATE_TEST_SUITE_P(
    Influx, Malformed,
    testing::Values(
        Row{"no fields", Format::influx, "m\nm f=2", "line is malformed", "line 1: at byte", 0, 1},
        Row{"a word as value", Format::influx, "m f=on\nm f=2", "line is malformed", "'on'", 0, 1},
        Row{"a text without an end", Format::influx, "m f=\"x", "line is malformed",
            "does not end"},
        Row{"a field without a value", Format::influx, "m f=", "line is malformed", "line 1"},
        Row{"not UTF-8", Format::influx, "m\xff f=1", "text is not UTF-8", ""},
        Row{"a long tag above many fields", Format::influx,
            "m,t=" + kLongName + " " + repeated("f=1,", 1000) + "f=1\nm f=2", "line is malformed",
            "too many names", 0, 1},
        Row{"a time that is none", Format::influx, "m f=1 soon", "time cannot be read", "", 1}));

INSTANTIATE_TEST_SUITE_P(
    Packed, Malformed,
    testing::Values(
        Row{"empty", Format::packed, "", "packed array", "does not begin with 'TM'"},
        Row{"half a header", Format::packed, kHeader.substr(0, 9), "packed array",
            "9 B are less than its header of 24 B"},
        Row{"another version", Format::packed, packed(2, 9), "packed array", "version 9"},
        Row{"an unknown type", Format::packed, packed(3, 7), "packed array", "at byte 3: type 7"},
        Row{"unknown flags", Format::packed, packed(4, 2), "packed array", "at byte 4"},
        Row{"an exponent out of bounds", Format::packed, packed(5, 19), "packed array",
            "at byte 5"},
        Row{"no channels", Format::packed, packed(6, 0), "packed array", "at byte 6: 0 channels"},
        Row{"too many channels", Format::packed, packed(7, 1), "packed array",
            "at byte 6: 257 channels"},
        Row{"samples of one instant", Format::packed, [] {
              auto bytes = kPacked + "\x10\x00"s;
              std::fill(bytes.begin() + 16, bytes.begin() + 20, '\0');
              bytes[20] = 2;
              return bytes;
            }(), "packed array", "at byte 16: dt is 0, of 2 samples"},
        Row{"fewer samples than said", Format::packed, packed(20, 2), "packed array",
            "2 B of samples"},
        Row{"more behind", Format::packed, kPacked + "x", "packed array", "3 B of samples"},
        Row{"no start", Format::packed, [] {
              auto bytes = kPacked;
              std::fill(bytes.begin() + 8, bytes.begin() + 16, '\0');
              return bytes;
            }(), "packed array", "no start time", 1}));

INSTANTIATE_TEST_SUITE_P(
    Sparkplug, Malformed,
    testing::Values(
        Row{"text", Format::sparkplug, "hello", "Sparkplug is malformed", "at byte"},
        Row{"cut", Format::sparkplug, kBirth.substr(0, 12), "Sparkplug is malformed",
            "at byte 4: a field of 14 B, 7 are left"},
        Row{"a number without an end", Format::sparkplug, "\x08\xff\xff"s,
            "Sparkplug is malformed", "does not end"},
        Row{"empty", Format::sparkplug, "", "Sparkplug birth cannot be used", "no seq"},
        Row{"a name no series can have", Format::sparkplug, kLongBirth,
            "Sparkplug metric has a name of more than 1024 bytes", "1 in the birth of", 1},
        Row{"a birth without a sequence", Format::sparkplug, kBirth.substr(0, kBirth.size() - 2),
            "Sparkplug birth cannot be used", "no seq from 0 to 255", 1},
        Row{"a value of another type", Format::sparkplug, [] {
              auto bytes = kBirth;
              bytes[9] = 11;  // Boolean
              return bytes;
            }(), "Sparkplug value cannot be used", "none of its type Boolean", 1},
        Row{"a name that is not UTF-8", Format::sparkplug, [] {
              auto bytes = kBirth;
              bytes[7] = '\xff';
              return bytes;
            }(), "text is not UTF-8", "", 1}));

}  // namespace
}  // namespace tidemark::mqtt
