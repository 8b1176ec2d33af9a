#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "edge/cli/bus_access.h"
#include "edge/cli/profile_command.h"
#include "edge/profile/decode.h"

namespace tidemark::edge {
namespace {

using cli::Output;
using modbus::Reply;
using json = nlohmann::ordered_json;
using profile::RegisterType;

struct TypeRow {
  const char* name;
  RegisterType type;
  std::uint16_t registers;
};
constexpr std::array kTypes = {
    TypeRow{"u16", RegisterType::u16, 1}, TypeRow{"i16", RegisterType::i16, 1},
    TypeRow{"u32", RegisterType::u32, 2}, TypeRow{"i32", RegisterType::i32, 2},
    TypeRow{"u64", RegisterType::u64, 4}, TypeRow{"i64", RegisterType::i64, 4},
    TypeRow{"f32", RegisterType::f32, 2}, TypeRow{"f64", RegisterType::f64, 4},
    TypeRow{"bits", RegisterType::bits, 1}};
constexpr std::uint64_t kRegistersMax = 125;
constexpr std::uint64_t kBitsMax = 2000;

class ModbusWords {
 public:
  ModbusWords(cli::Command& root, Output& out) : out_(out) {
    auto& c = root.add("modbus", "Registers of a device, as they are.")
                  .add("read", "Reads values; never writes.");
    words_.declare(c, true);
    std::vector<std::string> types;
    for (const auto& row : kTypes) types.emplace_back(row.name);
    c.option("--fc", function_, "1 coils, 2 inputs, 3 holding, 4 input registers; 3.");
    c.option("--addr", address_, "On the wire, from 0; 0x… too.", "N");
    c.choice("--type", type_, types, "u16 when left out.");
    c.choice("--order", order_, {"ABCD", "CDAB", "BADC", "DCBA"},
             "Of wide values; all four are shown when left out.");
    c.option("--count", count_, "How many values.");
    c.flag("--json", json_, "One JSON object instead of text.");
    c.option("--config", config_, "The agent's configuration.", "FILE");
    c.action(with_agent(config_, agent_, out_, [this] { return run(); }));
  }

 private:
  int run() {
    const auto device = device_of(words_, agent_.config.string());
    if (!device) return out_.usage(device.error().text());
    const auto request = request_of(device->unit);
    if (!request) return out_.usage(request.error().text());
    const auto access = BusAccess::open(*device, agent_);
    if (!access) {
      out_.fail(access.error());
      return kExitUnreachable;
    }
    std::vector<std::uint16_t> registers;
    const auto reply = access->reader()(*request, registers);
    if (reply.kind != Reply::Kind::good) return fault(*device, *request, reply);
    json_ ? show_json(*device, *request, registers, access->through_agent())
          : show(*request, registers);
    return kExitOk;
  }

  Result<modbus::Request> request_of(std::uint8_t unit) {
    if (function_ < 1 || function_ > 4) {
      return Error{Fault::bad_input, "--fc: reading is 1 to 4; this program does not write"};
    }
    const bool hex = address_.starts_with("0x");
    const char* first = address_.data() + (hex ? 2 : 0);
    const char* last = address_.data() + address_.size();
    std::uint16_t address = 0;
    const auto [end, error] = std::from_chars(first, last, address, hex ? 16 : 10);
    if (error != std::errc{} || end != last) {
      return Error{Fault::bad_input, "--addr: '" + address_ + "' is not from 0 to 65535"};
    }
    if (function_ <= 2) type_ = "bits";
    for (const auto& row : kTypes) {
      if (type_ == row.name) row_ = row;
    }
    const auto registers = count_ * row_.registers;
    const auto limit = function_ <= 2 ? kBitsMax : kRegistersMax;
    if (count_ == 0 || count_ > limit || registers > limit || address + registers > 65'536) {
      return Error{Fault::bad_input,
                   fmt::format("--count: {} of {} are not 1 to {} registers that end before 65536",
                               count_, type_, limit)};
    }
    return modbus::Request{unit, static_cast<std::uint8_t>(function_), address,
                           static_cast<std::uint16_t>(registers)};
  }

  int fault(const Device& device, const modbus::Request& r, const Reply& reply) {
    const auto where = fmt::format("{} unit {}, function {}, {} from {:#06x}", device.url.text(),
                                   r.unit, r.function, r.count, r.address);
    if (reply.kind == Reply::Kind::exception) {
      out_.err(fmt::format("error: {}: exception {}\n  try: {}\n", where, reply.exception,
                           reply.exception == 2   ? "another address, or --fc 3 or 4"
                           : reply.exception == 1 ? "--fc 3 or 4"
                                                  : "look at the device itself"));
      return kExitProtocol;
    }
    if (reply.kind == Reply::Kind::garbled) {
      out_.err(fmt::format("error: {}: half or a wrong answer ({})\n  try: tidemark profile scan\n",
                           where, reply.text));
      return kExitProtocol;
    }
    out_.err(fmt::format("error: {}: {}\n  try: {}\n", where,
                         reply.text.empty() ? "no answer" : reply.text,
                         reply.kind == Reply::Kind::broken
                             ? "see that the device is on and its address right"
                             : "tidemark profile scan, or a longer --timeout"));
    return kExitUnreachable;
  }

  [[nodiscard]] json value_of(std::span<const std::uint16_t> registers,
                              profile::ByteOrder order) const {
    profile::Point p;
    p.type = row_.type;
    p.registers = row_.registers;
    p.byte_order = order;
    const bool is_float = row_.type == RegisterType::f32 || row_.type == RegisterType::f64;
    p.value_type = is_float ? ValueType::f64 : ValueType::i64;
    const auto v = decode(p, registers);
    if (row_.type == RegisterType::u64) return profile::join_registers(registers, order);
    if (row_.type == RegisterType::f32) {
      return profile::as_written(static_cast<float>(v.f64));
    }
    return is_float ? json(v.f64) : json(v.i64);
  }

  [[nodiscard]] std::vector<profile::ByteOrder> orders() const {
    using profile::ByteOrder;
    if (row_.registers == 1) return {ByteOrder::abcd};
    if (const auto order = profile::byte_order_of(order_)) return {*order};
    return {ByteOrder::abcd, ByteOrder::cdab, ByteOrder::badc, ByteOrder::dcba};
  }

  void show(const modbus::Request& r, const std::vector<std::uint16_t>& registers) {
    std::string text;
    const auto all = orders();
    for (std::size_t at = 0; at < registers.size(); at += row_.registers) {
      const auto words = std::span(registers).subspan(at, row_.registers);
      text += fmt::format("{:#06x} ", r.address + at);
      for (const auto w : words) text += fmt::format(" {:04x}", w);
      for (const auto order : all) {
        text += all.size() > 1 ? fmt::format("   {} {}", to_string(order),
                                             value_of(words, order).dump())
                               : "   " + value_of(words, order).dump();
      }
      text += "\n";
    }
    out_.out(text);
    if (all.size() > 1) {
      out_.err("the profile's ranges tell which order is right: tidemark profile probe\n");
    }
  }

  void show_json(const Device& device, const modbus::Request& r,
                 const std::vector<std::uint16_t>& registers, bool through_agent) {
    json values = json::array();
    for (std::size_t at = 0; at < registers.size(); at += row_.registers) {
      const auto words = std::span(registers).subspan(at, row_.registers);
      json one = {{"address", r.address + at},
                  {"registers", std::vector<std::uint16_t>(words.begin(), words.end())}};
      const auto all = orders();
      if (all.size() == 1) {
        one["value"] = value_of(words, all[0]);
      } else {
        for (const auto order : all) one["as"][std::string(to_string(order))] =
            value_of(words, order);
      }
      values.push_back(std::move(one));
    }
    out_.out(json{{"v", 1}, {"url", device.url.text()}, {"unit", r.unit},
                  {"function", r.function}, {"type", type_}, {"through_agent", through_agent},
                  {"values", values}}.dump() + "\n");
  }

  Output& out_;
  Agent agent_;
  DeviceWords words_;
  TypeRow row_ = kTypes[0];
  std::uint64_t function_ = 3, count_ = 1;
  std::string address_ = "0", type_ = "u16", order_, config_;
  bool json_ = false;
};

}  // namespace

std::shared_ptr<void> add_modbus(cli::Command& root, Output& output) {
  return std::make_shared<ModbusWords>(root, output);
}

}  // namespace tidemark::edge
