// What changed of panes, counts of minutes, readings set aside and rules of series, by event time,
// since somebody asked last: for who keeps something that was made of them.
//
// Promise    each change that these rows make is told, once somebody watches; in the batch that
//            makes it, for a crash forgets both.
// Bounds     one line for each run of changes of one series or source, until it is taken.
// Threads    that of the Store.
#pragma once

#include <compare>
#include <vector>

#include "cloud/store/ids.h"
#include "common/base/time.h"

namespace tidemark::store {

class Changes {
 public:
  struct Change {
    bool of_source = false;  // else of a series
    std::uint32_t id = 0;
    EventTime from, to;      // what speaks of [from, to)
    friend auto operator<=>(const Change&, const Change&) = default;
  };

  void watch(bool on) { watched_ = on; }
  void of_series(std::uint32_t series, EventTime from, EventTime to) {
    if (watched_) add({false, series, from, to});
  }
  void of_source(SourceId source, EventTime from, EventTime to) {
    if (watched_) add({true, source, from, to});
  }
  // In order; those of one series or source do not meet.
  std::vector<Change> take();

 private:
  void add(const Change& change);

  bool watched_ = false;
  std::vector<Change> changes_;
};

}  // namespace tidemark::store
