// What does a detector cost a sample? CPU time, one line a case, on three kinds of signal.
//
//   tidemark-bench-filter
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <vector>

#include "common/base/random.h"
#include "edge/filter/series_filter.h"

namespace {

using namespace tidemark;

constexpr std::size_t kSamples = 2'000'000;

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double uniform(SeededRandom& random) {
  return static_cast<double>(random.below(1 << 30)) / static_cast<double>(1 << 30);
}

enum class Signal { noise, sine, steps };

std::vector<double> make(Signal signal) {
  SeededRandom random(7);
  std::vector<double> out;
  out.reserve(kSamples);
  for (std::size_t i = 0; i < kSamples; ++i) {
    const double noise = uniform(random) + uniform(random) + uniform(random) - 1.5;
    switch (signal) {
      case Signal::noise: out.push_back(20 + noise); break;
      case Signal::sine:
        out.push_back(20 + 5 * std::sin(static_cast<double>(i) * 0.05) + 0.02 * noise);
        break;
      case Signal::steps:  // of a meter with 0.1 steps: many equal values
        out.push_back(std::round(2300 + 3 * noise) * 0.1);
        break;
    }
  }
  return out;
}

void run(const char* name, const filter::FilterOptions& options) {
  static constexpr struct {
    Signal signal;
    const char* name;
  } kSignals[] = {{Signal::noise, "noise"}, {Signal::sine, "sine"}, {Signal::steps, "steps"}};
  for (const auto& s : kSignals) {
    const auto values = make(s.signal);
    filter::SeriesFilter filter(options);
    std::vector<filter::Event> events;
    std::uint64_t marked = 0, raised = 0;
    const double begin = cpu_seconds();
    std::int64_t time = 0;
    for (const double v : values) {
      marked += filter.check(event_time(time += 1'000'000), v, events).marked() ? 1 : 0;
      raised += events.size();
      events.clear();
    }
    const double ns = (cpu_seconds() - begin) * 1e9 / static_cast<double>(values.size());
    std::printf("%-12s %-6s ns_per_sample=%.1f marked=%llu events=%llu\n", name, s.name, ns,
                static_cast<unsigned long long>(marked), static_cast<unsigned long long>(raised));
  }
}

}  // namespace

int main() {
  filter::FilterOptions none;
  run("none", none);
  filter::FilterOptions range;
  range.range = filter::RangeOptions{0, 1000};
  run("range", range);
  filter::FilterOptions rate;
  rate.rate = filter::RateOptions{.per_second_max = 1e6};
  run("rate", rate);
  filter::FilterOptions stuck;
  stuck.stuck = filter::StuckOptions{};
  run("stuck", stuck);
  for (const std::size_t samples : {std::size_t{64}, std::size_t{256}}) {
    filter::FilterOptions spike;
    spike.spike = filter::SpikeOptions{.samples = samples};
    run(samples == 64 ? "spike-64" : "spike-256", spike);
  }
  filter::FilterOptions limit;
  limit.limits.push_back({.hihi = 1000, .hi = 900, .lo = 1, .lolo = 0});
  run("limit", limit);
  return 0;
}
