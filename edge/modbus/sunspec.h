// Where a SunSpec device keeps its models: "SunS" at one of three addresses, then a chain of
// (model, length, registers …) to model 0xFFFF. SunSpec Information Model Specification 4.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "edge/fieldbus/field_bus.h"

namespace tidemark::modbus {

struct SunSpecModel {
  std::uint16_t id = 0;
  std::uint16_t address = 0;    // of its first register, the ID
  std::uint16_t registers = 0;  // with ID and length
};

struct SunSpecMap {
  static constexpr std::size_t kModelsMax = 64;  // further ones are left out
  std::vector<SunSpecModel> models;
  // Why there is none. Kind good: the device answers, but has no SunSpec map.
  std::optional<Reply> fault;
  Request asked;  // what `fault` was the reply to

  // The first of `ids` that the device has with at least so many registers.
  [[nodiscard]] const SunSpecModel* find(const std::vector<std::uint16_t>& ids,
                                         std::uint32_t registers) const;
};

using ReadRegisters = std::function<Reply(const Request&, std::vector<std::uint16_t>& out)>;
SunSpecMap find_sunspec(std::uint8_t unit, const ReadRegisters& read);

}  // namespace tidemark::modbus
