// MessageDecoder for lines of text and Sparkplug B: their parsers fill a Payload as JSON's does.
#include <fmt/format.h>
#include <simdjson.h>

#include <deque>

#include "common/base/clean_name.h"
#include "edge/mqtt/decoder.h"
#include "edge/mqtt/topic.h"

namespace tidemark::mqtt {
namespace {

// Names and texts go on into JSON, which is UTF-8.
bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

Value to_value(const sparkplug::Reading& reading, std::deque<std::string>& texts) {
  using Kind = sparkplug::Value::Kind;
  const auto& from = reading.value;
  Value v;
  v.at = reading.at;
  switch (from.kind) {
    case Kind::boolean:
      v.kind = Value::Kind::boolean;
      v.boolean = from.boolean;
      v.text = from.boolean ? "true" : "false";
      return v;
    case Kind::text:
      v.kind = Value::Kind::text;
      v.text = from.text;
      return v;
    case Kind::signed_integer:
      v.integer = true;
      v.number = static_cast<double>(from.i64);
      v.text = texts.emplace_back(fmt::to_string(from.i64));
      break;
    case Kind::unsigned_integer:
      v.integer = true;
      v.number = static_cast<double>(from.u64);
      v.text = texts.emplace_back(fmt::to_string(from.u64));
      break;
    case Kind::number:
      v.number = from.f64;
      v.text = texts.emplace_back(fmt::to_string(from.f64));
      break;
  }
  v.kind = Value::Kind::number;
  return v;
}

}  // namespace

void MessageDecoder::decode_text(Topic& topic, const Message& message) {
  const auto text = payload::without_byte_order_mark(message.payload);
  if (!is_utf8(as_text(text))) {
    reject("text is not UTF-8", 0);
    return;
  }
  const auto parsed = options_.format == Format::csv
                          ? csv_.parse(text, keys_, payload_)
                          : lines_.parse(text, options_.time_unit, payload_);
  if (!parsed) {
    reject(parsed.error().text(), 0);
    return;
  }
  for (auto& part : payload_.refused) reject(std::move(part.reason), part.readings);
  take_records(topic, message);
}

// One way to a series, whichever kind of message brings it.
MessageDecoder::Topic& MessageDecoder::device_topic(const std::string& device) {
  const auto name = fmt::format("{}{}", kSparkplugTopic, device);
  if (const auto known = topics_.find(name); known != topics_.end()) return *known->second;
  if (topics_.size() >= kTopicsMax) return too_many_topics_;
  auto topic = std::make_unique<Topic>();
  topic->name = name;
  topic->device = clean_name(device);
  return *topics_.emplace(name, std::move(topic)).first->second;
}

void MessageDecoder::decode_sparkplug(const journal::Entry& entry, const Message& message) {
  const auto topic = sparkplug::parse_topic(as_text(message.topic));
  if (!topic) {
    reject(topic.error().text(), 0);
    return;
  }
  if (topic->kind == sparkplug::MessageKind::other) return;
  const auto payload = sparkplug::parse(message.payload);
  if (!payload) {
    reject(payload.error().text(), 0);
    return;
  }
  auto said = sparkplug_.take(*topic, *payload, entry.steady);
  for (auto& refused : said.refused) reject(std::move(refused.reason), refused.readings);
  take_metrics(message, said);
  for (const auto& device : said.born) presence_.back(clean_name(device));
  const auto name = std::string(as_text(message.topic));
  for (const auto& device : said.died) {
    Group group;
    const auto& dead = device_topic(device);
    add_last_values(dead, group);
    take_away(std::move(group));
    presence_.away(clean_name(device), fmt::format("'{}' says that it died", name),
                   entry.arrived);
  }
  if (said.rebirth.empty() || !command_) return;
  const auto ms = count_ns(entry.arrived) / 1'000'000;
  command_(said.rebirth, sparkplug::encode_command(sparkplug::Session::kRebirth,
                                                   static_cast<std::uint64_t>(ms)));
}

void MessageDecoder::take_metrics(const Message& message, const sparkplug::Outcome& said) {
  if (said.readings.empty()) return;
  auto& topic = device_topic(said.device);
  if (!topic.refused.empty()) {
    reject(topic.refused, said.readings.size());
    return;
  }
  take_metrics(topic, message, said, false);
  remember_last(0);
  const auto groups = out_->groups.size();
  rows_.reset();
  take_metrics(topic, message, said, true);
  if (out_->groups.size() > groups) out_->historical_from = groups;
}

// Those of one kind.
void MessageDecoder::take_metrics(Topic& topic, const Message& message,
                                  const sparkplug::Outcome& said, bool historical) {
  payload_.clear();
  std::deque<std::string> texts;
  for (const auto& reading : said.readings) {
    if (reading.historical != historical) continue;
    const auto value = to_value(reading, texts);
    if (!is_utf8(reading.name) || (value.kind == Value::Kind::text && !is_utf8(value.text))) {
      reject(fmt::format("text is not UTF-8: at byte {}", reading.at), 1);
      continue;
    }
    auto& records = payload_.records;
    if (records.empty() || records.back().time != reading.time) {
      records.emplace_back().time = reading.time;
    }
    if (!payload_.add_leaf(records.size() - 1, reading.name, payload_.values.size())) {
      reject(fmt::format("too many names: at byte {}: a message holds {} bytes of them", reading.at,
                         Payload::kPathBytesMax), 1);
      continue;
    }
    payload_.values.push_back(value);
  }
  take_records(topic, message);
}

}  // namespace tidemark::mqtt
