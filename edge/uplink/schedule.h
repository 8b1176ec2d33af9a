// Which block goes next: alarms first, then what is new, and the backlog in its share beside it.
// Knows what is under way on this connection, so that nothing is sent twice.
//
// Live are blocks that were appended after the connection began, or that were younger than kFresh
// then; among them the oldest goes first, and when more wait than one look shows, only the newest
// count as live: a line that is too slow still shows the present. All others are backlog, first
// those that the cloud asks for again, then the oldest; it gets `backlog_share` of the bytes while
// there are live ones, everything when there are none. Same calls, same answers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/base/time.h"
#include "common/model/record.h"
#include "edge/ring/ring_buffer.h"
#include "edge/uplink/budget.h"

namespace tidemark::uplink {

class Schedule {
 public:
  static constexpr Nanoseconds kFresh = std::chrono::seconds(2);
  static constexpr std::size_t kLook = 256;  // blocks taken from the ring's list at a time

  // `now` is the wall clock when the connection began.
  Schedule(ring::RingBuffer& ring, Incarnation current, double backlog_share, EventTime now);

  struct Choice {
    BlockName name;
    Lane lane = Lane::live;
    std::uint64_t bytes = 0;
  };
  // What to send next; nothing when nothing waits or it is too large for now. Does not change
  // anything but caches.
  std::optional<Choice> next(const Room& room);
  // It was sent (or cannot be read: skip it for this connection).
  void sent(const Choice& choice);
  void skip(const Choice& choice);
  void ring_changed() { look_again_ = true; }
  // The cloud asks for these again, released or not. Each is read once for its size alone.
  void wanted(Incarnation incarnation, const SequenceRanges& blocks);
  [[nodiscard]] bool is_wanted(BlockName name) const;

 private:
  void look();
  std::optional<Choice> first_wanted();
  void put_aside(BlockName name);
  [[nodiscard]] bool is_live(const ring::Stored& s) const;

  ring::RingBuffer& ring_;
  Incarnation current_;
  double share_;
  std::uint64_t live_from_ = 1;  // of the current incarnation
  std::vector<std::pair<Incarnation, SequenceRanges>> skip_;
  std::map<Incarnation, SequenceRanges> wanted_;
  std::optional<Choice> again_;  // the first of them
  std::deque<Choice> alarms_;
  std::deque<Choice> live_;
  std::deque<Choice> backlog_;
  double backlog_owed_ = 0;  // bytes that the backlog may send beside live ones
  bool look_again_ = true;
};

}  // namespace tidemark::uplink
