// Which series a view or a question is about: patterns, labels, and labels that the cloud gives.
#include "cloud/answers/selection.h"

#include <gtest/gtest.h>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {
namespace {

using answers::Labels;
using answers::Selection;

struct Row {
  const char* text;
  const char* name;
  bool selected;
};
void PrintTo(const Row& r, std::ostream* out) { *out << r.text << " of " << r.name; }

class Selects : public testing::TestWithParam<Row> {};
TEST_P(Selects, ByPatternsAndLabels) {
  const auto& row = GetParam();
  const auto select = Selection::parse(row.text);
  ASSERT_TRUE(select.ok()) << select.error().text();
  const Labels labels{{"unit", "W"}, {"area", "stamping hall"}, {"site", ""}, {"flow", "m3/h"}};
  EXPECT_EQ(select->matches(row.name, labels), row.selected);
  const auto again = Selection::parse(select->text());
  ASSERT_TRUE(again.ok()) << select->text();
  EXPECT_EQ(*again, *select);
}
constexpr Row kSelected[] = {
    {"**", "a/b/c", true},
    {"*/c", "a/b/c", true},
    {"*/d,*/c", "a/b/c", true},
    {"*/d,*/e", "a/b/c", false},
    {"**,!a/**", "a/b/c", false},
    {"!a/**,**", "a/b/c", false},
    {"!a/**", "b/b/c", true},
    {"!a/**", "a/b/c", false},
    {"**{unit=W}", "a/b/c", true},
    {"{unit=W}", "a/b/c", true},
    {"*/c{unit=W,area=\"stamping hall\"}", "a/b/c", true},
    {"*/c{ unit = W , area = stamp* }", "a/b/c", true},
    {"*/c{unit=V}", "a/b/c", false},
    {"*/d{unit=W}", "a/b/c", false},
    {"{line=*}", "a/b/c", false},
    {"{line=\"\"}", "a/b/c", true},
    {"{site=*}", "a/b/c", false},
    {"{unit=\"\"}", "a/b/c", false},
    {"{flow=*/h}", "a/b/c", true},
    {"\"press 07/line,1/*\"", "press 07/line,1/c", true},
    {"\"press 07/line,1/*\"", "press 07/line/c", false},
    {"**,!\"press 07/**\"", "press 07/line,1/c", false},
    {"**,! \"press 07/**\"", "press 08/line,1/c", true},
    {"\"a{1}/*\"{unit=W}", "x/a{1}/c", true},
    {"\"a=b/c\",d", "x/a=b/c", true},
};
INSTANTIATE_TEST_SUITE_P(Rows, Selects, testing::ValuesIn(kSelected));

class NoSelection : public testing::TestWithParam<const char*> {};
TEST_P(NoSelection, IsRefusedWithWhatWasExpected) {
  const auto select = Selection::parse(GetParam());
  ASSERT_FALSE(select.ok());
  EXPECT_EQ(select.error().fault(), Fault::bad_input);
}
INSTANTIATE_TEST_SUITE_P(Rows, NoSelection,
                         testing::Values("", ",", "!", "a b", "a{", "a{unit", "a{unit=W", "a{=W}",
                                         "a{unit=\"W}", "a{unit=\"W\"x}", "a}b", "a{u=W} b",
                                         "a{u=\"x\"\"y\"}", "\"a", "a\"b", "a\"b c\"", "!\"\""));

TEST(Selection, HasBounds) {
  Selection many;
  many.patterns.assign(Selection::kPatternsMax, "a");
  EXPECT_TRUE(many.check().ok());
  many.patterns.emplace_back("a");
  EXPECT_FALSE(many.check().ok());
}

TEST(Relabel, GivesLabelsButNotWhatASeriesIs) {
  SeriesDescription d;
  d.device = "line1";
  d.metric = "power";
  d.unit = "W";
  d.labels = {{"area", "old"}, {"edge", "liar"}};
  answers::Relabel area{Selection("press-*/**"), {{"area", "stamping"}, {"line", "1"}}};
  answers::Relabel second{Selection("**"), {{"line", "2"}, {"unit", "kW"}}};
  second.select.labels["area"] = "old";  // as its edge labels it
  const auto labels = answers::labels_of("press-07", "plant7", d, {area, second});
  EXPECT_EQ(labels, (Labels{{"area", "stamping"},
                            {"device", "line1"},
                            {"edge", "press-07"},
                            {"line", "2"},
                            {"metric", "power"},
                            {"site", "plant7"},
                            {"source", ""},
                            {"unit", "W"}}));
  EXPECT_EQ(answers::labels_of("oven", "plant7", d, {area})["area"], "old");
  const auto back = answers::Relabel::decode(second.encode());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->select, second.select);
  EXPECT_EQ(back->labels, second.labels);
}

answers::View labelled(const char* name, const char* select) {
  auto view = answers::built_in_view();
  view.name = name;
  view.select = Selection::parse(select).value();
  return view;
}

std::vector<std::string> series_of(const std::vector<answers::Answer>& all) {
  std::vector<std::string> names;
  for (const auto& a : all) {
    if (names.empty() || names.back() != a.series) names.push_back(a.series);
  }
  return names;
}

// Three edges of which one is relabelled by the cloud, and then another one.
TEST(Views, SelectByLabelsAndGoOnWhenTheseChange) {
  Node node({}, {labelled("volts", "*/m0,*/m1,!press-09/**{unit=V}"),
                 labelled("stamping", "{area=stamping}")});
  node.relabels.push_back({Selection("press-08/**"), {{"area", "stamping"}}});
  node.kill();
  node.start();
  std::vector<EdgeDouble> edges;
  for (std::uint64_t i = 0; i < 3; ++i) {
    edges.emplace_back("press-0" + std::to_string(7 + i), i + 1, 1);
    auto& edge = edges.back();
    if (i == 0) edge.describe(0, [](SeriesDescription& d) { d.labels["area"] = "stamping"; });
    if (i == 0) edge.describe(1, [](SeriesDescription& d) { d.unit = "A"; });
    for (const auto series : {0U, 1U}) edge.take(series, kStart, 7);
    edge.flush(kStart + kMinute);
    send(node, edge);
  }
  node.commit();
  using Names = std::vector<std::string>;
  EXPECT_EQ(series_of(node.answers("volts")),
            (Names{"press-07/line1/m0", "press-08/line1/m0", "press-08/line1/m1"}));
  EXPECT_EQ(series_of(node.answers("stamping")),
            (Names{"press-07/line1/m0", "press-08/line1/m0", "press-08/line1/m1"}));
  query::AnswerQuery q = query::Reader::parse("max */m0{area=stamping} by 1m").value();
  EXPECT_EQ(series_of(node.ask(q)), (Names{"press-07/line1/m0", "press-08/line1/m0"}));
  q = query::Reader::parse("max {edge=press-09, unit=V} by 1m").value();
  EXPECT_EQ(series_of(node.ask(q)), (Names{"press-09/line1/m0", "press-09/line1/m1"}));

  node.relabels = {{Selection("press-09/**"), {{"area", "stamping"}}}};
  EdgeDouble& gone = edges[1];
  gone.take(0, kStart + kMinute, 7);
  gone.flush(kStart + 2 * kMinute);
  node.kill();
  node.start();
  greet(node, gone);
  node.take(gone, gone.block(2));
  node.take(gone, gone.last_seal());
  node.commit();
  node.settle();
  EXPECT_EQ(node.answers("stamping", "press-08/*/m0").size(), 1u) << "what was answered stays";
  EXPECT_EQ(node.answers("stamping", "press-09/**").size(), 2u) << "from what was there";
}

TEST(Views, WhatTheyNoLongerSelectGoesInItsTimeAndIsWholeWhenItComesBack) {
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::minutes(2), std::chrono::hours(1), std::chrono::hours(48),
                  std::chrono::hours(480)};
  Node node(horizons, {labelled("stamping", "{area=stamping}")});
  EdgeDouble edge("press-08", 1, 1);
  const auto say = [&](std::int64_t at, std::int64_t sealed) {
    for (const auto series : {0U, 1U}) edge.take(series, at, 7);
    const auto block = edge.flush(sealed);
    node.take(edge, edge.block(block));
    node.take(edge, edge.last_seal());
    node.settle();
  };
  const auto label = [&](const char* select) {
    node.relabels = {{Selection(select), {{"area", "stamping"}}}};
    node.kill();
    node.start();
    greet(node, edge);
    node.commit();
  };
  label("press-08/**");
  say(kStart, kStart + kMinute);
  EXPECT_EQ(node.answers("stamping").size(), 2u);
  label("press-08/*/m1");  // m0 is away for a reading that is late
  say(kStart + 30 * kSecond, kStart + kMinute);
  EXPECT_EQ(node.answers("stamping", "**/m0").at(0).values.at("count"), 1.0);
  EXPECT_EQ(node.answers("stamping", "**/m1").at(0).values.at("count"), 2.0);
  label("press-08/**");
  node.settle();
  EXPECT_EQ(node.answers("stamping", "**/m0").at(0).values.at("count"), 2.0);
  label("press-08/*/m1");
  node.clock.advance(std::chrono::hours(48));
  say(kStart + 48 * 60 * kMinute, kStart + (48 * 60 + 1) * kMinute);
  EXPECT_EQ(node.answers("stamping", "**/m0").size(), 0u) << "kept by nobody";
  EXPECT_GT(node.answers("stamping", "**/m1").size(), 0u);
}

}  // namespace
}  // namespace tidemark::test
