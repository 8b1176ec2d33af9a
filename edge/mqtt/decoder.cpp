#include "edge/mqtt/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/base/clean_name.h"
#include "common/base/number_text.h"
#include "common/base/text.h"
#include "edge/mqtt/topic.h"

namespace tidemark::mqtt {

namespace {

// Keys that say nothing of the quantity: the topic's last level does.
constexpr std::array<std::string_view, 5> kValueNames{"", "v", "value", "val", "values"};

std::string_view name_of(ValueType type) {
  static constexpr std::array<std::string_view, 4> kNames{"numbers", "decimals", "true or false",
                                                          "text"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view name_of(Value::Kind kind) {
  static constexpr std::array<std::string_view, 4> kNames{"a number", "true or false", "text",
                                                          "no JSON value"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string shown(std::string_view path) {
  return path.empty() ? "the value" : fmt::format("$.{}", path);
}

// "{1}_power" with what the wildcards of its path stood for.
std::string filled_in(const std::string& metric, const std::vector<std::string_view>& stood_for) {
  std::string out;
  for (std::size_t i = 0; i < metric.size(); ++i) {
    const bool place = metric[i] == '{' && i + 2 < metric.size() && metric[i + 2] == '}';
    const auto n = place ? static_cast<std::size_t>(metric[i + 1] - '1') : stood_for.size();
    if (n < stood_for.size()) {
      out += stood_for[n];
      i += 2;
    } else {
      out += metric[i];
    }
  }
  return clean_name(out);
}

std::optional<bool> parse_switch(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kOn{"1", "true", "on", "ON", "True"};
  static constexpr std::array<std::string_view, 5> kOff{"0", "false", "off", "OFF", "False"};
  if (std::find(kOn.begin(), kOn.end(), text) != kOn.end()) return true;
  if (std::find(kOff.begin(), kOff.end(), text) != kOff.end()) return false;
  return std::nullopt;
}

}  // namespace

MessageDecoder::MessageDecoder(const Options& options, SeenTable* seen)
    : options_(options), seen_(seen), csv_(options.columns) {
  const auto canonical = [](std::string_view path) {
    auto result = payload::canonical_path(path);
    return result ? std::move(result).value() : std::string();
  };
  const auto& sampling = options_.sampling;
  keys_ = {canonical(options_.time_path), options_.time_unit, canonical(sampling.interval_path),
           sampling.interval_unit, options_.zone};
  payload_.interval = sampling.interval;
  unit_at_ = canonical(options_.unit_at);
  for (const auto& s : options_.series) {
    configured_.push_back({canonical(s.path), canonical(s.beside),
                           canonical(s.sampling.interval_path), canonical(s.sampling.start_path),
                           &s});
  }
  too_many_topics_.refused =
      fmt::format("too many topics: more than {} since the start; is there an id in them? Narrow "
                  "'topics' of source '{}'", kTopicsMax, options_.name);
  too_many_paths_.refused =
      fmt::format("too many paths: more than {}, or {} bytes of them, since the start; is there an "
                  "id in a key? Name those you need as series of source '{}'", kPathsMax,
                  kAllPathBytesMax, options_.name);
  too_long_path_.refused =
      fmt::format("path is too long: more than {} bytes; no series of source '{}' can have it",
                  kPathBytesMax, options_.name);
}

void MessageDecoder::reject(std::string reason, std::uint64_t readings) {
  auto& rejected = out_->rejected;
  if (rejected.size() < kRejectsMax) {
    rejected.push_back({std::move(reason), readings});
    return;
  }
  if (rejected.size() == kRejectsMax) rejected.push_back({"further values: see those before", 0});
  rejected.back().readings += readings;
}

ByteSpan MessageDecoder::sent(const journal::Entry& entry) const {
  const auto message = from_entry(entry);
  return message ? message->payload : entry.payload;
}

void MessageDecoder::decode(const journal::Entry& entry, source::SeriesTable& series,
                            source::Decoded& out) {
  out_ = &out;
  table_ = &series;
  if (owners_version_ != series.owners().version()) ask_again();
  rows_.reset();
  first_leaf_ = last_leaf_ = 0;
  if (entry.kind == kNewSession) {
    if (seen_ != nullptr) seen_->clear();
    return;
  }
  const auto message = from_entry(entry);
  if (!message) {
    reject(message.error().text(), 0);
    return;
  }
  if (seen_ != nullptr && message->packet_id != 0) {
    const auto fingerprint = message->fingerprint();
    if (message->has(kDuplicate) && seen_->saw_before(fingerprint, entry.steady)) return;
    seen_->remember(fingerprint, entry.steady);
  }
  auto& topic = topic_of(as_text(message->topic));
  const auto first = out.rejected.size();
  bool readable = false;
  if (message->has(kCut)) {
    reject(fmt::format("message is too large: {} B, at most {} B (payload_max) and half of "
                       "journal.capacity are read; send smaller ones or raise these",
                       message->size, options_.payload_max.count), 0);
  } else if (!topic.refused.empty()) {
    reject(topic.refused, 0);
  } else if (topic.presence != nullptr && !holds_readings(topic, *message)) {
    decode_presence(topic, entry, *message);
    return;
  } else {
    readable = true;
    decode_readings(topic, entry, *message);
  }
  // Sparkplug has remembered its own, without those of the past and of devices that died.
  if (!options_.presence.empty() && options_.format != Format::sparkplug) {
    remember_last(0);
    const bool fresh = !out.groups.empty() && !message->has(kRetained);
    if (fresh && !presence_.empty()) note_heard(topic);
  }
  if (options_.every > Nanoseconds{}) {
    out.expected.push_back({.poll_class = "", .good = out.rejected.size() == first});
  }
  // Behind the readings beside it: they are the last of a device that says that it goes.
  if (readable && topic.presence != nullptr) decode_presence(topic, entry, *message);
}

void MessageDecoder::decode_readings(Topic& topic, const journal::Entry& entry,
                                     const Message& message) {
  if (options_.format == Format::sparkplug) {
    decode_sparkplug(entry, message);
  } else if (options_.format == Format::csv || options_.format == Format::influx) {
    decode_text(topic, message);
  } else if (options_.format == Format::packed ||
             (options_.format == Format::automatic && payload::is_packed(message.payload))) {
    decode_packed(topic, message);
  } else {
    const auto text = trim(as_text(message.payload));
    const bool json = !text.empty() && (text[0] == '{' || text[0] == '[' || text[0] == '"' ||
                                        static_cast<unsigned char>(text[0]) == 0xef);
    if (options_.format == Format::json || (options_.format == Format::automatic && json)) {
      decode_json(topic, message);
    } else {
      decode_number(topic, message);
    }
  }
}

MessageDecoder::Topic& MessageDecoder::topic_of(std::string_view name) {
  std::uint64_t end = 0;  // where topics differ
  const auto bytes = std::min(name.size(), sizeof end);
  std::memcpy(&end, name.data() + name.size() - bytes, bytes);
  auto& recent = recent_topics_[(end + name.size()) * 0x9e3779b97f4a7c15 >> 56];
  if (recent == nullptr || recent->name != name) recent = &find_topic(name);
  return *recent;
}

MessageDecoder::Topic& MessageDecoder::find_topic(std::string_view name) {
  if (const auto known = topics_.find(name); known != topics_.end()) return *known->second;
  if (topics_.size() >= kTopicsMax) return too_many_topics_;
  auto topic = std::make_unique<Topic>();
  topic->name = name;
  name_topic(*topic);
  return *topics_.emplace(std::string(name), std::move(topic)).first->second;
}

void MessageDecoder::name_topic(Topic& topic) const {
  std::vector<std::string_view> wild;
  for (const auto& p : options_.presence) {
    if (!topic_matches(p.topic, topic.name, wild)) continue;
    topic.presence = &p;
    topic.speaks_of = device_of(topic, p.device.empty() ? options_.device : p.device, wild);
    if (auto path = payload::canonical_path(p.path); !p.path.empty() && path) {
      topic.word_at = std::move(path).value();
    }
    break;
  }
  topic.ours = std::any_of(
      options_.topics.begin(), options_.topics.end(),
      [&](const std::string& filter) { return topic_matches(filter, topic.name, wild); });
  if (!topic.ours) {
    if (topic.presence != nullptr) return;
    topic.refused = fmt::format("topic is not subscribed: none of the topics of source '{}' "
                                "matches '{}'; the broker may still hold an older subscription of "
                                "this client id", options_.name, topic.name);
    return;
  }
  topic.last_level = clean_name(split(topic.name, '/').back());
  topic.device = device_of(topic, options_.device, wild);
  for (const auto& i : options_.inside) {
    if (!topic_matches(i.topic, topic.name, wild)) continue;
    auto path = path_from_topic(i.path, topic.name);
    if (!path) {
      topic.refused = "place cannot be told: " + path.error().text();
      return;
    }
    topic.inside = std::move(path).value();
    break;
  }
  if (!topic.refused.empty() || options_.metric_prefix.empty()) return;
  auto prefix = name_from_topic(options_.metric_prefix, topic.name);
  if (!prefix) {
    topic.refused = "metric cannot be told: " + prefix.error().text();
    return;
  }
  topic.prefix = std::move(prefix).value() + "_";
}

std::string MessageDecoder::device_of(Topic& topic, const std::string& expression,
                                      const std::vector<std::string_view>& wild) const {
  if (!expression.empty()) {
    auto device = name_from_topic(expression, topic.name);
    if (device) return std::move(device).value();
    topic.refused = "device cannot be told: " + device.error().text();
    return {};
  }
  std::string device;
  for (const auto level : wild) {
    if (level.empty()) continue;
    if (!device.empty()) device += '-';
    device += clean_name(level);
  }
  return device.empty() ? clean_name(options_.name) : device;
}

std::string MessageDecoder::metric_of(const Topic& topic, std::string_view path) const {
  if (path.starts_with("[*]")) path.remove_prefix(3);
  if (path.starts_with('.')) path.remove_prefix(1);
  // "v", "v[2]" and "[2]" say nothing of the quantity: its name is the topic's last level.
  std::string metric;
  const auto name = path.substr(0, path.find('['));
  if (std::find(kValueNames.begin(), kValueNames.end(), name) != kValueNames.end()) {
    metric = topic.last_level;
    path.remove_prefix(name.size());
  }
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path.substr(i, 3) == "[*]") {
      i += 2;
    } else if (path[i] == '.' || path[i] == '[') {
      if (!metric.empty()) metric += '_';
    } else if (path[i] != ']') {
      metric += path[i];
    }
  }
  return clean_name(metric);
}

void MessageDecoder::name_binding(const Topic& topic, std::string_view path, Binding& binding) {
  if (!topic.word_at.empty() && path == topic.word_at) {  // the word is no reading
    binding.skip = true;
    return;
  }
  std::vector<std::string_view> stood_for;
  const auto whole = whole_path(topic, path);
  path = whole;
  binding.configured = configured_for(path, stood_for);
  if (binding.configured == nullptr && !configured_.empty()) {
    binding.numbers_only = is_other_number(path);
    binding.skip = !binding.numbers_only;
    if (binding.skip) return;
  }
  const auto* options = binding.configured ? binding.configured->options : nullptr;
  auto& d = binding.description;
  d.source = options_.name;
  d.device = topic.device;
  d.metric = metric_named(topic, path, options, stood_for);
  if (first_leaf_ < last_leaf_) {
    const auto& record = payload_.records[payload_.leaves[first_leaf_].record];
    d.labels.insert(record.labels.begin(), record.labels.end());
  }
  if (options != nullptr) {
    d.unit = options->unit;
    if (!options->units.empty()) {
      binding.unit_said = unit_said();
      const auto chosen = options->units.find(*binding.unit_said);
      if (chosen != options->units.end()) d.unit = chosen->second;
    }
    d.kind = options->kind;
    binding.typed = options->type.has_value();
    d.type = options->type.value_or(ValueType::f64);
    d.exponent = d.type == ValueType::i64 ? options->exponent : std::int8_t{0};
  }
}

// Of a message that is what others hold deeper: where they do.
std::string MessageDecoder::whole_path(const Topic& topic, std::string_view path) {
  if (topic.inside.empty()) return std::string(path);
  const bool level = !path.empty() && path.front() != '[';
  return fmt::format("{}{}{}", topic.inside, level ? "." : "", path);
}

std::string MessageDecoder::metric_named(const Topic& topic, std::string_view path,
                                         const SeriesOptions* options,
                                         const std::vector<std::string_view>& stood_for) const {
  return topic.prefix + (options != nullptr && !options->metric.empty()
                             ? filled_in(options->metric, stood_for)
                             : metric_of(topic, path));
}

bool MessageDecoder::leads(const source::Way& way, std::string_view series) const {
  Topic topic;
  topic.name = way.topic;
  if (options_.format == Format::sparkplug) {
    if (!topic.name.starts_with(kSparkplugTopic)) return false;
    topic.device = clean_name(topic.name.substr(kSparkplugTopic.size()));
  } else {
    name_topic(topic);
    if (!topic.ours || !topic.refused.empty()) return false;
  }
  const auto path = whole_path(topic, way.path);
  std::vector<std::string_view> stood_for;
  const auto is_it = [&](const SeriesOptions* options) {
    return series == topic.device + "/" + metric_named(topic, path, options, stood_for);
  };
  // What a series may want beside it no way says: any that has its name will do.
  for (const auto& c : configured_) {
    stood_for.clear();
    if (payload::path_fits(c.path, path, stood_for) && is_it(c.options)) return true;
  }
  return (configured_.empty() || is_other_number(path)) && is_it(nullptr);
}

const MessageDecoder::Configured* MessageDecoder::configured_for(
    std::string_view path, std::vector<std::string_view>& stood_for) {
  for (const auto& c : configured_) {
    stood_for.clear();
    if (!payload::path_fits(c.path, path, stood_for)) continue;
    if (c.beside.empty() || value_at(c.beside) != nullptr) return &c;
  }
  return nullptr;
}

const Value* MessageDecoder::value_at(std::string_view path) const {
  if (!inside_.empty()) {
    if (!path.starts_with(inside_) || !path.substr(inside_.size()).starts_with('.')) return nullptr;
    path.remove_prefix(inside_.size() + 1);
  }
  for (auto i = first_leaf_; i < last_leaf_; ++i) {
    const auto& leaf = payload_.leaves[i];
    if (payload_.path(leaf) == path) return &payload_.values[leaf.first];
  }
  return nullptr;
}

std::string_view MessageDecoder::unit_said() const {
  const auto* value = value_at(unit_at_);
  return value == nullptr ? std::string_view() : value->text;
}

MessageDecoder::Binding& MessageDecoder::binding_of(Topic& topic, std::string_view path) {
  const auto place = cells_.size();
  if (place < topic.order.size() && topic.order[place].second != nullptr &&
      topic.order[place].first == path) {
    return *topic.order[place].second;
  }
  auto& binding = find_binding(topic, path);
  if (place < kOrderMax && &binding != &too_many_paths_ && &binding != &too_long_path_) {
    if (place >= topic.order.size()) topic.order.resize(place + 1);
    topic.order[place] = {std::string(path), &binding};
  }
  return binding;
}

MessageDecoder::Binding& MessageDecoder::find_binding(Topic& topic, std::string_view path) {
  // A value alone, under "v", or in a list of such, is one series: devices send now one, now many.
  if (configured_.empty()) {
    if (path.starts_with("[*]")) path.remove_prefix(path.starts_with("[*].") ? 4 : 3);
    if (std::find(kValueNames.begin(), kValueNames.end(), path) != kValueNames.end()) path = "";
  }
  if (const auto known = topic.paths.find(path); known != topic.paths.end()) return known->second;
  if (path.size() > kPathBytesMax) return too_long_path_;
  if (bindings_ >= kPathsMax || path.size() > kAllPathBytesMax - path_bytes_) {
    return too_many_paths_;
  }
  ++bindings_;
  path_bytes_ += path.size();
  const auto made = topic.paths.try_emplace(std::string(path)).first;
  auto& binding = made->second;
  binding.topic = &topic;
  binding.path = made->first;
  name_binding(topic, path, binding);
  return binding;
}

std::optional<std::uint32_t> MessageDecoder::series_of(Binding& binding, bool device_stamped) {
  auto& handle = binding.handle[device_stamped ? 1 : 0];
  if (handle < 0) {
    auto description = binding.description;
    description.device_stamped = device_stamped;
    const auto made = table_->intern(description, binding.topic->name, binding.path);
    binding.refused = made ? std::string() : made.error().text();
    binding.denied = !made && made.error().fault() == Fault::denied;
    if (!made) return std::nullopt;
    handle = *made;
  }
  return static_cast<std::uint32_t>(handle);
}

void MessageDecoder::ask_again() {
  const auto& owners = table_->owners();
  owners_version_ = owners.version();
  for (auto& [name, topic] : topics_) {
    for (auto& [path, binding] : topic->paths) {
      const auto& d = binding.description;
      if (owners.has(d.local_name(), {d.source, name, path})) continue;
      binding.handle[0] = binding.handle[1] = -1;
    }
  }
}

void MessageDecoder::choose_type(Binding& binding, const Value& value) {
  if (value.kind == Value::Kind::unusable) return;
  auto& type = binding.description.type;
  const bool stands_back = binding.guessed && type == ValueType::text &&
                           value.kind != Value::Kind::text;
  if (binding.typed && !stands_back) return;
  type = value.integer                        ? ValueType::i64
         : value.kind == Value::Kind::number  ? ValueType::f64
         : value.kind == Value::Kind::boolean ? ValueType::boolean
                                              : ValueType::text;
  binding.typed = binding.guessed = true;
  binding.handle[0] = binding.handle[1] = -1;
}

std::optional<std::string> MessageDecoder::to_cell(const Binding& binding, const Value& value,
                                                   std::string_view path, Cell& cell) const {
  const auto type = binding.description.type;
  if (value.kind == Value::Kind::unusable) {
    const auto what = value.text.substr(0, 20);
    return fmt::format("value cannot be used: at byte {}: {} is {}", value.at, shown(path),
                       what == "{" || what == "[" ? "nested where or deeper than it is read"
                                                  : fmt::format("'{}', no JSON value", what));
  }
  cell.type = type;
  const auto refuse = [&](std::string_view more = "") {
    return fmt::format("value has another type: at byte {}: {} is {}, series '{}' holds {}{}",
                       value.at, shown(path), name_of(value.kind),
                       binding.description.local_name(), name_of(type), more);
  };
  // A configured type also reads what a device wrote as text; a guessed one takes its own only.
  const bool from_text = binding.configured != nullptr && value.kind == Value::Kind::text;
  switch (type) {
    case ValueType::f64: {
      const auto v = value.kind == Value::Kind::number ? std::optional(value.number)
                     : from_text                ? parse_double(trim(value.text))
                                                : std::nullopt;
      if (!v) return refuse();
      cell.f64 = *v;
      return std::nullopt;
    }
    case ValueType::i64: {
      if (value.kind != Value::Kind::number && !from_text) return refuse();
      const auto v = parse_decimal(trim(value.text), binding.description.exponent,
                                   Rounding::exact);
      if (!v) return refuse("; " + v.error().text());
      cell.i64 = *v;
      return std::nullopt;
    }
    case ValueType::boolean: {
      const auto v = value.kind == Value::Kind::boolean ? std::optional(value.boolean)
                     : binding.configured != nullptr ? parse_switch(trim(value.text))
                                                 : std::nullopt;
      if (!v) return refuse();
      cell.i64 = *v ? 1 : 0;
      return std::nullopt;
    }
    case ValueType::text: break;
  }
  const bool as_text = binding.configured != nullptr && value.kind == Value::Kind::number;
  if (value.kind != Value::Kind::text && !as_text) return refuse();
  if (value.text.size() > kTextBytesMax) {
    return fmt::format("text is too long: at byte {}: {} has {} B, at most {} B", value.at,
                       shown(path), value.text.size(), kTextBytesMax);
  }
  cell.text = value.text;
  return std::nullopt;
}

void MessageDecoder::append(Column& column, const Cell& cell) {
  if (cell.type == ValueType::f64) {
    column.f64.push_back(cell.f64);
  } else if (cell.type == ValueType::text) {
    column.text.emplace_back(cell.text);
  } else {
    column.i64.push_back(cell.i64);
  }
}

void MessageDecoder::take_value(Topic& topic, std::string_view path, const Value& value,
                                bool device_stamped) {
  auto& binding = binding_of(topic, path);
  if (binding.skip || (binding.numbers_only && value.kind != Value::Kind::number)) return;
  Cell cell;
  if (binding.unit_said && *binding.unit_said != unit_said()) {
    reject(fmt::format("unit has changed: {} is in '{}', series '{}' holds '{}'; restart the agent "
                       "to begin anew", shown(path), unit_said(),
                       binding.description.local_name(), *binding.unit_said), 1);
    return;
  }
  if (binding.usable()) {
    choose_type(binding, value);
    if (auto why = to_cell(binding, value, path, cell)) {
      reject(*std::move(why), 1);
      return;
    }
    if (binding.row == row_) {
      reject(fmt::format("key comes twice: at byte {}: {}", value.at, shown(path)), 1);
      return;
    }
    const auto series = series_of(binding, device_stamped);
    if (series) {
      binding.row = row_;
      cell.series = *series;
      cells_.push_back(cell);
      return;
    }
  }
  reject(binding.refused, 1);
}

// Rows of the same series follow each other in one group; another set begins another.
void MessageDecoder::take_row(std::optional<EventTime> time) {
  if (cells_.empty()) return;
  const auto same = [&](const Group& group) {
    return std::equal(group.columns.begin(), group.columns.end(), cells_.begin(), cells_.end(),
                      [](const Column& c, const Cell& cell) { return c.series == cell.series; });
  };
  auto& groups = out_->groups;
  if (!rows_ || !same(groups[*rows_])) {
    rows_ = groups.size();
    auto& group = out_->add_group(cells_.size());
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      group.columns[i].series = cells_[i].series;
      group.columns[i].type = cells_[i].type;
    }
  }
  auto& group = groups[*rows_];
  group.times.push_back(time ? count_ns(*time) : source::Decoded::kArrival);
  for (std::size_t i = 0; i < cells_.size(); ++i) append(group.columns[i], cells_[i]);
}

void MessageDecoder::decode_number(Topic& topic, const Message& message) {
  const auto whole = as_text(message.payload);
  const auto text = trim(whole);
  Value value;
  value.at = text.empty() ? 0 : static_cast<std::size_t>(text.data() - whole.data());
  value.text = text;
  if (const auto number = parse_double(text)) {
    value.kind = Value::Kind::number;
    value.number = *number;
  } else if (text == "true" || text == "false") {
    value.kind = Value::Kind::boolean;
    value.boolean = text == "true";
  } else {
    reject(fmt::format("payload is no number: '{}', expected a number, true or false",
                       text.substr(0, 40)), 1);
    return;
  }
  if (options_.stamp == Stamp::device) {
    reject("message has no time: a bare number cannot hold one, and stamp is 'device'", 1);
    return;
  }
  if (message.has(kRetained)) return;  // see take_record
  ++row_;
  cells_.clear();
  take_value(topic, "", value, false);
  take_row(std::nullopt);
}

}  // namespace tidemark::mqtt
