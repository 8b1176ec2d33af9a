// An edge for tests: takes readings, packs blocks and seals as the agent does, and keeps the log
// that the cloud's answers are compared with.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cloud/intake/intake.h"
#include "cloud/query/reader.h"
#include "common/codec/codec.h"
#include "common/wire/frame.h"
#include "tests/support/folder.h"

namespace tidemark::test {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMinute = 60 * kSecond;
inline constexpr std::int64_t kStart = 1'763'600'400LL * kSecond;  // a whole minute

struct TakenReading {
  std::uint32_t series;
  std::int64_t time;
  double value;
};

class EdgeDouble {
 public:
  EdgeDouble(std::string name, std::uint64_t incarnation, std::uint64_t ordinal,
             bool device_stamped = false, std::uint32_t series = 2,
             std::string poll_class = "fast")
      : name_(std::move(name)),
        incarnation_{incarnation},
        ordinal_(ordinal),
        poll_class_(std::move(poll_class)) {
    for (std::uint32_t i = 0; i < series; ++i) {
      SeriesDescription d;
      d.source = "line1";
      d.device = "line1";
      d.metric = "m" + std::to_string(i);
      d.unit = "V";
      d.poll_class = poll_class_;
      d.type = i % 2 == 0 ? ValueType::i64 : ValueType::f64;
      d.exponent = static_cast<std::int8_t>(i % 2 == 0 ? -1 : 0);
      d.device_stamped = device_stamped;
      series_.push_back(d);
    }
    dictionary_.emplace(series_);
  }

  // Other words about a series than before; its source is the edge's only one.
  template <typename Change>
  void describe(std::uint32_t series, Change change) {
    change(series_[series]);
    dictionary_.emplace(series_);
  }
  // The value of an i64 series is its mantissa.
  void take(std::uint32_t series, std::int64_t time, double value) {
    log.push_back({series, time, value});
    open_.push_back(log.back());
    count(time);
  }
  // A reading that the test packs by itself.
  void count(std::int64_t time) {
    ++ledger_.taken;
    auto& m = minutes_[time / kMinute];
    ++m.taken;
    ++m.sent;
  }
  void poll(std::int64_t time, bool good) {
    auto& m = minutes_[time / kMinute];
    ++m.due;
    if (good) ++m.good;
  }
  // Packs what is open; the sequence of the block.
  std::uint64_t flush(std::int64_t sealed_until) {
    Block block;
    block.dictionaries = {dictionary_->hash()};
    for (std::uint32_t s = 0; s < series_.size(); ++s) {
      Group group;
      Column column;
      column.series = s;
      column.type = series_[s].type;
      for (const auto& r : open_) {
        if (r.series != s) continue;
        group.times.push_back(r.time);
        if (column.type == ValueType::i64) {
          column.i64.push_back(static_cast<std::int64_t>(r.value));
        } else {
          column.f64.push_back(r.value);
        }
      }
      if (group.times.empty()) continue;
      group.columns.push_back(std::move(column));
      block.groups.push_back(std::move(group));
    }
    open_.clear();
    return flush(std::move(block), sealed_until);
  }
  std::uint64_t flush(Block block, std::int64_t sealed_until) {
    BlockRecord record;
    record.name = {incarnation_, Sequence{next_}};
    record.readings = readings_carried(block);
    bool first = true;
    for (const auto& g : block.groups) {
      for (const auto t : g.times) {
        record.time_min = first ? t : std::min(record.time_min, t);
        record.time_max = first ? t : std::max(record.time_max, t);
        first = false;
      }
    }
    for (const auto& p : block.partials) {
      record.time_min = first ? p.start : std::min(record.time_min, p.start);
      record.time_max = first ? p.start : std::max(record.time_max, p.start);
      record.time_max = std::max(record.time_max, p.start + p.size - 1);
      first = false;
    }
    record.bytes = codec::encode(block, codec::Tier::standard).value();
    blocks[next_++] = std::move(record);
    seal(sealed_until);
    return next_ - 1;
  }
  void seal(std::int64_t sealed_until) {
    Seal s;
    s.incarnation = incarnation_;
    s.number = ++seal_number_;
    s.next = Sequence{next_};
    s.ledger = ledger_;
    s.evicted = evicted_;
    SourceSeal source;
    source.source = "line1";
    source.poll_class = poll_class_;
    source.device_stamped = series_[0].device_stamped;
    source.sealed_until = event_time(sealed_until);
    for (auto& [minute, counts] : minutes_) {
      counts.minute = minute;
      source.minutes.push_back(counts);
    }
    s.sources.push_back(std::move(source));
    seals.push_back(std::move(s));
  }
  // One block with the readings of these, which are never sent.
  std::uint64_t replace(const std::vector<std::uint64_t>& sequences, std::int64_t sealed_until) {
    Block merged;
    SequenceRanges replaces;
    for (const auto s : sequences) {
      auto block = codec::decode(blocks.at(s).bytes).value();
      merged.dictionaries = block.dictionaries;
      for (auto& g : block.groups) merged.groups.push_back(std::move(g));
      replaces.add(Sequence{s});
    }
    const auto sequence = flush(std::move(merged), sealed_until);
    blocks[sequence].reduction = Reduction::merged;
    blocks[sequence].replaces = replaces;
    return sequence;
  }
  // One block with sums of whole minutes of these blocks, which are never sent.
  std::uint64_t replace_by_minutes(const std::vector<std::uint64_t>& sequences,
                                   std::int64_t sealed_until) {
    std::map<std::pair<std::uint32_t, std::int64_t>, window::Partial> sums;
    Block reduced;
    SequenceRanges replaces;
    for (const auto s : sequences) {
      const auto block = codec::decode(blocks.at(s).bytes).value();
      reduced.dictionaries = block.dictionaries;
      replaces.add(Sequence{s});
      for (const auto& g : block.groups) {
        for (const auto& c : g.columns) {
          for (std::size_t row = 0; row < g.times.size(); ++row) {
            const auto start = g.times[row] - g.times[row] % kMinute;
            sums.try_emplace({c.series, start}, c.type).first->second.add(g.times[row], c, row);
          }
        }
      }
    }
    for (const auto& [key, sum] : sums) {
      PartialRow row{key.first, key.second, kMinute, 1, sum.count(), false, {}};
      ByteWriter out(row.state);
      sum.encode(out);
      reduced.partials.push_back(std::move(row));
    }
    const auto sequence = flush(std::move(reduced), sealed_until);
    blocks[sequence].reduction = Reduction::minutes;
    blocks[sequence].replaces = replaces;
    return sequence;
  }
  void evict(std::uint64_t sequence) {
    evicted_.add(Sequence{sequence});
    ledger_.evicted += blocks.at(sequence).readings;
  }

  [[nodiscard]] wire::Frame hello(std::vector<Closing> closings = {}) const {
    wire::Hello h;
    h.edge = name_;
    h.site = "plant7";
    h.program_version = "test";
    h.incarnation = incarnation_;
    h.start_ordinal = ordinal_;
    h.closings = std::move(closings);
    return {wire::FrameType::hello, wire::encode(h)};
  }
  [[nodiscard]] Closing closing(std::uint64_t durable_through) const {
    Closing c;
    c.incarnation = incarnation_;
    c.start_ordinal = ordinal_;
    c.durable_through = Sequence{durable_through};
    c.off_from = off_from;
    c.off_until = off_until;
    return c;
  }
  [[nodiscard]] wire::Frame dictionary() const {
    return {wire::FrameType::dictionary, dictionary_->bytes()};
  }
  [[nodiscard]] wire::Frame block(std::uint64_t sequence, Lane lane = Lane::live) const {
    return {wire::FrameType::block, wire::encode_block(lane, blocks.at(sequence))};
  }
  [[nodiscard]] static wire::Frame frame(const Seal& seal) {
    wire::Frame f{wire::FrameType::seal, {}};
    ByteWriter out(f.payload);
    seal.encode(out);
    return f;
  }
  [[nodiscard]] wire::Frame seal_frame(std::size_t index) const { return frame(seals.at(index)); }
  [[nodiscard]] wire::Frame last_seal() const { return seal_frame(seals.size() - 1); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Incarnation incarnation() const { return incarnation_; }
  [[nodiscard]] const std::vector<SeriesDescription>& series() const { return series_; }
  [[nodiscard]] DictionaryHash dictionary_hash() const { return dictionary_->hash(); }
  [[nodiscard]] std::string full_name(std::uint32_t s) const {
    return name_ + "/" + series_[s].local_name();
  }

  EventTime off_from = kEventTimeMin;  // of its closing
  EventTime off_until = kEventTimeMin;
  std::vector<TakenReading> log;  // all that was ever taken
  std::map<std::uint64_t, BlockRecord> blocks;
  std::vector<Seal> seals;

 private:
  std::string name_;
  Incarnation incarnation_;
  std::uint64_t ordinal_;
  std::string poll_class_;
  std::vector<SeriesDescription> series_;
  std::optional<Dictionary> dictionary_;
  std::vector<TakenReading> open_;
  std::map<std::int64_t, MinuteCounts> minutes_;
  Ledger ledger_;
  SequenceRanges evicted_;
  std::uint64_t next_ = 1;
  std::uint64_t seal_number_ = 0;
};

// A cloud node in one thread, that can be killed and started again.
class Node {
 public:
  explicit Node(reconcile::Horizons horizons = {}, std::vector<answers::View> views = {},
                std::vector<intake::SeriesRule> series_rules = {}, std::uint32_t partitions = 0)
      : horizons_(horizons),
        views_(std::move(views)),
        series_rules_(std::move(series_rules)),
        partitions_(partitions) {
    start();
  }
  void start() {
    intake::Options options;
    options.data_dir = folder.path;
    options.horizons = horizons_;
    options.series_rules = series_rules_;
    options.views = answers::views_in_force(views_).value();
    options.relabels = relabels;
    options.partitions = partitions_;
    options.read_views = [this]() -> Result<answers::Definitions> {
      TIDE_ASSIGN(auto views, answers::views_in_force(views_));
      return answers::Definitions{std::move(views), relabels};
    };
    auto opened = intake::Intake::open(disk, clock, std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    intake = std::move(opened).value();
  }
  // What was not committed is gone.
  void kill() { intake.reset(); }
  std::vector<intake::Reply> commit() {
    auto replies = intake->commit();
    EXPECT_TRUE(replies.ok()) << (replies.ok() ? "" : replies.error().text());
    EXPECT_TRUE(intake->ledger().adds_up());
    return replies.ok() ? std::move(replies).value() : std::vector<intake::Reply>{};
  }
  void take(const EdgeDouble& edge, const wire::Frame& frame) {
    intake->take(edge.name(), 1, frame);
  }
  // Lets all that is due be emitted.
  void settle() {
    for (int i = 0; i < 200; ++i) {
      clock.advance(std::chrono::seconds(6));
      commit();
      if (intake->due() > clock.steady() + std::chrono::seconds(4)) break;
    }
  }
  std::vector<answers::Answer> answers(const std::string& view, const std::string& select = "**") {
    query::AnswerQuery q;
    q.view = view;
    q.select = select;
    return ask(q);
  }
  std::vector<answers::Answer> ask(const query::AnswerQuery& q) {
    auto reader = query::Reader::open(folder.path);
    EXPECT_TRUE(reader.ok());
    auto all = reader.value()->answers(q);
    EXPECT_TRUE(all.ok()) << (all.ok() ? "" : all.error().text());
    return all.ok() ? std::move(all).value() : std::vector<answers::Answer>{};
  }

  Folder folder;
  SystemDisk disk;
  ManualClock clock{event_time(kStart + 3600 * kSecond)};
  std::unique_ptr<intake::Intake> intake;
  // Of its configuration, in which a person may write while it runs.
  std::vector<answers::View>& views() { return views_; }
  std::vector<answers::Relabel> relabels;  // likewise

 private:
  reconcile::Horizons horizons_;
  std::vector<answers::View> views_;
  std::vector<intake::SeriesRule> series_rules_;
  std::uint32_t partitions_;  // of which it has one
};

inline void greet(Node& node, const EdgeDouble& edge, const std::vector<Closing>& closings = {}) {
  node.take(edge, edge.hello(closings));
  node.take(edge, edge.dictionary());
}

// All that the edge has.
inline void send(Node& node, const EdgeDouble& edge, const std::vector<Closing>& closings = {}) {
  greet(node, edge, closings);
  for (const auto& [sequence, block] : edge.blocks) node.take(edge, edge.block(sequence));
  node.take(edge, edge.last_seal());
}

}  // namespace tidemark::test
