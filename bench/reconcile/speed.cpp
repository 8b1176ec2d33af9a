#include "bench/reconcile/speed.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "cloud/intake/intake.h"
#include "cloud/reconcile/incarnation_books.h"
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
};

constexpr Case kCases[] = {
    {"i64 in order", ValueType::i64, false, Order::rising},
    {"f64 in order", ValueType::f64, false, Order::rising},
    {"f64 in order, device-stamped", ValueType::f64, true, Order::rising},
    {"i64 5 % of blocks late", ValueType::i64, false, Order::late_blocks},
    {"f64 5 % of blocks late", ValueType::f64, false, Order::late_blocks},
    {"f64 5 % of blocks late, device-stamped", ValueType::f64, true, Order::late_blocks},
    {"f64 5 % of rows late", ValueType::f64, false, Order::late_rows},
};

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
  wire::Frame block(std::uint32_t number) {
    Block block;
    block.dictionaries = {dictionary_->hash()};
    auto& group = block.groups.emplace_back();
    for (std::uint32_t r = 0; r < kRows; ++r) {
      auto time = kStart + (static_cast<std::int64_t>(number) * kRows + r) * kStep;
      if (case_.order == Order::late_rows && r % 20 == 7) {
        time -= static_cast<std::int64_t>(random_.below(3 * kDay / kSecond)) * kSecond + 7;
      }
      group.times.push_back(time);
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
  // All with a time before that block's end is in the sequences up to it, but for late ones.
  [[nodiscard]] wire::Frame seal(std::uint32_t number) const {
    Seal s;
    s.incarnation = kIncarnation;
    s.number = number + 1;
    s.next = Sequence{number + 2};
    s.ledger.taken = std::uint64_t{number + 1} * kRows * kSeries;
    SourceSeal source;
    source.source = "line1";
    source.device_stamped = case_.device_stamped;
    source.sealed_until = event_time(kStart + std::int64_t{number + 1} * kRows * kStep);
    s.sources.push_back(std::move(source));
    wire::Frame frame{wire::FrameType::seal, {}};
    ByteWriter out(frame.payload);
    s.encode(out);
    return frame;
  }
  [[nodiscard]] std::size_t packed() const { return packed_; }
  static constexpr Incarnation kIncarnation{5};

 private:
  const Case& case_;
  std::vector<SeriesDescription> series_;
  std::optional<Dictionary> dictionary_;
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

Cost run(const Case& c, const std::filesystem::path& folder, std::vector<answers::View> views) {
  SystemDisk disk;
  ManualClock clock{event_time(kStart + 8 * kDay)};
  const auto node = open(folder, disk, clock, std::move(views));
  if (!node) return {};
  Edge edge(c);
  std::vector<wire::Frame> frames;
  for (std::uint32_t i = 0; i < kBlocks; ++i) frames.push_back(edge.block(i));
  wire::Hello hello;
  hello.edge = "bench";
  hello.incarnation = Edge::kIncarnation;
  hello.start_ordinal = 1;
  node->take("bench", 1, {wire::FrameType::hello, wire::encode(hello)});
  node->take("bench", 1, edge.dictionary());
  Cost cost;
  std::uint32_t waiting = 0;
  for (const auto number : arrivals(c.order)) {
    const auto begin = cpu_seconds();
    node->take("bench", 1, frames[number]);
    cost.placing += cpu_seconds() - begin;
    if (++waiting % kBlocksACommit != 0) continue;
    node->take("bench", 1, edge.seal(number));
    clock.advance(std::chrono::milliseconds(100));
    const auto at = cpu_seconds();
    if (!node->commit()) return {};
    cost.committing += cpu_seconds() - at;
  }
  const auto readings = static_cast<double>(kBlocks) * kRows * kSeries;
  cost.good = node->counters().readings == static_cast<std::uint64_t>(readings);
  cost.placing *= 1e9 / readings;
  cost.committing *= 1e9 / readings;
  return cost;
}

void time_received_set() {
  constexpr std::uint64_t kOperations = 4'000'000;
  SequenceRanges received;
  std::uint64_t twice = 0;
  const auto start = cpu_seconds();
  for (std::uint64_t s = 1; s <= kOperations; ++s) twice += received.add(Sequence{s}) ? 0 : 1;
  const auto set_ns = (cpu_seconds() - start) * 1e9 / static_cast<double>(kOperations);
  std::printf("%-42s ns_per_operation=%.1f ranges=%zu repeats=%llu\n", "received set, healthy",
              set_ns, received.ranges().size(), static_cast<unsigned long long>(twice));
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
    books.seal(seal, {}, [](const SequenceRange&) { return std::uint64_t{0}; });
  }
  const auto ns = (cpu_seconds() - begin) * 1e9 / static_cast<double>(kOperations);
  std::printf("%-42s ns_per_operation=%.1f\n", "books of a block, seals between", ns);
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
  std::printf("%-42s ns_per_value=%.1f ns_per_merge=%.0f\n", name, per_value, ns);
}

}  // namespace

bool run_speed(const std::filesystem::path& folder) {
  bool good = true;
  for (const auto& c : kCases) {
    const auto cost = run(c, folder, {});
    good = good && cost.good;
    std::printf("%-42s ns_per_reading=%.1f readings_per_s=%.1fM with_commit=%.1fM\n", c.name,
                cost.placing, 1e3 / cost.placing, 1e3 / (cost.placing + cost.committing));
    std::fflush(stdout);
  }
  for (const int ratio : {1, 10, 100, 3600}) {
    auto view = answers::built_in_view();
    view.name = "hopping";
    view.window = {"hopping", std::chrono::seconds(3600), std::chrono::seconds(3600 / ratio)};
    const auto cost = run(kCases[0], folder, {view});
    good = good && cost.good;
    std::printf("%-30s width/slide=%-4d   ns_per_reading=%.1f\n", "hopping, i64 in order", ratio,
                cost.placing);
  }
  time_received_set();
  time_sketch<std::int64_t>("sketch, linear, 600 values",
                            window::Sketch::Mapping::linear, 1);
  time_sketch<double>("sketch, logarithmic, 600 values",
                      window::Sketch::Mapping::logarithmic, 0.1);
  std::filesystem::remove_all(folder);
  return good;
}

}  // namespace tidemark::bench
