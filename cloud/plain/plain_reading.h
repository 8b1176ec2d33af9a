// One reading as who has no edge sends it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "common/base/time.h"
#include "common/model/series.h"

namespace tidemark::plain {

struct PlainReading {
  // As they were sent; `device` is empty where the metric alone names the series. Together they
  // are one series, however they become names.
  std::string_view device;
  std::string_view metric;
  EventTime time{};
  ValueType type = ValueType::f64;  // f64, boolean or text
  double f64 = 0;
  bool boolean = false;
  std::string_view text;

  // "press-07/line1/power": its last level is the metric.
  void name_by(std::string_view series) {
    const auto slash = series.rfind('/');
    const bool levels = slash != std::string_view::npos;
    device = series.substr(0, levels ? slash : 0);
    metric = series.substr(levels ? slash + 1 : 0);
  }
};

// Panes and windows reach beyond the readings in them.
inline bool is_within_time(EventTime t) {
  constexpr Nanoseconds kFromTheEnds = std::chrono::hours(24 * 401);
  return t > kEventTimeMin + kFromTheEnds && t < kEventTimeMax - kFromTheEnds;
}

}  // namespace tidemark::plain
