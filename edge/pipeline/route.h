// The way of one series through the edge, by the first rule that selects it: marked by filters, put
// into windows, thinned, and carried as raw rows, as windows, as both or not at all.
//
// Every reading gets exactly one fate, which the ledger counts (semantics B10, C11); windows and
// filters see it before thinning (C12).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/model/block.h"
#include "common/model/series.h"
#include "edge/filter/series_filter.h"
#include "edge/pipeline/recent_readings.h"
#include "edge/window/series_window.h"

namespace tidemark::pipeline {

enum class Forward : std::uint8_t { raw, windows, both, nothing };

struct Rule {
  std::string select = "**";  // over device/metric, or edge/device/metric
  Forward forward = Forward::raw;
  filter::FilterOptions filter;
  std::optional<window::WindowOptions> window;  // raw_travels is set by forward
};

class Route {
 public:
  // Without a matching rule a series goes raw and unfiltered.
  Route(const SeriesDescription& series, const std::string& edge, const std::vector<Rule>& rules);

  enum class Way : std::uint8_t { raw, window, thinned, local, duplicate };
  struct Outcome {
    Way way = Way::raw;
    Quality quality = Quality::good;
    bool alarm = false;  // a detector raised an event with this reading
  };
  // `bits` name the value exactly (for repeats).
  Outcome take(std::int64_t time, const Column& column, std::size_t value, std::uint64_t bits);

  [[nodiscard]] bool has_windows() const { return window_.has_value(); }
  void flush_windows(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& out);

 private:
  std::string name_;
  Forward forward_ = Forward::raw;
  int exponent_ = 0;
  std::optional<RecentReadings> recent_;
  std::optional<filter::SeriesFilter> filter_;
  std::optional<window::SeriesWindow> window_;
  std::vector<filter::Event> events_;
};

}  // namespace tidemark::pipeline
