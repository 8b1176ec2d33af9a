#include "edge/config/bus_url.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "common/base/text.h"
#include "edge/config/edge_config.h"

namespace tidemark::config {
namespace {

constexpr std::uint16_t kPort = 502;
constexpr std::string_view kSerial = "rtu://";
constexpr std::string_view kSerialForm = "rtu:///dev/serial/by-id/NAME?baud=9600&parity=even";
// Those that termios has and that a field bus is run at.
constexpr std::array kBauds = {1200,   2400,   4800,    9600,    19'200,  38'400,
                               57'600, 115'200, 230'400, 460'800, 921'600};
constexpr std::array<std::string_view, 3> kParities = {"none", "even", "odd"};
constexpr std::array<std::string_view, 4> kDirections = {"adapter", "kernel", "rts-up",
                                                         "rts-down"};
const std::vector<std::string> kOptions = {"baud", "parity", "stop", "rs485"};

template <std::size_t N>
Result<std::size_t> index_of(const std::array<std::string_view, N>& words, std::string_view key,
                             std::string_view word) {
  const auto at = std::find(words.begin(), words.end(), word);
  if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
  return Error{Fault::bad_input,
               fmt::format("{}={} is not one of {}", key, word, fmt::join(words, ", "))};
}

Result<int> number_of(std::string_view key, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  return Error{Fault::bad_input, fmt::format("{}={} is not a number", key, text)};
}

Result<> take_option(BusUrl& url, std::string_view key, std::string_view value) {
  if (key == "baud") {
    TIDE_ASSIGN(url.baud, number_of(key, value));
    if (std::find(kBauds.begin(), kBauds.end(), url.baud) != kBauds.end()) return {};
    return Error{Fault::bad_input,
                 fmt::format("baud={} is not one of {}", value, fmt::join(kBauds, ", "))};
  }
  if (key == "parity") {
    TIDE_ASSIGN(const auto i, index_of(kParities, key, value));
    url.parity = static_cast<BusUrl::Parity>(i);
    return {};
  }
  if (key == "rs485") {
    TIDE_ASSIGN(const auto i, index_of(kDirections, key, value));
    url.direction = static_cast<BusUrl::Direction>(i);
    return {};
  }
  if (key == "stop") {
    TIDE_ASSIGN(url.stop_bits, number_of(key, value));
    if (url.stop_bits == 1 || url.stop_bits == 2) return {};
    return Error{Fault::bad_input, fmt::format("stop={} is not 1 or 2", value)};
  }
  const auto near = nearest(key, kOptions);
  return Error{Fault::bad_input,
               near.empty() ? fmt::format("unknown option '{}'; known are {}", key,
                                          fmt::join(kOptions, ", "))
                            : fmt::format("unknown option '{}', did you mean '{}'?", key, near)};
}

Result<BusUrl> parse_serial(std::string_view text) {
  BusUrl url;
  url.kind = BusUrl::Kind::rtu;
  const auto rest = text.substr(kSerial.size());
  const auto question = rest.find('?');
  url.device = rest.substr(0, question);
  if (!url.device.starts_with('/') || url.device.ends_with('/')) {
    return Error{Fault::bad_input,
                 fmt::format("'{}' does not name a port; expected {}", text, kSerialForm)};
  }
  if (question == std::string_view::npos) return url;
  for (const auto option : split(rest.substr(question + 1), '&')) {
    const auto equals = option.find('=');
    if (equals == std::string_view::npos) {
      return Error{Fault::bad_input,
                   fmt::format("'{}': '{}' is no key=value; expected {}", text, option,
                               kSerialForm)};
    }
    auto taken = take_option(url, option.substr(0, equals), option.substr(equals + 1));
    if (!taken) return std::move(taken).error().within("'" + std::string(text) + "'");
  }
  return url;
}

}  // namespace

std::string_view to_string(BusUrl::Parity parity) {
  return kParities[static_cast<std::size_t>(parity)];
}

std::string BusUrl::place() const {
  if (kind == Kind::rtu) return device;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string BusUrl::text() const {
  if (kind == Kind::tcp) return "tcp://" + place();
  if (kind == Kind::rtu_tcp) return "rtu+tcp://" + place();
  return fmt::format("{}{}?baud={}&parity={}&stop={}&rs485={}", kSerial, device, baud,
                     to_string(parity), stop_bits,
                     kDirections[static_cast<std::size_t>(direction)]);
}

Result<BusUrl> parse_bus_url(std::string_view text) {
  if (text.starts_with(kSerial)) return parse_serial(text);
  TIDE_ASSIGN(const auto parsed, parse_url(text, kPort));
  BusUrl url;
  url.host = parsed.host;
  url.port = parsed.port;
  if (parsed.scheme == "rtu+tcp") {
    url.kind = BusUrl::Kind::rtu_tcp;
  } else if (parsed.scheme != "tcp") {
    return Error{Fault::bad_input,
                 fmt::format("'{}' is not a known scheme; expected tcp://host:port, "
                             "rtu+tcp://host:port or {}", parsed.scheme, kSerialForm)};
  }
  return url;
}

}  // namespace tidemark::config
