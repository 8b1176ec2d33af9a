// Frames as records, and how they are named in headers (FORMAT.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/kafka/producer.h"
#include "common/kafka/settings.h"
#include "common/model/record.h"
#include "common/wire/frame.h"

namespace tidemark::kafka {

std::string_view name_of(wire::FrameType type);
std::optional<wire::FrameType> type_of(std::string_view name);
std::string_view name_of(Lane lane);
Lane lane_of(std::string_view name);  // what is not known travels as live

std::string hex_of(std::uint64_t n);  // 16 digits
// 0 for what is no number.
std::uint64_t number_of(std::string_view text);
std::uint64_t number_of_hex(std::string_view text);

// Whose a frame is, and the connection that it came by.
struct Sender {
  std::string_view edge;
  std::string_view gateway;  // empty: by none
  std::uint64_t session = 0;
  const std::map<Incarnation, std::uint64_t>& ordinals;  // as hellos said
};
// What a frame says, by which it is known.
struct FrameName {
  wire::FrameType type{};
  Incarnation incarnation{};
  std::uint64_t number = 0;  // sequence, seal number or dictionary hash
  bool last = true;          // false: a part of a seal that is not the last
};
struct FrameRecord {
  std::string topic;
  std::string key;
  ByteVector value;
  std::vector<Header> headers;
  FrameName name;
};
// Fault::bad_input for a frame that no session would have let through.
Result<FrameRecord> record_of(const Settings& settings, const Sender& sender, wire::FrameType type,
                              ByteSpan payload);

}  // namespace tidemark::kafka
