// Stretches of event time of which an edge took readings that it has no counts of: what a seal says
// so that nobody takes the silence for completeness.
#pragma once

#include <cstdint>
#include <vector>

namespace tidemark {

struct DroppedCounts {
  enum class Why : std::uint8_t {
    bound = 0,  // there were more counts than are kept: blocks with the readings may still come
    start = 1,  // a start was forgotten, with its counts and the names of its blocks
    cut = 2,    // the power went: what a start took last was neither counted nor packed
    // What the cloud finds by itself; no seal says so.
    lost = 3,      // the edge lost a start with all that it had not sent
    restored = 4,  // the cloud came back from a backup, and no longer knows what it was told
  };
  static constexpr std::uint8_t kWhysSaid = 3;  // in seals
  static constexpr std::uint8_t kWhys = 5;

  std::int64_t first = 0, last = 0;  // minutes, both in it
  std::uint64_t number = 0;    // of the newest seal that said one of the counts, or would have
  std::uint64_t readings = 0;  // in blocks, that they counted, at most; of a cut nobody knows
  Why why = Why::bound;

  friend bool operator==(const DroppedCounts&, const DroppedCounts&) = default;
};

// Adds one, in order of time. Of more than `max` two neighbours become one that holds both and what
// lies between them, under the newer number: those by which least is said that was not so.
void add_dropped(std::vector<DroppedCounts>& all, const DroppedCounts& more, std::size_t max);
// Those that seals after `acknowledged` say, what meets in one, at most `max`.
[[nodiscard]] std::vector<DroppedCounts> dropped_since(const std::vector<DroppedCounts>& all,
                                                       std::uint64_t acknowledged,
                                                       std::size_t max);

}  // namespace tidemark
