// How a frame is named in a record's headers (FORMAT.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

}  // namespace tidemark::kafka
