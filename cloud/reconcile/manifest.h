// What a source says it took in one minute of event time, and what came of it.
#pragma once

#include <vector>

#include "common/base/bytes.h"
#include "common/base/strong.h"
#include "common/model/seal.h"

namespace tidemark::reconcile {

struct ManifestSum {
  std::uint64_t due = 0, good = 0, taken = 0, sent = 0;
  std::uint64_t received = 0;  // readings of received blocks, duplicates and late ones included
  // Of each minute by itself, what more was sent than received: what one minute has beyond its
  // counts does not hide what another lacks.
  std::uint64_t lacking = 0;

  // Readings that there are, as far as is known: blocks may be here before the seal that counts
  // them.
  [[nodiscard]] std::uint64_t all() const { return received + lacking; }
  // Of each minute by itself, what more was received than sent.
  [[nodiscard]] std::uint64_t surplus() const { return all() < sent ? 0 : all() - sent; }
  ManifestSum& operator+=(const ManifestSum& o);
  friend bool operator==(const ManifestSum&, const ManifestSum&) = default;
};

// One (source, poll class, minute) over all starts of the edge. Counts are absolute within a start;
// those under the highest seal number stand.
class MinuteManifest {
 public:
  // False when a newer statement stands.
  bool state(Incarnation incarnation, std::uint64_t seal_number, const MinuteCounts& counts);
  // Other counts stand under the same number.
  [[nodiscard]] bool contradicts(Incarnation incarnation, std::uint64_t seal_number,
                                 const MinuteCounts& counts) const;
  void receive(std::uint64_t readings) { received_ += readings; }
  [[nodiscard]] ManifestSum sum() const;

  void encode(ByteWriter& out) const;
  static MinuteManifest decode(ByteReader& in);

 private:
  struct Entry {
    Incarnation incarnation;
    std::uint64_t seal_number = 0;
    MinuteCounts counts;
  };
  std::vector<Entry> entries_;  // one a start: nearly always one
  std::uint64_t received_ = 0;
};

}  // namespace tidemark::reconcile
