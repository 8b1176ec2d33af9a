// How many readings a second does one intake place, commit included? One line a case.
//
//   tidemark-bench-intake FOLDER
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include "cloud/intake/intake.h"
#include "common/codec/codec.h"
#include "common/wire/frame.h"

namespace {

using namespace tidemark;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'763'600'400LL * kSecond;

struct Case {
  const char* name;
  std::uint32_t series;
  std::int64_t step_ns;       // between two readings of a series
  std::uint32_t rows;         // of a block
  std::uint32_t blocks;
  std::uint32_t per_commit;   // blocks
  ValueType type;
  bool device_stamped;
};

constexpr Case kCases[] = {
    {"1kHz-f64", 16, kSecond / 1000, 500, 600, 20, ValueType::f64, false},
    {"1kHz-i64", 16, kSecond / 1000, 500, 600, 20, ValueType::i64, false},
    {"1kHz-f64-device-stamped", 16, kSecond / 1000, 500, 600, 20, ValueType::f64, true},
    {"10Hz-f64-live", 200, kSecond / 10, 5, 1200, 20, ValueType::f64, false},
    {"1Hz-i64-live", 500, kSecond, 1, 1200, 20, ValueType::i64, false},
    {"1Hz-i64-backlog", 100, kSecond, 300, 200, 10, ValueType::i64, false},
};

Dictionary make_dictionary(const Case& c) {
  std::vector<SeriesDescription> all;
  for (std::uint32_t i = 0; i < c.series; ++i) {
    SeriesDescription d;
    d.source = d.device = "line1";
    d.metric = "m" + std::to_string(i);
    d.type = c.type;
    d.exponent = c.type == ValueType::i64 ? -1 : 0;
    d.device_stamped = c.device_stamped;
    all.push_back(std::move(d));
  }
  return Dictionary(std::move(all));
}

wire::Frame make_block(const Case& c, const Dictionary& dictionary, std::uint32_t number) {
  Block block;
  block.dictionaries = {dictionary.hash()};
  Group group;
  const auto begin = kStart + static_cast<std::int64_t>(number) * c.rows * c.step_ns;
  for (std::uint32_t r = 0; r < c.rows; ++r) group.times.push_back(begin + r * c.step_ns);
  for (std::uint32_t s = 0; s < c.series; ++s) {
    Column column;
    column.series = s;
    column.type = c.type;
    for (std::uint32_t r = 0; r < c.rows; ++r) {
      const auto v = static_cast<std::int64_t>((r * 7 + s * 13 + number) % 400);
      if (c.type == ValueType::i64) {
        column.i64.push_back(2000 + v);
      } else {
        column.f64.push_back(20.0 + static_cast<double>(v) * 0.01);
      }
    }
    group.columns.push_back(std::move(column));
  }
  block.groups.push_back(std::move(group));
  BlockRecord record;
  record.name = {Incarnation{5}, Sequence{number + 1}};
  record.readings = readings_carried(block);
  record.time_min = begin;
  record.time_max = begin + (c.rows - 1) * c.step_ns;
  record.bytes = codec::encode(block, codec::Tier::standard).value();
  return {wire::FrameType::block, wire::encode_block(Lane::live, record)};
}

bool run(const Case& c, const std::filesystem::path& folder) {
  std::filesystem::remove_all(folder);
  SystemDisk disk;
  SystemClock clock;
  intake::Options options;
  options.data_dir = folder;
  options.views = answers::views_in_force({}).value();
  auto opened = intake::Intake::open(disk, clock, std::move(options));
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().text().c_str());
    return false;
  }
  auto& node = **opened;
  const auto dictionary = make_dictionary(c);
  std::vector<wire::Frame> frames;
  for (std::uint32_t i = 0; i < c.blocks; ++i) frames.push_back(make_block(c, dictionary, i));
  wire::Hello hello;
  hello.edge = "bench";
  hello.incarnation = Incarnation{5};
  hello.start_ordinal = 1;
  node.take("bench", 1, {wire::FrameType::hello, wire::encode(hello)});
  node.take("bench", 1, {wire::FrameType::dictionary, dictionary.bytes()});
  const auto begin = std::chrono::steady_clock::now();
  double committing = 0;
  for (std::uint32_t i = 0; i < c.blocks; ++i) {
    node.take("bench", 1, frames[i]);
    if ((i + 1) % c.per_commit != 0) continue;
    const auto at = std::chrono::steady_clock::now();
    if (!node.commit()) return false;
    committing += std::chrono::duration<double>(std::chrono::steady_clock::now() - at).count();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto readings = static_cast<double>(c.blocks) * c.rows * c.series;
  std::printf("%-26s readings=%.0f seconds=%.3f readings_per_s=%.0f commit_share=%.2f\n", c.name,
              readings, took.count(), readings / took.count(), committing / took.count());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tidemark-bench-intake FOLDER (is made, and removed)\n");
    return 64;
  }
  const std::filesystem::path folder = std::filesystem::path(argv[1]) / "bench-intake";
  bool good = true;
  for (const auto& c : kCases) good = run(c, folder) && good;
  std::filesystem::remove_all(folder);
  return good ? 0 : 70;
}
