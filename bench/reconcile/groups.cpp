#include "bench/reconcile/groups.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/intake/intake.h"
#include "cloud/query/reader.h"
#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/base/log.h"
#include "common/codec/codec.h"
#include "common/wire/frame.h"

namespace tidemark::bench {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kStart = 1'763'596'800LL * kSecond;  // a whole day
constexpr std::int64_t kMinutes = 4;
constexpr std::int64_t kStep = kSecond;
constexpr unsigned kEdges = 50;
constexpr unsigned kSeries = 20;  // of an edge, in four sources
constexpr unsigned kSources = 4;
constexpr unsigned kRounds = 200;

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// One of them. A reading's time names it, so that a late one may be any.
class Edge {
 public:
  explicit Edge(unsigned number) : name_(fmt::format("edge-{}", number)), number_(number) {
    for (unsigned i = 0; i < kSeries; ++i) {
      SeriesDescription d;
      d.source = d.device = fmt::format("meter{}", i % kSources);
      d.metric = fmt::format("power{}", i);
      d.unit = "W";
      d.type = i % 2 == 0 ? ValueType::i64 : ValueType::f64;
      d.exponent = i % 2 == 0 ? -1 : 0;
      series_.push_back(std::move(d));
    }
    dictionary_.emplace(series_);
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] wire::Frame hello() const {
    wire::Hello h;
    h.edge = name_;
    h.site = "plant7";
    h.incarnation = Incarnation{number_ + 1};
    h.start_ordinal = 1;
    return {wire::FrameType::hello, wire::encode(h)};
  }
  [[nodiscard]] wire::Frame dictionary() const {
    return {wire::FrameType::dictionary, dictionary_->bytes()};
  }
  wire::Frame block(const std::vector<std::int64_t>& times, unsigned series) {
    Block block;
    block.dictionaries = {dictionary_->hash()};
    auto& group = block.groups.emplace_back();
    group.times = times;
    for (unsigned s = 0; s < series; ++s) {
      auto& column = group.columns.emplace_back();
      column.series = s;
      column.type = series_[s].type;
      for (const auto t : times) {
        const auto level = 20'000 + (t / kStep * 37 + 11 * s + number_) % 500;
        column.i64.push_back(level);
        column.f64.push_back(static_cast<double>(level) * 0.01);
        ++counts_[s % kSources][t / kMinute];
        ++taken_;
      }
      (column.type == ValueType::i64 ? column.f64.clear() : column.i64.clear());
    }
    BlockRecord record;
    record.name = {Incarnation{number_ + 1}, Sequence{next_++}};
    record.readings = readings_carried(block);
    record.time_min = times.front();
    record.time_max = times.back();
    record.bytes = codec::encode(block, codec::Tier::standard).value();
    return {wire::FrameType::block, wire::encode_block(Lane::live, record)};
  }
  // All that was packed is in the blocks so far. Of the minutes from there on it gives the counts.
  wire::Frame seal(std::int64_t from) {
    Seal s;
    s.incarnation = Incarnation{number_ + 1};
    s.number = ++seals_;
    s.next = Sequence{next_};
    s.ledger.taken = taken_;
    for (unsigned i = 0; i < kSources; ++i) {
      SourceSeal source;
      source.source = fmt::format("meter{}", i);
      source.sealed_until = event_time(kStart + kMinutes * kMinute);
      for (const auto& [minute, n] : counts_[i]) {
        if (minute * kMinute < from) continue;
        source.minutes.push_back({.minute = minute, .taken = n, .sent = n});
      }
      s.sources.push_back(std::move(source));
    }
    wire::Frame frame{wire::FrameType::seal, {}};
    ByteWriter out(frame.payload);
    s.encode(out);
    return frame;
  }

 private:
  std::string name_;
  unsigned number_;
  std::vector<SeriesDescription> series_;
  std::optional<Dictionary> dictionary_;
  std::map<std::int64_t, std::uint64_t> counts_[kSources];
  std::uint64_t taken_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t seals_ = 0;
};

enum class Rows { kept, removed, no_group };

class Plant {
 public:
  Plant(const std::filesystem::path& folder, Rows rows) : folder_(folder), rows_(rows) {
    std::filesystem::remove_all(folder);
    auto view = answers::built_in_view();
    view.group_by = {"site"};
    view.emit.revision_interval = std::chrono::milliseconds(100);
    if (rows == Rows::no_group) view.select = answers::Selection("none/none/none");
    intake::Options options;
    options.data_dir = folder;
    options.views = answers::views_in_force({view}).value();
    auto opened = intake::Intake::open(disk_, clock_, std::move(options));
    if (opened) node_ = std::move(opened).value();
    for (unsigned i = 0; i < kEdges; ++i) edges_.emplace_back(i);
  }

  // CPU time of a round in s: one late reading of one edge, and the revision that it makes.
  std::optional<double> run() {
    if (!node_ || !fill()) return std::nullopt;
    double cpu = 0;
    for (unsigned i = 0; i < kRounds; ++i) {
      if (rows_ == Rows::removed) remove_rows();
      auto& edge = edges_[i * 7 % kEdges];
      const auto minute = kStart + (i % kMinutes) * kMinute;
      const auto block = edge.block({minute + kSecond / 2 + i}, 1);
      const auto seal = edge.seal(minute);
      const auto begin = cpu_seconds();
      node_->take(edge.name(), 1, block);
      node_->take(edge.name(), 1, seal);
      if (!node_->commit()) return std::nullopt;
      clock_.advance(std::chrono::milliseconds(110));
      if (!node_->commit()) return std::nullopt;
      cpu += cpu_seconds() - begin;
    }
    if (!right()) return std::nullopt;
    return cpu / kRounds;
  }
  // Of a row, on average.
  [[nodiscard]] double row_bytes() const {
    auto database = store::open_writer(store::database_path(folder_));
    auto size = (*database)->prepare("SELECT AVG(LENGTH(state)) FROM partials");
    size->start();
    return size->next() ? size->real(0) : 0;
  }

 private:
  bool fill() {
    std::vector<std::int64_t> times;
    for (auto t = kStart; t < kStart + kMinutes * kMinute; t += kStep) times.push_back(t);
    for (auto& edge : edges_) {
      node_->take(edge.name(), 1, edge.hello());
      node_->take(edge.name(), 1, edge.dictionary());
      node_->take(edge.name(), 1, edge.block(times, kSeries));
      node_->take(edge.name(), 1, edge.seal(kStart));
      if (!node_->commit()) return false;
    }
    for (int i = 0; i < 5; ++i) {
      clock_.advance(std::chrono::seconds(6));
      if (!node_->commit()) return false;
    }
    return true;
  }
  void remove_rows() const {
    auto database = store::open_writer(store::database_path(folder_));
    if (database) (*database)->run("DELETE FROM partials");
  }
  // Every reading is in the answers.
  [[nodiscard]] bool right() const {
    if (rows_ == Rows::no_group) return true;
    auto reader = query::Reader::open(folder_);
    query::AnswerQuery q;
    q.view = "minute";
    const auto all = (*reader)->answers(q);
    double readings = 0;
    for (const auto& a : *all) readings += a.values.at("count").value_or(0);
    return readings == kEdges * kSeries * static_cast<double>(kMinutes * kMinute / kStep) + kRounds;
  }

  std::filesystem::path folder_;
  Rows rows_;
  SystemDisk disk_;
  ManualClock clock_{event_time(kStart + 3600 * kSecond)};
  std::unique_ptr<intake::Intake> node_;
  std::vector<Edge> edges_;
};

}  // namespace

bool run_groups(const std::filesystem::path& folder) {
  log::set_level(log::Level::warning);
  std::map<Rows, double> cost;
  double row_bytes = 0;
  for (const auto rows : {Rows::no_group, Rows::kept, Rows::removed}) {
    Plant plant(folder, rows);
    const auto seconds = plant.run();
    if (!seconds) return false;
    cost[rows] = *seconds * 1e6;
    if (rows == Rows::kept) row_bytes = plant.row_bytes();
    std::filesystem::remove_all(folder);
  }
  const auto alone = cost[Rows::no_group];
  fmt::print("a late reading, and the revision of its window in a group of {} series, {} edges\n",
             kEdges * kSeries, kEdges);
  fmt::print("{:<44} {:>8.0f} us\n", "the reading, without a group", alone);
  fmt::print("{:<44} {:>8.0f} us\n", "the group, from one edge's panes and rows",
             cost[Rows::kept] - alone);
  fmt::print("{:<44} {:>8.0f} us\n", "the group, from the panes of all edges",
             cost[Rows::removed] - alone);
  fmt::print("{:<44} {:>8.0f} B\n", "a row of an edge", row_bytes);
  return true;
}

}  // namespace tidemark::bench
