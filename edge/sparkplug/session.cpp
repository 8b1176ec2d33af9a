#include "edge/sparkplug/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "common/base/text.h"

namespace tidemark::sparkplug {
namespace {

constexpr std::string_view kNamespace = "spBv1.0";
constexpr std::string_view kBdSeq = "bdSeq";
constexpr std::uint64_t kMsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000;

// Commands to the sender and the number of its session are no quantities.
bool is_reading(std::string_view name) {
  return name != kBdSeq && !name.starts_with("Node Control/") &&
         !name.starts_with("Device Control/");
}

std::uint64_t readings_of(const Payload& payload) {
  return static_cast<std::uint64_t>(std::count_if(
      payload.metrics.begin(), payload.metrics.end(),
      [](const Metric& m) { return !m.is_null && is_reading(m.name); }));
}

std::optional<std::uint64_t> unsigned_of(const WireValue& v) {
  if (const auto* w = std::get_if<std::uint32_t>(&v)) return *w;
  if (const auto* w = std::get_if<std::uint64_t>(&v)) return *w;
  return std::nullopt;
}

std::optional<std::uint64_t> bd_seq_of(const Payload& payload) {
  for (const auto& m : payload.metrics) {
    if (m.name == kBdSeq) return unsigned_of(m.value);
  }
  return std::nullopt;
}

// Two's complement in 32 bits, or in as many as the type has: writers do both.
std::optional<std::int64_t> signed_of(const WireValue& v, unsigned bits) {
  if (bits == 64) {
    const auto* wide = std::get_if<std::uint64_t>(&v);
    if (wide == nullptr) return std::nullopt;
    return static_cast<std::int64_t>(*wide);
  }
  const auto* word = std::get_if<std::uint32_t>(&v);
  if (word == nullptr) return std::nullopt;
  const auto half = std::int64_t{1} << (bits - 1);
  auto value = static_cast<std::int64_t>(static_cast<std::int32_t>(*word));
  if (value >= half && value < 2 * half) value -= 2 * half;
  if (value < -half || value >= half) return std::nullopt;
  return value;
}

std::optional<Value> unsigned_value(const WireValue& v, unsigned bits) {
  const auto number = unsigned_of(v);
  if (!number || (bits < 64 && *number >> bits != 0)) return std::nullopt;
  return Value{.kind = Value::Kind::unsigned_integer, .u64 = *number, .text = {}};
}

std::optional<Value> signed_value(const WireValue& v, unsigned bits) {
  const auto number = signed_of(v, bits);
  if (!number) return std::nullopt;
  return Value{.kind = Value::Kind::signed_integer, .i64 = *number, .text = {}};
}

std::optional<Value> number_value(const WireValue& v) {
  if (const auto* f = std::get_if<float>(&v)) return Value{.f64 = double{*f}, .text = {}};
  if (const auto* d = std::get_if<double>(&v)) return Value{.f64 = *d, .text = {}};
  return std::nullopt;
}

std::optional<Value> value_of(const WireValue& v, DataType type) {
  switch (type) {
    case DataType::int8: return signed_value(v, 8);
    case DataType::int16: return signed_value(v, 16);
    case DataType::int32: return signed_value(v, 32);
    case DataType::int64: return signed_value(v, 64);
    case DataType::uint8: return unsigned_value(v, 8);
    case DataType::uint16: return unsigned_value(v, 16);
    case DataType::uint32: return unsigned_value(v, 32);
    case DataType::uint64:
    case DataType::date_time: return unsigned_value(v, 64);
    case DataType::float32:
    case DataType::float64: return number_value(v);
    case DataType::boolean:
      if (const auto* b = std::get_if<bool>(&v)) {
        return Value{.kind = Value::Kind::boolean, .boolean = *b, .text = {}};
      }
      return std::nullopt;
    case DataType::string:
    case DataType::text:
    case DataType::uuid:
      if (const auto* t = std::get_if<std::string_view>(&v)) {
        return Value{.kind = Value::Kind::text, .text = *t};
      }
      return std::nullopt;
    case DataType::unknown: break;
  }
  return std::nullopt;
}

std::string shown(const Topic& t) {
  return t.device.empty() ? fmt::format("{}/{}", t.group, t.node)
                          : fmt::format("{}/{}/{}", t.group, t.node, t.device);
}

std::string device_name(std::string_view group, std::string_view node, std::string_view device) {
  return device.empty() ? fmt::format("{}-{}", group, node)
                        : fmt::format("{}-{}-{}", group, node, device);
}

}  // namespace

Result<Topic> parse_topic(std::string_view topic) {
  const auto levels = split(topic, '/');
  if (levels.size() < 3 || levels[0] != kNamespace) {
    return Error(Fault::bad_input,
                 fmt::format("topic is no Sparkplug: '{}' is not spBv1.0/GROUP/TYPE/NODE", topic));
  }
  if (levels[1] == "STATE") return Topic{};
  struct Type {
    std::string_view name;
    MessageKind kind;
    std::size_t levels;
  };
  static constexpr std::array<Type, 8> kTypes{{{"NBIRTH", MessageKind::nbirth, 4},
                                               {"NDATA", MessageKind::ndata, 4},
                                               {"NDEATH", MessageKind::ndeath, 4},
                                               {"NCMD", MessageKind::other, 4},
                                               {"DBIRTH", MessageKind::dbirth, 5},
                                               {"DDATA", MessageKind::ddata, 5},
                                               {"DDEATH", MessageKind::ddeath, 5},
                                               {"DCMD", MessageKind::other, 5}}};
  for (const auto& type : kTypes) {
    if (type.name != levels[2] || type.levels != levels.size()) continue;
    const Topic t{type.kind, levels[1], levels[3],
                  type.levels == 5 ? levels[4] : std::string_view()};
    if (t.group.empty() || t.node.empty() || (type.levels == 5 && t.device.empty())) break;
    return t;
  }
  return Error(Fault::bad_input,
               fmt::format("topic is no Sparkplug: '{}' is no message of Sparkplug B", topic));
}

Outcome Session::take(const Topic& topic, const Payload& payload, std::int64_t now) {
  Outcome out;
  if (topic.kind == MessageKind::other) return out;
  out.device = device_name(topic.group, topic.node, topic.device);
  const auto key = fmt::format("{}/{}", topic.group, topic.node);
  auto found = nodes_.find(key);
  if (found == nodes_.end()) {
    if (topic.kind == MessageKind::ndeath) {  // of somebody whose birth came before our start
      out.died.push_back(out.device);
      return out;
    }
    if (nodes_.size() >= kNodesMax) {
      out.refused.push_back({fmt::format("too many Sparkplug nodes: at most {}", kNodesMax),
                             readings_of(payload)});
      return out;
    }
    found = nodes_.try_emplace(key).first;
  }
  auto& node = found->second;
  if (topic.kind == MessageKind::ndeath) {
    node_death(topic, node, payload, out);
    return out;
  }
  if (topic.kind == MessageKind::nbirth) {
    if (!payload.seq || *payload.seq > 255) {
      out.refused.push_back({fmt::format("Sparkplug birth cannot be used: that of {} has no seq "
                                         "from 0 to 255", shown(topic)), readings_of(payload)});
      return out;
    }
    for (auto& [name, device] : node.devices) forget(device);  // until they are born too
    node.born = true;
    node.bd_seq = bd_seq_of(payload);
    node.next_seq = static_cast<std::uint8_t>(*payload.seq + 1);
    birth(topic, node.self, payload, out);
    return out;
  }
  check_sequence(topic, node, payload, now, out);
  if (!node.born) {
    if (topic.kind == MessageKind::ddeath) out.died.push_back(out.device);
    return out;
  }
  if (topic.device.empty()) {
    data(node.self, payload, out);
  } else {
    auto device = node.devices.find(topic.device);
    if (device == node.devices.end() && topic.kind == MessageKind::dbirth) {
      if (devices_ >= kDevicesMax) {
        out.refused.push_back({fmt::format("too many Sparkplug devices: at most {}", kDevicesMax),
                               readings_of(payload)});
        return out;
      }
      ++devices_;
      device = node.devices.try_emplace(std::string(topic.device)).first;
    }
    const bool alive = device != node.devices.end() && device->second.alive;
    if (topic.kind == MessageKind::dbirth) {
      birth(topic, device->second, payload, out);
    } else if (topic.kind == MessageKind::ddeath) {
      out.died.push_back(out.device);
      if (alive) forget(device->second);
    } else if (alive) {
      data(device->second, payload, out);
    } else {
      out.refused.push_back({fmt::format("Sparkplug birth is missing: device {} was not born; its "
                                         "node is asked for a rebirth", shown(topic)),
                             readings_of(payload)});
      ask_for_rebirth(topic, node, now, out);
    }
  }
  return out;
}

void Session::check_sequence(const Topic& topic, Node& node, const Payload& payload,
                             std::int64_t now, Outcome& out) {
  if (!node.born) {
    out.refused.push_back({fmt::format("Sparkplug birth is missing: node {}/{} was not born since "
                                       "this agent began; it is asked for a rebirth", topic.group,
                                       topic.node),
                           readings_of(payload)});
    ask_for_rebirth(topic, node, now, out);
    return;
  }
  if (payload.seq && *payload.seq == node.next_seq) {
    ++node.next_seq;
    return;
  }
  auto reason = fmt::format("Sparkplug sequence has a gap: {} sends no seq; it is asked for a "
                            "rebirth", shown(topic));
  if (payload.seq) {
    reason = fmt::format("Sparkplug sequence has a gap: {} sends seq {}, expected {}: messages are "
                         "missing; it is asked for a rebirth", shown(topic), *payload.seq,
                         node.next_seq);
  }
  out.refused.push_back({std::move(reason), 0});
  if (payload.seq) node.next_seq = static_cast<std::uint8_t>(*payload.seq + 1);
  ask_for_rebirth(topic, node, now, out);
}

void Session::ask_for_rebirth(const Topic& topic, Node& node, std::int64_t now, Outcome& out) {
  if (node.asked && now - *node.asked < kRebirthPause.count()) return;
  constexpr std::int64_t kSecond = 1'000'000'000;
  if (now - asking_since_ >= kSecond || now < asking_since_) {
    asking_since_ = now;
    asked_ = 0;
  }
  if (asked_ == kRebirthsASecond) return;
  ++asked_;
  node.asked = now;
  out.rebirth = fmt::format("{}/{}/NCMD/{}", kNamespace, topic.group, topic.node);
}

void Session::forget(Device& device) {
  metrics_ -= device.metrics();
  device = {};
}

bool Session::remember(Device& device, const Metric& metric) {
  if (metrics_ >= kMetricsKnownMax) return false;
  const auto before = device.metrics();
  const auto type = metric.datatype.value_or(0);
  device.by_name.insert_or_assign(std::string(metric.name), type);
  if (metric.alias) {
    device.by_alias.insert_or_assign(*metric.alias, Known{std::string(metric.name), type});
  }
  metrics_ += device.metrics() - before;
  return true;
}

void Session::birth(const Topic& topic, Device& device, const Payload& payload, Outcome& out) {
  forget(device);
  device.alive = true;
  out.born.push_back(out.device);
  std::uint64_t nameless = 0, too_long = 0, too_many = 0;
  for (const auto& m : payload.metrics) {
    if (m.name.empty()) {
      ++nameless;
    } else if (m.name.size() > kNameBytesMax) {
      ++too_long;
    } else if (!remember(device, m)) {
      ++too_many;
    } else {
      read(m, m.name, m.datatype.value_or(0), payload, out);
    }
  }
  if (nameless > 0) {
    out.refused.push_back({fmt::format("Sparkplug metric has no name: {} in the birth of {}",
                                       nameless, shown(topic)), nameless});
  }
  if (too_long > 0) {
    out.refused.push_back({fmt::format("Sparkplug metric has a name of more than {} bytes: {} in "
                                       "the birth of {}", kNameBytesMax, too_long, shown(topic)),
                           too_long});
  }
  if (too_many > 0) {
    out.refused.push_back({fmt::format("too many Sparkplug metrics: at most {} of all nodes",
                                       kMetricsKnownMax), too_many});
  }
}

void Session::data(Device& device, const Payload& payload, Outcome& out) {
  std::uint64_t unknown = 0;
  std::string first;
  for (const auto& m : payload.metrics) {
    if (m.alias) {
      const auto known = device.by_alias.find(*m.alias);
      if (known != device.by_alias.end()) {
        read(m, known->second.name, known->second.type, payload, out);
        continue;
      }
    }
    const auto known = device.by_name.find(std::string(m.name));
    if (known != device.by_name.end()) {
      read(m, known->first, m.datatype.value_or(known->second), payload, out);
      continue;
    }
    if (unknown++ == 0) {
      first = m.alias && m.name.empty() ? fmt::format("alias {}", *m.alias)
                                        : fmt::format("'{}'", m.name);
    }
  }
  if (unknown == 0) return;
  out.refused.push_back({fmt::format("Sparkplug metric is unknown: {} of {} is in no birth", first,
                                     out.device),
                         unknown});
}

void Session::node_death(const Topic& topic, Node& node, const Payload& payload, Outcome& out) {
  if (!node.born) {  // dead already, or never born here
    out.died.push_back(out.device);
    return;
  }
  const auto bd_seq = bd_seq_of(payload);
  if (bd_seq && node.bd_seq && *bd_seq != *node.bd_seq) {
    out.refused.push_back({fmt::format("Sparkplug death is an old one: that of {} is that of "
                                       "session {}, it lives in session {}", shown(topic), *bd_seq,
                                       *node.bd_seq), 0});
    return;
  }
  node.born = false;
  out.died.push_back(out.device);
  forget(node.self);
  for (auto& [name, device] : node.devices) {
    if (device.alive) out.died.push_back(device_name(topic.group, topic.node, name));
    forget(device);
  }
}

void Session::read(const Metric& m, std::string_view name, std::uint32_t type,
                   const Payload& payload, Outcome& out) const {
  if (!is_reading(name) || m.is_null || std::holds_alternative<Other>(m.value) ||
      std::holds_alternative<std::monostate>(m.value)) {
    return;
  }
  const auto ms = m.timestamp ? m.timestamp : payload.timestamp;
  if (!ms || *ms > kMsMax) {
    out.refused.push_back({fmt::format("Sparkplug value cannot be used: at byte {}: '{}' has no "
                                       "timestamp", m.at, name), 1});
    return;
  }
  const auto value = value_of(m.value, static_cast<DataType>(type));
  if (!value) {
    const auto known = name_of(static_cast<DataType>(type));
    out.refused.push_back({fmt::format("Sparkplug value cannot be used: at byte {}: the value of "
                                       "'{}' is none of its type {}", m.at, name,
                                       known.empty() ? fmt::to_string(type) : std::string(known)),
                           1});
    return;
  }
  const auto ns = static_cast<std::int64_t>(*ms) * 1'000'000;
  out.readings.push_back({name, event_time(ns), *value, m.at, m.is_historical});
}

}  // namespace tidemark::sparkplug
