// An edge of the bench fleet: its readings follow from their numbers, so that nobody keeps them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/strong.h"
#include "common/model/block.h"
#include "common/model/record.h"
#include "common/model/series.h"
#include "common/wire/frame.h"

namespace tidemark::bench {

inline constexpr std::int64_t kStep = 100'000'000;  // ns between two readings of a series

class FleetEdge {
 public:
  // Reading number k has the time first + k * kStep.
  FleetEdge(unsigned number, unsigned sources, std::int64_t first);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<SeriesDescription>& series() const { return series_; }
  [[nodiscard]] wire::Frame hello() const;
  [[nodiscard]] wire::Frame dictionary() const;
  // The next block: readings [done(), done() + rows) of every series.
  BlockRecord pack(std::uint32_t rows);
  // All that was packed so far is in the blocks so far.
  wire::Frame seal();
  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::int64_t time_of(std::uint64_t reading) const {
    return first_ + static_cast<std::int64_t>(reading) * kStep;
  }
  // Of an i64 series the mantissa.
  [[nodiscard]] std::int64_t level(std::uint32_t series, std::uint64_t reading) const;

 private:
  std::string name_;
  Incarnation incarnation_;
  std::int64_t first_;
  std::vector<SeriesDescription> series_;
  DictionaryPtr dictionary_;
  std::uint64_t done_ = 0;
  std::uint64_t stated_ = 0;  // readings below are in the minutes of a seal
  std::uint64_t next_ = 1;
  std::uint64_t seals_ = 0;
};

}  // namespace tidemark::bench
