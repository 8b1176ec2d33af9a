// Journal entries of one device to readings, by its profile: one row per poll, a column per point.
#pragma once

#include <map>
#include <vector>

#include "edge/modbus/poll_entry.h"
#include "edge/profile/profile.h"
#include "edge/source/source.h"

namespace tidemark::modbus {

class PollDecoder final : public source::Decoder {
 public:
  PollDecoder(std::string source, profile::Profile profile);
  void decode(const journal::Entry& entry, source::SeriesTable& series,
              source::Decoded& out) override;

 private:
  struct Known {
    const source::SeriesTable* table = nullptr;
    std::uint32_t handle = 0;
  };
  Result<std::uint32_t> handle_of(std::size_t point, source::SeriesTable& series);

  std::string source_;
  profile::Profile profile_;
  std::vector<Known> known_;                               // by point
  std::map<std::string, std::vector<std::size_t>, std::less<>> points_;  // by poll class
};

}  // namespace tidemark::modbus
