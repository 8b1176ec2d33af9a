#include "edge/pipeline/compaction.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/model/events.h"
#include "common/window/partial.h"

namespace tidemark::pipeline {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kStart = 1'800'000'000 * kSecond;  // a whole minute

class CompactionTest : public testing::Test {
 protected:
  CompactionTest() {
    std::vector<SeriesDescription> all;
    for (const auto* metric : {"force", "temperature", "note", "$events"}) {
      SeriesDescription d;
      d.source = d.device = "press";
      d.metric = metric;
      if (d.metric == "note" || d.metric == kEventsMetric) d.type = ValueType::text;
      all.push_back(d);
    }
    dictionary_ = std::make_shared<const Dictionary>(std::move(all));
  }
  Compaction make_compaction(std::vector<Rule> rules = {}) {
    return Compaction("press-07", std::move(rules),
                      [this](DictionaryHash h) {
                        return h == dictionary_->hash() ? dictionary_ : nullptr;
                      });
  }
  // A block of `count` rows of `series`, `step` apart, from `from` on.
  BlockRecord block(std::uint32_t series, std::int64_t from, std::int64_t step, int count) {
    Block b;
    b.dictionaries = {dictionary_->hash()};
    Group g;
    Column c;
    c.series = series;
    c.type = dictionary_->series()[series].type;
    for (int i = 0; i < count; ++i) {
      const auto t = from + i * step;
      g.times.push_back(t);
      if (c.type == ValueType::text) {
        c.text.push_back("note " + std::to_string(i));
      } else {
        c.f64.push_back(std::sin(static_cast<double>(t % kMinute) / 1e9) * 1000);
      }
    }
    g.columns.push_back(c);
    b.groups.push_back(g);
    return record(b);
  }
  BlockRecord record(const Block& b) {
    BlockRecord r;
    r.name = {{1}, {++last_}};
    r.readings = readings_carried(b);
    r.bytes = codec::encode(b, codec::Tier::standard).value();
    return r;
  }
  // As the ring would hold it.
  BlockRecord kept(Compaction& c, const std::vector<BlockRecord>& from) {
    auto made = c.make(from);
    EXPECT_TRUE(made);
    if (!made) return {};
    c.taken();
    made->name = {{1}, {++last_}};
    return *made;
  }
  // Of one series: what raw rows and partials that are no copies say together.
  static window::Partial sum(const std::vector<BlockRecord>& records, std::uint32_t series) {
    window::Partial all;
    for (const auto& r : records) {
      const auto b = codec::decode(r.bytes).value();
      EXPECT_EQ(readings_carried(b), r.readings);
      for (const auto& g : b.groups) {
        for (const auto& c : g.columns) {
          if (c.series != series) continue;
          for (std::size_t i = 0; i < c.values(); ++i) all.add(g.times[i], c, i);
        }
      }
      for (const auto& p : b.partials) {
        ByteReader in(p.state);
        if (p.series == series) all.merge(window::Partial::decode(in).value());
      }
    }
    return all;
  }
  static std::size_t partials(const BlockRecord& r) {
    return codec::decode(r.bytes).value().partials.size();
  }
  DictionaryPtr dictionary_;
  std::uint64_t last_ = 0;
};

TEST_F(CompactionTest, SmallBlocksBecomeALargeOneWithTheSameReadings) {
  auto c = make_compaction();
  std::vector<BlockRecord> from;
  for (int i = 0; i < 40; ++i) from.push_back(block(1, kStart + i * kSecond, 100 * kMs, 10));
  from[3].replaces.add(SequenceRange{500, 502});
  const auto r = kept(c, from);
  EXPECT_EQ(r.reduction, Reduction::merged);
  EXPECT_EQ(partials(r), 0u);
  EXPECT_EQ(r.readings, 400u);
  EXPECT_TRUE(r.replaces.covers({1, 40}));
  EXPECT_TRUE(r.replaces.covers({500, 502})) << "what those replaced too";
  EXPECT_EQ(sum({r}, 1), sum(from, 1));
  EXPECT_EQ(c.counts().merged, 400u);
  std::size_t before = 0;
  for (const auto& b : from) before += b.bytes.size();
  EXPECT_LT(r.bytes.size() * 3, before * 2);
}

TEST_F(CompactionTest, FastSeriesBecomeSecondsAndThenMinutes) {
  auto c = make_compaction();
  std::vector<BlockRecord> from;
  for (int i = 0; i < 120; ++i) {
    from.push_back(block(0, kStart + i * kSecond, 2 * kMs, 500));
    from.back().reduction = Reduction::merged;
    from.back().replaces.add(Sequence{1000 + static_cast<std::uint64_t>(i)});
  }
  std::vector<BlockRecord> seconds;
  for (std::size_t i = 0; i < from.size(); i += 20) {
    seconds.push_back(kept(c, {from.begin() + static_cast<std::ptrdiff_t>(i),
                               from.begin() + static_cast<std::ptrdiff_t>(i) + 20}));
    EXPECT_EQ(seconds.back().reduction, Reduction::seconds);
    EXPECT_EQ(partials(seconds.back()), 20u);
  }
  EXPECT_EQ(sum(seconds, 0), sum(from, 0)) << "to the bit";
  const auto minutes = kept(c, seconds);
  EXPECT_EQ(minutes.reduction, Reduction::minutes);
  EXPECT_EQ(partials(minutes), 2u);
  EXPECT_EQ(minutes.readings, 60'000u);
  EXPECT_EQ(sum({minutes}, 0), sum(from, 0));
  EXPECT_EQ(c.counts().seconds, 60'000u);
  EXPECT_EQ(c.counts().minutes, 60'000u);
  EXPECT_FALSE(c.make({minutes})) << "there is nothing less";
}

TEST_F(CompactionTest, APaneIsMadeOnceAndWhatComesLaterForItStaysRaw) {
  auto c = make_compaction();
  const auto run = [&](std::int64_t from) {
    std::vector<BlockRecord> blocks{block(0, from, 2 * kMs, 250),
                                    block(0, from + kSecond, kMs, 900),
                                    block(0, from + 2 * kSecond, kMs, 900)};
    for (auto& b : blocks) {
      b.reduction = Reduction::merged;
      b.replaces.add(Sequence{9});
    }
    return blocks;
  };
  const auto first = run(kStart);
  auto second = run(kStart + 2 * kSecond + 950 * kMs);
  const auto a = kept(c, first);
  const auto b = kept(c, second);
  std::set<std::int64_t> starts;
  for (const auto& r : {a, b}) {
    const auto block = codec::decode(r.bytes).value();
    for (const auto& p : block.partials) EXPECT_TRUE(starts.insert(p.start).second) << p.start;
  }
  EXPECT_EQ(codec::decode(b.bytes).value().groups.at(0).times.size(), 25u) << "of the old pane";
  auto all = first;
  all.insert(all.end(), second.begin(), second.end());
  EXPECT_EQ(sum({a, b}, 0), sum(all, 0));
}

TEST_F(CompactionTest, WhatWasNotTakenIsMadeAgain) {
  auto c = make_compaction();
  auto b = block(0, kStart, kMs, 3000);
  b.reduction = Reduction::merged;
  b.replaces.add(Sequence{9});
  ASSERT_TRUE(c.make({b}));
  EXPECT_EQ(c.counts().seconds, 0u);
  EXPECT_EQ(partials(kept(c, {b})), 3u);
}

TEST_F(CompactionTest, TextSlowSeriesAndThoseOfWindowsStayRaw) {
  Rule rule;
  rule.select = "press/force";
  rule.window.emplace();
  auto c = make_compaction({rule});
  std::vector<BlockRecord> from{block(0, kStart, kMs, 2000), block(2, kStart, 10 * kMs, 200),
                                block(1, kStart, kSecond, 20)};
  for (auto& b : from) {
    b.reduction = Reduction::merged;
    b.replaces.add(Sequence{9});
  }
  EXPECT_FALSE(c.make(from));
}

// What detectors raised, and the readings around it: no count speaks of them, and no pane has them.
class CopiesInCompaction : public CompactionTest {
 protected:
  // A minute or two of readings, `rows` a second, with two events and their context in each.
  std::vector<BlockRecord> seconds(int count, int rows) {
    Group event;
    event.copy = true;
    event.columns.resize(1);
    event.columns[0].series = 3;
    event.columns[0].type = ValueType::text;
    Group context;
    context.copy = true;
    context.columns.resize(1);
    std::vector<BlockRecord> out;
    for (int i = 0; i < count; ++i) {
      const auto raw = block(0, kStart + i * kSecond, kSecond / rows, rows);
      auto b = codec::decode(raw.bytes).value();
      const auto t = kStart + i * kSecond + 7 * kMs;
      event.times = {t, t};  // of one moment
      event.columns[0].text = {R"({"id":)" + std::to_string(i), "cleared"};
      context.times = {t - kMs, t, t + kMs};
      context.columns[0].f64 = {1, 9999, 2};
      b.groups.push_back(event);
      b.groups.push_back(context);
      out.push_back(record(b));
      out.back().alarm = true;
    }
    return out;
  }
  // Series, time and value of each row that is a copy.
  using Row = std::tuple<std::uint32_t, std::int64_t, std::string>;
  static std::vector<Row> copies(const std::vector<BlockRecord>& records) {
    std::vector<Row> rows;
    for (const auto& r : records) {
      EXPECT_TRUE(r.alarm);
      const auto b = codec::decode(r.bytes).value();
      for (const auto& g : b.groups) {
        if (!g.copy) continue;
        for (const auto& c : g.columns) {
          for (std::size_t i = 0; i < c.values(); ++i) {
            rows.emplace_back(c.series, g.times[i],
                              c.type == ValueType::text ? c.text[i] : std::to_string(c.f64[i]));
          }
        }
      }
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  // All of `from`, one reduction further.
  std::vector<BlockRecord> reduced(Compaction& c, const std::vector<BlockRecord>& from) {
    std::vector<BlockRecord> out;
    for (std::size_t i = 0; i < from.size();) {
      out.push_back(kept(c, {from.begin() + static_cast<std::ptrdiff_t>(i), from.end()}));
      if (!out.back().replaces.contains(from[i].name.sequence)) break;
      while (i < from.size() && out.back().replaces.contains(from[i].name.sequence)) ++i;
    }
    return out;
  }
};

TEST_F(CopiesInCompaction, StayAsTheyAreThroughEachReduction) {
  auto c = make_compaction();
  const auto slow = seconds(40, 10);
  const auto merged = reduced(c, slow);
  ASSERT_EQ(merged.size(), 1u);
  EXPECT_EQ(merged[0].reduction, Reduction::merged);
  EXPECT_EQ(copies(slow).size(), 200u);
  EXPECT_EQ(copies(merged), copies(slow));

  auto other = make_compaction();
  const auto fast = seconds(120, 500);
  const auto as_seconds = reduced(other, fast);
  EXPECT_EQ(as_seconds.front().reduction, Reduction::seconds);
  EXPECT_EQ(copies(as_seconds), copies(fast));
  const auto as_minutes = reduced(other, as_seconds);
  ASSERT_EQ(as_minutes.size(), 1u);
  EXPECT_EQ(as_minutes[0].reduction, Reduction::minutes);
  EXPECT_EQ(copies(as_minutes), copies(fast));
}

TEST_F(CompactionTest, ADamagedBlockStopsTheRunBeforeIt) {
  auto c = make_compaction();
  std::vector<BlockRecord> from;
  for (int i = 0; i < 4; ++i) from.push_back(block(1, kStart + i * kSecond, 100 * kMs, 10));
  from[2].bytes[20] ^= 1;
  const auto r = kept(c, from);
  EXPECT_EQ(r.replaces, (SequenceRanges{{1, 2}}));
}

}  // namespace
}  // namespace tidemark::pipeline
