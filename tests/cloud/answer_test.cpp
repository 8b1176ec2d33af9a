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
