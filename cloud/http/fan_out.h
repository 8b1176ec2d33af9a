// Sends emissions to all who listen: each commit is read once, whatever the number of listeners.
//
// A listener that joins with a position is first brought up to the others in steps of its own, so
// that it misses nothing and gets nothing twice. Events: `answer` (id = position), `status` (as
// /v1/edges) once a second, `reset` when a position is asked for that is not ours:
// the listener then loads afresh.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cloud/query/reader.h"
#include "common/base/time.h"
#include "common/http/server.h"
#include "common/metrics/registry.h"

namespace tidemark::http {

class FanOut {
 public:
  using OpenReader = std::function<Result<std::unique_ptr<query::Reader>>()>;
  // Nothing is read before the first listener. `clock` for the time in `status`.
  FanOut(OpenReader open, metrics::Registry& registry, const Clock& clock);
  ~FanOut();
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  struct Filter {
    // Series; with labels those that have them, as asked again every ten seconds. Of groups
    // those that have these labels themselves.
    answers::Selection select;
    std::string view;  // empty: all
  };
  // From after `position` on, or from now on.
  void add(std::shared_ptr<Stream> stream, Filter filter, std::optional<std::uint64_t> position);
  void start();
  void stop();

 private:
  struct Listener {
    std::shared_ptr<Stream> stream;
    Filter filter;
    std::optional<std::uint64_t> at;  // empty: joined, not placed yet
    std::set<std::string> names;      // of the series that have the labels of its filter
    int ticks_to_names = 0;
  };
  void run();
  void tick(query::Reader& reader);
  void place(Listener& listener, std::uint64_t newest);
  Result<> catch_up(Listener& listener, query::Reader& reader);
  void send_status(query::Reader& reader);
  // Asks again which series have the labels that listeners ask for.
  void name_series(query::Reader& reader);
  void deliver(Listener& listener, const answers::Answer& answer, const std::string& json);

  OpenReader open_;
  const Clock& clock_;
  metrics::Counter& sent_;
  metrics::Counter& cut_;
  metrics::Counter& failed_;
  metrics::Gauge& listening_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Listener> joining_;  // under the mutex; all below belong to the thread
  bool stopping_ = false;
  std::vector<Listener> listeners_;
  std::uint64_t at_ = 0;  // all listeners that are up to date have had everything up to here
  int ticks_to_status_ = 0;
  std::thread thread_;
};

}  // namespace tidemark::http
