// Readings of one series, summed by slices of time, from which windows are put together.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/base/time.h"
#include "common/window/summary.h"

namespace tidemark::query {

// What a window holds.
struct Found {
  Found(ValueType type, const window::Parts& parts) : sum(type, parts) {}
  window::Summary sum;
  std::uint64_t unplaced = 0;  // readings in sums that reach beyond the window
  std::uint64_t forgotten = 0;  // of about that time, which the archive no longer keeps
};

class Sums {
 public:
  // Of [from, to), in slices [k·width, k·width + width); width 0: all of it is one slice.
  Sums(ValueType type, const window::Parts& parts, Nanoseconds width, EventTime from, EventTime to)
      : type_(type), parts_(parts), width_(width), from_(from), to_(to) {}

  // The slice of a time in [from, to).
  window::Summary& slice(EventTime time);
  // What somebody else summed over [start, end); what does not meet [from, to) is left out.
  void add(EventTime start, EventTime end, const window::Summary& state);
  // So many readings of [start, end) are not there.
  void lack(EventTime start, EventTime end, std::uint64_t readings);
  // A window that consists of whole slices.
  void find(EventTime start, EventTime end, Found& found) const;
  // The last value before `start`, of what is here.
  [[nodiscard]] std::optional<window::OrderedSample> before(EventTime start) const;

 private:
  struct Wide {
    EventTime end;
    window::Summary state;
  };
  [[nodiscard]] EventTime slice_of(EventTime t) const {
    return width_ == Nanoseconds{} ? from_ : floor_to(t, width_);
  }
  ValueType type_;
  window::Parts parts_;
  Nanoseconds width_;
  EventTime from_, to_;
  std::map<EventTime, window::Summary> slices_;
  std::multimap<EventTime, Wide> wide_;  // by start: what no slice holds
  Nanoseconds widest_{};
  struct Lack {
    EventTime start, end;
    std::uint64_t readings;
  };
  std::vector<Lack> lacks_;  // in order, disjoint
};

}  // namespace tidemark::query
