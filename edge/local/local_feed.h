// Hands results of windows and events to the local history, the broker nearby and the taps, each of
// which has its own bound: whoever is slow or away loses its own copy, counted there.
//
// A message (topic, tap line) is one JSON object:
//   {"v":1,"type":"window","series":"press-07/line1/power_total","window":"tumbling",
//    "start":"…","end":"…","revision":0,"readings":60,"unit":"W","values":{"mean":4802.5}}
//   with "cut":true and "approximate":true where that is so; withdrawn: "withdrawn":true and
//   "survivor" (start of the window that has the readings) instead of values.
//   Events are as the cloud gets them: common/model/events.h. A limit that ends has the id of what
//   it ends, which may be of an earlier start: with a history limits stand over a restart, and
//   numbers go on.
// Threads: the pipeline's.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "edge/history/history.h"
#include "edge/pipeline/local_sink.h"
#include "edge/pipeline/tap_hub.h"
#include "edge/publish/publisher.h"

namespace tidemark::local {

class LocalFeed final : public pipeline::LocalSink {
 public:
  // `history` and `publisher` may be null.
  LocalFeed(history::History* history, publish::Publisher* publisher, pipeline::TapHub& tap);

  void windows(const pipeline::LocalSeries& series,
               const std::vector<window::LocalResult>& results) override;
  std::uint64_t event(const pipeline::LocalSeries& series, const filter::Event& event,
                      bool context) override;
  std::vector<pipeline::StandingLimit> standing(const std::string& series) override;

 private:
  void tell(pipeline::TapKind kind, const pipeline::LocalSeries& series, const std::string& line);

  history::History* history_;
  publish::Publisher* publisher_;
  pipeline::TapHub& tap_;
  std::uint64_t next_event_ = 1;
  std::map<std::pair<std::string, filter::Cause>, std::uint64_t> open_;  // limits that stand
  std::map<std::string, std::vector<pipeline::StandingLimit>> standing_;  // of earlier starts
};

}  // namespace tidemark::local
