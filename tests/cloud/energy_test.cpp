// What a counter counted: quarter hours add up to the days of a time zone, over resets, rollovers,
// gaps, swapped meters, late readings and coarser panes; and the other figures that panes keep only
// where a view asks for them.
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/sqlite/database.h"
#include "tests/cloud/give_order.h"

namespace tidemark::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kQuarter = 15 * kMinute;
constexpr std::int64_t kRollover = 1'000'000;  // mantissas, of 0.1 kWh

std::int64_t at(const char* text) { return count_ns(parse_utc(text).value()); }

answers::View view(const char* name, std::chrono::nanoseconds size,
                   std::vector<std::string> aggregates) {
  auto v = answers::built_in_view();
  v.name = name;
  v.window.size = size;
  v.aggregates = std::move(aggregates);
  return v;
}

answers::View days(std::vector<std::string> aggregates) {
  auto v = view("days", std::chrono::hours(24), std::move(aggregates));
  v.window = {"calendar", std::chrono::hours(24), {}, {"day", "Europe/Berlin", "monday", {}}};
  return v;
}

std::vector<intake::SeriesRule> rules() { return {{"**", std::chrono::hours(1), 100'000}}; }

// A meter that is read every five minutes over three local days, two of them of 25 and 24 hours.
struct Meter {
  std::int64_t from = at("2025-10-24T22:00:00Z");
  std::int64_t until = at("2025-10-27T23:00:00Z");
  std::vector<std::pair<std::int64_t, std::int64_t>> readings;  // time, mantissa

  Meter() {
    std::mt19937_64 random(7);
    std::int64_t value = kRollover - 20'000;
    for (auto t = from; t < until; t += 5 * kMinute) {
      value += static_cast<std::int64_t>(random() % 400);
      if (value >= kRollover) value -= kRollover;
      if (t == at("2025-10-26T12:00:00Z")) value = 17;  // a reset
      const bool gap = t > at("2025-10-25T03:00:00Z") && t < at("2025-10-25T06:10:00Z");
      if (!gap) readings.emplace_back(t, value);
    }
  }
  // Mantissas, by the readings in [begin, end).
  [[nodiscard]] std::int64_t increase(std::int64_t begin, std::int64_t end) const {
    std::int64_t sum = 0;
    for (std::size_t i = 1; i < readings.size(); ++i) {
      if (readings[i].first < begin || readings[i].first >= end) continue;
      const auto step = readings[i].second - readings[i - 1].second;
      sum += step >= 0                  ? step
             : -step > kRollover / 2 ? step + kRollover
                                        : readings[i].second;
    }
    return sum;
  }
  // In blocks of `size` readings each.
  void put(EdgeDouble& edge, std::size_t size) const {
    for (std::size_t i = 0; i < readings.size(); ++i) {
      edge.take(0, readings[i].first, static_cast<double>(readings[i].second));
      const bool last = i + 1 == readings.size();
      if (last || (i + 1) % size == 0) edge.flush(last ? until : readings[i].first);
    }
  }
};

std::int64_t mantissa(const answers::Answer& a) {
  const auto value = a.values.at("increase");
  return value ? std::llround(*value * 10) : 0;
}

void expect_right(Node& node, const Meter& meter) {
  std::map<std::int64_t, std::int64_t> of_day;
  const auto quarters = node.answers("quarters");
  EXPECT_EQ(quarters.size(), static_cast<std::size_t>((meter.until - meter.from) / kQuarter));
  for (const auto& a : quarters) {
    EXPECT_EQ(mantissa(a), meter.increase(count_ns(a.start), count_ns(a.end)))
        << format_utc(a.start);
    EXPECT_FALSE(a.approximate) << format_utc(a.start);
    of_day[count_ns(a.start) < at("2025-10-25T22:00:00Z")   ? 0
           : count_ns(a.start) < at("2025-10-26T23:00:00Z") ? 1
                                                            : 2] += mantissa(a);
  }
  const auto all = node.answers("days");
  ASSERT_EQ(all.size(), 3u);
  for (std::size_t d = 0; d < all.size(); ++d) {
    EXPECT_EQ(mantissa(all[d]), of_day[static_cast<std::int64_t>(d)]);
    EXPECT_EQ(mantissa(all[d]), meter.increase(count_ns(all[d].start), count_ns(all[d].end)));
  }
}

void deliver(Node& node, const EdgeDouble& edge, std::uint64_t seed) {
  greet(node, edge);
  std::vector<std::uint64_t> order;
  for (const auto& [sequence, block] : edge.blocks) order.push_back(sequence);
  std::mt19937_64 random(seed);
  if (seed > 0) std::shuffle(order.begin(), order.end(), random);
  for (const auto sequence : order) {
    node.take(edge, edge.block(sequence));
    if (random() % 4 == 0) node.take(edge, edge.seal_frame(sequence - 1));
    if (random() % 8 == 0) node.commit();
  }
  node.take(edge, edge.last_seal());
  node.commit();
  for (int i = 0; i < 4; ++i) node.settle();
}

TEST(Energy, QuarterHoursAddUpToLocalDaysInAnyOrder) {
  const Meter meter;
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    EdgeDouble edge("press-07", 1, 1, false, 1);
    meter.put(edge, seed == 3 ? 1 : 7);
    Node node({}, {view("quarters", std::chrono::minutes(15), {"increase"}), days({"increase"})},
              rules());
    deliver(node, edge, seed);
    expect_right(node, meter);
  }
}

TEST(Energy, AGapIsNamedAndMakesTheWindowBehindItAnEstimate) {
  const Meter meter;
  EdgeDouble edge("press-07", 1, 1, false, 1);
  meter.put(edge, 50);
  Node node({}, {view("quarters", std::chrono::minutes(15), {"increase"})}, rules());
  deliver(node, edge, 0);
  for (const auto& a : node.answers("quarters")) {
    const bool behind = count_ns(a.start) == at("2025-10-25T06:00:00Z");
    const bool reset = count_ns(a.start) == at("2025-10-26T12:00:00Z");
    if (behind) {
      EXPECT_TRUE(a.estimated);
      EXPECT_THAT(a.notes, ElementsAre(HasSubstr("no reading from 2025-10-25T03:00:00Z")));
    } else if (reset) {
      EXPECT_THAT(a.notes, ElementsAre(HasSubstr("began anew")));
    } else {
      EXPECT_TRUE(a.notes.empty()) << format_utc(a.start) << ": " << a.notes.front();
    }
  }
}

TEST(Energy, IncreasesOutliveTheTierThatTheyWereMadeIn) {
  const Meter meter;
  EdgeDouble edge("press-07", 1, 1, false, 1);
  meter.put(edge, 7);
  reconcile::Horizons horizons;
  horizons.age = {std::chrono::hours(1), std::chrono::hours(2), std::chrono::hours(24 * 30),
                  std::chrono::hours(24 * 60)};
  Node node(horizons, {view("quarters", std::chrono::minutes(15), {"increase"}),
                       days({"increase"})}, rules());
  deliver(node, edge, 0);
  for (int i = 0; i < 20; ++i) node.settle();
  expect_right(node, meter);
  // Asked for, not kept: from panes of a quarter hour by now.
  auto q = query::Reader::parse("increase press-07/line1/m0 by 6h").value();
  for (const auto& a : node.ask(q)) {
    EXPECT_EQ(mantissa(a), meter.increase(count_ns(a.start), count_ns(a.end)));
    EXPECT_FALSE(a.approximate) << format_utc(a.start);
  }
}

TEST(Energy, ASwappedMeterCountsToItsEndAndFromItsStart) {
  for (const bool in_pane : {true, false}) {
    EdgeDouble edge("press-07", 1, 1, false, 1);
    const auto swapped = kStart + (in_pane ? 150 : 120) * kSecond;
    for (std::int64_t i = 0; i < 20; ++i) {
      const auto t = kStart + i * 20 * kSecond;
      edge.take(0, t, t < swapped ? static_cast<double>(70'000 + i)
                                  : static_cast<double>(100 + i));
    }
    edge.flush(kStart + 7 * kMinute);
    Node node({}, {view("m", std::chrono::minutes(1), {"increase"}),
                   view("five", std::chrono::minutes(5), {"increase"})});
    send(node, edge);
    node.commit();
    node.settle();
    const auto five = [&] { return node.answers("five").at(0); };
    const auto steps = std::int64_t{14};  // that are not the swap's
    const auto behind = 100 + (swapped - kStart + 19 * kSecond) / (20 * kSecond);
    EXPECT_EQ(mantissa(five()), steps - 1 + behind);  // taken for a reset
    const auto first = std::to_string(swapped);
    EXPECT_THAT(order(node, "swap press-07/line1/m0 " + first + " 7001.23 10"),
                HasSubstr("steps are 0.1"));
    EXPECT_THAT(order(node, "swap press-07/line1/none " + first + " 7001.2 10"),
                HasSubstr("no series is called"));
    EXPECT_THAT(order(node, "swap press-07/line1/m0 " + first + " 7001.2 10"),
                HasSubstr("meter swapped"));
    node.settle();
    node.settle();
    const auto old = 70'000 + behind - 100 - 1;
    const auto right = steps - 1 + (70'012 - old) + (behind - 100);
    auto answer = five();
    EXPECT_EQ(mantissa(answer), right);
    EXPECT_EQ(answer.cause, "operator");
    EXPECT_THAT(answer.notes, Contains(HasSubstr("the old one ended at 7001.2")));
    std::int64_t sum = 0;
    for (const auto& a : node.answers("m")) {
      if (a.start < answer.end) sum += mantissa(a);
    }
    EXPECT_EQ(sum, right);
    auto reader = query::Reader::open(node.folder.path).value();
    const auto said = reader->swaps("**").value();
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0].old_end, 7001.2);
    node.kill();
    node.start();
    EXPECT_THAT(order(node, "unswap press-07/line1/m0 " + first), HasSubstr("ok: "));
    node.settle();
    node.settle();
    EXPECT_EQ(mantissa(five()), steps - 1 + behind);
  }
}

// Where the archive has forgotten the readings: nobody can tell any more what they counted.
TEST(Energy, ASwapInAPaneThatCannotBeMadeAnewIsApproximate) {
  EdgeDouble edge("press-07", 1, 1, false, 1);
  const auto swapped = kStart + 150 * kSecond;
  for (std::int64_t i = 0; i < 15; ++i) {
    const auto t = kStart + i * 20 * kSecond;
    edge.take(0, t, static_cast<double>(t < swapped ? 70'000 + i : 100 + i));
  }
  edge.flush(kStart + 5 * kMinute);
  Node node({}, {view("five", std::chrono::minutes(5), {"increase"})});
  send(node, edge);
  node.commit();
  node.settle();
  EXPECT_FALSE(node.answers("five").at(0).approximate);
  node.kill();
  {
    auto database = sqlite::Database::open(store::database_path(node.folder.path),
                                           {.version = store::kSchemaVersion}).value();
    database->run("DELETE FROM spans");
  }
  node.start();
  EXPECT_THAT(order(node, "swap press-07/line1/m0 " + std::to_string(swapped) + " 7001.2 10"),
              HasSubstr("meter swapped"));
  node.settle();
  const auto answer = node.answers("five").at(0);
  EXPECT_TRUE(answer.approximate);
  EXPECT_EQ(answer.cause, "operator");
}

TEST(Figures, LateReadingsReviseTheWindowsUpToTheNextReading) {
  EdgeDouble edge("press-07", 1, 1);
  for (const std::int64_t minute : {0, 1, 6}) edge.take(1, kStart + minute * kMinute, 10);
  edge.flush(kStart + 8 * kMinute);
  edge.take(1, kStart + 2 * kMinute + 30 * kSecond, 40);  // and nothing else until minute 6
  edge.flush(kStart + 8 * kMinute);
  edge.take(1, kStart + kMinute + 30 * kSecond, 20);
  edge.take(1, kStart + 30 * kSecond, 20);
  edge.flush(kStart + 8 * kMinute);
  Node node({}, {view("m", std::chrono::minutes(1), {"twa", "integral", "increase"})});
  greet(node, edge);
  node.take(edge, edge.block(1));
  node.take(edge, edge.seal_frame(0));
  node.commit();
  node.settle();
  const auto twa = [&] {
    std::vector<double> all;
    for (const auto& a : node.answers("m")) {
      if (a.start < event_time(kStart + 8 * kMinute)) all.push_back(a.values.at("twa").value());
    }
    return all;
  };
  EXPECT_THAT(twa(), ElementsAre(10, 10, 10, 10, 10, 10, 10, 10));
  node.take(edge, edge.block(2));
  node.take(edge, edge.seal_frame(1));
  node.commit();
  node.settle();
  EXPECT_THAT(twa(), ElementsAre(10, 10, 25, 40, 40, 40, 10, 10));
  node.take(edge, edge.block(3));
  node.take(edge, edge.seal_frame(2));
  node.commit();
  node.settle();
  EXPECT_THAT(twa(), ElementsAre(15, 15, 30, 40, 40, 40, 10, 10));
  for (const auto& a : node.answers("m")) EXPECT_FALSE(a.approximate);
}

// A late reading in the middle of others that the archive could not put in order when it came: what
// the pane does not know goes with it into the coarser one, which is put in order later.
TEST(Figures, APaneThatWasFoldedOutOfOrderIsPutInOrderInTheCoarserOne) {
  for (const bool before_fold : {true, false}) {
    const auto hour = kStart - kStart % kHour;
    reconcile::Horizons horizons;
    horizons.age = {std::chrono::minutes(1), std::chrono::minutes(10), std::chrono::hours(48),
                    std::chrono::hours(480)};
    EdgeDouble edge("press-07", 1, 1, false, 1);
    for (std::int64_t i = 0; i < 13; ++i) edge.take(0, hour + i * 20 * kSecond, 10);
    edge.flush(hour + 5 * kMinute);
    edge.take(0, hour + 30 * kSecond, 40);
    edge.flush(hour + 5 * kMinute);
    edge.take(0, hour + 40 * kMinute, 10);
    edge.flush(hour + 41 * kMinute);
    Node node(horizons, {view("q", std::chrono::minutes(15), {"twa"})});
    const auto deliver = [&](std::uint64_t block) {
      greet(node, edge);
      node.take(edge, edge.block(block));
      node.take(edge, edge.seal_frame(block - 1));
      node.commit();
      node.settle();
    };
    const auto change = [&](const std::vector<std::string>& statements) {
      node.kill();
      {
        auto database = sqlite::Database::open(store::database_path(node.folder.path),
                                               {.version = store::kSchemaVersion}).value();
        for (const auto& s : statements) database->run(s);
      }
      node.start();
    };
    const std::string back = "INSERT OR IGNORE INTO spans SELECT * FROM kept";
    deliver(1);
    change({"CREATE TABLE kept AS SELECT * FROM spans", "DELETE FROM spans"});
    deliver(2);
    if (before_fold) change({back});
    deliver(3);
    for (int i = 0; i < 4; ++i) node.settle();
    if (!before_fold) {
      EXPECT_TRUE(node.answers("q").at(0).approximate);
      change({back, "INSERT INTO panes_unordered SELECT series,1,start,1 FROM panes WHERE tier=2"});
      node.commit();
    }
    for (int i = 0; i < 4; ++i) node.settle();
    const auto first = node.answers("q").at(0);
    EXPECT_EQ(first.start, event_time(hour));
    EXPECT_FALSE(first.approximate) << before_fold;
    // Three more than the others for ten seconds of a quarter of an hour.
    EXPECT_NEAR(*first.values.at("twa"), 1 + 3.0 * 10 / 900, 1e-9);
  }
}

TEST(Figures, WhatNoViewKeepsIsMadeFromTheArchive) {
  EdgeDouble edge("press-07", 1, 1);
  for (std::int64_t i = 0; i < 600; ++i) {
    edge.take(0, kStart + i * kSecond, static_cast<double>(10'130 + i % 100));
  }
  edge.flush(kStart + 10 * kMinute);
  Node node;
  send(node, edge);
  node.commit();
  node.settle();
  auto q = query::Reader::parse("p99,distinct,twa,increase press-07/line1/m0 by 5m").value();
  const auto all = node.ask(q);
  ASSERT_EQ(all.size(), 2u);
  for (const auto& a : all) {
    EXPECT_EQ(a.values.at("p99"), 1022.8);
    EXPECT_EQ(a.values.at("distinct"), 100);
    EXPECT_DOUBLE_EQ(*a.values.at("twa"), 1017.95);
    EXPECT_FALSE(a.approximate);
  }
  EXPECT_FALSE(query::Reader::parse("median press-07/line1/m0 by 5m").ok());
}

TEST(Figures, ANewViewIsApproximateUntilItIsFilled) {
  EdgeDouble edge("press-07", 1, 1);
  for (std::int64_t i = 0; i < 600; ++i) {
    edge.take(0, kStart + i * kSecond, static_cast<double>(i % 60));
  }
  edge.flush(kStart + 10 * kMinute);
  Node node;
  send(node, edge);
  node.commit();
  node.settle();
  node.views().push_back(view("p", std::chrono::minutes(1), {"count", "p95", "twa"}));
  EXPECT_THAT(order(node, "views"), HasSubstr("p"));
  node.settle();
  auto all = node.answers("p");
  ASSERT_EQ(all.size(), 10u);
  EXPECT_TRUE(all[3].approximate);
  EXPECT_FALSE(all[3].values.at("p95").has_value());
  EXPECT_THAT(order(node, "backfill p 0 9000000000000000000"), HasSubstr("filled"));
  node.settle();
  node.settle();
  all = node.answers("p");
  ASSERT_EQ(all.size(), 10u);
  for (const auto& a : all) {
    EXPECT_FALSE(a.approximate);
    EXPECT_EQ(a.values.at("p95"), 5.6);
    EXPECT_DOUBLE_EQ(*a.values.at("twa"), 2.95);
  }
}

TEST(Figures, SumsOfAnEdgeMakeThemApproximate) {
  EdgeDouble edge("press-07", 1, 1);
  for (std::int64_t i = 0; i < 180; ++i) {
    edge.take(0, kStart + i * kSecond, static_cast<double>(i));
  }
  edge.flush(kStart + 3 * kMinute);
  edge.replace_by_minutes({1}, kStart + 3 * kMinute);
  Node node({}, {view("m", std::chrono::minutes(1), {"twa", "increase", "p50"})});
  greet(node, edge);
  node.take(edge, edge.block(2));
  node.take(edge, edge.last_seal());
  node.commit();
  node.settle();
  const auto all = node.answers("m");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[1].approximate);
  EXPECT_EQ(all[1].values.at("increase"), 6);  // 59 to 119 tenths: ends are known
  EXPECT_NEAR(*all[1].values.at("twa"), 8.95, 0.1);
  EXPECT_FALSE(all[1].values.at("p50").has_value());
}

}  // namespace
}  // namespace tidemark::test
