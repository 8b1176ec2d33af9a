// Serves the page over a made-up plant, for looking at it and for the browser test:
//   page_feed [PORT]       prints its address, runs until stdin closes
// Three edges: one well, one behind, one away. An hour of windows is there at the start; then each
// second brings an emission of every series, and some minutes are revised. A second view has
// windows of one second, too many to be asked for at once: there frequency comes each other second
// and was silent for a while, vibration_rms has come once, and flow comes no more.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <map>

#include "cloud/http/face.h"
#include "tests/cloud/fake_store.h"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;

struct Shape {
  const char* series;
  const char* unit;
  double base;
  double swing;
  double seconds;  // of one swing
};
constexpr Shape kShapes[] = {
    {"press-07/line1/power_total", "W", 4800, 900, 700},
    {"press-07/line1/voltage_l1", "V", 231.2, 2.4, 300},
    {"press-07/line1/current_l1", "A", 7.1, 1.6, 700},
    {"press-07/line1/frequency", "Hz", 50, 0.03, 90},
    {"press-07/floor/vibration_rms", "mm/s", 2.1, 0.7, 200},
    {"press-08/chiller/temperature_out", "Cel", 7.4, 1.1, 1200},
    {"press-08/chiller/flow", "m3/h", 12.5, 2, 500},
    {"press-08/line2/power_total", "W", 12900, 3500, 900},
    {"kiln-01/zone3/temperature", "Cel", 1180, 6, 1500},
};

double value_at(const Shape& s, double t) {
  const double slow = std::sin(t / s.seconds * 6.283);
  const double quick = std::sin(t / s.seconds * 61.7) + std::sin(t / s.seconds * 149.1);
  return s.base + s.swing * (0.7 * slow + 0.15 * quick);
}

answers::Answer window_of(const Shape& s, EventTime start, bool sealed) {
  const double t = static_cast<double>(count_ns(start)) / 1e9;
  auto a = some_answer(s.series, start, value_at(s, t));
  a.unit = s.unit;
  a.values["min"] = *a.values["mean"] - s.swing * (0.12 + 0.08 * std::sin(t));
  a.values["max"] = *a.values["mean"] + s.swing * (0.14 + 0.08 * std::cos(t));
  if (!sealed) {
    a.state = answers::State::provisional;
    a.completeness = 0.52;
    a.estimated = true;
    a.values["count"] = 31;
    a.missing = {{std::string(s.series).substr(0, 8), "3 blocks under way"}};
  }
  return a;
}

answers::Answer revision_of(const Shape& s, EventTime start) {
  auto a = window_of(s, start, true);
  a.previous = a.values;
  *a.values["mean"] += s.swing * 0.35;
  *a.values["max"] += s.swing * 0.4;
  a.values["count"] = 72;
  a.state = answers::State::revised;
  a.revision = 1;
  a.cause = "late";
  return a;
}

bool away(const Shape& s) { return std::string_view(s.series).starts_with("kiln"); }

void set_edges(FakeStore& store, EventTime now, std::uint64_t taken) {
  auto well = some_edge("press-07", now - 1200ms);
  well.ledger.taken = taken;
  well.ledger.thinned = taken / 5;
  well.ledger.duplicate = 212;
  well.ledger.pending = 118;
  well.ledger.answered = taken - taken / 5 - 212 - 118;
  auto behind = some_edge("press-08", now - 95s);
  behind.ledger.taken = 1'204'118;
  behind.ledger.pending = 28'420;
  behind.ledger.answered = 1'175'698;
  behind.blocks_missing = 24;
  behind.seen = now - 800ms;
  auto off = some_edge("kiln-01", now - 16min);
  off.connected = false;
  off.ledger.taken = 88'100;
  off.ledger.lost = 340;
  off.ledger.quarantined = 12;
  off.ledger.answered = 88'100 - 352;
  off.start_ordinal = 4;
  store.set_edges({well, behind, off});
}

answers::Answer second_of(const Shape& s, EventTime start, EventTime now) {
  auto a = window_of(s, start, true);
  a.view = "all_1s";
  a.end = start + 1s;
  a.values["count"] = 1;
  const std::string_view name = s.series;
  const auto ago = now - start;
  const bool every_other = count_ns(start) / 1'000'000'000 % 2 == 0 && !(ago > 100s && ago < 140s);
  if ((name.ends_with("frequency") && !every_other) ||
      (name.ends_with("vibration_rms") && (ago < 60s || ago >= 61s)) ||
      (name.ends_with("flow") && ago < 60s)) {
    for (auto& [figure, value] : a.values) value.reset();
    a.values["count"] = 0;
  }
  return a;
}

void fill(FakeStore& store, EventTime now) {
  for (const auto& s : kShapes) {
    const auto last = floor_to(away(s) ? now - 16min : now, 1s);
    for (auto start = last - 90min; start < last; start += 1s) store.emit(second_of(s, start, now));
  }
  for (const auto& s : kShapes) {
    const auto end = away(s) ? now - 16min : now;
    const auto last = floor_to(end, 1min);
    for (auto start = last - 55min; start < last; start += 1min) {
      store.emit(window_of(s, start, start + 2min < last));
      if (count_ns(start) / 60'000'000'000 % 17 == 3) store.emit(revision_of(s, start));
    }
    if (!away(s)) store.emit(window_of(s, last, false));
  }
  store.set_late({{"press-07/line1/power_total", floor_to(now, 1min) - 8min, 1204, "pane"},
                  {"kiln-01/zone3/temperature", floor_to(now, 1min) - 40min, 6, "1min"}});
  store.set_dead_letters({{1, "kiln-01", "dictionary 9f31 unknown", now - 5min, 1804, 0}});
}

int run(std::uint16_t port) {
  const SystemClock clock;
  metrics::Registry registry;
  FakeStore store;
  fill(store, clock.wall());
  set_edges(store, clock.wall(), 8'810'000);
  http::Face face([&]() -> Result<std::unique_ptr<query::Reader>> { return store.reader(); },
                  fmt::format("127.0.0.1:{}", port), registry, clock);
  if (const auto started = face.start(); !started) {
    fmt::print(stderr, "{}\n", started.error().text());
    return 1;
  }
  fmt::print("http://{}/\n", face.address());
  std::fflush(stdout);
  pollfd input{STDIN_FILENO, POLLIN, 0};
  for (std::uint64_t second = 1; poll(&input, 1, 1000) == 0; ++second) {
    const auto now = clock.wall();
    const auto minute = floor_to(now, 1min);
    set_edges(store, now, 8'810'000 + second * 1200);
    for (const auto& s : kShapes) {
      if (away(s)) continue;
      auto a = window_of(s, minute, false);
      a.revision = second;
      store.emit(a);
      store.emit(second_of(s, floor_to(now, 1s) - 1s, now));
      auto done = window_of(s, minute - 2min, true);
      done.revision = 100;
      if (second % 60 == 1) store.emit(done);
    }
    if (second % 20 == 0) store.emit(revision_of(kShapes[0], minute - 6min));
  }
  return 0;
}

}  // namespace
}  // namespace tidemark::test

int main(int argc, char** argv) {
  std::uint64_t port = 0;
  if (argc > 1) port = std::strtoull(argv[1], nullptr, 10);
  return tidemark::test::run(static_cast<std::uint16_t>(port));
}
