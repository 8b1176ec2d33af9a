// Where results of windows and events go at the machine itself: local history, a broker nearby,
// taps. Called on the pipeline's thread and under its lock: it must not wait for anything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edge/filter/series_filter.h"
#include "edge/window/figures.h"

namespace tidemark::pipeline {

// A series, or a group of them, as people know it.
struct LocalSeries {
  std::string name;      // edge/device/metric
  std::string unit;
  std::string topic;     // to publish to; empty: not published
  std::string window;    // tumbling, hopping, sliding, session, count; empty: none
  std::vector<std::string> detectors;  // as configured, for people; by filter::Cause
};

// An alarm of an earlier start that nobody has ended.
struct StandingLimit {
  filter::Cause cause{};
  double level = 0;
};

class LocalSink {
 public:
  virtual ~LocalSink() = default;
  // Of a series of this name, when its detectors are made.
  virtual std::vector<StandingLimit> standing(const std::string& /*series*/) { return {}; }
  virtual void windows(const LocalSeries& series,
                       const std::vector<window::LocalResult>& results) = 0;
  // `context`: the raw readings around it are sent. Returns its id, by which it is known here; of
  // what is cleared that of what it ends. 0: nobody gives it one.
  virtual std::uint64_t event(const LocalSeries& series, const filter::Event& event,
                              bool context) = 0;
};

}  // namespace tidemark::pipeline
