#include "bench/reconcile/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/intake/intake.h"
#include "cloud/reconcile/incarnation_books.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/codec/codec.h"
#include "common/window/sketch.h"
#include "common/wire/frame.h"

namespace tidemark::bench {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kStart = 1'763'596'800LL * kSecond;  // a whole day
constexpr std::int64_t kStep = kSecond / 10;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::uint32_t kRows = 1000;  // of a block
constexpr std::uint32_t kSeries = 5;
constexpr std::uint32_t kBlocks = 2700;       // a little more than three days
constexpr std::uint32_t kBlocksACommit = 60;  // an ordinary batch of backlog

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

enum class Order {
  rising,
  late_blocks,  // every 20th block comes up to three days late
  late_rows,    // every 20th row of each block is of an earlier time, up to three days
};

struct Case {
  const char* name;
  ValueType type;
  bool device_stamped;
  Order order;
  double asked;           // million readings a second; 0: nothing
  const char* aggregate;  // that panes keep only where a view asks for it; null: none
};

constexpr auto kI64 = ValueType::i64;
constexpr auto kF64 = ValueType::f64;
constexpr Case kCases[] = {
    {"i64, in order", kI64, false, Order::rising, 20, nullptr},
    {"f64, in order", kF64, false, Order::rising, 20, nullptr},
    {"f64, in order, device-stamped", kF64, true, Order::rising, 20, nullptr},
    {"i64, 5 % of blocks late", kI64, false, Order::late_blocks, 10, nullptr},
    {"f64, 5 % of blocks late", kF64, false, Order::late_blocks, 10, nullptr},
    {"f64, 5 % of blocks late, device-stamped", kF64, true, Order::late_blocks, 10, nullptr},
    {"i64, 5 % of rows late", kI64, false, Order::late_rows, 10, nullptr},
    {"f64, 5 % of rows late", kF64, false, Order::late_rows, 10, nullptr},
    {"i64, in order, sketch", kI64, false, Order::rising, 5, "p99"},
    {"f64, in order, sketch", kF64, false, Order::rising, 5, "p99"},
    {"i64, 5 % of blocks late, sketch", kI64, false, Order::late_blocks, 5, "p99"},
    {"i64, 5 % of rows late, sketch", kI64, false, Order::late_rows, 5, "p99"},
    {"f64, 5 % of rows late, sketch", kF64, false, Order::late_rows, 5, "p99"},
    {"i64, in order, twa", kI64, false, Order::rising, 0, "twa"},
    {"f64, in order, twa", kF64, false, Order::rising, 0, "twa"},
    {"i64, 5 % of blocks late, twa", kI64, false, Order::late_blocks, 0, "twa"},
    {"i64, in order, distinct", kI64, false, Order::rising, 0, "distinct"},
    {"f64, in order, distinct", kF64, false, Order::rising, 0, "distinct"},
};
// Windows of an hour; those of one slide are windows in a row.
constexpr int kRatios[] = {1, 10, 100, 3600};

using Minutes = std::map<std::int64_t, std::uint64_t>;

class Edge {
 public:
  explicit Edge(const Case& c) : case_(c) {
    for (std::uint32_t i = 0; i < kSeries; ++i) {
      SeriesDescription d;
      d.source = d.device = "line1";
      d.metric = "m" + std::to_string(i);
      d.type = c.type;
      d.exponent = c.type == ValueType::i64 ? -1 : 0;
      d.device_stamped = c.device_stamped;
      series_.push_back(std::move(d));
    }
    dictionary_.emplace(series_);
  }
  [[nodiscard]] wire::Frame dictionary() const {
    return {wire::FrameType::dictionary, dictionary_->bytes()};
  }
  // Blocks are made one after the other.
  wire::Frame block(std::uint32_t number) {
    auto& minutes = minutes_.emplace_back();
    Block block;
    block.dictionaries = {dictionary_->hash()};
    auto& group = block.groups.emplace_back();
    for (std::uint32_t r = 0; r < kRows; ++r) {
      auto time = kStart + (static_cast<std::int64_t>(number) * kRows + r) * kStep;
      if (case_.order == Order::late_rows && r % 20 == 7) {
        time -= static_cast<std::int64_t>(random_.below(3 * kDay / kSecond)) * kSecond + 7;
      }
      group.times.push_back(time);
      minutes[time / kMinute] += kSeries;
    }
    for (std::uint32_t s = 0; s < kSeries; ++s) {
      auto& column = group.columns.emplace_back();
      column.series = s;
      column.type = case_.type;
      std::int64_t level = 20'000 + 100 * s;
      for (std::uint32_t r = 0; r < kRows; ++r) {
        level += static_cast<std::int64_t>(random_.below(21)) - 10;
        if (case_.type == ValueType::i64) {
          column.i64.push_back(level);
        } else {
          column.f64.push_back(static_cast<double>(level) * 0.01);
        }
      }
    }
    BlockRecord record;
    record.name = {kIncarnation, Sequence{number + 1}};
    record.readings = readings_carried(block);
    record.time_min = *std::min_element(group.times.begin(), group.times.end());
    record.time_max = *std::max_element(group.times.begin(), group.times.end());
    record.bytes = codec::encode(block, codec::Tier::standard).value();
    packed_ += record.bytes.size();
    return {wire::FrameType::block, wire::encode_block(Lane::live, record)};
  }
  // The readings of a block by minute of event time.
  [[nodiscard]] const Minutes& minutes(std::uint32_t number) const { return minutes_[number]; }
  // All with a time before that block's end is in the sequences up to it, but for late ones.
  [[nodiscard]] wire::Frame seal(std::uint64_t seal_number, std::uint32_t number,
                                 const Minutes& changed) const {
    Seal s;
    s.incarnation = kIncarnation;
    s.number = seal_number;
    s.next = Sequence{number + 2};
    s.ledger.taken = std::uint64_t{number + 1} * kRows * kSeries;
    SourceSeal source;
    source.source = "line1";
    source.device_stamped = case_.device_stamped;
    source.sealed_until = event_time(kStart + std::int64_t{number + 1} * kRows * kStep);
    for (const auto& [minute, count] : changed) {
      source.minutes.push_back({.minute = minute, .taken = count, .sent = count});
    }
    s.sources.push_back(std::move(source));
    wire::Frame frame{wire::FrameType::seal, {}};
    ByteWriter out(frame.payload);
    s.encode(out);
    return frame;
  }
  [[nodiscard]] std::size_t packed() const { return packed_; }
  static constexpr Incarnation kIncarnation{5};

 private:
  Case case_;
  std::vector<SeriesDescription> series_;
  std::optional<Dictionary> dictionary_;
  std::vector<Minutes> minutes_;
  SeededRandom random_{1};
  std::size_t packed_ = 0;
};

// The numbers of the blocks in the order of their arrival.
std::vector<std::uint32_t> arrivals(Order order) {
  std::vector<std::uint32_t> all, late;
  SeededRandom random(2);
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    if (order == Order::late_blocks && i % 20 == 7 && i < kBlocks * 9 / 10) {
      late.push_back(i);
      continue;
    }
    all.push_back(i);
    if (!late.empty() && i % 20 == 8 && i > kBlocks / 10) {
      const auto at = random.below(late.size());
      all.push_back(late[at]);
      late.erase(late.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  all.insert(all.end(), late.begin(), late.end());
  return all;
}

std::unique_ptr<intake::Intake> open(const std::filesystem::path& folder, Disk& disk,
                                     const Clock& clock, std::vector<answers::View> views) {
  std::filesystem::remove_all(folder);
  intake::Options options;
  options.data_dir = folder;
  options.views = answers::views_in_force(std::move(views)).value();
  auto opened = intake::Intake::open(disk, clock, std::move(options));
  if (opened) return std::move(opened).value();
  std::fprintf(stderr, "%s\n", opened.error().text().c_str());
  return nullptr;
}

struct Cost {  // ns a reading
  double placing = 0;
  double committing = 0;
  bool good = false;
};

// What an edge sends, packed once for all runs over it.
struct Packed {
  explicit Packed(const Case& c) : edge(c), arrival(arrivals(c.order)) {
    for (std::uint32_t i = 0; i < kBlocks; ++i) frames.push_back(edge.block(i));
  }
  Edge edge;
  std::vector<std::uint32_t> arrival;
  std::vector<wire::Frame> frames;
};

// Seals that state what is new since the one before.
class Seals {
 public:
  explicit Seals(const Edge& edge) : edge_(edge) {}
  // Behind the block of that number, and all that the edge made before it.
  wire::Frame next(std::uint32_t number) {
    Minutes changed;
    for (; stated_ <= number; ++stated_) {
      for (const auto& [minute, count] : edge_.minutes(stated_)) changed[minute] += count;
    }
    for (auto& [minute, count] : changed) count = counts_[minute] += count;
    return edge_.seal(++seal_number_, stated_ - 1, changed);
  }

 private:
  const Edge& edge_;
  Minutes counts_;
  std::uint32_t stated_ = 0;  // blocks
  std::uint64_t seal_number_ = 0;
};

Cost run(const Packed& packed, const std::filesystem::path& folder,
         std::vector<answers::View> views) {
  SystemDisk disk;
  ManualClock clock{event_time(kStart + 8 * kDay)};
  const auto node = open(folder, disk, clock, std::move(views));
  if (!node) return {};
  const auto& edge = packed.edge;
  wire::Hello hello;
  hello.edge = "bench";
  hello.incarnation = Edge::kIncarnation;
  hello.start_ordinal = 1;
  node->take("bench", 1, {wire::FrameType::hello, wire::encode(hello)});
  node->take("bench", 1, edge.dictionary());
  Cost cost;
  Seals seals(edge);
  std::uint32_t waiting = 0;
  for (const auto number : packed.arrival) {
    const auto begin = cpu_seconds();
    node->take("bench", 1, packed.frames[number]);
    cost.placing += cpu_seconds() - begin;
    if (++waiting % kBlocksACommit != 0) continue;
    const auto seal = seals.next(number);
    clock.advance(std::chrono::milliseconds(100));
    const auto at = cpu_seconds();
    node->take("bench", 1, seal);
    if (!node->commit()) return {};
    cost.committing += cpu_seconds() - at;
  }
  const auto readings = static_cast<double>(kBlocks) * kRows * kSeries;
  cost.good = node->counters().readings == static_cast<std::uint64_t>(readings);
  cost.placing *= 1e9 / readings;
  cost.committing *= 1e9 / readings;
  return cost;
}

// The cheaper of each: what else the machine does makes a run dearer, never cheaper.
void keep_best(Cost& best, const Cost& cost) {
  best.placing = std::min(best.placing, cost.placing);
  best.committing = std::min(best.committing, cost.committing);
  best.good = best.good && cost.good;
}

void print_line(std::string_view name, const std::string& asked, const std::string& measured,
                const std::string& further, bool met) {
  fmt::print("{:<42} {:<12} {:<14} {:<20} {}\n", name, asked, measured, further,
             asked.empty() ? "" : met ? "met" : "MISSED");
  std::fflush(stdout);
}

bool time_cases(const std::filesystem::path& folder, std::string_view only, unsigned runs) {
  bool good = true;
  for (const auto& c : kCases) {
    if (std::string_view(c.name).find(only) == std::string_view::npos) continue;
    std::vector<answers::View> views;
    if (c.aggregate != nullptr) {
      auto& view = views.emplace_back(answers::built_in_view());
      view.name = "asked";
      view.aggregates = {c.aggregate};
    }
    const Packed packed(c);
    auto best = run(packed, folder, views);
    for (unsigned n = 1; n < runs; ++n) keep_best(best, run(packed, folder, views));
    good = good && best.good;
    const auto speed = 1e3 / best.placing;
    print_line(c.name, c.asked > 0 ? fmt::format(">= {:.0f} M/s", c.asked) : "",
               fmt::format("{:.1f} M/s", speed),
               fmt::format("{:.1f} M/s", 1e3 / (best.placing + best.committing)),
               speed >= c.asked);
  }
  return good;
}

// Turn by turn, so that what else the machine does meets all of them.
bool time_ratios(const std::filesystem::path& folder, unsigned runs) {
  const Packed packed(kCases[0]);
  std::vector<Cost> best;
  for (unsigned n = 0; n < std::max(runs, 3U); ++n) {
    for (std::size_t i = 0; i < std::size(kRatios); ++i) {
      auto view = answers::built_in_view();
      view.name = "hopping";
      view.window = {"hopping", std::chrono::seconds(3600),
                     std::chrono::seconds(3600 / kRatios[i])};
      const auto cost = run(packed, folder, {view});
      if (n == 0) {
        best.push_back(cost);
      } else {
        keep_best(best[i], cost);
      }
    }
  }
  bool good = true;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const auto ratio = best[i].placing / best[0].placing;
    good = good && best[i].good;
    print_line(fmt::format("i64, in order, width/slide {}", kRatios[i]), "1.0 +- 0.2 x",
               fmt::format("{:.2f} x", ratio), fmt::format("{:.1f} ns", best[i].placing),
               ratio >= 0.8 && ratio <= 1.2);
  }
  return good;
}

void time_received_set() {
  constexpr std::uint64_t kOperations = 4'000'000;
  SequenceRanges received;
  std::uint64_t twice = 0;
  const auto start = cpu_seconds();
  for (std::uint64_t s = 1; s <= kOperations; ++s) twice += received.add(Sequence{s}) ? 0 : 1;
  const auto set_ns = (cpu_seconds() - start) * 1e9 / static_cast<double>(kOperations);
  print_line("received set, healthy", "<= 10 ns", fmt::format("{:.1f} ns", set_ns), "",
             set_ns <= 10 && twice == 0 && received.ranges().size() == 1);
  reconcile::IncarnationBooks books;
  reconcile::Placed placed;
  placed.answered = 1;
  const auto begin = cpu_seconds();
  Seal seal;
  for (std::uint64_t s = 1; s <= kOperations; ++s) {
    if (!books.received().contains(Sequence{s})) books.receive(Sequence{s}, 1, placed);
    if (s % 64 != 0) continue;  // one a flush of 30 s or so
    seal.number = s;
    seal.next = Sequence{s + 1};
    seal.ledger.taken = s;
    books.seal(seal, {}, [](const SequenceRange&) { return std::uint64_t{0}; }, {});
  }
  const auto ns = (cpu_seconds() - begin) * 1e9 / static_cast<double>(kOperations);
  print_line("books of a block, seals between", "", fmt::format("{:.1f} ns", ns), "", true);
}

// A channel of N(1013, 1) hPa in steps of 0.1: as mantissas, and as doubles.
template <typename Value>
void time_sketch(const char* name, window::Sketch::Mapping mapping, double scale) {
  constexpr std::size_t kValues = 600;
  constexpr int kMerges = 200'000;
  SeededRandom random(3);
  std::vector<Value> values;
  for (std::size_t i = 0; i < kValues * 100; ++i) {
    double v = -6;
    for (int k = 0; k < 12; ++k) v += static_cast<double>(random.below(1'000'000)) * 1e-6;
    const auto steps = static_cast<double>(std::llround((1013 + v) * 10));
    values.push_back(static_cast<Value>(steps * scale));
  }
  window::Sketch all(mapping), some(mapping);
  const auto adding = cpu_seconds();
  for (const auto v : values) all.add(v);
  const auto per_value = (cpu_seconds() - adding) * 1e9 / static_cast<double>(values.size());
  for (std::size_t i = 0; i < kValues; ++i) some.add(values[i]);
  const auto begin = cpu_seconds();
  for (int i = 0; i < kMerges; ++i) all.merge(some);
  const auto ns = (cpu_seconds() - begin) * 1e9 / kMerges;
  print_line(name, "<= 200 ns", fmt::format("{:.0f} ns", ns),
             fmt::format("{:.1f} ns a value", per_value), ns <= 200);
}

}  // namespace

bool run_speed(const std::filesystem::path& folder, std::string_view only, unsigned runs) {
  log::set_level(log::Level::warning);
  print_line("of one core", "asked", "to panes", "with commit", true);
  bool good = time_cases(folder, only, std::max(runs, 1U));
  if (only.empty()) {
    good = time_ratios(folder, runs) && good;
    time_received_set();
    time_sketch<std::int64_t>("a sketch of 600 values merges, linear",
                              window::Sketch::Mapping::linear, 1);
    time_sketch<double>("a sketch of 600 values merges, logarithmic",
                        window::Sketch::Mapping::logarithmic, 0.1);
  }
  std::filesystem::remove_all(folder);
  return good;
}

}  // namespace tidemark::bench
