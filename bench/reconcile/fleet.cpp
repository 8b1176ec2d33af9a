#include "bench/reconcile/fleet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <thread>

#include "bench/reconcile/fleet_edge.h"
#include "cloud/intake/intake.h"
#include "cloud/query/reader.h"
#include "common/base/random.h"

namespace tidemark::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::uint32_t kRowsLive = 10;        // a second
constexpr std::uint32_t kRowsBacklog = 1000;   // blocks that the edge has merged
constexpr double kCpuShare = 0.5;
constexpr double kResidentMost = 1.5;  // of the quiet phase, asked
constexpr double kDelayMost = 2;
constexpr double kIsolatedMost = 1.25;  // p99 beside strangers; what two runs of one differ by
constexpr std::chrono::milliseconds kCommitEvery{50};
constexpr std::chrono::milliseconds kBacklogEach{5};  // of each batch: its commit costs more
constexpr std::string_view kPaneView = "panes";

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  statm >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

// Frames of the backlog, in a file: what waits at an edge is not this node's memory.
class Backlog {
 public:
  explicit Backlog(const std::filesystem::path& file)
      : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600)) {}
  ~Backlog() { ::close(fd_); }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  bool add(unsigned edge, const wire::Frame& frame, unsigned copies) {
    const Item item{edge, frame.type, end_, frame.payload.size()};
    for (unsigned i = 0; i < copies; ++i) items_.push_back(item);
    const auto written = ::pwrite(fd_, frame.payload.data(), frame.payload.size(),
                                  static_cast<::off_t>(end_));
    end_ += frame.payload.size();
    return written == static_cast<::ssize_t>(frame.payload.size());
  }
  void shuffle(Random& random) {
    for (auto i = items_.size(); i > 1; --i) std::swap(items_[i - 1], items_[random.below(i)]);
  }
  // Of the edge by that number; false when all were taken.
  bool next(unsigned& edge, wire::Frame& frame) {
    if (at_ == items_.size()) return false;
    const auto& item = items_[at_++];
    edge = item.edge;
    frame.type = item.type;
    frame.payload.resize(item.size);
    return ::pread(fd_, frame.payload.data(), item.size, static_cast<::off_t>(item.offset)) ==
           static_cast<::ssize_t>(item.size);
  }
  [[nodiscard]] std::size_t frames() const { return items_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return end_; }

 private:
  struct Item {
    unsigned edge;
    wire::FrameType type;
    std::uint64_t offset;
    std::size_t size;
  };
  int fd_;
  std::uint64_t end_ = 0;
  std::size_t at_ = 0;
  std::vector<Item> items_;
};

struct Phase {
  double wall = 0;
  double cpu = 0;
  double resident = 0;          // MiB at most
  std::vector<double> delays;   // s from when the seal that passes a window's end is sent to the
                                // end of the commit that holds its sealed answer
};

// A seal of a live edge that passed a window's end.
struct Sealing {
  unsigned edge;
  std::int64_t end;
  Clock::time_point sent;
  const Phase* phase;
};

class Fleet {
 public:
  Fleet(const std::filesystem::path& folder, const FleetOptions& options)
      : folder_(folder), options_(options), backlog_(folder / "backlog") {}

  bool run();
  bool run_isolation();

 private:
  bool open();
  // Of the windows whose delays are taken.
  [[nodiscard]] std::int64_t live_width() const {
    return options_.pane_view_s > 0 ? options_.pane_view_s * kSecond : kMinute;
  }
  void add_edge(std::int64_t first);
  void pack_backlog();
  void live(Phase& phase);
  bool commit(Phase& phase);
  bool warm_up();
  bool take_delays(query::Reader& reader, Phase& phase);
  bool work(Phase& phase, bool backlog, Clock::time_point until);
  bool report(Phase& quiet, Phase& busy);
  struct Compared {
    std::uint64_t windows = 0, wrong = 0, revisions = 0;
  };
  Compared compare(query::Reader& reader, const std::string& view, std::int64_t width);
  Compared compare_series(query::Reader& reader, const std::string& view, std::int64_t width,
                          const FleetEdge& edge, std::uint32_t series);

  std::filesystem::path folder_;
  FleetOptions options_;
  Backlog backlog_;
  SystemDisk disk_;
  SystemClock clock_;
  std::unique_ptr<intake::Intake> node_;
  std::vector<std::unique_ptr<FleetEdge>> edges_;  // those that were away first
  std::vector<Clock::time_point> due_;             // of the live ones, their next block
  std::vector<Sealing> sealings_;
  std::vector<std::pair<EventTime, Clock::time_point>> committed_;  // the ends of commits
  std::int64_t first_ = 0;
  bool strangers_ = false;  // the last two edges take part
};

bool Fleet::open() {
  intake::Options o;
  o.data_dir = folder_ / "node";
  std::vector<answers::View> views;
  if (options_.pane_view_s > 0) {
    auto view = answers::built_in_view();
    view.name = kPaneView;
    view.window.size = std::chrono::seconds(options_.pane_view_s);
    views.push_back(std::move(view));
  }
  o.views = answers::views_in_force(views).value();
  o.horizons.age[0] = std::chrono::hours(96);
  auto opened = intake::Intake::open(disk_, clock_, std::move(o));
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().text().c_str());
    return false;
  }
  node_ = std::move(opened).value();
  return true;
}

void Fleet::add_edge(std::int64_t first) {
  const auto number = static_cast<unsigned>(edges_.size());
  edges_.push_back(std::make_unique<FleetEdge>(number, options_.sources, first));
  auto& edge = *edges_.back();
  node_->take(edge.name(), 1, edge.hello());
  node_->take(edge.name(), 1, edge.dictionary());
  due_.push_back(Clock::now() + std::chrono::milliseconds(1000 * number / options_.edges));
}

void Fleet::pack_backlog() {
  const auto now = count_ns(clock_.wall()) / kMinute * kMinute;
  first_ = now - std::int64_t{options_.hours} * 3600 * kSecond;
  SeededRandom random(1);
  for (unsigned e = 0; e < options_.edges; ++e) {
    const bool away = e < options_.offline;
    add_edge(away ? first_ : now - std::int64_t{options_.warm_minutes} * kMinute);
    auto& edge = *edges_.back();
    while (away && edge.time_of(edge.done()) < now) {
      const auto record = edge.pack(kRowsBacklog);
      backlog_.add(e, {wire::FrameType::block, wire::encode_block(Lane::backlog, record)},
                   options_.copies);
      backlog_.add(e, edge.seal(), 1);
    }
  }
  backlog_.shuffle(random);
}

// The blocks of the second that has passed, of those whose turn it is.
void Fleet::live(Phase& phase) {
  const auto now = Clock::now();
  for (unsigned e = options_.offline; e < edges_.size(); ++e) {
    const bool stranger = e >= options_.edges;
    if (due_[e] > now || (stranger && !strangers_)) continue;
    const auto sent = std::exchange(due_[e], due_[e] + std::chrono::seconds(1));
    if (e == options_.edges) continue;  // the silent one
    auto& edge = *edges_[e];
    const auto before = edge.time_of(edge.done()) / live_width();
    const auto record = edge.pack(kRowsLive);
    const auto seal = edge.seal();
    const auto begin = cpu_seconds();
    node_->take(edge.name(), 1,
                {wire::FrameType::block, wire::encode_block(Lane::live, record)});
    node_->take(edge.name(), 1, seal);
    phase.cpu += cpu_seconds() - begin;
    const auto passed = edge.time_of(edge.done()) / live_width();
    if (!stranger && passed != before) {
      sealings_.push_back({e, passed * live_width(), sent, &phase});
    }
  }
}

// What the live edges took before: a node that has just started has empty caches, and its memory
// is no measure.
bool Fleet::warm_up() {
  Phase phase;
  for (std::int64_t s = 0; s < std::int64_t{options_.warm_minutes} * 60; ++s) {
    for (unsigned e = options_.offline; e < options_.edges; ++e) {
      auto& edge = *edges_[e];
      const auto record = edge.pack(kRowsLive);
      node_->take(edge.name(), 1,
                  {wire::FrameType::block, wire::encode_block(Lane::live, record)});
      node_->take(edge.name(), 1, edge.seal());
    }
    if (!commit(phase)) return false;
  }
  while (node_->due() < clock_.steady()) {
    if (!commit(phase)) return false;
  }
  const auto now = Clock::now();
  for (unsigned e = 0; e < due_.size(); ++e) {
    due_[e] = now + std::chrono::milliseconds(1000 * e / options_.edges);
  }
  return true;
}

bool Fleet::commit(Phase& phase) {
  const auto begin = cpu_seconds();
  if (!node_->commit()) return false;
  phase.cpu += cpu_seconds() - begin;
  committed_.emplace_back(clock_.wall(), Clock::now());
  phase.resident = std::max(phase.resident, resident_mib());
  return true;
}

// By the answers' own known_at.
bool Fleet::take_delays(query::Reader& reader, Phase& phase) {
  std::map<std::pair<unsigned, std::int64_t>, Clock::time_point> sealed;
  for (const auto& s : sealings_) {
    if (s.phase == &phase) sealed[{s.edge, s.end}] = s.sent;
  }
  for (unsigned e = options_.offline; e < options_.edges; ++e) {
    query::AnswerQuery q;
    q.view = options_.pane_view_s > 0 ? std::string(kPaneView) : "minute";
    q.select = edges_[e]->name() + "/**";
    const auto answers = reader.answers(q);
    if (!answers) return false;
    for (const auto& a : *answers) {
      const auto taken = sealed.find({e, count_ns(a.end)});
      if (taken == sealed.end() || a.state != answers::State::sealed) continue;
      const auto committed =
          std::lower_bound(committed_.begin(), committed_.end(), a.known_at,
                           [](const auto& c, EventTime known) { return c.first < known; });
      if (committed == committed_.end()) continue;
      phase.delays.push_back(
          std::chrono::duration<double>(committed->second - taken->second).count());
    }
  }
  return true;
}

// Live data, and the backlog in the rest of the CPU's share; until then, or until all came.
bool Fleet::work(Phase& phase, bool backlog, Clock::time_point until) {
  const auto begin = Clock::now();
  const auto wall = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  unsigned edge = 0;
  wire::Frame frame;
  bool more = backlog;
  const auto left = [&] { return more || node_->due() < clock_.steady(); };
  const auto spare = [&] { return phase.cpu < wall() * kCpuShare; };
  while (backlog ? left() : Clock::now() < until) {
    const auto next = Clock::now() + kCommitEvery;
    do {  // batches of the backlog are small, so that live data need not wait for long
      live(phase);
      const auto enough = Clock::now() + kBacklogEach;
      while (more && spare() && !node_->full() && Clock::now() < enough) {
        const auto at = cpu_seconds();
        more = backlog_.next(edge, frame);
        if (more) node_->take(edges_[edge]->name(), 1, frame);
        phase.cpu += cpu_seconds() - at;
      }
      if (!commit(phase)) return false;
    } while (backlog && left() && spare() && Clock::now() < next);
    std::this_thread::sleep_until(next);
  }
  phase.wall = wall();
  return true;
}

// Bit for bit those of a batch over the same readings, of those that were away and of the others.
Fleet::Compared Fleet::compare(query::Reader& reader, const std::string& view,
                               std::int64_t width) {
  Compared all;
  for (unsigned e = 0; e < options_.edges; ++e) {
    const auto& edge = *edges_[e];
    for (std::uint32_t s = 0; s < edge.series().size(); ++s) {
      const auto of_series = compare_series(reader, view, width, edge, s);
      all.windows += of_series.windows;
      all.wrong += of_series.wrong;
      all.revisions = std::max(all.revisions, of_series.revisions);
    }
  }
  return all;
}

Fleet::Compared Fleet::compare_series(query::Reader& reader, const std::string& view,
                                      std::int64_t width, const FleetEdge& edge,
                                      std::uint32_t series) {
  const auto& d = edge.series()[series];
  query::AnswerQuery q;
  q.view = view;
  q.select = edge.name() + "/" + d.local_name();
  q.limit = std::numeric_limits<std::size_t>::max() / 2;
  auto answers = reader.answers(q);
  Compared all;
  if (!answers) return {0, 1, 0};
  std::map<std::int64_t, window::Partial> batch;
  for (std::uint64_t k = 0; k < edge.done(); ++k) {
    const auto time = edge.time_of(k);
    auto& sum = batch.try_emplace(time / width * width, d.type).first->second;
    if (d.type == ValueType::i64) {
      sum.add(time, edge.level(series, k));
    } else {
      sum.add(time, static_cast<double>(edge.level(series, k)) * 0.01);
    }
  }
  for (const auto& a : *answers) {
    const auto at = batch.find(count_ns(a.start));
    const bool whole = count_ns(a.end) <= edge.time_of(edge.done());
    if (at == batch.end() || !whole) continue;
    ++all.windows;
    all.revisions = std::max(all.revisions, a.revision);
    const auto figures = window::Aggregates::of(at->second, d.exponent);
    const bool proved =
        a.state == answers::State::sealed || a.state == answers::State::revised;
    bool same = proved && !a.values.empty() && a.completeness == 1.0 && a.lost == 0;
    for (const auto& [name, value] : a.values) {
      same = same && value && std::bit_cast<std::uint64_t>(*value) ==
                                  std::bit_cast<std::uint64_t>(*figures.get(name));
    }
    if (!same) ++all.wrong;
    batch.erase(at);
  }
  for (const auto& [start, sum] : batch) {
    if (start + width <= edge.time_of(edge.done())) ++all.wrong;
  }
  return all;
}

double quantile(std::vector<double>& all, double p) {
  if (all.empty()) return 0;
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(
                                    p * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), at, all.end());
  return *at;
}

void print(const char* name, Phase& phase) {
  fmt::print("{:<9} wall_s={:.1f} cpu={:.0f}% rss_mib={:.1f} live_p50_ms={:.1f} live_p99_ms={:.1f} "
             "of {} answers\n", name, phase.wall, 100 * phase.cpu / phase.wall, phase.resident,
             1e3 * quantile(phase.delays, 0.5), 1e3 * quantile(phase.delays, 0.99),
             phase.delays.size());
}

bool Fleet::report(Phase& quiet, Phase& busy) {
  auto reader = query::Reader::open(folder_ / "node");
  if (!reader) return false;
  if (!take_delays(**reader, quiet) || !take_delays(**reader, busy)) return false;
  print("quiet", quiet);
  print("backfill", busy);
  const auto rss = busy.resident / quiet.resident;
  const auto p99 = quantile(busy.delays, 0.99) / quantile(quiet.delays, 0.99);
  fmt::print("backfill to quiet: rss {:.2f} ({} asked), live p99 {:.2f} ({} asked)\n", rss,
             kResidentMost, p99, kDelayMost);
  const auto ledger = node_->ledger();
  fmt::print("ledger: taken {} = answered {} + duplicate {} + late ledger {} + pending {}{}\n",
             ledger.taken, ledger.answered, ledger.duplicate, ledger.late_ledger, ledger.pending,
             ledger.adds_up() ? "" : ": DOES NOT ADD UP");
  bool right = rss <= kResidentMost && p99 <= kDelayMost;  // without delays p99 is no number
  const auto most = busy.wall / 5 + 1;
  const auto check = [&](const std::string& view, std::int64_t width) {
    const auto c = compare(**reader, view, width);
    fmt::print("windows of {} s of all edges: {} compared, {} wrong; most revisions of "
               "one {}, at most {:.0f}\n", width / kSecond, c.windows, c.wrong, c.revisions, most);
    right = right && c.windows > 0 && c.wrong == 0 && static_cast<double>(c.revisions) <= most;
  };
  check("minute", kMinute);
  if (options_.pane_view_s > 0) check(std::string(kPaneView), options_.pane_view_s * kSecond);
  return right && ledger.adds_up() && ledger.pending == 0 && ledger.answered == ledger.taken;
}

bool Fleet::run() {
  if (!open()) return false;
  pack_backlog();
  fmt::print("fleet: {} edges of {} series at 10 Hz; {} come back after {} h with {} frames, "
             "{:.1f} MiB packed\n", options_.edges, options_.sources, options_.offline,
             options_.hours, backlog_.frames(), static_cast<double>(backlog_.bytes()) / 1048576.0);
  Phase quiet;
  Phase busy;
  if (!warm_up()) return false;
  if (!work(quiet, false, Clock::now() + std::chrono::seconds(options_.quiet_s))) return false;
  if (!work(busy, true, {})) return false;
  return report(quiet, busy);
}

bool Fleet::run_isolation() {
  options_.offline = 0;
  if (!open()) return false;
  const auto now = count_ns(clock_.wall()) / kMinute * kMinute;
  for (unsigned e = 0; e <= options_.edges; ++e) add_edge(now);
  add_edge(4'102'444'800LL * kSecond);  // 2100
  Phase phases[2];
  for (const bool with : {false, true}) {
    strangers_ = with;
    auto& phase = phases[with ? 1 : 0];
    if (!work(phase, false, Clock::now() + std::chrono::seconds(options_.quiet_s))) return false;
  }
  auto reader = query::Reader::open(folder_ / "node");
  if (!reader) return false;
  for (const bool with : {false, true}) {
    auto& phase = phases[with ? 1 : 0];
    if (!take_delays(**reader, phase)) return false;
    fmt::print("{:<9} strangers: live_p50_ms={:.1f} live_p99_ms={:.1f} live_max_ms={:.1f} of {} "
               "answers\n", with ? "with" : "without", 1e3 * quantile(phase.delays, 0.5),
               1e3 * quantile(phase.delays, 0.99), 1e3 * quantile(phase.delays, 1),
               phase.delays.size());
  }
  const auto p99 = quantile(phases[1].delays, 0.99) / quantile(phases[0].delays, 0.99);
  fmt::print("with to without strangers: live p99 {:.2f} ({} asked)\n", p99, kIsolatedMost);
  return p99 <= kIsolatedMost && node_->ledger().adds_up();
}

}  // namespace

bool run_isolation(const std::filesystem::path& folder, const FleetOptions& options) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const bool good = Fleet(folder, options).run_isolation();
  std::filesystem::remove_all(folder);
  return good;
}

bool run_fleet(const std::filesystem::path& folder, const FleetOptions& options) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const bool good = Fleet(folder, options).run();
  std::filesystem::remove_all(folder);
  return good;
}

}  // namespace tidemark::bench
