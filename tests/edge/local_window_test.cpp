#include "edge/window/local_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "edge/window/series_window.h"
#include "tests/edge/local_results.h"

namespace tidemark::window {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Book;
using test::Said;
using testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kFar = 1'000 * kSecond;

// Readings in random order of arrival, none older than `lateness` behind the newest.
struct Arrivals {
  std::vector<Said> in_order;
  std::vector<Said> as_they_come;
};
Arrivals arrivals(SeededRandom& random, std::size_t count, std::int64_t lateness) {
  Arrivals out;
  std::int64_t time = 10 * kSecond;
  std::vector<std::pair<std::int64_t, Said>> by_arrival;
  for (std::size_t i = 0; i < count; ++i) {
    time += static_cast<std::int64_t>(1 + random.below(random.below(20) == 0 ? 4 * kSecond
                                                                              : kSecond / 3));
    Said r{time, static_cast<std::int64_t>(random.below(500)), random.below(30) == 0};
    out.in_order.push_back(r);
    const auto delay = lateness == 0 ? 0 : static_cast<std::int64_t>(
                                               random.below(static_cast<std::uint64_t>(lateness)));
    by_arrival.emplace_back(time + delay, r);
  }
  std::stable_sort(by_arrival.begin(), by_arrival.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [at, r] : by_arrival) out.as_they_come.push_back(r);
  return out;
}

// Adds all, flushing now and then at `behind` the newest, and everything at the end.
template <typename Add, typename Flush>
Book play(const Arrivals& a, SeededRandom& random, std::int64_t behind, Add add, Flush flush) {
  Book book;
  std::int64_t newest = 0;
  for (const auto& r : a.as_they_come) {
    add(r);
    newest = std::max(newest, r.time);
    if (random.below(6) == 0) book.take(flush(event_time(newest - behind)));
  }
  book.take(flush(event_time(newest + kFar)));
  return book;
}

struct Case {
  const char* name;
  std::int64_t size_ms, hop_ms;
};
class Aligned : public testing::TestWithParam<Case> {};

TEST_P(Aligned, ResultsAreTheirDefinition) {
  SeededRandom random(5);
  for (int round = 0; round < 6; ++round) {
    const std::int64_t lateness = round % 3 == 0 ? 0 : 2 * kSecond;
    const auto a = arrivals(random, 300, lateness);
    WindowOptions options{.size = milliseconds(GetParam().size_ms),
                          .hop = milliseconds(GetParam().hop_ms),
                          .upstream = Upstream::none,
                          .keep = seconds(100),
                          .late_panes = 1000};
    options.shape = test::decimal_shape();
    ASSERT_TRUE(options.check().ok());
    SeriesWindow window(options);
    const auto book = play(
        a, random, lateness,
        [&](const Said& r) {
          EXPECT_EQ(window.add(event_time(r.time), test::column_of(r), 0),
                    SeriesWindow::Placement::taken);
        },
        [&](EventTime frontier) {
          std::vector<PartialRow> rows;
          std::vector<LocalResult> out;
          window.flush(frontier, 0, rows, out);
          EXPECT_TRUE(rows.empty());
          return out;
        });
    const auto size = GetParam().size_ms * 1'000'000, hop = GetParam().hop_ms * 1'000'000;
    std::set<std::int64_t> starts;
    for (const auto& r : a.in_order) {
      for (auto s = r.time / hop * hop; s > r.time - size; s -= hop) starts.insert(s);
    }
    ASSERT_EQ(book.standing.size(), starts.size());
    for (const auto& [key, result] : book.standing) {
      const auto [start, end] = key;
      ASSERT_TRUE(starts.contains(start) && end == start + size);
      EXPECT_FALSE(result.approximate);
      EXPECT_EQ(result.cut, start < a.in_order.front().time);
      test::expect_figures(result, test::figures_of(a.in_order, start, end, end),
                           std::to_string(round) + " at " + std::to_string(start));
    }
    EXPECT_EQ(window.late(), 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(Windows, Aligned,
                         testing::Values(Case{"tumbling", 2000, 2000}, Case{"hopping", 3000, 1000},
                                         Case{"many_panes", 20'000, 500},
                                         Case{"odd", 3000, 2000}, Case{"fine", 1000, 10}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SlidingWindow, ResultsAreTheirDefinition) {
  SeededRandom random(6);
  for (int round = 0; round < 24; ++round) {
    const std::int64_t lateness = round % 2 == 0 ? 0 : 2 * kSecond;
    // Behind the newest by less than the lateness: some readings revise.
    const auto behind = round % 4 == 3 ? lateness / 4 : lateness;
    const auto a = arrivals(random, 300, lateness);
    LocalOptions options{.kind = LocalOptions::Kind::sliding,
                         .size = seconds(1 + round % 7),
                         .hop = round % 3 == 0 ? Nanoseconds(1) : milliseconds(500),
                         .keep = seconds(100),
                         .shape = test::decimal_shape()};
    ASSERT_TRUE(options.check().ok());
    const auto window = LocalWindow::make(options);
    const auto book = play(
        a, random, behind,
        [&](const Said& r) { window->add(event_time(r.time), test::column_of(r), 0); },
        [&](EventTime frontier) {
          std::vector<LocalResult> out;
          window->flush(frontier, out);
          return out;
        });
    std::map<std::int64_t, std::int64_t> last_of_slot;
    for (const auto& r : a.in_order) last_of_slot[r.time / options.hop.count()] = r.time;
    ASSERT_EQ(book.standing.size(), last_of_slot.size());
    for (const auto& [slot, last] : last_of_slot) {
      const auto end = last + 1, start = end - options.size.count();
      const auto at = book.standing.find({start, end});
      ASSERT_NE(at, book.standing.end());
      test::expect_figures(at->second, test::figures_of(a.in_order, start, end, end),
                           std::to_string(round) + " at " + std::to_string(end));
    }
    EXPECT_EQ(window->late(), 0u);
  }
}

TEST(SlidingWindow, AtItsBoundItIsCutToTheNewestAndSaysSo) {
  LocalOptions options{.kind = LocalOptions::Kind::sliding,
                       .size = seconds(1000),
                       .hop = Nanoseconds(1),
                       .keep = {},
                       .shape = test::decimal_shape()};
  const auto window = LocalWindow::make(options);
  std::vector<LocalResult> out;
  const auto count = static_cast<std::int64_t>(LocalWindow::kReadingsMax) + 100;
  for (std::int64_t i = 0; i < count; ++i) {
    out.clear();
    window->add(event_time(i * kSecond / 4), test::column_of({0, 1, false}), 0);
    window->flush(event_time(i * kSecond / 4 + 1), out);
    ASSERT_EQ(out.size(), 1u);
  }
  EXPECT_TRUE(out[0].cut);
  EXPECT_EQ(out[0].readings, LocalWindow::kReadingsMax + 1);  // the newest one and those kept
  EXPECT_EQ(out[0].start,
            (count - 1 - static_cast<std::int64_t>(out[0].readings)) * kSecond / 4 + 1);
}

TEST(SessionWindow, ResultsAreTheirDefinition) {
  SeededRandom random(7);
  for (int round = 0; round < 24; ++round) {
    const std::int64_t lateness = round % 2 == 0 ? 0 : 3 * kSecond;
    const auto behind = round % 4 == 3 ? lateness / 8 : lateness;
    const auto a = arrivals(random, 300, lateness);
    LocalOptions options{.kind = LocalOptions::Kind::session,
                         .gap = seconds(1),
                         .keep = seconds(100),
                         .shape = test::decimal_shape()};
    const auto window = LocalWindow::make(options);
    const auto book = play(
        a, random, behind,
        [&](const Said& r) { window->add(event_time(r.time), test::column_of(r), 0); },
        [&](EventTime frontier) {
          std::vector<LocalResult> out;
          window->flush(frontier, out);
          return out;
        });
    std::map<std::int64_t, std::int64_t> sessions;  // first to last
    for (const auto& r : a.in_order) {
      if (sessions.empty() || r.time - sessions.rbegin()->second >= options.gap.count()) {
        sessions[r.time] = r.time;
      } else {
        sessions.rbegin()->second = r.time;
      }
    }
    std::map<std::int64_t, LocalResult> standing;  // a longer session replaces a shorter one
    for (const auto& [key, result] : book.standing) {
      const auto at = standing.find(key.first);
      if (at == standing.end() || at->second.revision < result.revision) {
        standing[key.first] = result;
      }
    }
    ASSERT_EQ(standing.size(), sessions.size()) << round;
    for (const auto& [first, last] : sessions) {
      const auto at = standing.find(first);
      ASSERT_NE(at, standing.end());
      const auto& result = at->second;
      EXPECT_EQ(result.end, last + options.gap.count());
      auto right = test::figures_of(a.in_order, first, last + 1, last);
      if (behind < lateness && result.approximate) {
        for (const char* name : {"twa", "integral", "increase"}) right.erase(name);
        auto additive = result;
        std::erase_if(additive.figures, [](const Figure& f) {
          return f.name == "twa" || f.name == "integral" || f.name == "increase";
        });
        test::expect_figures(additive, right, "session");
      } else if (behind == lateness) {
        test::expect_figures(result, right, std::to_string(round) + " session");
      }
    }
  }
}

TEST(SessionWindow, AReadingThatJoinsTwoWithdrawsTheLater) {
  LocalOptions options{.kind = LocalOptions::Kind::session,
                       .gap = seconds(2),
                       .keep = seconds(60),
                       .shape = test::decimal_shape()};
  const auto window = LocalWindow::make(options);
  const auto add = [&](std::int64_t second) {
    window->add(event_time(second * kSecond), test::column_of({0, 1, false}), 0);
  };
  add(10);
  add(13);
  std::vector<LocalResult> out;
  window->flush(event_time(20 * kSecond), out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[1].end, 15 * kSecond);
  out.clear();
  window->add(event_time(11'500'000'000), test::column_of({0, 1, false}), 0);
  window->flush(event_time(20 * kSecond), out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(out[0].withdrawn);
  EXPECT_EQ(out[0].start, 13 * kSecond);
  EXPECT_EQ(out[0].survivor, 10 * kSecond);
  EXPECT_EQ(out[1].start, 10 * kSecond);
  EXPECT_EQ(out[1].readings, 3u);
  EXPECT_EQ(out[1].revision, 1u);
  add(3);
  window->flush(event_time(200 * kSecond), out);
  add(12);  // long gone
  EXPECT_EQ(window->late(), 1u);
}

TEST(SessionWindow, BeyondItsBoundTheOldestIsTold) {
  LocalOptions options{.kind = LocalOptions::Kind::session,
                       .gap = seconds(2),
                       .keep = seconds(1'000'000),
                       .shape = test::decimal_shape()};
  const auto window = LocalWindow::make(options);
  for (std::int64_t i = 0; i < 100; ++i) {
    window->add(event_time(i * 10 * kSecond), test::column_of({0, 1, false}), 0);
  }
  std::vector<LocalResult> out;
  window->flush(event_time(0), out);
  EXPECT_EQ(out.size(), 100 - LocalWindow::kSessionsMax);
  window->add(event_time(0), test::column_of({0, 1, false}), 0);
  EXPECT_EQ(window->late(), 1u);
}

TEST(CountWindow, FollowsTheOrderOfArrival) {
  LocalOptions options{
      .kind = LocalOptions::Kind::count, .count = 3, .shape = test::decimal_shape()};
  const auto window = LocalWindow::make(options);
  for (const std::int64_t s : {5, 1, 9, 2, 3, 4, 7}) {
    window->add(event_time(s * kSecond), test::column_of({0, s, false}), 0);
  }
  std::vector<LocalResult> out;
  window->flush(kEventTimeMin, out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].start, kSecond);
  EXPECT_EQ(out[0].end, 9 * kSecond + 1);
  EXPECT_EQ(out[0].figures[3].number, 1.5);  // sum
  EXPECT_EQ(out[1].figures[3].number, 0.9);
  EXPECT_EQ(out[1].readings, 3u);
}

TEST(CountWindow, UnreadResultsAreBounded) {
  LocalOptions options{
      .kind = LocalOptions::Kind::count, .count = 2, .shape = test::decimal_shape()};
  const auto window = LocalWindow::make(options);
  for (std::size_t i = 0; i < 2 * (LocalWindow::kFinishedMax + 5); ++i) {
    window->add(event_time(static_cast<std::int64_t>(i)), test::column_of({0, 1, false}), 0);
  }
  std::vector<LocalResult> out;
  window->flush(kEventTimeMin, out);
  EXPECT_EQ(out.size(), LocalWindow::kFinishedMax);
  EXPECT_EQ(window->late(), 10u);
}

TEST(SeriesWindow, ALateReadingRevisesItsResultsUntilTheyAreForgotten) {
  WindowOptions options{.size = seconds(2), .hop = seconds(1), .upstream = Upstream::none,
                        .keep = seconds(10)};
  options.shape = test::decimal_shape();
  SeriesWindow window(options);
  std::vector<PartialRow> rows;
  std::vector<LocalResult> out;
  const auto add = [&](std::int64_t second) {
    return window.add(event_time(second * kSecond), test::column_of({0, 7, false}), 0);
  };
  (void)add(10);
  (void)add(11);
  window.flush(event_time(13 * kSecond), 0, rows, out);
  ASSERT_EQ(out.size(), 3u);
  out.clear();
  (void)add(10);
  window.flush(event_time(13 * kSecond), 0, rows, out);
  // The last of the three holds what was measured before it.
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].start, 9 * kSecond);
  EXPECT_EQ(out[0].revision, 1u);
  EXPECT_TRUE(out[0].approximate);  // it depends on order, and came behind the frontier
  EXPECT_EQ(out[0].figures[0].number, 2);
  EXPECT_TRUE(out[2].approximate);
  out.clear();
  window.flush(event_time(30 * kSecond), 0, rows, out);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(window.panes(), 0u);
  EXPECT_EQ(add(11), SeriesWindow::Placement::too_old);
  EXPECT_EQ(window.late(), 1u);
}

TEST(Wanted, RefusesWhatIsNoAggregate) {
  EXPECT_TRUE(Wanted::parse({"p0", "p99.999", "twa", "avg"}).ok());
  for (const char* name : {"p", "p101", "p9.9999", "px", "median", "p99."}) {
    const auto parsed = Wanted::parse({name});
    ASSERT_FALSE(parsed.ok()) << name;
    EXPECT_THAT(parsed.error().text(), HasSubstr("time_in_state"));
  }
}

TEST(LocalOptions, RefusesWindowsThatCannotBeMeant) {
  const auto why = [](LocalOptions options) {
    const auto checked = options.check();
    return checked.ok() ? std::string() : checked.error().text();
  };
  using Kind = LocalOptions::Kind;
  EXPECT_EQ(why({.kind = Kind::sliding, .size = seconds(1)}), "");
  EXPECT_THAT(why({.kind = Kind::sliding}), HasSubstr("size"));
  EXPECT_THAT(why({.kind = Kind::sliding, .size = seconds(1), .hop = seconds(2)}),
              HasSubstr("hop"));
  EXPECT_THAT(why({.kind = Kind::session}), HasSubstr("gap"));
  EXPECT_THAT(why({.kind = Kind::count, .count = 1}), HasSubstr("count"));
  EXPECT_THAT(why({.kind = Kind::count, .count = 2, .keep = seconds(-1)}), HasSubstr("lateness"));
}

}  // namespace
}  // namespace tidemark::window
