// What the intake alone costs of what bench/cluster measures: the frames that the load writes as
// `blocks`, into one intake in this process, under the same views. No broker, no HTTP, no topic of
// answers: what a change of the intake saves can be seen, and profiled, without them.
//
//   tidemark-cluster-intake FOLDER READINGS ROUND_MS [BLOCKS_A_COMMIT [free]]
//
// 100 readings a second and device. `free`: stamped on arrival, not by devices. The store stays in
// FOLDER/store, for who compares what is in it. Prints CPU seconds per million readings of this
// thread; the frames are made before.
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/cluster/fleet.h"
#include "cloud/intake/intake.h"
#include "common/base/log.h"

namespace {

using namespace tidemark;

constexpr unsigned kRate = 100;
constexpr std::int64_t kStart = 1'763'596'800'000;  // ms; a whole day

struct Sent {
  std::string edge;
  std::uint64_t session;
  wire::Frame frame;
};

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

answers::View view_of_ten_seconds() {
  auto view = answers::built_in_view();
  view.name = "ten";
  view.window = {"tumbling", std::chrono::seconds(10)};
  view.emit.early = {};
  view.aggregates = {"count", "min", "max", "mean"};
  return view;
}

Result<> run(const std::filesystem::path& folder, const std::vector<Sent>& all,
             std::uint64_t blocks_a_commit, std::uint64_t readings) {
  SystemDisk disk;
  ManualClock clock{event_time((kStart + 86'400'000) * 1'000'000)};
  intake::Options options;
  options.data_dir = folder;
  options.from_log = true;
  TIDE_ASSIGN(options.views, answers::views_in_force({view_of_ten_seconds()}));
  TIDE_ASSIGN(const auto node, intake::Intake::open(disk, clock, std::move(options)));
  std::uint64_t blocks = 0;
  const auto begin = cpu_seconds();
  double committing = 0;
  for (const auto& s : all) {
    node->take(s.edge, s.session, s.frame);
    const bool is_block = s.frame.type == wire::FrameType::block;
    if (!is_block || (++blocks % blocks_a_commit != 0 && !node->full())) continue;
    clock.advance(std::chrono::milliseconds(50));
    const auto at = cpu_seconds();
    TIDE_TRY(node->commit());
    committing += cpu_seconds() - at;
  }
  const auto at = cpu_seconds();
  TIDE_TRY(node->commit());
  while (node->due() <= clock.steady()) TIDE_TRY(node->commit());
  TIDE_TRY(node->finish());
  const auto end = cpu_seconds();
  committing += end - at;
  const auto n = node->counters();
  const auto millions = static_cast<double>(readings) * 1e-6;
  fmt::print("blocks={} compared={} readings={} commits={} cpu_s_per_million={:.4f} "
             "placing={:.4f} committing={:.4f}\n",
             n.blocks, n.blocks_compared, n.readings, n.commits,
             (end - begin) / millions, (end - begin - committing) / millions,
             committing / millions);
  if (n.readings == readings) return {};
  return Error(Fault::bad_input,
               fmt::format("{} readings of {} have a place", n.readings, readings));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 3) return 64;
  log::set_level(log::Level::warning);
  const auto folder = std::filesystem::path(words[0]) / "store";
  std::filesystem::remove_all(folder);
  const auto readings = std::stoull(words[1]);
  const auto blocks_a_commit = words.size() > 3 ? std::stoull(words[3]) : 8;
  const bool free = words.size() > 4 && words[4] == "free";
  std::vector<Sent> all;
  auto done = bench::each_frame(bench::Readings(readings, kRate), std::stoll(words[2]),
                                {kStart, !free},
                                [&](const bench::Edge& edge, wire::Frame frame) -> Result<> {
    all.push_back({edge.name(), edge.session(), std::move(frame)});
    return {};
  });
  if (done) done = run(folder, all, blocks_a_commit, readings);
  if (done) return 0;
  fmt::print(stderr, "tidemark-cluster-intake: {}\n", done.error().text());
  return 1;
}
