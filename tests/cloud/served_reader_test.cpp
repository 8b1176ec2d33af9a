// Questions to a node that serves answers of others.
#include "tests/cloud/served_double.h"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;

std::string error_of(const Served& served, const query::AnswerQuery& query, Fault fault) {
  const auto found = served.reader()->answers(query);
  EXPECT_FALSE(found.ok());
  if (found.ok()) return "";
  EXPECT_EQ(found.error().fault(), fault) << found.error().text();
  return found.error().text();
}

query::AnswerQuery expression(std::string_view text) {
  const auto query = query::Reader::parse(text);
  EXPECT_TRUE(query.ok()) << query.error().text();
  return query.ok() ? *query : query::AnswerQuery();
}

class ServedReading : public testing::Test {
 protected:
  ServedReading() {
    for (const char* series : {"press-08/line1/power", kPower}) {
      for (int minute = 0; minute < 3; ++minute) {
        EXPECT_TRUE(served_.take(some_revision(minute, 0, series), at(minute)).ok());
      }
    }
  }
  Served served_;
};

TEST_F(ServedReading, SelectsLimitsAndOrders) {
  const auto all = served_.reader()->answers(of_view()).value();
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(to_json(all[0]), to_json(some_revision(0, 0)));
  EXPECT_EQ(to_json(all[5]), to_json(some_revision(2, 0, "press-08/line1/power")));

  auto some = of_view("power_1m", "press-08/**");
  some.from = kNoon + 1min;
  some.to = kNoon + 2min;
  EXPECT_EQ(served_.say(some), std::vector<std::string>{
                                   to_json(some_revision(1, 0, "press-08/line1/power"))});
  auto newest = of_view();
  newest.newest = 1;
  EXPECT_EQ(served_.say(newest).size(), 2u);
  auto few = of_view();
  few.limit = 5;
  error_of(served_, few, Fault::full);
  newest.aggregates = {"avg"};
  EXPECT_EQ(served_.reader()->answers(newest)->front().values.size(), 1u);
}

// What is passed over is not counted against the limit.
TEST_F(ServedReading, SealedRevisionsAreFoundBehindManyEarlyOnes) {
  for (std::uint64_t revision = 0; revision < 9; ++revision) {
    auto a = some_revision(7, revision);
    if (revision < 8) a.state = answers::State::provisional;
    ASSERT_TRUE(served_.take(a, at(500 + static_cast<int>(revision))).ok());
  }
  auto query = of_view("power_1m", kPower);
  query.from = kNoon + 7min;
  query.sealed_only = true;
  query.limit = 2;
  const auto found = served_.reader()->revisions(query);
  ASSERT_TRUE(found.ok()) << found.error().text();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().revision, 8u);
}

TEST_F(ServedReading, AnExpressionIsAnsweredByAViewOrNotAtAll) {
  const auto some = served_.reader()->answers(expression("last press-08/** by 1m"));
  ASSERT_TRUE(some.ok()) << some.error().text();
  ASSERT_EQ(some->size(), 3u);
  EXPECT_EQ((*some)[0].view, "power_1m");
  EXPECT_EQ((*some)[0].values.size(), 1u);
  const auto why = error_of(served_, expression("last ** by 1h"), Fault::unsupported);
  EXPECT_NE(why.find("power_1m (1min)"), std::string::npos) << why;
  error_of(served_, expression("p99 ** by 1m"), Fault::unsupported);
  error_of(served_, expression("last **"), Fault::unsupported);
  error_of(served_, expression("last ** by 1m per site"), Fault::unsupported);
  error_of(served_, of_view("nobodys"), Fault::bad_input);
}

TEST_F(ServedReading, ALabelThatNoAnswerSaysIsAnError) {
  EXPECT_EQ(served_.say(of_view("power_1m", "**{site=plant7,edge=press-08}")).size(), 3u);
  const auto why = error_of(served_, of_view("power_1m", "**{area=x}"), Fault::bad_input);
  EXPECT_NE(why.find("'area'"), std::string::npos) << why;
  EXPECT_NE(why.find("site"), std::string::npos) << why;
}

TEST_F(ServedReading, GroupsAreToldApartByTheirLabels) {
  for (const char* site : {"b", "a"}) {
    auto group = some_revision(0, 0, "");
    group.view = "per_site";
    group.labels = {{"site", site}, {"unit", "W"}};
    ASSERT_TRUE(served_.take(group, at(5)).ok());
  }
  const auto all = served_.reader()->answers(of_view("per_site")).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].labels.at("site"), "a");
  EXPECT_EQ(served_.say(of_view("per_site", "**{site=b}")).size(), 1u);
  // Which series they hold only those know who make them.
  error_of(served_, of_view("per_site", "press-07/**"), Fault::unsupported);
  EXPECT_EQ(served_.reader()->series("**")->size(), 2u) << "a group is no series";
}

TEST_F(ServedReading, ANewDefinitionOfAViewIsInForceOnceItAnswers) {
  auto later = some_revision(2, 0);
  later.view_version = 2;
  later.view_hash = 0x22;
  later.position = 50'000;
  later.known_at += 1h;
  later.values = {{"max", 7.0}};
  ASSERT_TRUE(served_.take(later, at(60)).ok());
  // What comes behind it of the earlier one, from the other topic, changes nothing.
  ASSERT_TRUE(served_.take(some_revision(9, 0, "press-08/line1/power"), at(59)).ok());

  EXPECT_EQ(served_.say(of_view()), std::vector<std::string>{to_json(later)});
  auto earlier = of_view();
  earlier.view_version = 1;
  EXPECT_EQ(served_.say(earlier).size(), 7u);
  EXPECT_EQ(served_.revisions(at(59)).size(), 7u) << "the definition of then";
  EXPECT_EQ(served_.revisions(at(60)).size(), 1u);
  const auto versions = served_.reader()->view_versions().value();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].since, at(0));
  EXPECT_EQ(versions[0].until, at(60));
  EXPECT_EQ(versions[1].since, at(60));
  EXPECT_EQ(versions[1].until, kEventTimeMax);
  EXPECT_EQ(served_.reader()->views().value(), std::vector<std::string>{"power_1m"});
}

// A change goes round: one partition's node has made it, another's has not, and both speak.
TEST_F(ServedReading, WhileADefinitionChangesEachPartitionHasItsOwn) {
  constexpr int kTurns = 20;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (const int place : {1, 2}) {
      auto a = some_revision(10 + turn, 0, place == 1 ? "hall-1/a/power" : "hall-2/a/power");
      a.view = "changing";
      a.view_version = place == 1 ? 1 : 2;
      a.view_hash = place == 1 ? 11 : 22;
      a.known_at += std::chrono::seconds(2 * turn + place);
      ASSERT_TRUE(served_.take(a, at(100 + 2 * turn + place), place).ok());
    }
  }
  EXPECT_EQ(served_.say(of_view("changing")).size(), 2u * kTurns);
  auto then = of_view("changing");
  then.as_of = at(300);
  EXPECT_EQ(served_.say(then).size(), 2u * kTurns);
  EXPECT_EQ(served_.logged(), 3u) << "one of each definition and partition, not one of each record";
  EXPECT_EQ(served_.reader()->views().value().size(), 2u);

  auto last = some_revision(40, 0, "hall-1/a/power");
  last.view = "changing";
  last.view_version = 2;
  last.view_hash = 22;
  ASSERT_TRUE(served_.take(last, at(200), 1).ok());
  served_.open();
  EXPECT_EQ(served_.say(of_view("changing")).size(), kTurns + 1u);
  EXPECT_EQ(served_.logged(), 4u);
  served_.maintain(at(0) + 24h * 91);
  EXPECT_EQ(served_.logged(), 3u) << "of a definition that is in force nowhere nothing stays";
  const auto versions = served_.reader()->view_versions().value();
  EXPECT_EQ(versions.size(), 2u);
}

TEST_F(ServedReading, OneDefinitionUnderTwoNumbersIsOneAndTwoUnderOneAreTwo) {
  auto same = some_revision(5, 0);
  same.view_version = 3;  // a store that saw more definitions in between
  ASSERT_TRUE(served_.take(same, at(50)).ok());
  EXPECT_EQ(served_.say(of_view()).size(), 7u);
  EXPECT_EQ(served_.reader()->view_versions()->size(), 1u);
  EXPECT_EQ(served_.reader()->answers(of_view())->front().view_version, 3u);

  ASSERT_TRUE(served_.take(some_revision(6, 4), at(60)).ok());
  auto other = some_revision(6, 0);
  other.view_version = 3;
  other.view_hash = 77;
  other.position = 60'000;
  ASSERT_TRUE(served_.take(other, at(70)).ok());
  EXPECT_EQ(served_.say(of_view()), std::vector<std::string>{to_json(other)})
      << "its first revision is not behind the other definition's fifth";
}

TEST_F(ServedReading, SeriesAreThoseThatAreAnswered) {
  const auto all = served_.reader()->series("**").value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, kPower);
  EXPECT_EQ(all[0].edge, "press-07");
  EXPECT_EQ(all[0].site, "plant7");
  EXPECT_EQ(all[0].description.unit, "W");
  EXPECT_FALSE(all[0].described);
  EXPECT_EQ(all[0].value, 0.0);
  EXPECT_EQ(all[0].first, kNoon);
  EXPECT_EQ(all[0].last, kNoon + 3min);
}

TEST_F(ServedReading, WhatOnlyOthersKnowIsSaidToBeElsewhere) {
  const auto reader = served_.reader();
  const auto elsewhere = [](const auto& found) {
    EXPECT_FALSE(found.ok());
    if (found.ok()) return;
    EXPECT_EQ(found.error().fault(), Fault::unsupported);
    EXPECT_NE(found.error().text().find("ask a node that makes answers"), std::string::npos)
        << found.error().text();
  };
  elsewhere(reader->edges());
  elsewhere(reader->ledger());
  elsewhere(reader->late("**", 10));
  elsewhere(reader->waived_sources());
  elsewhere(reader->swaps("**"));
  elsewhere(reader->dead_letters({}));
  elsewhere(reader->dead_letter(1, std::nullopt));
}

TEST_F(ServedReading, AListenerHearsWhatIsNewInItsOrder) {
  const auto from = served_.reader()->position().value();
  ASSERT_TRUE(served_.take(some_revision(1, 1), at(50)).ok());
  ASSERT_TRUE(served_.take(some_revision(3, 0), at(60)).ok());
  const auto news = served_.reader()->since(from, 10).value();
  ASSERT_EQ(news.size(), 2u);
  EXPECT_EQ(news[0].position, from + 1);
  EXPECT_EQ(news[0].revision, 1u);
  EXPECT_EQ(news[1].position, from + 2);
  EXPECT_EQ(news[1].start, some_revision(3, 0).start);
  EXPECT_EQ(served_.reader()->since(from, 1)->size(), 1u);
}

}  // namespace
}  // namespace tidemark::test
