#include "cloud/cli/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tidemark::cloud_cli {
namespace {

constexpr double kRounding = 1e-9;  // 0.93 * 1000 may be a little less than 930

}  // namespace

std::string text_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string()) return {};
  auto text = at->get<std::string>();
  // What an edge said must not speak to a terminal.
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
  return text;
}

std::uint64_t count_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

const Json& list_of(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const auto at = object.find(key);
  return at != object.end() && at->is_array() ? *at : kEmpty;
}

std::string figure_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? figure(at->get<double>()) : "–";
}

std::string percent_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number()) return "–";
  return fmt::format("{:g} %", std::floor(at->get<double>() * 1000 + kRounding) / 10);
}

std::string moment(const std::string& utc, bool with_day) {
  if (utc.size() < 20) return utc.empty() ? "–" : utc;
  std::string time = utc.substr(11, utc.size() - 12);
  return with_day ? fmt::format("{} {}", utc.substr(0, 10), time) : time;
}

}  // namespace tidemark::cloud_cli
