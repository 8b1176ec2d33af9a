// Register images of real devices, written from their published maps (bench/plant/README.md names
// the sources). Words are encoded here, not by libmodbus: its float setters do not round-trip.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/plant/signal.h"

namespace tidemark::plant {

enum class Type : std::uint8_t { f32, u16, i16, i32, u32 };

struct Point {
  std::string name;
  int address;       // 0-based PDU address
  Type type;
  int exponent;      // value = register * 10^exponent; f32: 0
  Signal signal;
};

struct Model {
  int function;      // 3 holding, 4 input
  bool low_word_first;  // CDAB instead of ABCD
  std::vector<Point> points;
};

// A number that rises with each answered request, as u32 (high word first) at this address.
inline constexpr int kSerialAddress = 0x2000;
inline constexpr int kRegisters = kSerialAddress + 2;

// sdm630, em340, qm30vt2.
std::optional<Model> find_model(std::string_view name);

int words(Type type);

// Writes the words of every point at `t_s` and returns their values, exact, by the point's order:
// "f231.2" or "d2312e-1" (plant_log.h).
std::vector<std::string> fill_registers(const Model& model, double t_s, std::uint64_t seed,
                                        std::uint32_t serial, std::span<std::uint16_t> registers);

}  // namespace tidemark::plant
