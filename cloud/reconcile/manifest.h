// What a source says it took in one minute of event time, and what came of it.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/model/dropped_counts.h"
#include "common/model/seal.h"

namespace tidemark::reconcile {

// Stretches that meet some minutes and of which the edge has no counts, by why; of each reason what
// they reach over together.
class DroppedSum {
 public:
  using Why = DroppedCounts::Why;
  // Of these nobody can tell how much there was.
  static constexpr std::array kUnknown{Why::bound, Why::start, Why::lost, Why::restored};
  struct Stretch {
    EventTime from, until;
    std::uint64_t readings = 0;
    friend bool operator==(const Stretch&, const Stretch&) = default;
  };
  void add(const DroppedCounts& dropped);
  DroppedSum& operator+=(const DroppedSum& o);
  [[nodiscard]] const std::optional<Stretch>& of(Why why) const {
    return all_[static_cast<std::size_t>(why)];
  }
  [[nodiscard]] bool unknown() const;
  [[nodiscard]] bool empty() const { return !unknown() && !of(Why::cut); }
  friend bool operator==(const DroppedSum&, const DroppedSum&) = default;

  void encode(ByteWriter& out) const;
  static DroppedSum decode(ByteReader& in);  // what is none makes `in` fail

 private:
  std::array<std::optional<Stretch>, DroppedCounts::kWhys> all_;
};

struct ManifestSum {
  std::uint64_t due = 0, good = 0, taken = 0, sent = 0;
  std::uint64_t received = 0;  // readings of received blocks, duplicates and late ones included
  // Of each minute and start by itself, what more was sent than received: what one has beyond its
  // counts does not hide what another lacks.
  std::uint64_t lacking = 0;
  DroppedSum dropped = {};

  // Readings that there are, as far as is known: blocks may be here before the seal that counts
  // them.
  [[nodiscard]] std::uint64_t all() const { return received + lacking; }
  // Likewise, what more was received than sent.
  [[nodiscard]] std::uint64_t surplus() const { return all() < sent ? 0 : all() - sent; }
  ManifestSum& operator+=(const ManifestSum& o);
  friend bool operator==(const ManifestSum&, const ManifestSum&) = default;
};

// One (source, poll class, minute) over all starts of the edge. Counts are absolute within a start;
// those under the highest seal number stand.
class MinuteManifest {
 public:
  // False when a newer statement stands. `last_word`: of a start that has ended, which may know
  // less than it said while it ran; counts only rise.
  bool state(Incarnation incarnation, std::uint64_t seal_number, const MinuteCounts& counts,
             bool last_word = false);
  // Other counts stand under the same number.
  [[nodiscard]] bool contradicts(Incarnation incarnation, std::uint64_t seal_number,
                                 const MinuteCounts& counts) const;
  void receive(Incarnation incarnation, std::uint64_t readings);
  [[nodiscard]] ManifestSum sum() const;

  void encode(ByteWriter& out) const;
  static MinuteManifest decode(ByteReader& in);

 private:
  struct Entry {
    Incarnation incarnation;
    std::uint64_t seal_number = 0;  // 0: its blocks came before any
    MinuteCounts counts;
    std::uint64_t received = 0;
  };
  std::vector<Entry> entries_;  // one a start: nearly always one
  std::uint64_t received_ = 0;  // rows of before did not say of which start
};

}  // namespace tidemark::reconcile
