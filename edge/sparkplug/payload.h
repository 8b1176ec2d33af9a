// Sparkplug B payloads: the protobuf message of the Eclipse specification 3.0, section 6.4, read by
// our own reader. What has no place here (metadata, properties, datasets, templates) is passed by.
//
// Bounds     kMetricsMax metrics; texts of any length the payload has. Texts point into the bytes.
// Errors     Fault::bad_input with the byte offset. Repeated scalars: the last one counts.
// Threads    any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace tidemark::sparkplug {

inline constexpr std::size_t kMetricsMax = 65'536;

// Section 6.4.16, those with a single value.
enum class DataType : std::uint32_t {
  unknown = 0, int8 = 1, int16 = 2, int32 = 3, int64 = 4, uint8 = 5, uint16 = 6, uint32 = 7,
  uint64 = 8, float32 = 9, float64 = 10, boolean = 11, string = 12, date_time = 13, text = 14,
  uuid = 15,
};
std::string_view name_of(DataType type);  // "Int8"; empty for what is not above

struct Other {};  // bytes, datasets, templates, arrays: no reading
// As it lies in the payload; integers are unsigned there, signed ones in two's complement.
using WireValue = std::variant<std::monostate, std::uint32_t, std::uint64_t, float, double, bool,
                               std::string_view, Other>;

struct Metric {
  std::string_view name;  // mostly in births only
  std::optional<std::uint64_t> alias;
  std::optional<std::uint64_t> timestamp;  // ms since 1970
  std::optional<std::uint32_t> datatype;   // mostly in births only
  bool is_historical = false;
  bool is_null = false;
  WireValue value;
  std::size_t at = 0;  // byte offset in the payload
};

struct Payload {
  std::optional<std::uint64_t> timestamp;
  std::optional<std::uint64_t> seq;
  std::vector<Metric> metrics;
};
Result<Payload> parse(ByteSpan bytes);

// {timestamp, metrics: [{name, timestamp, Boolean, true}]}: a command to a node.
ByteVector encode_command(std::string_view name, std::uint64_t timestamp_ms);

}  // namespace tidemark::sparkplug
