#include "bench/plant/register_image.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "bench/plant/plant_log.h"

namespace tidemark::plant {
namespace {

const Signal kVoltage{231.2, 4, 0.6, 97, 0};
const Signal kCurrent{18.4, 6, 0.8, 41, 0};
const Signal kPower{4300, 1400, 120, 41, 0};
const Signal kReactive{640, 200, 30, 53, 0};
const Signal kFactor{0.94, 0.04, 0.004, 67, 0};
const Signal kFrequency{50, 0.03, 0.01, 31, 0};
const Signal kEnergy{18'250, 0, 0, 60, 0.0036};
const Signal kExport{12.5, 0, 0, 60, 0.00001};

// The same quantity of three phases in consecutive registers of one type.
void phases(std::vector<Point>& points, const std::string& name, int address, Type type,
            int exponent, Signal signal) {
  for (int phase = 0; phase < 3; ++phase) {
    signal.period_s += 2;
    points.push_back({fmt::format("{}_l{}", name, phase + 1), address + phase * words(type), type,
                      exponent, signal});
  }
}

Signal times(Signal signal, double factor) {
  signal.base *= factor;
  signal.swing *= factor;
  signal.noise *= factor;
  signal.slope *= factor;
  return signal;
}

Model sdm630() {
  Model model{4, false, {}};
  auto& p = model.points;
  phases(p, "voltage", 0x0000, Type::f32, 0, kVoltage);
  phases(p, "current", 0x0006, Type::f32, 0, kCurrent);
  phases(p, "power", 0x000C, Type::f32, 0, kPower);
  phases(p, "apparent_power", 0x0012, Type::f32, 0, times(kPower, 1.05));
  phases(p, "reactive_power", 0x0018, Type::f32, 0, kReactive);
  phases(p, "power_factor", 0x001E, Type::f32, 0, kFactor);
  p.push_back({"current_sum", 0x0030, Type::f32, 0, times(kCurrent, 3)});
  p.push_back({"power_total", 0x0034, Type::f32, 0, times(kPower, 3)});
  p.push_back({"apparent_power_total", 0x0038, Type::f32, 0, times(kPower, 3.15)});
  p.push_back({"reactive_power_total", 0x003C, Type::f32, 0, times(kReactive, 3)});
  p.push_back({"power_factor_total", 0x003E, Type::f32, 0, kFactor});
  p.push_back({"phase_angle", 0x0042, Type::f32, 0, {19.8, 3, 0.5, 67, 0}});
  p.push_back({"frequency", 0x0046, Type::f32, 0, kFrequency});
  p.push_back({"energy_import", 0x0048, Type::f32, 0, kEnergy});
  p.push_back({"energy_export", 0x004A, Type::f32, 0, kExport});
  p.push_back({"reactive_energy_import", 0x004C, Type::f32, 0, times(kEnergy, 0.2)});
  p.push_back({"reactive_energy_export", 0x004E, Type::f32, 0, times(kExport, 0.2)});
  phases(p, "thd_voltage", 0x00EA, Type::f32, 0, {2.1, 0.3, 0.05, 71, 0});
  p.push_back({"thd_voltage_avg", 0x00F8, Type::f32, 0, {2.1, 0.3, 0.05, 71, 0}});
  p.push_back({"energy_total", 0x0156, Type::f32, 0, times(kEnergy, 1.001)});
  p.push_back({"reactive_energy_total", 0x0158, Type::f32, 0, times(kEnergy, 0.201)});
  phases(p, "energy_import", 0x015A, Type::f32, 0, times(kEnergy, 1.0 / 3));
  phases(p, "energy_export", 0x0160, Type::f32, 0, times(kExport, 1.0 / 3));
  phases(p, "energy_total", 0x0166, Type::f32, 0, times(kEnergy, 1.001 / 3));
  return model;
}

Model em340() {
  Model model{4, true, {}};
  auto& p = model.points;
  phases(p, "voltage", 0x00, Type::i32, -1, kVoltage);
  phases(p, "current", 0x0C, Type::i32, -3, kCurrent);
  phases(p, "power", 0x12, Type::i32, -1, kPower);
  p.push_back({"power_total", 0x28, Type::i32, -1, times(kPower, 3)});
  phases(p, "power_factor", 0x2E, Type::i16, -3, kFactor);
  p.push_back({"power_factor_total", 0x31, Type::i16, -3, kFactor});
  p.push_back({"frequency", 0x33, Type::i16, -1, kFrequency});
  p.push_back({"energy_import", 0x34, Type::i32, -1, kEnergy});
  phases(p, "energy_import", 0x40, Type::i32, -1, times(kEnergy, 1.0 / 3));
  p.push_back({"energy_export", 0x4E, Type::i32, -1, kExport});
  return model;
}

Model qm30vt2() {
  Model model{3, false, {}};
  const auto add = [&model](const char* name, int offset, Type type, int exponent, Signal signal) {
    model.points.push_back({name, 5200 + offset, type, exponent, signal});
  };
  const Signal velocity{2.4, 0.9, 0.3, 23, 0};
  const Signal acceleration{0.8, 0.3, 0.1, 23, 0};
  add("z_velocity_rms_in", 0, Type::u16, -4, times(velocity, 1 / 25.4));
  add("z_velocity_rms", 1, Type::u16, -3, velocity);
  add("temperature_f", 2, Type::i16, -2, {104, 8, 0.2, 301, 0});
  add("temperature", 3, Type::i16, -2, {40, 4.4, 0.1, 301, 0});
  add("x_velocity_rms_in", 4, Type::u16, -4, times(velocity, 1 / 25.4));
  add("x_velocity_rms", 5, Type::u16, -3, times(velocity, 0.7));
  add("z_acceleration_peak", 6, Type::u16, -3, times(acceleration, 3));
  add("x_acceleration_peak", 7, Type::u16, -3, times(acceleration, 2.6));
  add("z_peak_velocity_frequency", 8, Type::u16, -1, {24.7, 0.4, 0.1, 61, 0});
  add("x_peak_velocity_frequency", 9, Type::u16, -1, {24.7, 0.4, 0.1, 61, 0});
  add("z_acceleration_rms", 10, Type::u16, -3, acceleration);
  add("x_acceleration_rms", 11, Type::u16, -3, times(acceleration, 0.9));
  add("z_kurtosis", 12, Type::u16, -3, {3.1, 0.3, 0.1, 47, 0});
  add("x_kurtosis", 13, Type::u16, -3, {3, 0.3, 0.1, 47, 0});
  add("z_crest_factor", 14, Type::u16, -3, {3.7, 0.4, 0.1, 47, 0});
  add("x_crest_factor", 15, Type::u16, -3, {3.5, 0.4, 0.1, 47, 0});
  add("z_velocity_peak_in", 16, Type::u16, -4, times(velocity, 1.5 / 25.4));
  add("z_velocity_peak", 17, Type::u16, -3, times(velocity, 1.5));
  add("x_velocity_peak_in", 18, Type::u16, -4, times(velocity, 1.4 / 25.4));
  add("x_velocity_peak", 19, Type::u16, -3, times(velocity, 1.4));
  add("z_hf_acceleration_rms", 20, Type::u16, -3, times(acceleration, 0.5));
  add("x_hf_acceleration_rms", 21, Type::u16, -3, times(acceleration, 0.4));
  return model;
}

void put32(const Model& model, std::span<std::uint16_t> registers, int address,
           std::uint32_t value) {
  const auto high = static_cast<std::uint16_t>(value >> 16);
  const auto low = static_cast<std::uint16_t>(value & 0xFFFF);
  const auto at = static_cast<std::size_t>(address);
  registers[at] = model.low_word_first ? low : high;
  registers[at + 1] = model.low_word_first ? high : low;
}

}  // namespace

std::optional<Model> find_model(std::string_view name) {
  if (name == "sdm630") return sdm630();
  if (name == "em340") return em340();
  if (name == "qm30vt2") return qm30vt2();
  return std::nullopt;
}

int words(Type type) { return type == Type::u16 || type == Type::i16 ? 1 : 2; }

std::vector<std::string> fill_registers(const Model& model, double t_s, std::uint64_t seed,
                                        std::uint32_t serial, std::span<std::uint16_t> registers) {
  std::vector<std::string> values;
  values.reserve(model.points.size());
  std::uint64_t index = 0;
  for (const auto& point : model.points) {
    const double value = evaluate(point.signal, t_s, seed + ++index, serial);
    if (point.type == Type::f32) {
      const auto single = static_cast<float>(value);
      put32(model, registers, point.address, std::bit_cast<std::uint32_t>(single));
      values.push_back(exact_double(static_cast<double>(single)));
      continue;
    }
    const auto mantissa = std::llround(value * std::pow(10, -point.exponent));
    if (words(point.type) == 2) {
      put32(model, registers, point.address, static_cast<std::uint32_t>(mantissa));
    } else {
      registers[static_cast<std::size_t>(point.address)] = static_cast<std::uint16_t>(mantissa);
    }
    values.push_back(exact_decimal(mantissa, point.exponent));
  }
  registers[kSerialAddress] = static_cast<std::uint16_t>(serial >> 16);
  registers[kSerialAddress + 1] = static_cast<std::uint16_t>(serial & 0xFFFF);
  return values;
}

}  // namespace tidemark::plant
