// Registers to values, and back for the plant simulator. Our own code: the float setters of
// libmodbus 3.1.6 store another order than they say, and a wrong order must be found, not printed.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/model/block.h"
#include "edge/profile/profile.h"

namespace tidemark::profile {

struct Value {
  Quality quality = Quality::good;
  double f64 = 0;
  std::int64_t i64 = 0;  // mantissa, or 0 and 1
  std::string text;
};

// `registers` holds exactly point.registers of them, `scale` the dynamic scale's if it has one.
Value decode(const Point& point, std::span<const std::uint16_t> registers,
             std::uint16_t scale = 0);
// The same from all registers of point.begin() to point.end().
Value decode_at(const Point& point, std::span<const std::uint16_t> registers);

// Up to four registers as one number, first byte highest after undoing `order`.
std::uint64_t join_registers(std::span<const std::uint16_t> registers, ByteOrder order);
void split_registers(std::uint64_t bits, ByteOrder order, std::span<std::uint16_t> registers);

// The value as people read it, for comparisons with bounds: decimals and scale applied.
double number_of(const Point& point, const Value& value);

// Of all doubles that give this float back the one that is written with the fewest digits: 231.2
// for what a device means that sends 231.2f, which is 231.19999694824219. For people only: what is
// stored, sent and summed is the float itself.
double as_written(float v);

}  // namespace tidemark::profile
