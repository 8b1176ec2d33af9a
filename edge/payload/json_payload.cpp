// JSON of devices into records and leaves, in one pass of simdjson's on-demand parser.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "common/base/number_text.h"
#include "edge/payload/payload.h"

namespace tidemark::payload {

namespace {

namespace od = simdjson::ondemand;

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

// The usual names of a record's time. The weak ones are other things in other payloads ("t" of a
// thermometer): they are the time only when their value can be one.
constexpr std::array<std::string_view, 7> kTimeNames{
    "ts", "time", "timestamp", "t0", "start_time", "datetime", "date_time"};
constexpr std::array<std::string_view, 2> kWeakTimeNames{"t", "start"};
struct IntervalName {
  std::string_view name;
  TimeUnit unit;
};
constexpr std::array<IntervalName, 10> kIntervalNames{{{"dt", TimeUnit::automatic},
                                                      {"interval", TimeUnit::automatic},
                                                      {"dt_s", TimeUnit::s},
                                                      {"dt_ms", TimeUnit::ms},
                                                      {"dt_us", TimeUnit::us},
                                                      {"dt_ns", TimeUnit::ns},
                                                      {"interval_s", TimeUnit::s},
                                                      {"interval_ms", TimeUnit::ms},
                                                      {"interval_us", TimeUnit::us},
                                                      {"interval_ns", TimeUnit::ns}}};

bool contains(const auto& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view trim_end(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::optional<TimeUnit> unit_of_interval(std::string_view name) {
  for (const auto& known : kIntervalNames) {
    if (known.name == name) return known.unit;
  }
  return std::nullopt;
}

}  // namespace

Result<Nanoseconds> interval_in(const Value& value, TimeUnit unit) {
  if (value.kind == Value::Kind::number) return parse_interval_number(value.text, unit);
  if (value.kind != Value::Kind::text) return bad("it is no length");
  auto length = parse_duration(value.text);
  if (length && *length <= Nanoseconds{}) return bad("it is not above 0");
  return length;
}

Result<EventTime> time_in(const Value& value, const TimeKeys& keys) {
  if (value.kind == Value::Kind::number) return parse_time_number(value.text, keys.time_unit);
  if (value.kind == Value::Kind::text) {
    return parse_time_text(value.text, keys.time_unit, keys.zone.get());
  }
  return bad("expected a number or ISO 8601 text");
}

void Payload::clear() {
  shape = nullptr;
  paths.clear();
  values.clear();
  leaves.clear();
  records.clear();
  refused.clear();
}

bool Payload::add_leaf(std::size_t record, std::string_view path, std::size_t first,
                       std::size_t count, bool array) {
  if (path.size() > kPathBytesMax - paths.size()) return false;
  leaves.push_back({.record = static_cast<std::uint32_t>(record),
                    .path_begin = static_cast<std::uint32_t>(paths.size()),
                    .path_size = static_cast<std::uint32_t>(path.size()),
                    .first = static_cast<std::uint32_t>(first),
                    .count = static_cast<std::uint32_t>(count),
                    .array = array});
  paths += path;
  return true;
}

bool is_interval_name(std::string_view name) { return unit_of_interval(name).has_value(); }
bool is_time_name(std::string_view name) { return contains(kTimeNames, name); }
bool may_be_time(std::string_view name) { return contains(kWeakTimeNames, name); }

Nanoseconds Payload::interval_of(const Record& record) const {
  return record.interval.value_or(interval);
}

std::optional<EventTime> Payload::time_of(const Record& record) const {
  if (record.time || record.parent < 0) return record.time;
  const auto& parent = records[static_cast<std::size_t>(record.parent)];
  auto time = time_of(parent);
  if (!time) return time;
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(interval_of(parent).count(), std::int64_t{record.place}, &ns) ||
      __builtin_add_overflow(ns, count_ns(*time), &ns)) {
    return kEventTimeMax;
  }
  return event_time(ns);
}

const std::string& Payload::fault_of(const Record& record) const {
  const Record* at = &record;
  while (at->fault.empty() && !at->time && at->parent >= 0) {
    at = &records[static_cast<std::size_t>(at->parent)];
  }
  return at->fault;
}

struct JsonParser::State {
  od::parser parser;
  std::vector<char> padded;
  std::string path;
  Payload* out = nullptr;
  const TimeKeys* keys = nullptr;

  Result<> parse(ByteSpan payload);

 private:
  Result<> malformed(od::document& document, simdjson::error_code code) const;
  simdjson::error_code object(od::object object, std::size_t record, std::size_t level, int depth);
  simdjson::error_code array(od::array array, std::size_t record, int depth);
  simdjson::error_code any(auto& value, std::size_t record, std::size_t level, int depth);
  std::string_view padded_token(auto& value) const;
  Value scalar(auto& value) const;
  [[nodiscard]] Value nested(std::string_view token) const;
  bool take_time(std::string_view key, bool top, const Value& value, std::size_t record);
  void set_time(const Value& value, bool weak, std::size_t record, bool& taken);
  simdjson::error_code add_leaf(std::size_t record, std::size_t first, std::size_t count,
                                bool is_array);
  [[nodiscard]] std::size_t add_record(std::int32_t parent, std::size_t place);
};

JsonParser::JsonParser() : state_(std::make_unique<State>()) {}
JsonParser::~JsonParser() = default;

Result<> JsonParser::parse(ByteSpan payload, const TimeKeys& keys, Payload& out) {
  state_->out = &out;
  state_->keys = &keys;
  return state_->parse(payload);
}

Result<> JsonParser::State::parse(ByteSpan payload) {
  out->clear();
  path.clear();
  const auto text = as_text(payload);
  padded.assign(text.begin(), text.end());
  padded.resize(text.size() + simdjson::SIMDJSON_PADDING);
  od::document document;
  const auto code =
      parser.iterate(padded.data(), text.size(), padded.size()).get(document);
  if (code != simdjson::SUCCESS) {
    return bad(fmt::format("JSON is malformed: {}", simdjson::error_message(code)));
  }
  const auto record = add_record(-1, 0);
  if (const auto walked = any(document, record, 0, 0); walked != simdjson::SUCCESS) {
    return malformed(document, walked);
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return malformed(document, simdjson::TRAILING_CONTENT);
  }
  return {};
}

Result<> JsonParser::State::malformed(od::document& document, simdjson::error_code code) const {
  if (code == simdjson::CAPACITY) {
    return bad(fmt::format("too many values: JSON holds more than {}, or more than {} bytes of "
                           "paths", kValuesMax, Payload::kPathBytesMax));
  }
  const char* where = nullptr;
  const auto size = padded.size() - simdjson::SIMDJSON_PADDING;
  const auto at = document.current_location().get(where) == simdjson::SUCCESS && where != nullptr
                      ? static_cast<std::size_t>(where - padded.data())
                      : size;
  return bad(fmt::format("JSON is malformed: near byte {} of {}: {}", std::min(at, size), size,
                         simdjson::error_message(code)));
}

std::size_t JsonParser::State::add_record(std::int32_t parent, std::size_t place) {
  out->records.push_back({.parent = parent,
                          .place = static_cast<std::uint32_t>(place),
                          .time = {},
                          .interval = {},
                          .fault = {},
                          .labels = {}});
  return out->records.size() - 1;
}

simdjson::error_code JsonParser::State::add_leaf(std::size_t record, std::size_t first,
                                                 std::size_t count, bool is_array) {
  return out->add_leaf(record, path, first, count, is_array) ? simdjson::SUCCESS
                                                             : simdjson::CAPACITY;
}

// Where a value begins, up to the next one: of a document a Result, of a value the text itself.
std::string_view JsonParser::State::padded_token(auto& value) const {
  std::string_view token;
  if constexpr (requires { value.raw_json_token().get(token); }) {
    if (value.raw_json_token().get(token) != simdjson::SUCCESS) return {};
  } else {
    token = value.raw_json_token();
  }
  return token;
}

// The value is no object and no array; null gives an unusable one with the text "null".
Value JsonParser::State::scalar(auto& value) const {
  Value v;
  const auto token = padded_token(value);
  if (token.empty()) return v;
  v.at = static_cast<std::size_t>(token.data() - padded.data());
  v.text = trim_end(token);
  if (v.text.empty()) return v;
  const char c = v.text.front();
  if (c == '"') {
    if (value.get_string().get(v.text) == simdjson::SUCCESS) v.kind = Value::Kind::text;
  } else if (c == 't' || c == 'f') {
    if (value.get_bool().get(v.boolean) == simdjson::SUCCESS) v.kind = Value::Kind::boolean;
  } else if (c == '-' || (c >= '0' && c <= '9')) {
    // What nobody asked for is passed over, but not by a document that is one value.
    constexpr bool kWhole = std::is_same_v<std::remove_cvref_t<decltype(value)>, od::document>;
    const auto plain = kWhole ? std::nullopt : PlainNumber::scan(v.text);
    const auto number = plain && plain->size == v.text.size() ? plain->to_double() : std::nullopt;
    if (number) v.number = *number;
    if (number || value.get_double().get(v.number) == simdjson::SUCCESS) {
      v.kind = Value::Kind::number;
    }
  }
  return v;
}

void JsonParser::State::set_time(const Value& value, bool weak, std::size_t record, bool& taken) {
  auto time = time_in(value, *keys);
  taken = time.ok() || !weak;
  if (time) {
    out->records[record].time = *time;
  } else if (!weak) {
    out->records[record].fault =
        fmt::format("time cannot be read: at byte {}: {}", value.at, time.error().text());
  }
}

// True when the value was the record's time or interval and is no reading.
bool JsonParser::State::take_time(std::string_view key, bool top, const Value& value,
                                  std::size_t record) {
  bool taken = false;
  if (!keys->time_path.empty()) {
    if (path == keys->time_path) set_time(value, false, record, taken);
  } else if (top && contains(kTimeNames, key)) {
    set_time(value, false, record, taken);
  } else if (top && contains(kWeakTimeNames, key)) {
    set_time(value, true, record, taken);
  }
  if (taken) return true;
  std::optional<TimeUnit> unit;
  if (!keys->interval_path.empty()) {
    if (path == keys->interval_path) unit = keys->interval_unit;
  } else if (top) {
    unit = unit_of_interval(key);
  }
  if (!unit) return false;
  auto interval = interval_in(value, *unit);
  if (interval) {
    out->records[record].interval = *interval;
  } else {
    out->records[record].fault =
        fmt::format("interval cannot be read: at byte {}: {}", value.at, interval.error().text());
  }
  return true;
}

// `level` is the length of the record's own path: keys right below it may be its time.
simdjson::error_code JsonParser::State::object(od::object object, std::size_t record,
                                               std::size_t level, int depth) {
  const auto base = path.size();
  for (auto item : object) {
    od::field field;
    if (const auto code = std::move(item).get(field); code != simdjson::SUCCESS) return code;
    std::string_view key;
    if (const auto code = field.unescaped_key().get(key); code != simdjson::SUCCESS) return code;
    if (!path.empty()) path += '.';
    path += key;
    auto& value = field.value();
    od::json_type type{};
    const bool known = value.type().get(type) == simdjson::SUCCESS;
    if (known && (type == od::json_type::object || type == od::json_type::array)) {
      const auto code = any(value, record, level, depth + 1);
      if (code != simdjson::SUCCESS) return code;
    } else {
      const auto v = scalar(value);
      const bool null = v.kind == Value::Kind::unusable && v.text == "null";
      if (!null && !take_time(key, base == level, v, record)) {
        if (out->values.size() >= kValuesMax) return simdjson::CAPACITY;
        out->values.push_back(v);
        const auto code = add_leaf(record, out->values.size() - 1, 1, false);
        if (code != simdjson::SUCCESS) return code;
      }
    }
    path.resize(base);
  }
  return simdjson::SUCCESS;
}

// Scalars become one leaf of samples; objects become records of their own. Which of the two is said
// by the first element, and what is of the other kind, or an array, cannot be used.
simdjson::error_code JsonParser::State::array(od::array array, std::size_t record, int depth) {
  const auto first = out->values.size();
  const auto base = path.size();
  std::size_t place = 0;
  bool of_records = false;
  for (auto item : array) {
    od::value value;
    if (const auto code = std::move(item).get(value); code != simdjson::SUCCESS) return code;
    od::json_type type{};
    const bool known = value.type().get(type) == simdjson::SUCCESS;
    const bool is_object = known && type == od::json_type::object;
    const bool is_nested = is_object || (known && type == od::json_type::array);
    if (place == 0) of_records = is_object;
    if (out->values.size() >= kValuesMax || out->records.size() >= kValuesMax) {
      return simdjson::CAPACITY;
    }
    if (of_records && is_object) {
      path += "[*]";
      const auto inner = add_record(static_cast<std::int32_t>(record), place);
      const auto code = any(value, inner, path.size(), depth + 1);
      path.resize(base);
      if (code != simdjson::SUCCESS) return code;
    } else {
      out->values.push_back(is_nested ? nested(value.raw_json_token()) : scalar(value));
      const auto code = of_records ? add_leaf(record, out->values.size() - 1, 1, false)
                                   : simdjson::SUCCESS;
      if (code != simdjson::SUCCESS) return code;
    }
    ++place;
  }
  return !of_records && place > 0 ? add_leaf(record, first, place, true) : simdjson::SUCCESS;
}

// An object or array where none can be used; it is skipped.
Value JsonParser::State::nested(std::string_view token) const {
  Value v;
  v.text = token.substr(0, 1);
  v.at = static_cast<std::size_t>(token.data() - padded.data());
  return v;
}

simdjson::error_code JsonParser::State::any(auto& value, std::size_t record, std::size_t level,
                                            int depth) {
  od::json_type type{};
  const bool known = value.type().get(type) == simdjson::SUCCESS;
  const bool is_object = known && type == od::json_type::object;
  const bool is_array = known && type == od::json_type::array;
  if ((is_object || is_array) && depth <= kDepthMax) {
    if (is_array) {
      od::array elements;
      const auto code = value.get_array().get(elements);
      return code == simdjson::SUCCESS ? array(elements, record, depth) : code;
    }
    od::object fields;
    const auto code = value.get_object().get(fields);
    return code == simdjson::SUCCESS ? object(fields, record, level, depth) : code;
  }
  if (out->values.size() >= kValuesMax) return simdjson::CAPACITY;
  out->values.push_back(is_object || is_array ? nested(padded_token(value)) : scalar(value));
  return add_leaf(record, out->values.size() - 1, 1, false);
}

}  // namespace tidemark::payload
