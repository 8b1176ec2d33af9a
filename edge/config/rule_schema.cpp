#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "edge/config/schema.h"

namespace tidemark::config {
namespace {

using namespace std::chrono_literals;

// A partial has to lie inside one pane of the cloud's tiers (1 s, 1 min, 15 min, 1 day), or it
// could not be told from its neighbours again: its size divides a tier, or is whole days.
constexpr std::array<Nanoseconds, 4> kTiers = {1s, 1min, 15min, 24h};

bool aligned(Nanoseconds size) {
  if (size >= 24h) return size % 24h == 0ns;
  return std::any_of(kTiers.begin(), kTiers.end(),
                     [&](Nanoseconds tier) { return size <= tier && tier % size == 0ns; });
}

// The next sizes that fit, below and above, for the error text.
std::string aligned_near(Nanoseconds size) {
  constexpr std::array<Nanoseconds, 26> kGood = {
      10ms, 20ms, 50ms, 100ms, 200ms, 250ms, 500ms, 1s,  2s,  5s,    6s,    10s,   12s,
      15s,  20s,  30s,  1min,  3min,  5min,  15min, 30min, 1h,  2h,    6h,    12h,   24h};
  const auto above = std::upper_bound(kGood.begin(), kGood.end(), size);
  if (above == kGood.begin()) return format_duration(*above);
  if (above == kGood.end()) return "1day or whole days";
  return fmt::format("{} or {}", format_duration(*(above - 1)), format_duration(*above));
}

struct Detector {
  std::string type;
  std::optional<double> min, max, hihi, hi, lo, lolo;
  double tolerance = 0, sigmas = 5, floor = 0, deadband = 0;
  std::int64_t samples = 0, learning = 300;
  Nanoseconds after{}, on_delay{}, off_delay{};
};

void describe(Section& s, Detector& d) {
  s.choice("type", d.type, {"range", "rate", "stuck", "spike", "limit"},
           {.required = true, .help = "What it looks for."});
  s.number("min", d.min, {.help = "range: least plausible value."});
  s.number("max", d.max, {.help = "range: greatest plausible value; rate: change per second."});
  s.integer("samples", d.samples,
            {.min = "2", .max = "1024",
             .help = "rate: readings of a slope (3); spike: readings of its window (64)."});
  s.duration("after", d.after, {.preset = "1min", .help = "stuck: unchanged for so long."});
  s.number("tolerance", d.tolerance, {.preset = "0", .min = "0", .help = "stuck: no change yet."});
  s.integer("learning", d.learning,
            {.preset = "300", .min = "0", .max = "1000000",
             .help = "stuck: readings in which the usual runs are learnt."});
  s.number("sigmas", d.sigmas, {.preset = "5", .help = "spike: distance from the median."});
  s.number("floor", d.floor, {.preset = "0", .min = "0", .help = "spike: least scale."});
  s.number("hihi", d.hihi, {.help = "limit."});
  s.number("hi", d.hi, {.help = "limit."});
  s.number("lo", d.lo, {.help = "limit."});
  s.number("lolo", d.lolo, {.help = "limit."});
  s.number("deadband", d.deadband, {.preset = "0", .min = "0", .help = "limit: to come back."});
  s.duration("on_delay", d.on_delay, {.preset = "5s", .help = "limit: beyond it for so long."});
  s.duration("off_delay", d.off_delay, {.preset = "15s", .help = "limit: back for so long."});

  static const std::map<std::string, std::vector<std::string>, std::less<>> kKeys = {
      {"range", {"min", "max"}},
      {"rate", {"max", "samples"}},
      {"stuck", {"after", "tolerance", "learning"}},
      {"spike", {"samples", "sigmas", "floor"}},
      {"limit", {"hihi", "hi", "lo", "lolo", "deadband", "on_delay", "off_delay"}}};
  const auto own = kKeys.find(d.type);
  if (own == kKeys.end()) return;
  const auto& mine = own->second;
  std::set<std::string> others;  // "max" and "samples" are of two types
  for (const auto& [type, keys] : kKeys) others.insert(keys.begin(), keys.end());
  for (const auto& key : others) {
    if (s.has(key) && std::find(mine.begin(), mine.end(), key) == mine.end()) {
      s.complain(key, fmt::format("a {} detector does not have it; it has {}", d.type,
                                  fmt::join(mine, ", ")));
    }
  }
}

struct Thin {
  std::optional<double> deadband;
  Nanoseconds keep_every{};
};
void describe(Section& s, Thin& t) {
  s.number("deadband", t.deadband,
           {.min = "0", .help = "Raw readings this close to the last one kept are left out."});
  s.duration("keep_every", t.keep_every, {.help = "Keep one at least so often; 0s: need not."});
}

struct Hold {
  std::int64_t samples = 0;
  Nanoseconds time{};
};
void describe(Section& s, Hold& h) {
  s.integer("samples", h.samples,
            {.preset = "150", .min = "0", .max = "1000000",
             .help = "Readings for which a detector does not repeat its event."});
  s.duration("time", h.time, {.help = "The same as a time; 0s: by readings alone."});
}

std::size_t size_of(std::int64_t v) {
  return static_cast<std::size_t>(std::max<std::int64_t>(v, 0));
}

void add_detector(filter::FilterOptions& f, const Detector& d) {
  if (d.type == "range") {
    f.range = filter::RangeOptions{d.min.value_or(std::numeric_limits<double>::lowest()),
                                   d.max.value_or(std::numeric_limits<double>::max())};
  } else if (d.type == "rate") {
    f.rate = filter::RateOptions{d.max.value_or(0), d.samples == 0 ? 3 : size_of(d.samples)};
  } else if (d.type == "stuck") {
    f.stuck = filter::StuckOptions{d.after, d.tolerance, size_of(d.learning)};
  } else if (d.type == "spike") {
    f.spike = filter::SpikeOptions{d.samples == 0 ? 64 : size_of(d.samples), d.sigmas, d.floor};
  } else if (d.type == "limit") {
    f.limits.push_back({d.hihi, d.hi, d.lo, d.lolo, d.deadband, d.on_delay, d.off_delay});
  }
}

// A series has one detector of each kind but limit.
void check_repeats(Section& s, const std::vector<Detector>& detectors) {
  for (std::size_t i = 0; i < detectors.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (detectors[i].type == detectors[j].type && detectors[i].type != "limit") {
        s.complain(fmt::format("detectors[{}].type", i),
                   fmt::format("there is a {} detector in this rule already", detectors[i].type));
        break;
      }
    }
  }
}

void check_window(Section& s, const RuleConfig& c) {
  const bool wants = c.forward == "windows" || c.forward == "both";
  if (wants && !c.window) {
    s.complain("forward", fmt::format("\"{}\" needs a window, for example window = {{ type = "
                                      "\"tumbling\", size = \"1s\" }}",
                                      c.forward));
  }
  if (!wants && c.window) {
    s.complain("window", fmt::format("forward = \"{}\" sends no windows; set it to \"windows\" or "
                                     "\"both\"",
                                     c.forward));
  }
  if (!c.window && !c.aggregates.empty()) s.complain("aggregates", "there is no window for them");
  static const std::vector<std::string> kAggregates = {"count", "min",    "max",   "sum", "mean",
                                                       "avg",   "stddev", "first", "last"};
  for (const auto& name : c.aggregates) {
    if (std::find(kAggregates.begin(), kAggregates.end(), name) == kAggregates.end()) {
      s.complain("aggregates", fmt::format("'{}' is not one of {}", name,
                                           fmt::join(kAggregates, ", ")));
    }
  }
}

}  // namespace

void describe(Section& s, WindowConfig& c) {
  s.choice("type", c.type, {"tumbling", "hopping"}, {.preset = "tumbling"});
  s.duration("size", c.size,
             {.min = "1ms", .max = "366 days", .required = true, .example = "\"1s\""});
  s.duration("hop", c.hop, {.help = "hopping: from one start to the next."});
  if (c.size.count() == 0) return;
  if (c.type == "tumbling") {
    if (s.has("hop")) s.complain("hop", "tumbling windows have none; set type = \"hopping\"");
    c.hop = c.size;
  } else if (c.hop.count() == 0) {
    s.complain("type", "hopping windows need a hop, for example hop = \"1s\"");
    c.hop = c.size;
  } else if (c.hop > c.size) {
    s.complain("hop", fmt::format("{} is more than the size of {}: readings between windows would "
                                  "be in none",
                                  format_duration(c.hop), format_duration(c.size)));
    c.hop = c.size;
  }
  const Nanoseconds pane{std::gcd(c.size.count(), c.hop.count())};
  if (!aligned(pane)) {
    s.complain("size", fmt::format("{} is not aligned with the seconds, minutes, quarters of an "
                                   "hour and days that the cloud keeps; near it are {}",
                                   format_duration(pane), aligned_near(pane)));
  }
}

void describe(Section& s, RuleConfig& c) {
  s.text("select", c.select,
         {.required = true, .help = "Series by device/metric; * within a level, ** across.",
          .example = "\"line1/power_*\""});
  c.place = s.place("select");
  s.choice("forward", c.forward, {"raw", "windows", "both", "nothing"},
           {.preset = "raw", .help = "What is sent."});
  if (s.has("window")) {
    c.window.emplace();
    s.table("window", *c.window, "The windows that the edge computes.");
  }
  s.texts("aggregates", c.aggregates,
          {.help = "Figures that the windows must be able to answer."});
  std::vector<Detector> detectors;
  s.tables("detectors", detectors, "What marks readings and raises events.");
  Thin thin;
  s.table("thin", thin, "Leaves out raw readings that say nothing new; windows still see them.");
  Hold hold;
  s.table("hold", hold, "How long an event is not repeated.");

  check_repeats(s, detectors);
  check_window(s, c);
  c.filter = {};
  for (const auto& d : detectors) add_detector(c.filter, d);
  c.filter.thin = {thin.deadband, thin.keep_every};
  c.filter.hold = {size_of(hold.samples), hold.time};
  if (const auto checked = c.filter.check(); !checked) {
    s.complain(detectors.empty() ? "thin" : "detectors", checked.error().text());
  }
}

}  // namespace tidemark::config
