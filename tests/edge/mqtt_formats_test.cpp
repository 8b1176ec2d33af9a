// CSV and Influx line protocol, from the payload to readings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/edge/mqtt_bench.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Options of(Format format, std::vector<std::string> columns = {}) {
  Options options;
  options.format = format;
  options.columns = std::move(columns);
  return options;
}

struct Row {
  const char* name;
  Format format;
  const char* payload;
  std::vector<std::string> lines;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class FormatReads : public testing::TestWithParam<Row> {};

TEST_P(FormatReads, Payload) {
  Bench bench(of(GetParam().format));
  EXPECT_EQ(bench.lines("plant/p1/vib", GetParam().payload), GetParam().lines);
  EXPECT_THAT(bench.reason(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Line, FormatReads,
    testing::Values(
        Row{"fields and tags", Format::influx,
            "weather,location=us-midwest,a=b temperature=82.5,wet=t 1465839830100400200",
            {"p1/weather_a=b_location=us-midwest_temperature=82.5@2016-06-13T17:43:50.100400200Z",
             "p1/weather_a=b_location=us-midwest_wet=true@2016-06-13T17:43:50.100400200Z"}},
        Row{"a field 'value' is its measurement", Format::influx, "temp value=1", {"p1/temp=1"}},
        Row{"integers of both kinds", Format::influx, "m a=-12i,b=7u",
            {"p1/m_a=-12", "p1/m_b=7"}},
        Row{"a text with what ends others", Format::influx, R"(m s="a, b=\"c\" \\ d",x=1)",
            {R"(p1/m_s='a, b="c" \ d')", "p1/m_x=1"}},
        Row{"names with escapes", Format::influx, R"(my\ m,t\,1=a\=b f\ 1=2)",
            {"p1/my_m_t__1=a_=b_f_1=2"}},
        Row{"lines, comments, blanks", Format::influx,
            "# comment, with=signs 1\n\n  m f=1 1700000000\r\nm f=2 1700000001000\n",
            {"p1/m_f=1@2023-11-14T22:13:20Z", "p1/m_f=2@2023-11-14T22:13:21Z"}},
        Row{"booleans in all spellings", Format::influx, "m a=T,b=TRUE,c=f,d=False",
            {"p1/m_a=true", "p1/m_b=true", "p1/m_c=false", "p1/m_d=false"}},
        Row{"a byte order mark", Format::influx, "\xef\xbb\xbfm f=1", {"p1/m_f=1"}}));

INSTANTIATE_TEST_SUITE_P(
    Csv, FormatReads,
    testing::Values(
        Row{"a header and rows", Format::csv,
            "time,temp,on\n1700000000,21.5,true\n1700000001,21.75,false\n",
            {"p1/temp=21.5@2023-11-14T22:13:20Z", "p1/temp=21.75@2023-11-14T22:13:21Z",
             "p1/on=true@2023-11-14T22:13:20Z", "p1/on=false@2023-11-14T22:13:21Z"}},
        Row{"semicolons and decimal commas", Format::csv,
            "time;temp\n2023-11-14T22:13:20Z;-21,5\r\n", {"p1/temp=-21.5@2023-11-14T22:13:20Z"}},
        Row{"tabs", Format::csv, "a\tb\n1\t2", {"p1/a=1", "p1/b=2"}},
        Row{"quotes", Format::csv, "\"a b\",c\n\"1\",\"say \"\"x\"\"\nagain\"\n",
            {"p1/a_b='1'", "p1/c='say \"x\"\nagain'"}},
        Row{"a byte order mark", Format::csv, "\xef\xbb\xbftime,a\n1700000000,1\n",
            {"p1/a=1@2023-11-14T22:13:20Z"}},
        Row{"empty lines before the header", Format::csv, "\r\n\ntime;a\n1700000000;1,5\n",
            {"p1/a=1.5@2023-11-14T22:13:20Z"}},
        Row{"empty cells are no readings", Format::csv, "a,b\n1,\n,2\n", {"p1/a=1", "p1/b=2"}}));

TEST(Csv, NamesMayBeConfigured) {
  Bench bench(of(Format::csv, {"ts", "x", "y"}));
  EXPECT_THAT(bench.lines("plant/p1/vib", "1700000000,1,2\n"),
              ElementsAre("p1/x=1@2023-11-14T22:13:20Z", "p1/y=2@2023-11-14T22:13:20Z"));
  EXPECT_THAT(bench.lines("plant/p1/vib", "ts,x,y\n1700000001,1,2\n"),
              ElementsAre("p1/x=1@2023-11-14T22:13:21Z", "p1/y=2@2023-11-14T22:13:21Z"));
  EXPECT_THAT(bench.lines("plant/p1/vib", "\n1700000002,1,2\n"),
              ElementsAre("p1/x=1@2023-11-14T22:13:22Z", "p1/y=2@2023-11-14T22:13:22Z"));
  EXPECT_THAT(bench.lines("plant/p1/vib", "\xef\xbb\xbfts,x,y\n1700000003,1,2\n"),
              ElementsAre("p1/x=1@2023-11-14T22:13:23Z", "p1/y=2@2023-11-14T22:13:23Z"));
  EXPECT_THAT(bench.reason(), IsEmpty());
}

TEST(Csv, ConfiguredSeriesAreExactDecimals) {
  auto options = of(Format::csv);
  options.series = {{.path = "$.temp", .metric = "t", .unit = "Cel", .type = ValueType::i64,
                     .exponent = -1}};
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib", "temp;other\n231,2;7"), ElementsAre("p1/t=2312e-1"));
}

struct Fault {
  const char* name;
  Format format;
  const char* payload;
  const char* reason;
  std::uint64_t readings;
  std::size_t kept;  // readings of the rest
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }
class FormatRefuses : public testing::TestWithParam<Fault> {};

TEST_P(FormatRefuses, ThatPartOnly) {
  Bench bench(of(GetParam().format));
  EXPECT_EQ(bench.lines("plant/p1/vib", GetParam().payload).size(), GetParam().kept);
  ASSERT_EQ(bench.rejected.size(), 1u);
  EXPECT_THAT(bench.reason(), HasSubstr(GetParam().reason));
  EXPECT_EQ(bench.rejected[0].readings, GetParam().readings);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FormatRefuses,
    testing::Values(
        Fault{"no fields", Format::influx, "m f=1\nm\nm f=3", "line 2: at byte 7: no fields", 0, 2},
        Fault{"a word", Format::influx, "m f=abc\nm f=1", "line 1: at byte 4: 'abc' is no number",
              0, 1},
        Fault{"an integer with a point", Format::influx, "m f=1.5i", "'1.5' is no number", 0, 0},
        Fault{"a text without an end", Format::influx, "m f=\"abc\nm f=1",
              "line 1: at byte 4: a text that does not end", 0, 1},
        Fault{"a tag without a value", Format::influx, "m,a= f=1", "a tag without a value", 0, 0},
        Fault{"a tag without a key", Format::influx, "m,=a f=1", "a tag without a key", 0, 0},
        Fault{"a field without a key", Format::influx, "m =1", "a field without a key", 0, 0},
        Fault{"more behind the time", Format::influx, "m f=1 1700000000 2",
              "it goes on behind its time", 0, 0},
        Fault{"no time", Format::influx, "m f=1,g=2 soon\nm f=3",
              "time cannot be read: at byte 10", 2, 1},
        Fault{"not UTF-8", Format::influx, "m f=\"\xff\"", "not UTF-8", 0, 0},
        Fault{"a row too short", Format::csv, "time,a,b\n1700000000,1\n1700000001,2,3\n",
              "CSV line 2: 2 cells, expected 3", 1, 2},
        Fault{"no header", Format::csv, "1,2\n3,4\n", "CSV line 1: it is no header", 0, 0},
        Fault{"a quote without an end", Format::csv, "a,b\n1,\"x\n",
              "CSV line 2: near byte 9: a quoted text does not end", 2, 0},
        Fault{"behind a quote", Format::csv, "a,b\n\"1\"2,3\n", "goes on behind its quote", 2, 0},
        Fault{"a bad time", Format::csv, "time,a\nnever,1\n1700000000,2\n",
              "time cannot be read: at byte 7", 1, 1}));

TEST(Line, TagsThatDifferAreSeriesThatDiffer) {
  Bench bench(of(Format::influx));
  const auto* payload = "m,a=x f=1\nm,b=x f=2\nm,b=x,a=y f=3\nm,a=y,b=x f=4";
  EXPECT_EQ(bench.lines("plant/p1/vib", payload).size(), 4u);
  EXPECT_THAT(bench.reason(), IsEmpty());
  EXPECT_EQ(bench.table().size(), 3u);
}

TEST(Line, TagsAreLabelsToo) {
  Bench bench(of(Format::influx));
  bench.lines("plant/p1/vib", R"(m,site=plant\ 7,a\=b=x\,y f=1,g=2)");
  ASSERT_EQ(bench.table().size(), 2u);
  const std::map<std::string, std::string> labels{{"site", "plant 7"}, {"a=b", "x,y"}};
  EXPECT_EQ(bench.table().at(0).labels, labels);
  EXPECT_EQ(bench.table().at(1).labels, labels);
}

}  // namespace
}  // namespace tidemark::mqtt
