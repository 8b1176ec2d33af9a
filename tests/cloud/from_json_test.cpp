// Answers from their JSON.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cloud/answers/answer.h"

namespace tidemark {
namespace {

using answers::Answer;
using answers::from_json;
using answers::to_json;

Answer full_answer() {
  Answer a;
  a.position = 9'007'199'254'740'992;  // 2^53: no count is above it
  a.view = "per_site";
  a.view_version = 3;
  a.view_hash = 0x0123'4567'89ab'cdef;
  a.series = "press-07/\"line\\1\"/Leistung Ü\n";
  a.labels = {{"site", "plant7"}, {"unit", "W"}};
  a.start = event_time(-60'000'000'001);
  a.end = event_time(1'700'000'000'123'456'789);
  a.values = {{"a", -0.0},
              {"b", 5e-324},
              {"c", std::numeric_limits<double>::max()},
              {"d", 0.1 + 0.2},
              {"e", std::nullopt},
              {"f", 1e22},
              {"time_in_state:1", -17.0}};
  a.texts = {{"last", "läuft"}};
  a.unit = "W";
  a.state = answers::State::withdrawn;
  a.revision = 12;
  a.cause = "re-sent";
  a.known_at = event_time(1'700'000'000'000'000'001);
  a.completeness = 2.0 / 3.0;
  a.estimated = true;
  a.coverage = 0.0;
  a.missing = {{"press-07/line1", "offline since 2026-11-21T12:03:00Z"}};
  a.waived = {{"press-08/*", true, event_time(4'102'444'800'123'000'000), "ada", "scrapped",
               event_time(1)}};
  a.lost = 9'007'199'254'740'991;
  a.approximate = true;
  a.notes = {"two units", ""};
  a.previous = {{"a", 0.0}, {"e", 1.5}};
  return a;
}

TEST(AnswerFromJson, IsTheAnswerToTheBit) {
  const auto json = to_json(full_answer());
  const auto again = from_json(json);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(to_json(*again), json);
  EXPECT_TRUE(std::signbit(*again->values.at("a")));
  EXPECT_EQ(again->waived, full_answer().waived);
  EXPECT_EQ(again->position, full_answer().position);
  EXPECT_EQ(again->start, full_answer().start);
}

TEST(AnswerFromJson, EveryStateAndAnAnswerOfTheLeast) {
  using answers::State;
  for (const auto state : {State::open, State::provisional, State::sealed, State::revised,
                           State::frozen, State::withdrawn}) {
    Answer a;
    a.view = "minute";
    a.end = event_time(1);
    a.start = event_time(0);
    a.state = state;
    const auto again = from_json(to_json(a));
    ASSERT_TRUE(again.ok()) << again.error().text();
    EXPECT_EQ(again->state, state);
    EXPECT_EQ(to_json(*again), to_json(a));
  }
}

TEST(AnswerFromJson, WhatIsNotKnownIsPassedOver) {
  auto json = to_json(full_answer());
  json.insert(1, R"("later":{"a":[1,{"b":null}]},)");
  const auto again = from_json(json);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(to_json(*again), to_json(full_answer()));
}

struct Broken {
  const char* name;
  std::string was;
  std::string is;
};
void PrintTo(const Broken& b, std::ostream* out) { *out << b.name; }

class BrokenAnswer : public testing::TestWithParam<Broken> {};

TEST_P(BrokenAnswer, IsRefusedWithTheReason) {
  auto json = to_json(full_answer());
  const auto at = json.find(GetParam().was);
  ASSERT_NE(at, std::string::npos);
  json.replace(at, GetParam().was.size(), GetParam().is);
  const auto again = from_json(json);
  ASSERT_FALSE(again.ok()) << json;
  EXPECT_EQ(again.error().fault(), Fault::corrupt);
  EXPECT_FALSE(again.error().text().empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenAnswer,
    testing::Values(Broken{"no_view", R"("view":"per_site",)", ""},
                    Broken{"empty_view", R"("view":"per_site")", R"("view":"")"},
                    Broken{"view_is_null", R"("view":"per_site")", R"("view":null)"},
                    Broken{"a_hash_cut_short", R"("view_hash":"0123)", R"("view_hash":"123)"},
                    Broken{"a_hash_of_words", R"("view_hash":"0123)", R"("view_hash":"x123)"},
                    Broken{"revision_below_zero", R"("revision":12)", R"("revision":-1)"},
                    Broken{"revision_in_words", R"("revision":12)", R"("revision":"12")"},
                    Broken{"a_position_above_what_counts", R"("position":9007199254740992)",
                           R"("position":9007199254740993)"},
                    Broken{"a_position_that_wraps", R"("position":9007199254740992)",
                           R"("position":18446744073709551615)"},
                    Broken{"a_revision_below_zero_to_sqlite", R"("revision":12)",
                           R"("revision":9223372036854775808)"},
                    Broken{"a_width_that_wraps", R"("start":"1969)", R"("start":"1700)"},
                    Broken{"a_state_to_come", R"("withdrawn")", R"("melted")"},
                    Broken{"a_time_that_is_none", R"("end":"2023)", R"("end":"20x3)"},
                    Broken{"ends_before_it_begins", R"("end":"2023)", R"("end":"1923)"},
                    Broken{"a_value_in_words", R"("f":1e+22)", R"("f":"much")"},
                    Broken{"more_behind_it", R"("lost":)", R"("lost":1}{"lost":)"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(AnswerFromJson, EachBeginningOfOneIsRefused) {
  const auto json = to_json(full_answer());
  for (std::size_t n = 0; n < json.size(); ++n) {
    EXPECT_FALSE(from_json(json.substr(0, n)).ok()) << n;
  }
  for (const char* other : {"", "[]", "7", "null", "\"text\"", "{}", "{\"v\":1}"}) {
    EXPECT_FALSE(from_json(other).ok()) << other;
  }
}

}  // namespace
}  // namespace tidemark
