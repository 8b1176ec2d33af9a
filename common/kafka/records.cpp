#include "common/kafka/records.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace tidemark::kafka {
namespace {

using wire::FrameType;

constexpr std::array<std::pair<FrameType, std::string_view>, 8> kTypes{{
    {FrameType::hello, "hello"},
    {FrameType::block, "block"},
    {FrameType::seal, "seal"},
    {FrameType::dictionary, "dictionary"},
    {FrameType::bye, "bye"},
    {FrameType::ack, "ack"},
    {FrameType::request, "request"},
    {FrameType::refuse, "refuse"},
}};

std::uint64_t parse(std::string_view text, int base) {
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n, base);
  return n;
}

}  // namespace

std::string_view name_of(FrameType type) {
  for (const auto& [known, name] : kTypes) {
    if (known == type) return name;
  }
  return "";
}

std::optional<FrameType> type_of(std::string_view name) {
  for (const auto& [type, known] : kTypes) {
    if (known == name) return type;
  }
  return std::nullopt;
}

std::string_view name_of(Lane lane) {
  if (lane == Lane::alarm) return "alarm";
  return lane == Lane::live ? "live" : "backlog";
}

Lane lane_of(std::string_view name) {
  if (name == "alarm") return Lane::alarm;
  return name == "backlog" ? Lane::backlog : Lane::live;
}

std::string hex_of(std::uint64_t n) { return fmt::format("{:016x}", n); }
std::uint64_t number_of(std::string_view text) { return parse(text, 10); }
std::uint64_t number_of_hex(std::string_view text) { return parse(text, 16); }

}  // namespace tidemark::kafka
