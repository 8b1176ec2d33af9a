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
#include "edge/pipeline/group_windows.h"
#include "edge/pipeline/local_sink.h"
#include "edge/pipeline/recent_readings.h"
#include "edge/pipeline/rule_window.h"
#include "edge/recorder/flight_recorder.h"

namespace tidemark::pipeline {

enum class Forward : std::uint8_t { raw, windows, both, windows_and_context, nothing };

struct Rule {
  std::string select = "**";  // over device/metric, or edge/device/metric
  Forward forward = Forward::raw;
  filter::FilterOptions filter = {};
  std::optional<WindowRule> window = std::nullopt;
  recorder::Context context = {};  // of windows_and_context
  // "tidemark/press-07/{series}": {series} device/metric, {edge}, {device}, {metric}; empty: none.
  std::string publish = "";
};

// What routes share.
struct RouteParts {
  GroupWindows& groups;
  recorder::FlightRecorder& recorder;
  LocalSink* sink = nullptr;
  std::size_t* shared_memory = nullptr;  // of repeats in windows: recent_readings.h
};

class Route {
 public:
  // Without a matching rule a series goes raw and unfiltered. `line`: of the manifest.
  Route(const SeriesDescription& series, const std::string& edge, const std::vector<Rule>& rules,
        std::size_t line, RouteParts parts);

  enum class Way : std::uint8_t { raw, window, thinned, local, duplicate };
  struct Outcome {
    Way way = Way::raw;
    Quality quality = Quality::good;
    bool alarm = false;  // a detector raised an event with this reading
  };
  // `bits` name the value exactly; `repeats`: its time is the device's, so that it may be a repeat.
  Outcome take(std::int64_t time, const Column& column, std::size_t value, std::uint64_t bits,
               bool repeats);

  [[nodiscard]] bool has_windows() const { return window_.has_value(); }
  // Only where take() says Way::window: RuleWindow::counted_at().
  [[nodiscard]] EventTime counted_at(EventTime at) const { return window_->counted_at(at); }
  void flush_windows(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& out);

  [[nodiscard]] const std::optional<recorder::FlightRecorder::Track>& track() const {
    return track_;
  }
  // Readings that no result could take in any more.
  [[nodiscard]] std::uint64_t late() const { return window_ ? window_->late() : 0; }
  // Readings that may have been repeats and travel in windows: counted twice if they were.
  [[nodiscard]] std::uint64_t unsure() const {
    return recent_ && carrier_windows_ ? recent_->unsure() : 0;
  }

 private:
  void follow(const Rule& rule, const SeriesDescription& series, const std::string& edge,
              std::size_t line);
  void filter_reading(std::int64_t time, const Column& column, std::size_t value,
                      Outcome& out, bool& kept);
  bool window_reading(EventTime time, const Column& column, std::size_t value, Quality quality);

  RouteParts parts_;
  LocalSeries local_;
  Forward forward_ = Forward::raw;
  bool carrier_windows_ = false;
  int exponent_ = 0;
  std::optional<RecentReadings> recent_;
  std::optional<filter::SeriesFilter> filter_;
  std::optional<RuleWindow> window_;
  GroupWindows::Group* group_ = nullptr;
  std::optional<recorder::FlightRecorder::Track> track_;
  std::vector<filter::Event> events_;
  std::vector<window::LocalResult> results_;
};

}  // namespace tidemark::pipeline
