// Figures that are made of others: what is written, what is refused, and what stays empty and why.
#include "cloud/answers/formula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::Formulas;
using answers::FormulaValue;
using answers::Selection;

// kwh: sum 12 kWh · pieces: sum 8 · none: no readings · watts: sum 3 W
FormulaValue look(const std::string& aggregate, const std::string& input) {
  if (input == "none") return FormulaValue::empty("none has no readings");
  if (aggregate == "count") return {4.0, {}, {}};
  if (input == "kwh") return {aggregate == "max" ? 5.0 : 12.0, {}, "kWh"};
  if (input == "watts") return {3.0, {}, "W"};
  return {8.0, {}, ""};
}
const std::vector<std::string> kInputs = {"kwh", "none", "pieces", "watts"};

struct Row {
  const char* text;
  double value;
  const char* unit;
};
void PrintTo(const Row& r, std::ostream* out) { *out << r.text; }
class Computes : public testing::TestWithParam<Row> {};
TEST_P(Computes, FromLeftToRight) {
  const auto f = Formulas::parse({{"f", GetParam().text}}, kInputs);
  ASSERT_TRUE(f.ok()) << f.error().text();
  const auto figure = f->evaluate(look).at("f");
  EXPECT_EQ(figure.value, GetParam().value) << figure.reason;
  EXPECT_EQ(figure.unit.value_or("none"), GetParam().unit);
}
constexpr Row kComputed[] = {
    {"sum(kwh) / sum(pieces)", 1.5, "kWh"},
    {"sum(kwh)/sum(watts)", 4, "kWh/W"},
    {"sum(kwh) * sum(watts)", 36, "kWh.W"},
    {"1 / sum(kwh)", 1.0 / 12, "1/kWh"},
    {"2 - 3 - 4", -5, "none"},
    {"24/2/3", 4, "none"},
    {"2 + 3 * 4", 14, "none"},
    {"(2 + 3) * -4", -20, "none"},
    {"--2.5e1", 25, "none"},
    {"sum(kwh) + 1", 13, "kWh"},
    {"max(kwh)", 5, "kWh"},
    {"max(sum(kwh), max(kwh), 20)", 20, "kWh"},
    {"min(3, 2, 4)", 2, "none"},
    {"avg(kwh) / count(kwh)", 3, "kWh"},
};
INSTANTIATE_TEST_SUITE_P(Rows, Computes, testing::ValuesIn(kComputed));

struct Empty {
  const char* text;
  const char* reason;
};
void PrintTo(const Empty& e, std::ostream* out) { *out << e.text; }
class IsEmpty : public testing::TestWithParam<Empty> {};
TEST_P(IsEmpty, WithAReason) {
  const auto f = Formulas::parse({{"f", GetParam().text}}, kInputs);
  ASSERT_TRUE(f.ok()) << f.error().text();
  const auto figure = f->evaluate(look).at("f");
  EXPECT_FALSE(figure.value.has_value());
  EXPECT_EQ(figure.reason, GetParam().reason);
}
constexpr Empty kEmpty[] = {
    {"sum(kwh) / (sum(pieces) - 8)", "division by zero"},
    {"1 / 0", "division by zero"},
    {"sum(kwh) + sum(none)", "none has no readings"},
    {"-sum(none)", "none has no readings"},
    {"sum(kwh) + sum(watts)", "'kWh' and 'W' are two units"},
    {"min(sum(kwh), sum(watts))", "'kWh' and 'W' are two units"},
    {"1e300 * 1e300", "more than a number can hold"},
    {"1e300 * 1e300 - 1e300 * 1e300", "more than a number can hold"},
};
INSTANTIATE_TEST_SUITE_P(Rows, IsEmpty, testing::ValuesIn(kEmpty));

struct Wrong {
  const char* text;
  const char* says;
};
void PrintTo(const Wrong& w, std::ostream* out) { *out << w.text; }
class IsWrong : public testing::TestWithParam<Wrong> {};
TEST_P(IsWrong, AndSaysWhat) {
  const auto f = Formulas::parse({{"f", GetParam().text}}, kInputs);
  ASSERT_FALSE(f.ok());
  EXPECT_EQ(f.error().fault(), Fault::bad_input);
  EXPECT_THAT(f.error().text(), testing::HasSubstr(GetParam().says));
}
constexpr Wrong kWrong[] = {
    {"", "expected a number"},
    {"kwh", "which figure of kwh? Such as mean(kwh)"},
    {"sum(kw)", "no input 'kw', did you mean 'kwh'?"},
    {"summ(kwh)", "did you mean 'sum'?"},
    {"sum(kwh", "expected ')'"},
    {"sum(kwh) sum(kwh)", "expected an operator or the end"},
    {"sum(kwh) +", "expected a number"},
    {"(1", "expected ')'"},
    {"min()", "expected a number"},
    {"min(1,", "expected a number"},
    {"1..2", "expected an operator"},
    {"1e999", "expected a number"},
    {"other", "no figure 'other'"},
    {"f + 1", "in a circle: f"},
    {"sum(2)", "the input of sum"},
};
INSTANTIATE_TEST_SUITE_P(Rows, IsWrong, testing::ValuesIn(kWrong));

TEST(Formulas, StandOnEachOtherButNotInACircle) {
  const auto f = Formulas::parse({{"a", "b * 2"}, {"b", "sum(kwh) + c"}, {"c", "1"}}, kInputs);
  ASSERT_TRUE(f.ok()) << f.error().text();
  EXPECT_EQ(f->evaluate(look).at("a").value, 26.0);
  EXPECT_THAT(f->asked(), testing::ElementsAre(std::pair("sum", "kwh")));
  const auto circle = Formulas::parse({{"a", "b"}, {"b", "c"}, {"c", "a"}, {"d", "1"}}, kInputs);
  ASSERT_FALSE(circle.ok());
  EXPECT_THAT(circle.error().text(), testing::HasSubstr("in a circle: a, b, c"));
}

TEST(Formulas, HaveBounds) {
  const std::string deep(Formulas::kDepthMax, '(');
  EXPECT_TRUE(Formulas::parse({{"f", deep + "1" + std::string(deep.size(), ')')}}, {}).ok());
  const auto deeper = "(" + deep + "1" + std::string(deep.size() + 1, ')');
  EXPECT_FALSE(Formulas::parse({{"f", deeper}}, {}).ok());
  EXPECT_FALSE(Formulas::parse({{"f", std::string(5000, '-') + "1"}}, {}).ok());
  EXPECT_FALSE(Formulas::parse({{"f", std::string(Formulas::kTextMax, ' ') + "1"}}, {}).ok());
}

// Energy over pieces of each edge; a minute without pieces says why it is empty.
TEST(Views, HaveFiguresOfSeveralSeries) {
  auto view = answers::built_in_view();
  view.name = "per_piece";
  view.group_by = {"edge"};
  view.inputs = {{"kwh", Selection("*/m0")}, {"pieces", Selection("*/m1")}};
  view.figures = {{"energy", "sum(kwh) / sum(pieces)"}, {"rate", "sum(pieces) / 60"}};
  const auto back = answers::View::from_definition(view.definition());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->definition(), view.definition());
  Node node({}, {view});
  EdgeDouble edge("press-07", 1, 1, false, 3);
  edge.describe(0, [](SeriesDescription& d) { d.unit = "kWh"; });
  edge.describe(1, [](SeriesDescription& d) { d.unit = "{piece}"; });
  for (int minute = 0; minute < 3; ++minute) {
    edge.take(0, kStart + minute * kMinute, 30);
    edge.take(2, kStart + minute * kMinute, 30);
    if (minute != 1) edge.take(1, kStart + minute * kMinute + kSecond, 1.5);
  }
  edge.flush(kStart + 3 * kMinute);
  send(node, edge);
  node.commit();
  const auto all = node.answers("per_piece");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].values.at("energy"), 2.0);
  EXPECT_EQ(all[0].values.at("rate"), 1.5 / 60);
  EXPECT_EQ(all[0].labels, (answers::Labels{{"edge", "press-07"}}));
  EXPECT_EQ(all[0].unit, "") << "kWh/{piece} and {piece}";
  EXPECT_EQ(all[1].values.at("energy"), std::nullopt);
  EXPECT_THAT(all[1].notes, testing::ElementsAre("energy: pieces has no readings",
                                                 "rate: pieces has no readings"));
}

// Which inputs a series is part of is known by time, as its group is: what is answered anew of a
// window goes by what held then, also after a restart.
TEST(Views, KnowWhichInputASeriesWasThen) {
  auto view = answers::built_in_view();
  view.name = "share";
  view.group_by = {"edge"};
  view.inputs = {{"all", Selection("*/m0")},
                 {"stamped", Selection::parse("*/m0{area=stamping}").value()}};
  view.figures = {{"share", "count(stamped) / count(all)"}, {"all", "count(all)"}};
  Node node({}, {view});
  node.relabels = {{Selection("**"), {{"area", "stamping"}}}};
  node.kill();
  node.start();
  EdgeDouble edge("press-07", 1, 1);
  edge.take(0, kStart, 30);
  edge.flush(kStart + kMinute);
  send(node, edge);
  node.commit();
  node.relabels.clear();
  for (const bool late : {false, true}) {
    node.kill();
    node.start();
    edge.take(0, kStart + (late ? 0 : kMinute) + 5 * kSecond, 30);
    edge.flush(kStart + 2 * kMinute);
    send(node, edge);
    node.commit();
    node.settle();
  }
  const auto all = node.answers("share");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].state, answers::State::revised);
  EXPECT_EQ(all[0].values.at("all"), 2.0);
  EXPECT_EQ(all[0].values.at("share"), 1.0) << "all of it was stamped then";
  EXPECT_EQ(all[1].values.at("share"), 0.0);
}

}  // namespace
}  // namespace tidemark::test
