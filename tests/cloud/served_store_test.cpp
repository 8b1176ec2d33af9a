// The store of served answers: what counts, whatever order records come in.
#include <algorithm>
#include <map>
#include <random>

#include "tests/cloud/served_double.h"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;

TEST(ServedStore, AHigherRevisionCountsWhateverComesBehindIt) {
  Served served;
  ASSERT_TRUE(served.take(some_revision(0, 2), at(30)).ok());
  const auto position = served.reader()->position().value();
  ASSERT_TRUE(served.take(some_revision(0, 0), at(10)).ok());
  ASSERT_TRUE(served.take(some_revision(0, 1), at(20)).ok());

  EXPECT_EQ(served.say(of_view()),
            std::vector<std::string>{to_json(some_revision(0, 2))});
  EXPECT_EQ(served.reader()->position().value(), position) << "nobody is told of what was before";
  EXPECT_TRUE(served.reader()->since(position, 10)->empty());
  const auto all = served.reader()->revisions(of_view()).value();
  ASSERT_EQ(all.size(), 3u);
  for (std::uint64_t r = 0; r < 3; ++r) EXPECT_EQ(to_json(all[r]), to_json(some_revision(0, r)));
  EXPECT_EQ(served.store->counts().older, 2u);
}

TEST(ServedStore, TheSameAgainChangesNothing) {
  Served served;
  ASSERT_TRUE(served.take(some_revision(0, 0), at(10)).ok());
  const auto position = served.reader()->position().value();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(served.take(some_revision(0, 0), at(20)).ok());
  EXPECT_EQ(served.reader()->position().value(), position);
  EXPECT_EQ(served.reader()->revisions(of_view())->size(), 1u);
  EXPECT_EQ(served.store->counts().repeated, 3u);
}

TEST(ServedStore, OfTwoRecordsOfARevisionTheHigherPositionCounts) {
  auto first = some_revision(0, 1);
  auto second = first;
  second.values["last"] = 99;
  second.position = first.position + 5;
  for (const bool in_order : {true, false}) {
    Served served;
    ASSERT_TRUE(served.take(in_order ? first : second, at(10)).ok());
    ASSERT_TRUE(served.take(in_order ? second : first, at(20)).ok());
    EXPECT_EQ(served.say(of_view()), std::vector<std::string>{to_json(second)});
    EXPECT_EQ(served.reader()->revisions(of_view())->size(), 1u);
  }
}

// Any order, with repeats, and over restarts: revisions only rise, and in the end all is as if it
// had come in order.
TEST(ServedStore, NoOrderMakesADifferenceAndNothingGoesBack) {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  std::vector<std::pair<answers::Answer, EventTime>> records;
  for (int minute = 0; minute < 4; ++minute) {
    for (std::uint64_t r = 0; r < 5; ++r) {
      records.emplace_back(some_revision(minute, r), at(minute * 7 + static_cast<int>(r) * 31));
    }
  }
  Served in_order;
  for (const auto& [a, appended] : records) ASSERT_TRUE(in_order.take(a, appended).ok());
  const auto known = [](const Served& served) {
    std::vector<std::vector<std::uint64_t>> all;
    for (int s = 0; s < 200; s += 5) all.push_back(served.revisions(at(s)));
    return all;
  };
  for (int round = 0; round < 5; ++round) {
    auto mixed = records;
    mixed.insert(mixed.end(), records.begin(), records.end());  // each comes twice
    std::ranges::shuffle(mixed, random);
    Served served;
    std::map<EventTime, std::uint64_t> seen;
    std::uint64_t heard = 0;
    for (const auto& [a, appended] : mixed) {
      ASSERT_TRUE(served.take(a, appended).ok());
      if (random() % 8 == 0) served.open();
      const auto reader = served.reader();
      const auto shown = reader->answers(of_view()).value();
      for (const auto& now : shown) {
        auto& before = seen[now.start];
        ASSERT_GE(now.revision, before) << "seed " << seed;
        before = now.revision;
      }
      const auto news = reader->since(heard, 100).value();
      for (const auto& told : news) {
        ASSERT_EQ(told.revision, seen[told.start]) << "seed " << seed;
        heard = told.position;
      }
    }
    EXPECT_EQ(served.say(of_view()), in_order.say(of_view())) << seed;
    EXPECT_EQ(known(served), known(in_order)) << "seed " << seed;
  }
}

TEST(ServedStore, GoesOnWhereItWasCommitted) {
  Served served;
  served.store->begin();
  ASSERT_TRUE(served.store->take(some_revision(0, 0), at(1), 0).ok());
  served.store->note("kafka x history 3", 17);
  ASSERT_TRUE(served.store->commit().ok());
  const auto position = served.reader()->position().value();
  EXPECT_GT(position, std::uint64_t{1} << 40) << "another node's position is not taken for one";

  served.store->begin();
  ASSERT_TRUE(served.store->take(some_revision(1, 0), at(2), 0).ok());
  served.store->note("kafka x history 3", 18);
  served.open();  // it dies before the commit

  EXPECT_EQ(served.store->noted("kafka x history 3"), 17u);
  EXPECT_EQ(served.revisions().size(), 1u);
  ASSERT_TRUE(served.take(some_revision(1, 0), at(2)).ok());
  EXPECT_EQ(served.reader()->position().value(), position + 1);
}

TEST(ServedStore, SupersededRevisionsGoAndAsOfNamesItsFloor) {
  Served served({.keep_revisions = 60s});
  ASSERT_TRUE(served.take(some_revision(0, 0), at(0)).ok());
  ASSERT_TRUE(served.take(some_revision(0, 1), at(10)).ok());
  ASSERT_TRUE(served.take(some_revision(0, 2), at(50)).ok());
  served.maintain(at(90));  // what was superseded before 30 s goes: revision 0

  EXPECT_EQ(served.reader()->revisions(of_view())->size(), 2u);
  EXPECT_EQ(served.revisions(at(30)), std::vector<std::uint64_t>{1}) << "known long before then";
  EXPECT_EQ(served.revisions(at(50)), std::vector<std::uint64_t>{2});
  auto early = of_view();
  early.as_of = at(29);
  const auto refused = served.reader()->answers(early);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::bad_input);
  EXPECT_NE(refused.error().text().find(format_utc(at(30))), std::string::npos)
      << refused.error().text();
}

TEST(ServedStore, MoreThanACallLetsGoOfIsToldAndTheNextOneGoesOn) {
  Served served({.keep_revisions = 60s});
  served.store->begin();
  for (int n = 0; n < 12'000; ++n) {
    const auto series = "press-07/line1/power" + std::to_string(n % 12);
    ASSERT_TRUE(served.store->take(some_revision(n / 12, 0, series), at(0), 0).ok());
    ASSERT_TRUE(served.store->take(some_revision(n / 12, 1, series), at(0), 0).ok());
  }
  int calls = 1;
  while (served.store->maintain(at(90))) ++calls;
  EXPECT_EQ(calls, 3) << "of 5,000 rows";
  EXPECT_FALSE(served.store->maintain(at(90)));
  ASSERT_TRUE(served.store->commit().ok());
  EXPECT_EQ(served.reader()->revisions(of_view())->size(), 12'000u);
}

TEST(ServedStore, WhatWentUnreadRaisesTheFloor) {
  Served served;
  ASSERT_TRUE(served.take(some_revision(0, 0), at(0)).ok());
  served.store->begin();
  served.store->lose(3, at(40));
  ASSERT_TRUE(served.store->take(some_revision(1, 0), at(40), 0).ok());
  ASSERT_TRUE(served.store->commit().ok());
  served.open();
  EXPECT_EQ(served.store->counts().lost, 3u);
  EXPECT_EQ(served.reader()->serving().value()->known_from, at(40));
  EXPECT_EQ(served.revisions(at(40)).size(), 2u);
  auto early = of_view();
  early.as_of = at(39);
  EXPECT_FALSE(served.reader()->answers(early).ok());
}

TEST(ServedStore, OfAWindowWhoseBeginningWasNeverReadNobodyGuesses) {
  Served served;
  ASSERT_TRUE(served.take(some_revision(1, 0), at(0)).ok());
  ASSERT_TRUE(served.take(some_revision(0, 3), at(100)).ok());
  auto early = of_view();
  early.as_of = at(99);
  const auto refused = served.reader()->answers(early);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().fault(), Fault::bad_input);
  EXPECT_NE(refused.error().text().find(format_utc(at(100))), std::string::npos);
  EXPECT_EQ(served.revisions(at(100)), (std::vector<std::uint64_t>{3, 0}));
}

TEST(ServedStore, WindowsPastTheirHorizonGo) {
  Served served({.horizons = {{1h, 48h, 1000h, 10000h}}});
  ASSERT_TRUE(served.take(some_revision(0, 0), at(0)).ok());
  ASSERT_TRUE(served.take(some_revision(0, 1), at(1)).ok());
  constexpr int kDay = 24 * 60;  // minutes
  ASSERT_TRUE(served.take(some_revision(3 * kDay - 2, 0), at(2)).ok());
  served.maintain(at(3));
  EXPECT_EQ(served.revisions().size(), 2u) << "they are shown for a day behind their horizon";
  ASSERT_TRUE(served.take(some_revision(3 * kDay + 1, 0), at(4)).ok());
  served.maintain(at(5));
  EXPECT_EQ(served.revisions(), (std::vector<std::uint64_t>{0, 0}));
  EXPECT_EQ(served.reader()->revisions(of_view())->size(), 2u);
}

TEST(ServedStore, ASeriesTooManyIsRefusedAndTheOthersGoOn) {
  Served served({.series_max = 2});
  ASSERT_TRUE(served.take(some_revision(0, 0, "e/d/a"), at(0)).ok());
  ASSERT_TRUE(served.take(some_revision(0, 0, "e/d/b"), at(0)).ok());
  const auto third = served.take(some_revision(0, 0, "e/d/c"), at(0));
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().fault(), Fault::full);
  EXPECT_NE(third.error().text().find("2 series"), std::string::npos) << third.error().text();
  ASSERT_TRUE(served.take(some_revision(1, 0, "e/d/b"), at(1)).ok());
  EXPECT_EQ(served.revisions().size(), 3u);
}

TEST(ServedStore, WhatCannotBeReadIsCountedAndNamedWithinItsBound) {
  Served served;
  served.store->begin();
  for (int i = 0; i < 250; ++i) {
    served.store->refuse("t.answers/0/" + std::to_string(i), "it is empty", at(i));
  }
  ASSERT_TRUE(served.store->commit().ok());
  const auto state = served.reader()->serving().value();
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->refused, 250u);
  ASSERT_EQ(state->newest_refused.size(), 5u);
  EXPECT_EQ(state->newest_refused[0].record, "t.answers/0/249");
  EXPECT_EQ(state->newest_refused[0].reason, "it is empty");
}

}  // namespace
}  // namespace tidemark::test
