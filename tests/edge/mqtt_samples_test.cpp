// Arrays of samples whose start and interval lie where the configuration says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/edge/mqtt_bench.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using std::chrono::milliseconds;

SeriesOptions series(std::string path, std::string metric, Sampling sampling) {
  SeriesOptions s;
  s.path = std::move(path);
  s.metric = std::move(metric);
  s.sampling = std::move(sampling);
  return s;
}
// Two sensors in one message, each with a start and a rate of its own.
Options two_sensors() {
  Options o;
  o.series = {series("$.acc.v", "acc", {.interval_path = "$.acc.hz",
                                        .interval_unit = TimeUnit::hz,
                                        .start_path = "$.acc.t0"}),
              series("$.rpm", "rpm", {.interval = milliseconds(500)})};
  return o;
}
Options by_path(std::string path, TimeUnit unit = TimeUnit::automatic) {
  Options o;
  o.sampling = {.interval_path = std::move(path), .interval_unit = unit};
  return o;
}
Options fixed(Nanoseconds interval) {
  Options o;
  o.sampling = {.interval = interval};
  return o;
}
Options series_of(Sampling sampling) {
  Options o;
  o.series = {series("$.v", "v", std::move(sampling))};
  return o;
}

struct Row {
  const char* name;
  Options options;
  const char* payload;
  std::vector<std::string> lines;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class Samples : public testing::TestWithParam<Row> {};

TEST_P(Samples, HaveTheTimesThatTheConfigurationFinds) {
  Bench bench(GetParam().options);
  EXPECT_EQ(bench.lines("plant/p1/vib", GetParam().payload), GetParam().lines);
  EXPECT_THAT(bench.reason(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Timing, Samples,
    testing::Values(
        Row{"of the whole source, by a path", by_path("$.meta.step", TimeUnit::us),
            R"({"ts":1700000000,"v":[1,2],"meta":{"step":250}})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:20.000250Z"}},
        Row{"as a rate", by_path("$.fs", TimeUnit::hz), R"({"ts":1700000000,"fs":2000,"v":[1,2]})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:20.000500Z"}},
        Row{"as a rate that no ns divides", by_path("$.fs", TimeUnit::hz),
            R"({"ts":1700000000,"fs":0.3,"v":[1,2]})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:23.333333333Z"}},
        Row{"fixed, for messages that do not say it", fixed(milliseconds(2)),
            R"({"ts":1700000000,"v":[1,2,null,4]})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:20.002Z",
             "p1/vib=4@2023-11-14T22:13:20.006Z"}},
        Row{"what the message says is stronger than what is fixed", fixed(milliseconds(2)),
            R"({"ts":1700000000,"dt_ms":7,"v":[1,2]})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:20.007Z"}},
        Row{"fixed, of rows", fixed(milliseconds(2)),
            R"({"ts":1700000000,"rows":[{"x":1},{"x":2}]})",
            {"p1/rows_x=1@2023-11-14T22:13:20Z", "p1/rows_x=2@2023-11-14T22:13:20.002Z"}},
        Row{"of each series", two_sensors(),
            R"({"ts":1700000000,"acc":{"t0":1700000001,"hz":4,"v":[1,2]},"rpm":[3,4]})",
            {"p1/acc=1@2023-11-14T22:13:21Z", "p1/acc=2@2023-11-14T22:13:21.250Z",
             "p1/rpm=3@2023-11-14T22:13:20Z", "p1/rpm=4@2023-11-14T22:13:20.500Z"}},
        Row{"of a series, where the message has no time", two_sensors(),
            R"({"acc":{"t0":"2023-11-14T22:13:21Z","hz":4,"v":[1,2]}})",
            {"p1/acc=1@2023-11-14T22:13:21Z", "p1/acc=2@2023-11-14T22:13:21.250Z"}},
        Row{"of a series, at keys that are the message's own", series_of(
                {.interval_path = "$.dt", .start_path = "$.ts"}),
            R"({"ts":1700000000,"dt":2,"v":[1,2]})",
            {"p1/v=1@2023-11-14T22:13:20Z", "p1/v=2@2023-11-14T22:13:22Z"}},
        Row{"one sample needs its start only", series_of({.start_path = "$.begin"}),
            R"({"begin":1700000000,"v":[5]})", {"p1/v=5@2023-11-14T22:13:20Z"}},
        Row{"one sample at the time of the message", by_path("$.step"),
            R"({"ts":1700000000,"v":[5]})", {"p1/vib=5@2023-11-14T22:13:20Z"}},
        Row{"an interval that is a text with its unit", by_path("$.every"),
            R"({"ts":1700000000,"every":"250us","v":[1,2]})",
            {"p1/vib=1@2023-11-14T22:13:20Z", "p1/vib=2@2023-11-14T22:13:20.000250Z"}}));

TEST(SamplesOfASource, AreNotWhatASeriesTakesByItsIndex) {
  auto options = fixed(milliseconds(2));
  options.series = {series("$.pos[0]", "x", {}), series("$.v", "v", {})};
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"ts":1700000000,"pos":[7,8],"v":[1,2]})"),
              testing::UnorderedElementsAre("p1/x=7@2023-11-14T22:13:20Z",
                                            "p1/v=1@2023-11-14T22:13:20Z",
                                            "p1/v=2@2023-11-14T22:13:20.002Z"));
  EXPECT_THAT(bench.reason(), IsEmpty());
}

struct Refused {
  const char* name;
  Options options;
  const char* payload;
  const char* reason;
  std::uint64_t readings;
  std::size_t kept = 0;  // readings of the rest
};
void PrintTo(const Refused& row, std::ostream* out) { *out << row.name; }
class SamplesRefused : public testing::TestWithParam<Refused> {};

TEST_P(SamplesRefused, WithAReasonAndTheRestCounts) {
  Bench bench(GetParam().options);
  EXPECT_EQ(bench.lines("plant/p1/vib", GetParam().payload).size(), GetParam().kept);
  ASSERT_EQ(bench.rejected.size(), 1u);
  EXPECT_THAT(bench.reason(), HasSubstr(GetParam().reason));
  EXPECT_EQ(bench.rejected[0].readings, GetParam().readings);
  const auto next = bench.lines(
      "plant/p1/vib", R"({"ts":1700000000,"dt":1,"acc":{"t0":1700000000,"hz":1,"v":[1]},"fs":1,)"
                      R"("step":1,"v":[1]})");
  EXPECT_THAT(next, testing::Not(IsEmpty()));
  EXPECT_THAT(bench.reason(), IsEmpty()) << "the next message counts";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SamplesRefused,
    testing::Values(
        Refused{"no interval at its path", by_path("$.step"),
                R"({"ts":1700000000,"v":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]})",
                "samples have no interval: 'v' holds 17", 17},
        Refused{"no interval at its path, of two", by_path("$.step"),
                R"({"ts":1700000000,"v":[1,2]})", "samples have no interval: 'v' holds 2", 2},
        Refused{"no interval beside the start", series_of({.start_path = "$.ts"}),
                R"({"ts":1700000000,"v":[1,2]})", "samples have no interval: 'v' holds 2", 2},
        Refused{"one sample without any time", by_path("$.step"), R"({"v":[1]})",
                "samples have no interval: 'v' holds 1", 1},
        Refused{"an interval of zero", by_path("$.step"), R"({"ts":1700000000,"step":0,"v":[1,2]})",
                "interval cannot be read: at byte 24: 0 is not above 0", 2},
        Refused{"an interval below zero", by_path("$.step", TimeUnit::ms),
                R"({"ts":1700000000,"step":-5,"v":[1,2]})", "-5 is not above 0", 2},
        Refused{"an interval beyond 64 bits", by_path("$.step"),
                R"({"ts":1700000000,"step":1e19,"v":[1,2]})", "1e19 does not fit", 2},
        Refused{"an interval that is no length", by_path("$.step"),
                R"({"ts":1700000000,"step":true,"v":[1,2]})", "it is no length", 2},
        Refused{"a rate of zero", by_path("$.fs", TimeUnit::hz),
                R"({"ts":1700000000,"fs":0,"v":[1,2]})", "0 samples a second cannot be", 2},
        Refused{"a rate below zero", by_path("$.fs", TimeUnit::hz),
                R"({"ts":1700000000,"fs":-1,"v":[1,2]})", "-1 samples a second cannot be", 2},
        Refused{"a rate of several a ns", by_path("$.fs", TimeUnit::hz),
                R"({"ts":1700000000,"fs":4e9,"v":[1,2]})", "4e9 samples a second cannot be", 2},
        Refused{"samples beyond the end of time", by_path("$.step"),
                R"({"ts":1700000000,"step":9e9,"v":[1,2,3]})", "samples end after the year 2262",
                3},
        Refused{"no start", fixed(milliseconds(1)), R"({"v":[1,2]})",
                "samples have no start: v holds 2 with an interval", 2},
        Refused{"no start of a series", two_sensors(),
                R"({"ts":1700000000,"acc":{"hz":4,"v":[1,2]},"rpm":[3]})",
                "samples have no start: there is no $.acc.t0 beside them", 2, 1},
        Refused{"a start of a series that is none", two_sensors(),
                R"({"ts":1700000000,"acc":{"t0":12,"hz":4,"v":[1,2]},"rpm":[3]})",
                "start cannot be read: at byte 29: 12 is no time since 1970", 2, 1},
        Refused{"no interval of a series", two_sensors(),
                R"({"ts":1700000000,"acc":{"t0":1700000000,"v":[1,2]},"rpm":[3]})",
                "samples have no interval: there is no $.acc.hz beside them", 2, 1},
        Refused{"an interval of a series that is none", two_sensors(),
                R"({"ts":1700000000,"acc":{"t0":1700000000,"hz":0,"v":[1,2]},"rpm":[3]})",
                "interval cannot be read: at byte 45: 0 samples a second cannot be", 2, 1},
        Refused{"keys of the message's own that are not there",
                series_of({.interval_path = "$.dt", .start_path = "$.ts"}),
                R"({"ts":1700000000,"v":[1,2]})", "there is no $.dt beside them", 2}));

TEST(SamplesOfSeries, StartThemselvesWhereMessagesHaveNoTime) {
  constexpr const char* kPayload = R"({"acc":{"t0":1700000000,"hz":1,"v":[1]},"rpm":[3]})";
  auto options = two_sensors();
  options.stamp = Stamp::device;
  Bench device(options);
  EXPECT_THAT(device.lines("plant/p1/vib", kPayload),
              ElementsAre("p1/acc=1@2023-11-14T22:13:20Z"));
  EXPECT_THAT(device.reason(), HasSubstr("message has no time"));
  EXPECT_EQ(device.rejected.at(0).readings, 1u);
  Bench retained(two_sensors());
  EXPECT_THAT(retained.lines("plant/p1/vib", kPayload, kRetained),
              ElementsAre("p1/acc=1@2023-11-14T22:13:20Z"));
  EXPECT_THAT(retained.reason(), IsEmpty());
}

TEST(SamplesOfSeries, AreNotStampedAtTheEdge) {
  auto options = two_sensors();
  options.stamp = Stamp::edge;
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"acc":{"t0":1700000000,"hz":1,"v":[1]}})"),
              IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("samples have no start"));
}

TEST(MessageDecoder, TimeAndIntervalMayLieAnywhere) {
  auto options = by_path("$.meta.rate", TimeUnit::us);
  options.time_path = "$.meta.when";
  options.time_unit = TimeUnit::ms;
  Bench bench(options);
  EXPECT_THAT(bench.lines("plant/p1/vib", R"({"v":[1,2],"meta":{"when":1000,"rate":250}})"),
              ElementsAre("p1/vib=1@1970-01-01T00:00:01Z", "p1/vib=2@1970-01-01T00:00:01.000250Z"));
}

}  // namespace
}  // namespace tidemark::mqtt
