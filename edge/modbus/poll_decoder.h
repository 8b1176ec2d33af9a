// Journal entries of one device to readings, by its profile: one row per poll, a column per point.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "edge/modbus/poll_entry.h"
#include "edge/profile/profile.h"
#include "edge/source/source.h"

namespace tidemark::modbus {

class PollDecoder final : public source::Decoder {
 public:
  // `profile` may be shared with the poller: a thousand points are a quarter of a MiB.
  PollDecoder(std::string source, std::shared_ptr<const profile::Profile> profile);
  void decode(const journal::Entry& entry, source::SeriesTable& series,
              source::Decoded& out) override;
  [[nodiscard]] bool leads(const source::Way& way, std::string_view series) const override;

 private:
  struct Known {
    const source::SeriesTable* table = nullptr;
    std::uint32_t handle = 0;
  };
  // Where a point's registers, with its dynamic scale, lie in the ranges of a poll.
  struct Place {
    std::size_t point;
    std::size_t range;
    std::size_t offset;
  };
  // Polls of a class look alike, so that where their points lie is found out once.
  struct PollClass {
    std::vector<std::size_t> points;
    std::vector<ReadRange> shape;          // that `places` is for: registers without values
    std::vector<Place> places;
  };
  void follow(const PollEntry& poll, PollClass& poll_class) const;
  Result<std::uint32_t> handle_of(std::size_t point, source::SeriesTable& series);
  void take_ranges(const PollClass& poll_class, source::SeriesTable& series,
                   source::Decoded& out);

  std::string source_;
  std::shared_ptr<const profile::Profile> profile_;
  std::vector<Known> known_;  // by point
  std::uint64_t owners_version_ = 0;
  std::map<std::string, PollClass, std::less<>> classes_;
  PollEntry poll_;  // reused
};

}  // namespace tidemark::modbus
