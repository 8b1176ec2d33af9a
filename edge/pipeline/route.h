// The way of one series through the edge, by the first rule that selects it: marked by filters, put
// into windows, thinned, and carried as raw rows, as windows, as both or not at all.
//
// Every reading gets exactly one fate, which the ledger counts (semantics B10, C11); windows and
// filters see it before thinning (C12).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/model/block.h"
#include "common/model/series.h"
#include "edge/filter/series_filter.h"
#include "edge/pipeline/events.h"
#include "edge/pipeline/group_windows.h"
#include "edge/pipeline/local_sink.h"
#include "edge/pipeline/recent_readings.h"
#include "edge/pipeline/rule_window.h"
#include "edge/recorder/flight_recorder.h"

namespace tidemark::pipeline {

enum class Forward : std::uint8_t { raw, windows, both, nothing };

struct Rule {
  std::string select = "**";  // over device/metric, or edge/device/metric
  Forward forward = Forward::raw;
  filter::FilterOptions filter = {};
  std::optional<WindowRule> window = std::nullopt;
  // Raw readings around an anomaly are sent as copies, whatever carries them otherwise.
  std::optional<recorder::Context> context = std::nullopt;
  // "tidemark/press-07/{series}": {series} device/metric, {edge}, {device}, {metric}; empty: none.
  std::string publish = "";
};

// The rule that decides about a series of this edge, by "device/metric"; null: none matches.
const Rule* rule_of(const std::vector<Rule>& rules, const std::string& edge,
                    const SeriesDescription& series);
// Within which raw rows of a series are left out; nothing: all of its readings travel.
std::optional<double> deadband_of(const std::vector<Rule>& rules, const std::string& edge,
                                  const SeriesDescription& series);

// What routes share.
struct RouteParts {
  GroupWindows& groups;
  recorder::FlightRecorder& recorder;
  LocalSink* sink = nullptr;
  std::size_t* shared_memory = nullptr;  // of repeats in windows: recent_readings.h
  std::int64_t heard_until = std::numeric_limits<std::int64_t>::min();  // by earlier starts
  std::vector<RaisedEvent>* raised = nullptr;  // to be sent, where anything of the series is
};

class Route {
 public:
  // Without a matching rule a series goes raw and unfiltered. `line`: of the manifest; `handle`: by
  // which RaisedEvent names it.
  Route(const SeriesDescription& series, const std::string& edge, const std::vector<Rule>& rules,
        std::size_t line, std::uint32_t handle, RouteParts parts);

  enum class Way : std::uint8_t { raw, window, thinned, local, duplicate };
  struct Outcome {
    Way way = Way::raw;
    Quality quality = Quality::good;
    bool alarm = false;  // a detector raised an event with this reading
  };
  struct Origin {
    bool repeats = false;     // its time is the device's, so that it may be a repeat
    // source::Decoded::historical_from. It goes as a raw row (the cloud adds it to what windows
    // carried); detectors, thinning, local windows and the recorder, which follow time as it
    // passes, do not see it.
    bool historical = false;
  };
  // `bits` name the value exactly.
  Outcome take(std::int64_t time, const Column& column, std::size_t value, std::uint64_t bits,
               Origin origin);

  // A reading comes soon: a scan touches each of a thousand series once, and all are cold.
  void fetch() const {
    if (window_) window_->fetch();
  }
  [[nodiscard]] const LocalSeries& local() const { return local_; }
  [[nodiscard]] bool has_windows() const { return window_.has_value(); }
  // Only where take() says Way::window: RuleWindow::counted_at().
  [[nodiscard]] EventTime counted_at(EventTime at) const { return window_->counted_at(at); }
  void flush_windows(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& out);
  // The edge's clock was set by `by` and says `now`. Nothing that goes by it stays silent until it
  // has caught up, or takes the step for time that has passed.
  void clock_set(Nanoseconds by, EventTime now, std::uint32_t handle,
                 std::vector<PartialRow>& out);

  [[nodiscard]] const std::optional<recorder::FlightRecorder::Track>& track() const {
    return track_;
  }
  // Readings that no result could take in any more.
  [[nodiscard]] std::uint64_t late() const { return window_ ? window_->late() : 0; }
  // Readings that may have been repeats and travel in windows: counted twice if they were.
  [[nodiscard]] std::uint64_t unsure() const {
    return recent_ && forward_ == Forward::windows ? recent_->unsure() : 0;
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
  bool tells_ = false;  // its events go to the cloud
  std::uint32_t handle_;
  int exponent_ = 0;
  std::optional<RecentReadings> recent_;
  std::optional<filter::SeriesFilter> filter_;
  std::optional<RuleWindow> window_;
  GroupWindows::Group* group_ = nullptr;
  std::optional<recorder::FlightRecorder::Track> track_;
  std::vector<filter::Event> events_;
};

}  // namespace tidemark::pipeline
