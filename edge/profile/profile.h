// What a device's profile says, resolved: `extends` followed, scales exact, every point complete.
// The files are data only, in firmware-profiles/; the schema is in schema.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/model/series.h"

namespace tidemark::profile {

enum class RegisterType : std::uint8_t { u16, i16, u32, i32, u64, i64, f32, f64, bits, string };

// How the bytes of a value lie in its registers, for the 32-bit value 0xAABBCCDD. Each register is
// itself big-endian on the wire (Modbus 4.2), so ABCD is plain big-endian.
enum class ByteOrder : std::uint8_t { abcd, cdab, badc, dcba };
std::string_view to_string(ByteOrder order);
std::optional<ByteOrder> byte_order_of(std::string_view text);  // "ABCD"

// m * 10^exponent, without trailing zeros in m.
struct Decimal {
  std::int64_t mantissa = 0;
  int exponent = 0;
  friend bool operator==(const Decimal&, const Decimal&) = default;
};
// From the shortest text of the double ("0.1" is 1 * 10^-1), which is what the file says; empty
// when that has more than 18 digits or an exponent outside [-18, 18].
std::optional<Decimal> decimal_of(double v);

// Which bytes of its registers a text is in.
enum class TextBytes : std::uint8_t { both, high, low };

struct Point {
  std::string name;  // the metric
  std::uint8_t function = 3;
  std::uint16_t address = 0;    // on the wire, from 0; manuals often count from 1
  // SunSpec models that have it, then `address` counts from the model's first register (its ID).
  std::vector<std::uint16_t> models;
  std::uint16_t registers = 1;  // coils and inputs count as one each
  RegisterType type = RegisterType::u16;
  ByteOrder byte_order = ByteOrder::abcd;
  TextBytes text_bytes = TextBytes::both;
  int bit = -1;  // bits: which one (0 is the lowest) as a boolean; -1: all of them as a number
  double scale = 1;
  double offset = 0;
  // Integers: value = (raw * factor + addend) * 10^exponent, exactly.
  std::int64_t factor = 1;
  std::int64_t addend = 0;
  std::int8_t exponent = 0;
  // Dynamic scale (SunSpec's sunssf): a register with a power of ten, near the value and read with
  // it: value = raw * factor * 10^(scale_exponent + register), kept in steps of 10^exponent, to
  // which it is rounded once. -1: none.
  std::int32_t scale_address = -1;
  int scale_exponent = 0;
  ValueType value_type = ValueType::i64;
  std::string unit;
  SeriesKind kind = SeriesKind::gauge;
  std::optional<double> min, max;  // plausible; outside is Quality::bad_range
  std::string poll_class = "normal";
  bool nan_invalid = false;
  std::vector<std::uint64_t> invalid;  // raw bits that mean "not available"

  // All registers that it needs at once: [begin, end).
  [[nodiscard]] std::uint32_t begin() const {
    return scale_address < 0 ? address : std::min<std::uint32_t>(address, scale_register());
  }
  [[nodiscard]] std::uint32_t end() const {
    const std::uint32_t own = address + std::uint32_t{registers};
    return scale_address < 0 ? own : std::max<std::uint32_t>(own, scale_register() + 1);
  }
  [[nodiscard]] std::uint32_t scale_register() const {
    return static_cast<std::uint32_t>(scale_address);
  }
  [[nodiscard]] bool is_number() const {
    return type != RegisterType::bits && type != RegisterType::string;
  }
};

struct Profile {
  std::string id;
  std::string vendor;
  std::string model;
  std::string source;    // where the facts are from
  std::string verified;  // how sure they are
  std::uint16_t max_gap = 0;
  std::uint16_t max_registers = 125;
  Nanoseconds pause_after_connect{};
  Nanoseconds pause_between_requests{};
  Nanoseconds timeout_least{};  // the device needs so long for an answer
  bool close_after_poll = false;       // it serves one question a connection, or others wait for it
  bool one_point_per_request = false;  // what it answers to longer ones is wrong
  bool coils_from_zero = false;        // coils and inputs are read from address 0 on only
  bool any_unit = false;               // its answers name another unit than was asked
  std::string probe;  // a point that says whether it is this device; may be empty
  std::vector<std::string> alike;  // points of nearly one value, such as the phases' voltages
  std::vector<Point> points;

  [[nodiscard]] const Point* find(std::string_view name) const;
  [[nodiscard]] bool is_sunspec() const;  // some point is of a SunSpec model
  // For a device that does not follow its profile: of all points wider than a register.
  void set_byte_order(ByteOrder order);
};

}  // namespace tidemark::profile
