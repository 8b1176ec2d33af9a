// Results of windows against their definition: every window computed anew from all readings.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "edge/window/figures.h"
#include "tests/common/rational.h"

namespace tidemark::window::test {

struct Said {  // one reading of a decimal series with exponent -1
  std::int64_t time = 0;
  std::int64_t value = 0;
  bool bad = false;
  friend auto operator<=>(const Said&, const Said&) = default;
};

constexpr std::int64_t kMaxHold = 1'500'000'000;
inline const std::vector<std::string> kAllFigures = {
    "count", "min",   "max",      "sum", "mean",     "stddev",
    "p50",   "p99.9", "integral", "twa", "increase", "time_in_state"};

inline Shape decimal_shape() {
  Shape shape;
  shape.type = ValueType::i64;
  shape.exponent = -1;
  shape.wanted = std::make_shared<const Wanted>(Wanted::parse(kAllFigures).value());
  shape.ordered.max_hold = kMaxHold;
  return shape;
}

inline Column column_of(const Said& r) {
  Column column;
  column.type = ValueType::i64;
  column.i64 = {r.value};
  if (r.bad) column.quality = {Quality::bad_device};
  return column;
}

inline double tenth(const Rational& r) { return (r / 10).convert_to<double>(); }

// Figures of the readings in [start, end), which are sorted; `until`: how far the last one is held.
inline std::map<std::string, double> figures_of(const std::vector<Said>& all, std::int64_t start,
                                                std::int64_t end, std::int64_t until) {
  std::vector<Said> in;
  Rational sum = 0, integral = 0, increase = 0;
  std::int64_t held = 0;
  bool stepped = false;
  std::map<std::string, double> out;
  std::map<std::int64_t, std::int64_t> states;
  const Said* last = nullptr;
  const auto hold = [&](const Said& r, std::int64_t from, std::int64_t to) {
    from = std::max(from, start);
    to = std::min({to, until, r.time + kMaxHold});
    if (to <= from) return;
    integral += Rational(r.value) * (to - from);
    held += to - from;
    states[r.value] += to - from;
  };
  for (const auto& r : all) {
    if (r.bad || r.time >= end) continue;
    if (last != nullptr) hold(*last, last->time, r.time);
    if (r.time >= start) {
      in.push_back(r);
      sum += r.value;
      if (last != nullptr) {
        stepped = true;
        increase += r.value >= last->value ? r.value - last->value : r.value;
      }
    }
    last = &r;
  }
  if (last != nullptr) hold(*last, last->time, until);
  out["count"] = static_cast<double>(in.size());
  if (!in.empty()) {
    std::vector<std::int64_t> sorted;
    for (const auto& r : in) sorted.push_back(r.value);
    std::sort(sorted.begin(), sorted.end());
    out["min"] = tenth(sorted.front());
    out["max"] = tenth(sorted.back());
    out["sum"] = tenth(sum);
    out["mean"] = tenth(sum / static_cast<std::int64_t>(in.size()));
    out["p50"] = tenth(sorted[(sorted.size() + 1) / 2 - 1]);
    out["p99.9"] = tenth(sorted[(sorted.size() * 999 + 999) / 1000 - 1]);
  }
  if (held > 0) {
    out["twa"] = tenth(integral / held);
    out["integral"] = tenth(integral / 1'000'000'000);
  }
  if (stepped) out["increase"] = tenth(increase);
  return out;
}

// All but the quantiles to the bit; these within 1/256, and what has no value has none.
inline void expect_figures(const LocalResult& result, const std::map<std::string, double>& right,
                           const std::string& where) {
  for (const auto& f : result.figures) {
    if (f.name == "stddev" || f.name == "time_in_state") continue;
    const auto at = right.find(f.name);
    ASSERT_EQ(f.number.has_value(), at != right.end()) << where << " " << f.name;
    if (!f.number) continue;
    if (f.name[0] == 'p') {
      EXPECT_NEAR(*f.number, at->second, std::abs(at->second) / 256 + 0.05) << where << f.name;
    } else {
      EXPECT_EQ(*f.number, at->second) << where << " " << f.name;
    }
  }
}

// What stands after all revisions: by start (and end, where windows of one start differ).
struct Book {
  std::map<std::pair<std::int64_t, std::int64_t>, LocalResult> standing;
  std::map<std::int64_t, std::uint64_t> revisions;
  void take(const std::vector<LocalResult>& results) {
    for (const auto& r : results) {
      if (r.withdrawn) {
        EXPECT_EQ(standing.erase({r.start, r.end}), 1u);
      } else {
        standing[{r.start, r.end}] = r;
      }
    }
  }
};

}  // namespace tidemark::window::test
