#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "common/base/text.h"
#include "edge/config/schema.h"
#include "edge/window/series_window.h"

namespace tidemark::config {
namespace {

using namespace std::chrono_literals;

// A partial has to lie inside one pane of the cloud's tiers (1 s, 10 s, which divides the next, 1
// min, 15 min, 1 day), or it could not be told from its neighbours again: its size divides a tier,
// or is whole days.
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

bool sends_windows(const RuleConfig& c) {
  return c.forward == "windows" || c.forward == "both" || c.forward == "windows+context";
}
bool aligned_type(const WindowConfig& w) { return w.type == "tumbling" || w.type == "hopping"; }

// What carries has to lie inside the panes of the cloud.
void check_carrier(Section& s, const RuleConfig& c) {
  const auto& w = *c.window;
  const bool own = aligned_type(w);
  if (c.forward == "both" && !own) {
    s.complain("forward", fmt::format("\"both\" sends tumbling and hopping windows; {} windows "
                                      "stay at the edge: \"raw\" or \"windows\"",
                                      w.type));
    return;
  }
  if (w.size.count() == 0 && own) return;
  const Nanoseconds pane = own ? Nanoseconds(std::gcd(w.size.count(), w.hop.count())) : w.carrier;
  if (aligned(pane)) return;
  s.complain(
      own ? "window.size" : "window.carrier",
      fmt::format("{} is not aligned with the seconds, minutes, quarters of an hour and days "
                  "that the cloud keeps; near it are {}",
                  format_duration(pane), aligned_near(pane)));
}

void check_window(Section& s, const RuleConfig& c) {
  if (sends_windows(c) && !c.window) {
    s.complain("forward", fmt::format("\"{}\" needs a window, for example window = {{ type = "
                                      "\"tumbling\", size = \"1s\" }}",
                                      c.forward));
  }
  if (c.window && sends_windows(c)) check_carrier(s, c);
  if (!c.window && !c.aggregates.empty()) s.complain("aggregates", "there is no window for them");
  if (const auto wanted = window::Wanted::parse(c.aggregates); !wanted) {
    s.complain("aggregates", wanted.error().text());
  }
  if (!c.window || c.window->group == "series") return;
  for (const auto& name : c.aggregates) {
    if (window::is_ordered(name)) {
      s.complain("aggregates",
                 fmt::format("'{}' depends on the order of one series; a group has no "
                             "such order",
                             name));
    }
  }
}

void check_context(Section& s, const RuleConfig& c, bool detectors, bool thins) {
  if (!c.context) return;
  if (c.forward == "both" || (c.forward == "raw" && !thins)) {
    s.complain("context", fmt::format("forward = \"{}\" sends every reading anyway; remove it, "
                                      "or thin, or forward \"windows+context\"",
                                      c.forward));
  } else if (c.forward == "windows") {
    s.complain("context", "forward = \"windows\" sends no context; set it to \"windows+context\"");
  } else if (!detectors) {
    s.complain(s.has("context") ? "context" : "forward",
               "context needs detectors: without an anomaly there is none");
  }
}

// A name that nothing stands for would be published as it is written.
void check_placeholders(Section& s, const std::string& topic) {
  static const std::vector<std::string> kKnown = {"series", "edge", "device", "metric"};
  for (auto at = topic.find('{'); at != std::string::npos; at = topic.find('{', at + 1)) {
    const auto end = topic.find('}', at);
    const auto word = topic.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (end != std::string::npos && std::ranges::find(kKnown, word) != kKnown.end()) continue;
    const auto near = nearest(word, kKnown);
    s.complain("publish", fmt::format("'{}' is no placeholder{} are {{{}}}",
                                      topic.substr(at, end == std::string::npos ? end
                                                                                : end - at + 1),
                                      near.empty() ? "; there"
                                                   : ", did you mean {" + near + "}? There",
                                      fmt::join(kKnown, "}, {")));
  }
}

void check_publish(Section& s, const RuleConfig& c, bool says) {
  if (c.publish.empty()) return;
  check_placeholders(s, c.publish);
  if (c.publish.find_first_of("+#") != std::string::npos || c.publish.front() == '$' ||
      c.publish.size() > 512) {
    s.complain("publish", fmt::format("'{}' is no topic to publish to: no + and #, no $ first, at "
                                      "most 512 bytes",
                                      c.publish));
  }
  if (!says)
    s.complain("publish", "there is no window and no detector whose news it could publish");
}

}  // namespace

void check_reach(Section& s, const std::vector<RuleConfig>& rules) {
  for (std::size_t i = 1; i < rules.size(); ++i) {
    const auto before = std::span(rules).first(i);
    const auto first = std::ranges::find_if(before, [&](const RuleConfig& other) {
      return !other.select.empty() && series_covers(other.select, rules[i].select);
    });
    if (first == before.end()) continue;
    s.warn(fmt::format("rule[{}].select", i),
           fmt::format("this rule is never reached: the one at {}, select = \"{}\", comes first "
                       "and takes all these series; put this one before it",
                       first->place, first->select));
  }
}

void describe(Section& s, ContextConfig& c) {
  s.duration("before", c.before,
             {.preset = "10s", .max = "10min", .help = "Raw readings from so long before it."});
  s.duration("after", c.after, {.preset = "10s", .max = "10min", .help = "And so long after it."});
}

void describe(Section& s, WindowConfig& c) {
  s.choice("type", c.type, {"tumbling", "hopping", "sliding", "session", "count"},
           {.preset = "tumbling", .help = "Their kind; the last three stay at the edge."});
  s.duration("size", c.size,
             {.max = "366 days", .help = "Length: tumbling, hopping, sliding.",
              .example = "\"1s\""});
  s.duration(
      "hop", c.hop,
      {.help = "hopping: from one start to the next; sliding: one result in so long (all)."});
  s.duration("gap", c.gap, {.max = "366 days", .help = "session: so long a silence ends it."});
  s.integer("count", c.count,
            {.min = "0", .max = "1000000000", .help = "count: readings of a window."});
  s.duration("lateness", c.lateness,
             {.max = "366 days",
              .help = "How late, behind what the source allows, a reading still revises a result; "
                      "0s: eight panes."});
  s.duration("carrier", c.carrier,
             {.preset = "1s", .min = "1ms", .max = "1day",
              .help = "sliding, session, count with forward = \"windows\": readings travel in "
                      "tumbling windows of this size."});
  s.choice("group", c.group, {"series", "device", "source", "rule"},
           {.preset = "series", .help = "One window for each of these."});
  s.text("name", c.name, {.preset = "group", .help = "Last level of the name of a group."});
  check_name(s, "name", c.name);
  s.duration("max_hold", c.max_hold,
             {.preset = "1h", .min = "1ms",
              .help = "twa, integral, time_in_state: a value counts for so long at most."});
  s.number(
      "rollover", c.rollover,
      {.preset = "0", .min = "0", .help = "increase: where the counter begins anew; 0: never."});
  const auto needs = [&](std::string_view key, bool given, bool wanted, std::string_view example) {
    if (given && !wanted) {
      s.complain(key, fmt::format("{} windows have no {}", c.type, key));
    } else if (wanted && !given) {
      s.complain("type", fmt::format("{} windows need a {}, for example {} = {}", c.type, key, key,
                                     example));
    }
  };
  const bool sized = aligned_type(c) || c.type == "sliding";
  needs("size", s.has("size"), sized, "\"1min\"");
  needs("gap", s.has("gap"), c.type == "session", "\"30s\"");
  needs("count", s.has("count"), c.type == "count", "100");
  if (c.type == "tumbling" && s.has("hop")) {
    s.complain("hop", "tumbling windows have none; set type = \"hopping\"");
  }
  if (c.type == "hopping" && c.hop.count() == 0) {
    s.complain("type", "hopping windows need a hop, for example hop = \"1s\"");
  }
  if (sized && c.hop > c.size && c.size.count() > 0 && c.type != "tumbling") {
    s.complain("hop", fmt::format("{} is more than the size of {}: readings between windows would "
                                  "be in none",
                                  format_duration(c.hop), format_duration(c.size)));
    c.hop = c.size;
  }
  if (c.type == "sliding" && c.hop.count() == 0) c.hop = Nanoseconds(1);
  if (aligned_type(c) && (c.type == "tumbling" || c.hop.count() == 0)) c.hop = c.size;
  if (aligned_type(c) && c.size.count() > 0) {
    const window::WindowOptions options{.size = c.size, .hop = c.hop};
    if (const auto checked = options.check(); !checked) {
      s.complain("size", checked.error().text());
    }
  }
}

void describe(Section& s, RuleConfig& c) {
  s.text("select", c.select,
         {.required = true, .help = "Series by device/metric; * within a level, ** across.",
          .example = "\"line1/power_*\""});
  c.place = s.place("select");
  s.choice("forward", c.forward, {"raw", "windows", "both", "windows+context", "nothing"},
           {.preset = "raw", .help = "What is sent."});
  if (s.has("window")) {
    c.window.emplace();
    s.table("window", *c.window, "The windows that the edge computes.");
  }
  s.texts(
      "aggregates", c.aggregates,
      {.help = "Figures of the windows: count, min, max, sum, mean, stddev, first, last, p95 and "
               "the like, twa, integral, increase, time_in_state (count, min, max, mean, last)."});
  std::vector<Detector> detectors;
  s.tables("detectors", detectors,
           "What marks readings and raises events. Events go to the cloud as well, unless forward "
           "is \"nothing\" and there is no context.");
  Thin thin;
  s.table("thin", thin,
          "Leaves out raw readings that say nothing new; windows here still see them, answers of "
          "the cloud are `approximate` and say by how much.");
  Hold hold;
  s.table("hold", hold, "How long an event is not repeated.");
  if (s.has("context") || c.forward == "windows+context") {
    c.context.emplace();
    s.table("context", *c.context,
            "Raw readings around an anomaly, at full rate: where windows, thinned readings or "
            "nothing are sent otherwise.");
  }
  s.text("publish", c.publish,
         {.help = "Topic for windows and events, at the broker of [publish]: {series} is "
                  "device/metric, {edge}, {device}, {metric} are its parts.",
          .example = "\"tidemark/press-07/{series}\""});

  check_repeats(s, detectors);
  check_window(s, c);
  check_context(s, c, !detectors.empty(), thin.deadband.has_value());
  check_publish(s, c, c.window || !detectors.empty());
  c.filter = {};
  for (const auto& d : detectors) add_detector(c.filter, d);
  c.filter.thin = {thin.deadband, thin.keep_every};
  c.filter.hold = {size_of(hold.samples), hold.time};
  if (const auto checked = c.filter.check(); !checked) {
    s.complain(detectors.empty() ? "thin" : "detectors", checked.error().text());
  }
}

}  // namespace tidemark::config
