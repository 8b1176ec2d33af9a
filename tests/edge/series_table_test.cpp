#include <gtest/gtest.h>

#include "common/model/events.h"
#include "edge/source/source.h"

namespace tidemark::source {
namespace {

SeriesDescription series(std::string metric) {
  SeriesDescription d;
  d.source = "floor";
  d.device = "press";
  d.metric = std::move(metric);
  return d;
}

TEST(SeriesTable, SameNameGetsTheSameHandle) {
  SeriesTable table;
  EXPECT_EQ(table.intern(series("a")).value(), 0u);
  EXPECT_EQ(table.intern(series("b")).value(), 1u);
  EXPECT_EQ(table.intern(series("a")).value(), 0u);
  EXPECT_EQ(table.at(1).metric, "b");
  EXPECT_EQ(table.size(), 2u);
}

TEST(SeriesTable, AnotherTypeOrResolutionIsAnotherSeries) {
  SeriesTable table;
  auto d = series("a");
  EXPECT_EQ(table.intern(d).value(), 0u);
  d.type = ValueType::i64;
  EXPECT_EQ(table.intern(d).value(), 1u);
  d.exponent = -1;
  EXPECT_EQ(table.intern(d).value(), 2u);
}

TEST(SeriesTable, ATimeOfItsOwnMakesNoOtherSeries) {
  SeriesTable table;
  auto d = series("a");
  EXPECT_EQ(table.intern(d).value(), 0u);
  EXPECT_FALSE(table.at(0).device_stamped);
  d.device_stamped = true;
  EXPECT_EQ(table.intern(d).value(), 0u);
  d.device_stamped = false;
  EXPECT_EQ(table.intern(d).value(), 0u);
  EXPECT_TRUE(table.at(0).device_stamped);
  EXPECT_EQ(table.size(), 1u);
}

TEST(SeriesTable, AReloadMayGiveAnotherUnitKindAndLabels) {
  SeriesTable table;
  auto d = series("a");
  d.poll_class = "fast";
  ASSERT_EQ(table.intern(d).value(), 0u);
  EXPECT_EQ(table.intern(d).value(), 0u);
  EXPECT_EQ(table.version(0), 0u);
  d.unit = "kW";
  d.kind = SeriesKind::counter;
  d.labels = {{"hall", "2"}};
  d.poll_class = "slow";  // its counts stay in their line
  EXPECT_EQ(table.intern(d).value(), 0u);
  EXPECT_EQ(table.version(0), 1u);
  d.poll_class = "fast";
  EXPECT_EQ(table.at(0), d);
}

TEST(SeriesTable, AUnitThatNoDictionaryHoldsIsRefused) {
  SeriesTable table;
  auto d = series("a");
  d.unit = std::string(Dictionary::kNameBytesMax, 'x');
  EXPECT_TRUE(table.intern(d));
  d.unit += 'x';
  EXPECT_NE(table.intern(d).error().text().find("unit is too long"), std::string::npos);
  EXPECT_EQ(table.at(0).unit.size(), Dictionary::kNameBytesMax);
}

TEST(SeriesTable, ALabelThatNoDictionaryHoldsIsRefused) {
  SeriesTable table;
  const std::string fits(Dictionary::kNameBytesMax, 'x');
  auto d = series("a");
  d.labels = {{fits, fits}};
  EXPECT_TRUE(table.intern(d));
  for (const auto& label : {std::pair(fits + "x", fits), std::pair(fits, fits + "x")}) {
    d.labels = {label};
    EXPECT_NE(table.intern(d).error().text().find("label is too long"), std::string::npos);
  }
}

SeriesDescription series_of(std::string source) {
  auto d = series("a");
  d.source = std::move(source);
  return d;
}

// The cloud and the local history know a series by its name: two sensors would be mixed there.
TEST(SeriesTable, ANameThatAnotherSourceHoldsIsRefused) {
  SeriesTable table;
  ASSERT_EQ(table.intern(series_of("a")).value(), 0u);
  const auto refused = table.intern(series_of("b"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::denied);
  for (const auto* word : {"press/a", "'a'", "'b'", "set 'device' or"}) {
    EXPECT_NE(refused.error().text().find(word), std::string::npos) << refused.error().text();
  }
  auto other = series_of("b");
  other.type = ValueType::boolean;  // beside it in the table, but one name for people
  EXPECT_FALSE(table.intern(other).ok());
  EXPECT_EQ(table.intern(series_of("a")).value(), 0u);
  EXPECT_EQ(table.size(), 1u);
}

TEST(SeriesTable, TwoTopicsOfOneSourceAreTwoWays) {
  SeriesTable table;
  ASSERT_EQ(table.intern(series("a"), "plant/1", "a").value(), 0u);
  EXPECT_FALSE(table.intern(series("a"), "plant/2", "a").ok());
  EXPECT_FALSE(table.intern(series("a"), "plant/1", "b.a").ok());
  EXPECT_EQ(table.intern(series("a"), "plant/1", "a").value(), 0u);
  ASSERT_TRUE(table.owners().release("press/a"));
  EXPECT_EQ(table.intern(series("a"), "plant/1", "b.a").value(), 0u);  // the series goes on
}

TEST(SeriesTable, TheNamesOfASourceThatWentAreFree) {
  SeriesTable table;
  ASSERT_EQ(table.intern(series_of("a")).value(), 0u);
  ASSERT_FALSE(table.intern(series_of("b")).ok());
  table.owners().keep_if([](const auto&, const Way& way) { return way.source == "b"; });
  ASSERT_EQ(table.intern(series_of("b")).value(), 1u);
  EXPECT_FALSE(table.intern(series_of("a")).ok());  // it comes back, too late
  EXPECT_EQ(table.intern(series_of("b")).value(), 1u);
}

SeriesDescription own_of(std::string source) {
  SeriesDescription d;
  d.source = d.device = std::move(source);
  d.metric = kEventsMetric;
  d.kind = SeriesKind::state;
  d.type = ValueType::text;
  return d;
}

TEST(SeriesTable, TheNameOfEventsIsTheAgentsOwn) {
  SeriesTable table;
  for (const auto type : {ValueType::text, ValueType::f64}) {
    auto d = own_of("floor");
    d.type = type;
    const auto refused = table.intern(d, "plant/1", "$events");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().fault(), Fault::bad_input);
    for (const auto* word : {"series name is the agent's own: ", "floor/$events", "set '"}) {
      EXPECT_NE(refused.error().text().find(word), std::string::npos) << refused.error().text();
    }
  }
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.owners().size(), 0u);
}

TEST(SeriesTable, ASeriesOfTheAgentIsNobodysAndStaysOverReloads) {
  SeriesTable table;
  ASSERT_EQ(table.own(own_of("floor")), 0u);
  ASSERT_EQ(table.own(own_of("meter")), 1u);
  EXPECT_EQ(table.own(own_of("floor")), 0u);
  EXPECT_EQ(table.owners().size(), 0u);
  EXPECT_TRUE(table.owners().take_changed().empty());
  table.owners().keep_if([](const auto&, const Way&) { return false; });
  EXPECT_EQ(table.own(own_of("floor")), 0u);
  EXPECT_EQ(table.at(0), own_of("floor"));
}

TEST(SeriesTable, WhatIsNoSeriesHasNoName) {
  SeriesTable table;
  EXPECT_FALSE(table.intern(series("")).ok());
  EXPECT_EQ(table.owners().size(), 0u);
}

TEST(SeriesTable, RefusesWhatNoDictionaryCanHold) {
  SeriesTable table;
  EXPECT_EQ(table.intern(series("")).error().fault(), Fault::bad_input);
  EXPECT_EQ(table.intern(series(std::string(300, 'x'))).error().fault(), Fault::bad_input);
  auto d = series("a");
  for (int i = 0; i < 33; ++i) d.labels["l" + std::to_string(i)] = "v";
  EXPECT_EQ(table.intern(d).error().fault(), Fault::bad_input);
  EXPECT_EQ(table.size(), 0u);
}

TEST(SeriesTable, IsFullAtItsBoundAndStillKnowsTheOthers) {
  SeriesTable table;
  ASSERT_EQ(table.own(own_of("floor")), 0u);  // takes nobody's place
  for (std::size_t i = 0; i < SeriesTable::kSeriesMax; ++i) {
    ASSERT_TRUE(table.intern(series(std::to_string(i))).ok());
  }
  EXPECT_EQ(table.intern(series("more")).error().fault(), Fault::full);
  EXPECT_EQ(table.intern(series("17")).value(), 18u);
  EXPECT_EQ(table.own(own_of("meter")), SeriesTable::kSeriesMax + 1);
}

}  // namespace
}  // namespace tidemark::source
