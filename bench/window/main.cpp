// What does a window at the edge cost a reading, whatever its length? CPU time, one line a case:
// readings of 1 kHz, a flush every 500 ms.
//
//   tidemark-bench-window
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "edge/window/local_window.h"
#include "edge/window/series_window.h"

namespace {

using namespace tidemark;
using namespace tidemark::window;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kReadings = 1'000'000;
constexpr std::int64_t kStep = 1'000'000;  // ns
constexpr std::int64_t kFlush = 500;       // readings

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

Shape shape_of(const std::vector<std::string>& names) {
  Shape shape;
  shape.wanted = std::make_shared<const Wanted>(Wanted::parse(names).value());
  return shape;
}

template <typename Add, typename Flush>
void run(const char* name, const char* figures, Add add, Flush flush) {
  Column column;
  for (int i = 0; i < 4096; ++i) column.f64.push_back(20 + 0.01 * ((i * 7919) % 1000));
  std::vector<LocalResult> results;
  std::uint64_t told = 0;
  const double begin = cpu_seconds();
  for (std::int64_t i = 1; i <= kReadings; ++i) {
    add(event_time(i * kStep), column, static_cast<std::size_t>(i % 4096));
    if (i % kFlush != 0) continue;
    flush(event_time(i * kStep), results);
    told += results.size();
    results.clear();
  }
  const double ns = (cpu_seconds() - begin) * 1e9 / static_cast<double>(kReadings);
  std::printf("%-22s %-10s ns_per_reading=%.1f results=%llu\n", name, figures, ns,
              static_cast<unsigned long long>(told));
}

void aligned(const char* name, WindowOptions options) {
  SeriesWindow window(std::move(options));
  std::vector<PartialRow> rows;
  run(name, "additive",
      [&](EventTime t, const Column& c, std::size_t i) { static_cast<void>(window.add(t, c, i)); },
      [&](EventTime t, std::vector<LocalResult>& out) {
        window.flush(t, 0, rows, out);
        rows.clear();
      });
}

void local(const char* name, const char* figures, const LocalOptions& options) {
  const auto window = LocalWindow::make(options);
  run(name, figures,
      [&](EventTime t, const Column& c, std::size_t i) { window->add(t, c, i); },
      [&](EventTime t, std::vector<LocalResult>& out) { window->flush(t, out); });
}

}  // namespace

int main() {
  const auto plain = shape_of({"count", "min", "max", "mean"});
  const auto ordered = shape_of({"count", "p95", "twa", "increase"});
  WindowOptions o{.size = seconds(1), .hop = seconds(1), .keep = seconds(60)};
  aligned("carrier 1s", o);
  o.shape = plain;
  aligned("carrier and result 1s", o);
  o.upstream = Upstream::none;
  o.shape = ordered;
  aligned("tumbling 1s p95 twa", o);
  o.shape = plain;
  for (const int panes : {10, 100, 1000}) {
    o.size = milliseconds(100 * panes);
    o.hop = milliseconds(100);
    aligned(("hopping of " + std::to_string(panes)).c_str(), o);
  }
  using Kind = LocalOptions::Kind;
  for (const int readings : {20, 200, 2000}) {
    local(("sliding of " + std::to_string(readings)).c_str(), "additive",
          {.kind = Kind::sliding, .size = milliseconds(readings), .keep = {}, .shape = plain});
  }
  local("sliding of 2000", "ordered",
        {.kind = Kind::sliding, .size = seconds(2), .keep = {}, .shape = ordered});
  local("session", "additive", {.kind = Kind::session, .gap = seconds(1), .shape = plain});
  local("count of 1000", "additive", {.kind = Kind::count, .count = 1000, .shape = plain});
  return 0;
}
