// A pipeline with a ring in memory, sources that are lines of text, and all that it says kept.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "edge/pipeline/pipeline.h"
#include "tests/edge/temporary_folder.h"

namespace tidemark::pipeline {

using namespace std::chrono_literals;

inline constexpr EventTime kNow = event_time(1'790'000'000'000'000'000);
inline constexpr EventTime kPlausible = event_time(1'700'000'000'000'000'000);

// Keeps flushes; fails when told.
class MemoryRing final : public ring::RingBuffer {
 public:
  [[nodiscard]] const ring::Recovered& recovered() const override { return recovered_; }
  [[nodiscard]] Sequence next_sequence() const override { return next_; }
  [[nodiscard]] std::uint64_t flush_max() const override { return flush_max_; }
  Result<> append(const ring::Flush& flush) override {
    if (on_append) on_append();
    if (failures_ > 0) {
      --failures_;
      return Error{Fault::full, "no space left"};
    }
    std::uint64_t bytes = 0;
    for (const auto& b : flush.blocks) bytes += ring::stored_bytes(b);
    ByteVector seal;
    ByteWriter out(seal);
    flush.seal.encode(out);
    bytes += seal.size();
    if (refuse_large && bytes > flush_max_) return Error{Fault::full, "too large for this ring"};
    for (const auto& b : flush.blocks) {
      EXPECT_EQ(b.name.sequence, next_);
      ++next_.count;
    }
    flushes.push_back(flush);
    return {};
  }
  Result<> sync() override {
    if (on_sync) on_sync();
    durable_ = flushes.empty() ? journal::Position{} : flushes.back().journal;
    return {};
  }
  [[nodiscard]] journal::Position durable_position() const override { return durable_; }
  Evicted take_evicted() override { return std::exchange(evicted, {}); }
  std::vector<ring::Stored> next_to_go(const SequenceRanges&) override { return {}; }
  std::vector<ring::Stored> alarms(
      std::size_t, const std::vector<std::pair<Incarnation, SequenceRanges>>&) override {
    return {};
  }
  Result<> offer(Sequence) override { return {}; }
  void give_up(BlockName) override {}
  std::vector<ring::Stored> unreleased(
      ring::Order, std::size_t,
      const std::vector<std::pair<Incarnation, SequenceRanges>>&) override {
    return {};
  }
  Result<BlockRecord> read(BlockName) override { return Error{Fault::unavailable, "not kept"}; }
  Result<> release(Incarnation, const SequenceRanges&) override { return {}; }
  Result<> seals_acknowledged(Incarnation, std::uint64_t) override { return {}; }
  std::vector<Seal> past_seals() override { return {}; }
  DictionaryPtr dictionary(DictionaryHash) override { return nullptr; }
  [[nodiscard]] ring::Usage usage() const override { return {}; }
  Result<> close() override { return {}; }

  std::vector<ring::Flush> flushes;
  std::function<void()> on_append, on_sync;
  Evicted evicted;
  ring::Recovered recovered_;
  int failures_ = 0;
  std::uint64_t flush_max_ = 8 << 20;
  bool refuse_large = false;  // as the ring does

 private:
  Sequence next_{1};
  journal::Position durable_;
};

class KeptQuarantine final : public quarantine::Quarantine {
 public:
  void add(std::string_view reason, std::string_view, ByteSpan, ByteSpan, std::uint64_t readings,
           EventTime) override {
    items.emplace_back(reason, readings);
  }
  void look() override {}
  std::vector<quarantine::Item> newest(std::size_t) override { return {}; }
  std::vector<Count> counts() override { return {}; }
  std::vector<std::pair<std::string, std::uint64_t>> items;
};

class KeptLocally final : public LocalSink {
 public:
  void windows(const LocalSeries& series,
               const std::vector<window::LocalResult>& results) override {
    for (const auto& r : results) windows_of[series.name].push_back(r);
    topics[series.name] = series.topic;
  }
  std::vector<StandingLimit> standing(const std::string& series) override { return stand[series]; }
  std::uint64_t event(const LocalSeries& series, const filter::Event& event,
                      bool context) override {
    events.push_back(series.name + " " + std::string(filter::to_string(event.cause)) +
                     (context ? " context" : ""));
    return events.size();
  }
  std::map<std::string, std::vector<window::LocalResult>> windows_of;
  std::map<std::string, std::string> topics;
  std::vector<std::string> events;
  std::map<std::string, std::vector<StandingLimit>> stand;
};

// Entries hold "metric time value" or "device/metric time value" lines; time 0 is edge-stamped,
// "bad" is rejected, "poll" a good poll, "miss" a failed one, "old miss" one that was due 70 s
// before. "wave n time" is n readings of one series, "hiss n time" too and packs to nothing less,
// "wide n time" one of each of n series. "via t" before a line: by that topic. "stored" before a
// line: the device had kept it while nobody listened; "gone": it is of a device that is away.
class LineSource final : public source::Source, public source::Decoder {
 public:
  explicit LineSource(bool device_stamped) : device_stamped_(device_stamped) {}
  Result<> start() override { return {}; }
  void stop() override {}
  [[nodiscard]] source::Status status() const override { return {}; }
  [[nodiscard]] Decoder& decoder() override { return *this; }
  [[nodiscard]] std::vector<source::Schedule> schedules() const override {
    if (device_stamped_) return {};
    return {{"fast", 1s}};
  }
  [[nodiscard]] bool device_stamped() const override { return device_stamped_; }
  [[nodiscard]] Nanoseconds lateness() const override { return 5s; }

  [[nodiscard]] bool leads(const source::Way& way, std::string_view) const override {
    return way.topic != unsubscribed;
  }
  std::string unsubscribed = "none";

  void decode(const journal::Entry& entry, source::SeriesTable& table,
              source::Decoded& out) override {
    char metric[32];
    long long time = 0;
    double value = 0;
    std::string line(as_text(entry.payload));
    std::string topic;
    if (line.starts_with("via ")) {
      topic = line.substr(4, line.find(' ', 4) - 4);
      line.erase(0, 5 + topic.size());
    }
    if (line.starts_with("stored ")) {
      line.erase(0, 7);
      out.historical_from = 0;
    }
    if (line.starts_with("gone ")) {
      line.erase(0, 5);
      out.away_from = 0;
    }
    if (std::sscanf(line.c_str(), "%31s %lld %lf", metric, &time, &value) != 3) {
      if (line == "poll" || line.ends_with("miss")) {
        out.expected.push_back({"fast", line == "poll", line == "old miss" ? 70s : 0s});
        out.poll_class = "fast";
      } else {
        out.rejected.push_back({"not a line", 2});
      }
      return;
    }
    const std::string_view what(metric);
    if (what == "wave" || what == "hiss" || what == "wide") {
      many(what == "wide", time, static_cast<std::int64_t>(value), table, out);
      if (what != "hiss") return;
      for (long long i = 0; i < time; ++i) {
        const auto mixed = static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15ULL;
        out.groups[0].columns[0].f64[static_cast<std::size_t>(i)] =
            1.0 / static_cast<double>(mixed >> 11 | 1);
      }
      return;
    }
    SeriesDescription d;
    d.source = device_stamped_ ? "floor" : "meter";
    const auto cut = what.find('/');
    d.device = cut == std::string_view::npos ? d.source : std::string(what.substr(0, cut));
    d.metric = what.substr(cut + 1);
    d.poll_class = device_stamped_ ? "" : "fast";
    d.device_stamped = device_stamped_ && time != 0;
    Group g;
    g.times = {time == 0 ? source::Decoded::kArrival : time};
    Column c;
    const auto series = table.intern(d, topic);
    if (!series) {
      out.rejected.push_back({series.error().text(), 1});
      return;
    }
    c.series = *series;
    c.f64 = {value};
    g.columns.push_back(std::move(c));
    out.groups.push_back(std::move(g));
  }

 private:
  static void many(bool wide, long long n, std::int64_t time, source::SeriesTable& table,
                   source::Decoded& out) {
    SeriesDescription d;
    d.source = d.device = "floor";
    d.device_stamped = true;
    Group g;
    for (long long i = 0; i < n; ++i) {
      if (wide || i == 0) {
        d.metric = "m" + std::to_string(i);
        g.columns.emplace_back().series = *table.intern(d);
      }
      if (!wide || i == 0) g.times.push_back(time + i);
      g.columns.back().f64.push_back(static_cast<double>(i) * 0.1);
    }
    out.groups.push_back(std::move(g));
  }

  bool device_stamped_;
};

class PipelineRig : public testing::Test {
 protected:
  PipelineRig() : clock_(kNow) {
    auto opened = journal::Journal::open({folder_.path() / "journal", Bytes{1 << 20}});
    EXPECT_TRUE(opened);
    journal_ = std::move(opened).value();
    options_.edge = "press-07";
    options_.incarnation = {42};
    options_.plausible_from = kPlausible;
    options_.sync_interval = 1ms;
  }

  void say(std::uint32_t source, const std::string& line) {
    journal::Entry e;
    e.source = source;
    e.arrived = clock_.wall();
    e.steady = clock_.steady().time_since_epoch().count();
    const auto bytes = as_bytes(line);
    e.payload = bytes;
    ASSERT_TRUE(journal_->append(e, 1s));
  }
  std::string at(Nanoseconds offset) { return std::to_string(count_ns(kNow + offset)); }

  // Runs the pipeline over all that was said, to its end.
  Pipeline& run() {
    ways_ = std::make_unique<source::WaysFile>(folder_.path());
    pipeline_ = std::make_unique<Pipeline>(
        options_, std::vector<SourceEntry>{{1, "floor", &floor_}, {2, "meter", &meter_}},
        *journal_, ring_, quarantine_, tap_, clock_, sink_, nullptr, ways_.get());
    pipeline_->stop();
    pipeline_->run([this] { ++flushed_; });
    return *pipeline_;
  }
  [[nodiscard]] std::vector<Block> blocks() const {
    std::vector<Block> out;
    for (const auto& f : ring_.flushes) {
      for (const auto& b : f.blocks) {
        auto block = codec::decode(b.bytes);
        EXPECT_TRUE(block);
        EXPECT_EQ(readings_carried(*block), b.readings);
        out.push_back(std::move(block).value());
      }
    }
    return out;
  }

  test::TemporaryFolder folder_;
  ManualClock clock_;
  Options options_;
  LineSource floor_{true}, meter_{false};
  std::unique_ptr<journal::Journal> journal_;
  MemoryRing ring_;
  KeptQuarantine quarantine_;
  TapHub tap_;
  KeptLocally local_;
  LocalSink* sink_ = &local_;
  std::unique_ptr<source::WaysFile> ways_;
  std::unique_ptr<Pipeline> pipeline_;
  int flushed_ = 0;
};

}  // namespace tidemark::pipeline
