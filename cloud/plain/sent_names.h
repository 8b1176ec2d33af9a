// Which series readings are of, by the device, the metric and the type that they were sent with: a
// look for every reading, so without a text made for it, and in two places of memory.
//
// Bounds     as many as are added, with names of 4 GiB together at most (kSeriesMax of PlainEdge
//            keeps below); some 30 bytes and the names for each.
// Threads    one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/plain/plain_reading.h"

namespace tidemark::plain {

class SentNames {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // kNone where it was not added.
  [[nodiscard]] std::uint32_t find(const PlainReading& reading) const;
  // One that is not there. Names are of at most 2^16 - 1 bytes.
  void add(const PlainReading& reading, std::uint32_t series);
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t names = 0;  // where in names_
    std::uint32_t series = kNone;
  };
  static std::uint64_t hash_of(const PlainReading& reading);
  [[nodiscard]] bool is_at(std::uint32_t names, const PlainReading& reading) const;
  void put(const Slot& slot);

  std::vector<Slot> slots_;  // a power of two, at most half full; open, by the next free place
  std::string names_;        // of each: lengths (2 bytes each), type, device, metric
  std::size_t size_ = 0;
};

}  // namespace tidemark::plain
