#include "cloud/answers/answer.h"

#include <gtest/gtest.h>

#include "cloud/query/reader.h"

namespace tidemark {
namespace {

TEST(Answer, IsTheContractsObject) {
  answers::Answer a;
  a.view = "power_1m";
  a.series = "press-07/line1/power_total";
  a.start = *parse_utc("2026-11-21T02:00:00Z");
  a.end = *parse_utc("2026-11-21T02:01:00Z");
  a.values = {{"count", 59.0}, {"mean", 4802.5}, {"max", std::nullopt}};
  a.unit = "W";
  a.state = answers::State::sealed;
  a.known_at = *parse_utc("2026-11-21T02:01:00.412Z");
  a.completeness = 1.0;
  a.coverage = 0.983;
  EXPECT_EQ(answers::to_json(a),
            R"({"view":"power_1m","series":"press-07/line1/power_total","labels":{},)"
            R"("start":"2026-11-21T02:00:00Z","end":"2026-11-21T02:01:00Z",)"
            R"("values":{"count":59,"max":null,"mean":4802.5},"unit":"W","state":"sealed",)"
            R"("revision":0,"cause":null,"known_at":"2026-11-21T02:01:00.412Z","completeness":1,)"
            R"("estimated":false,"coverage":0.983,"missing":[],"lost":0,"approximate":false})");
}

TEST(Answer, RevisionCarriesPositionCauseAndWhatWasSaidBefore) {
  answers::Answer a;
  a.position = 42;
  a.series = "a/\"b\"/c";
  a.state = answers::State::revised;
  a.revision = 2;
  a.cause = "late";
  a.missing = {{"line1", "24 blocks under way"}};
  a.values = {{"max", 2.0}, {"mean", 1.25}};
  a.previous = {{"mean", 1.5}};
  a.texts = {{"last", "run"}};
  const auto json = answers::to_json(a);
  EXPECT_TRUE(json.starts_with(R"({"position":42,"view":"","series":"a/\"b\"/c",)")) << json;
  EXPECT_NE(json.find(R"("texts":{"last":"run"})"), std::string::npos);
  EXPECT_NE(json.find(R"("cause":"late")"), std::string::npos);
  EXPECT_NE(json.find(R"("missing":[{"source":"line1","reason":"24 blocks under way"}])"),
            std::string::npos);
  EXPECT_TRUE(json.ends_with(R"("previous":{"mean":1.5},"difference":{"mean":-0.25}})")) << json;
}

TEST(Answer, IsReadFromItsJsonAsItWas) {
  answers::Answer a;
  a.position = 42;
  a.view = "power_1m";
  a.view_version = 3;
  a.view_hash = 0xab;
  a.series = "a/\"b\"/c";
  a.labels = {{"site", "plant7"}};
  a.start = *parse_utc("2026-11-21T02:00:00.000000007Z");
  a.end = *parse_utc("2026-11-21T02:01:00Z");
  a.values = {{"max", 0.1}, {"mean", 1e300}, {"sum", std::nullopt}, {"count", 59.0}};
  a.texts = {{"last", "run\n"}};
  a.unit = "W";
  a.state = answers::State::revised;
  a.revision = 2;
  a.cause = "late";
  a.known_at = *parse_utc("2026-11-21T02:01:00.412Z");
  a.completeness = 0.5;
  a.estimated = true;
  a.coverage = 0.983;
  a.missing = {{"line1", "24 blocks under way"}};
  a.waived = {{"press-07/line1", true, a.start, "ann", "gone", a.end}};
  a.lost = 7;
  a.approximate = true;
  a.notes = {"one", "two"};
  a.previous = {{"mean", 1.5}};
  const auto json = answers::to_json(a);
  const auto read = answers::from_json(json);
  ASSERT_TRUE(read.ok()) << read.error().text();
  EXPECT_EQ(answers::to_json(*read), json);
  EXPECT_EQ(read->known_at, a.known_at);
  for (std::size_t n = 0; n < json.size(); ++n) {
    EXPECT_EQ(answers::from_json(json.substr(0, n)).error().fault(), Fault::corrupt) << n;
  }
}

struct WrongRow {
  const char* name;
  const char* right;
  const char* wrong;
};
class WrongAnswer : public testing::TestWithParam<WrongRow> {};

TEST_P(WrongAnswer, IsNotTaken) {
  answers::Answer a;
  a.view = "power_1m";
  a.end = a.start + std::chrono::minutes(1);
  a.values = {{"max", 2.0}};
  ASSERT_TRUE(answers::from_json(answers::to_json(a)).ok());
  auto json = answers::to_json(a);
  const auto at = json.find(GetParam().right);
  ASSERT_NE(at, std::string::npos);
  json.replace(at, std::string_view(GetParam().right).size(), GetParam().wrong);
  const auto read = answers::from_json(json);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().fault(), Fault::corrupt);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, WrongAnswer,
    testing::Values(WrongRow{"no_view", R"("view":"power_1m",)", ""},
                    WrongRow{"text_for_number", R"("max":2)", R"("max":"2")"},
                    WrongRow{"unknown_state", R"("provisional")", R"("early")"},
                    WrongRow{"negative_revision", R"("revision":0)", R"("revision":-1)"},
                    WrongRow{"no_time", R"("start":"1970-01-01T00:00:00Z")", R"("start":"now")"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Answer, IsAboutASeriesOrTheLabelsOfAGroup) {
  answers::Answer a;
  a.labels = {{"site", "plant7"}, {"unit", "W"}};
  EXPECT_EQ(answers::subject_of(a), R"({"site":"plant7","unit":"W"})");
  EXPECT_EQ(answers::edge_of(a), "");
  a.series = "press-08/line1/power";
  EXPECT_EQ(answers::subject_of(a), "press-08/line1/power");
  EXPECT_EQ(answers::edge_of(a), "press-08");
}

TEST(Expression, IsAggregateGlobAndWindowOrAView) {
  const auto q = query::Reader::parse("avg  line1/power_total by 1m");
  ASSERT_TRUE(q.ok()) << q.error().text();
  EXPECT_EQ(q->aggregates, (std::vector<std::string>{"avg"}));
  EXPECT_EQ(q->select, "line1/power_total");
  EXPECT_EQ(q->window, std::chrono::minutes(1));
  EXPECT_EQ(query::Reader::parse("power_1m")->view, "power_1m");
  EXPECT_EQ(query::Reader::parse("max line1/*")->window, Nanoseconds::zero());
}

TEST(Expression, HasLabelsAndGroups) {
  const auto q = query::Reader::parse(
      "sum,max */power,!press-07/**{area=\"hall 1\", unit=W} per site,area by 1h");
  ASSERT_TRUE(q.ok()) << q.error().text();
  EXPECT_EQ(q->select.text(), "*/power,!press-07/**{area=\"hall 1\",unit=W}");
  EXPECT_EQ(q->group_by, (std::vector<std::string>{"site", "area"}));
  EXPECT_EQ(q->window, std::chrono::hours(1));
  EXPECT_EQ(query::Reader::parse("sum ** per all")->group_by, std::vector<std::string>());
  EXPECT_FALSE(query::Reader::parse("sum ** by 1h")->group_by.has_value());
}

class WrongExpression : public testing::TestWithParam<const char*> {};
TEST_P(WrongExpression, SaysWhatWasExpected) {
  const auto q = query::Reader::parse(GetParam());
  ASSERT_FALSE(q.ok());
  EXPECT_EQ(q.error().fault(), Fault::bad_input);
}
INSTANTIATE_TEST_SUITE_P(Rows, WrongExpression,
                         testing::Values("", "avg a by", "avg a over 1m", "avrage a", "avg a by 0s",
                                         "avg a by 1q", "avg a b c d", "avg a{u=} x",
                                         "avg a per", "avg a per site per area",
                                         "avg a per site,site", "avg a per a=b",
                                         "avg a by 1m by 1h", "avg a{unit"));

}  // namespace
}  // namespace tidemark
