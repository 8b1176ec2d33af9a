// What a case of order_property_test is: readings, in which blocks of which starts of which edges
// they travel, and what becomes of these.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {

inline constexpr const char* kTextUnit = "words";
// Of times to come, on a day of its own.
inline constexpr std::int64_t kAhead = kStart + 3 * 86'400 * kSecond;

struct Reading {
  std::uint32_t series = 0;
  std::int64_t time = 0;
  double f64 = 0;
  std::int64_t i64 = 0;
  std::string text;
  Quality quality = Quality::good;
};

inline constexpr std::pair<std::int64_t, std::int64_t> kNoMinutes{0, -1};

struct Plan {
  bool stamped = false;
  std::vector<std::pair<ValueType, std::int8_t>> series;  // type and exponent
  std::int64_t until = 0;
  std::vector<Reading> readings;     // as they were taken
  std::vector<std::size_t> cuts;     // a block ends before these
  std::size_t second_start = 0;      // the reading that it begins with
  bool two_edges = false;            // what would be a second start is another edge
  std::uint64_t shapes = 0;          // by block: all series in one group, or each in its own
  std::uint64_t delivery = 0;        // seed
  std::uint64_t evicted = 0;         // by block of a start: the edge has no room for it
  bool power_cut = false;            // the first start ends so
  bool wiped = false;                // or it ends with its edge's medium, and nobody closes it
  std::uint64_t losses = 0;          // seed of when, and of what comes all the same
  // The edge was away for too long: seals have no counts of these minutes, and say so. Of the
  // first start and of the last.
  std::pair<std::int64_t, std::int64_t> dropped[2] = {kNoMinutes, kNoMinutes};
};

// By rapidcheck. `losses`, as it is drawn from these: bit 0: blocks are evicted; bit 1: the power
// goes; bit 2: the medium does; with any of them clocks may be ahead, and counts dropped.
Plan any_plan(int losses_least, int losses_most);

// One start of an edge, and which of its frames ever come.
struct Start {
  EdgeDouble edge;
  std::size_t of = 0;                    // edge
  std::vector<std::uint64_t> arriving{};   // blocks
  std::size_t seals = 0;                 // the first so many
  std::uint64_t durable = 0;             // blocks, when the next start begins
  std::vector<std::uint64_t> block_of{};  // by reading
  std::pair<std::int64_t, std::int64_t> dropped = kNoMinutes;
  std::pair<std::int64_t, std::int64_t> lost = kNoMinutes;  // with the medium, up to the next start

  [[nodiscard]] const Seal& last_seal() const { return edge.seals[seals - 1]; }
};

// With the readings [from, to) of the plan, but for `dropped`.
Start start_of(const Plan& plan, const std::string& name, std::uint64_t number,
               const std::string& group, std::size_t from, std::size_t to, std::size_t dropped);
// The medium of `first` is gone with it, and `next` begins some time later.
void wipe(const Plan& plan, Start& first, Start& next);

}  // namespace tidemark::test
