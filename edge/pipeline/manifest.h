// What the edge can state about itself: counts per source, poll class and minute, the ledger, and
// how far each source has come. Counts gather while a flush is prepared and become a statement when
// the flush is cut, so that a seal speaks of exactly the readings in sequences below its `next`.
//
// Threads: one at a time; the pipeline holds its lock.
// Bound: Minutes::kHoursKept hours a line. What comes for a forgotten one is counted in the ledger
// and carried, but its minute is stated no more: the seal says so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "common/model/seal.h"
#include "edge/pipeline/minutes.h"

namespace tidemark::pipeline {

class Manifest {
 public:
  explicit Manifest(Incarnation incarnation) : incarnation_(incarnation) {}

  // A line of the statement: one source and poll class. Returns its index, stable.
  std::size_t line(const std::string& source, const std::string& poll_class, bool device_stamped);

  void expected(std::size_t line, EventTime at, std::uint64_t due, std::uint64_t good);
  void taken(std::size_t line, EventTime at, std::uint64_t readings) {
    touch(line, at).taken += readings;
    lines_[line].totals.taken += readings;
    ledger_.taken += readings;
  }
  void sent(std::size_t line, EventTime at, std::uint64_t readings) {
    touch(line, at).sent += readings;
  }
  [[nodiscard]] Ledger& ledger() { return ledger_; }

  // The clock was set back: the next statement seals no line beyond `now` by what was said before.
  void set_back(EventTime now) { set_back_ = std::min(set_back_, now); }

  // True when a count changed that no statement holds yet.
  [[nodiscard]] bool dirty() const { return dirty_; }

  // The next statement: only minutes that changed since the last. `sealed_until` by line.
  Seal state(Sequence next, const std::vector<EventTime>& sealed_until, ClockState clock,
             const SequenceRanges& evicted);
  // Of what state() would give now, without `evicted`.
  [[nodiscard]] std::uint64_t seal_bytes_max() const;
  // The newest statement with every minute that changed after seal number `acknowledged`. `brief`:
  // lines of which that one spoke, and of which only the time is new, are one time (Seal::rest),
  // that of most of them; the others are named.
  [[nodiscard]] Seal since(std::uint64_t acknowledged, bool brief) const;
  [[nodiscard]] std::uint64_t number() const { return last_.number; }

  struct Totals {
    std::uint64_t due = 0, good = 0, taken = 0;
  };
  [[nodiscard]] Totals totals(const std::string& source) const;

 private:
  struct Line {
    std::string source;
    std::string poll_class;
    bool device_stamped = false;
    Minutes minutes;
    Totals totals;
    EventTime sealed_until = kEventTimeMin;
    std::uint64_t named = 0;  // number of the first seal that did; 0: none yet
  };
  MinuteCounts& touch(std::size_t line, EventTime at) {
    dirty_ = true;
    return lines_[line].minutes.touch(at);
  }
  [[nodiscard]] SourceSeal header(const Line& line) const;

  Incarnation incarnation_;
  std::vector<Line> lines_;
  Ledger ledger_;
  bool dirty_ = false;
  EventTime set_back_ = kEventTimeMax;
  Seal last_;  // without sources
};

}  // namespace tidemark::pipeline
