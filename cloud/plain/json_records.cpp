#include "cloud/plain/json_records.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>

#include "cloud/plain/flat_record.h"

namespace tidemark::plain {
namespace {

namespace od = simdjson::ondemand;
using simdjson::error_code;

std::string_view trim_end(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::string malformed(error_code code) {
  return fmt::format("its JSON is malformed: {}", simdjson::error_message(code));
}

}  // namespace

struct JsonRecords::State {
  // What an object says so far. `why`: it is no reading.
  struct Object {
    PlainReading reading;
    bool named = false, timed = false, valued = false;
    std::string why = {};
  };

  const JsonFields fields;
  FlatRecord flat{fields};
  od::parser parser;
  std::vector<char> padded;
  std::vector<PlainReading> readings;
  std::size_t refused = 0;
  std::string why;

  explicit State(JsonFields f) : fields(std::move(f)) {}
  Result<> parse(ByteSpan record);

 private:
  error_code elements(od::array array);
  error_code object(od::object from);
  error_code field(std::string_view key, od::value value, Object& to) const;
  error_code name(od::value value, std::string_view key, std::string_view& to,
                  Object& object) const;
  error_code time(od::value value, Object& to) const;
  error_code value(od::value value, Object& to) const;
  void finish(Object& object);
  void refuse(std::string reason);
};

JsonRecords::JsonRecords(JsonFields fields) : state_(std::make_unique<State>(std::move(fields))) {}
JsonRecords::~JsonRecords() = default;

Result<> JsonRecords::parse(ByteSpan record) { return state_->parse(record); }
const std::vector<PlainReading>& JsonRecords::readings() const { return state_->readings; }
std::size_t JsonRecords::refused() const { return state_->refused; }
const std::string& JsonRecords::why() const { return state_->why; }

Result<> JsonRecords::State::parse(ByteSpan record) {
  readings.clear();
  refused = 0;
  const auto bad = [&](std::string reason) {
    readings.clear();
    return Error{Fault::bad_input, std::move(reason)};
  };
  if (record.empty()) return bad("it is empty");
  if (record.size() > kRecordBytesMax) {
    return bad(fmt::format("it has {} bytes; at most {} are read", record.size(),
                           kRecordBytesMax));
  }
  if (flat.read(as_text(record), readings.emplace_back())) return {};
  readings.clear();
  if (padded.size() < record.size() + simdjson::SIMDJSON_PADDING) {
    padded.resize(2 * (record.size() + simdjson::SIMDJSON_PADDING));
  }
  std::memcpy(padded.data(), record.data(), record.size());
  od::document document;
  auto code = parser.iterate(padded.data(), record.size(), padded.size()).get(document);
  if (code != simdjson::SUCCESS) return bad(malformed(code));
  od::json_type type{};
  code = document.type().get(type);
  if (code == simdjson::SUCCESS && type == od::json_type::array) {
    od::array array;
    code = document.get_array().get(array);
    if (code == simdjson::SUCCESS) code = elements(array);
  } else if (code == simdjson::SUCCESS && type == od::json_type::object) {
    od::object one;
    code = document.get_object().get(one);
    if (code == simdjson::SUCCESS) code = object(one);
  } else if (code == simdjson::SUCCESS) {
    return bad("it is no JSON object and no array of objects");
  }
  if (code != simdjson::SUCCESS) return bad(malformed(code));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return bad(malformed(simdjson::TRAILING_CONTENT));
  }
  if (readings.empty()) return bad(refused > 0 ? why : "it holds no reading");
  return {};
}

void JsonRecords::State::refuse(std::string reason) {
  if (refused++ == 0) why = std::move(reason);
}

error_code JsonRecords::State::elements(od::array array) {
  std::size_t place = 0;
  for (auto item : array) {
    od::value element;
    if (const auto code = std::move(item).get(element); code != simdjson::SUCCESS) return code;
    const auto before = refused;
    od::json_type type{};
    if (const auto code = element.type().get(type); code != simdjson::SUCCESS) return code;
    if (type != od::json_type::object) {
      refuse("it is no object");
    } else {
      od::object one;
      if (const auto code = element.get_object().get(one); code != simdjson::SUCCESS) return code;
      if (const auto code = object(one); code != simdjson::SUCCESS) return code;
    }
    if (before == 0 && refused == 1) why = fmt::format("element {}: {}", place, why);
    ++place;
  }
  return simdjson::SUCCESS;
}

error_code JsonRecords::State::object(od::object from) {
  Object to;
  for (auto item : from) {
    od::field one;
    if (const auto code = std::move(item).get(one); code != simdjson::SUCCESS) return code;
    std::string_view key;
    if (const auto code = one.unescaped_key().get(key); code != simdjson::SUCCESS) return code;
    if (const auto code = field(key, one.value(), to); code != simdjson::SUCCESS) return code;
  }
  finish(to);
  return simdjson::SUCCESS;
}

// A reason does not end the object: its end is to be found all the same.
error_code JsonRecords::State::field(std::string_view key, od::value value, Object& to) const {
  if (key == fields.value) return this->value(value, to);
  if (key == fields.time) return time(value, to);
  if (key == fields.device) return name(value, key, to.reading.device, to);
  if (key == fields.metric) return name(value, key, to.reading.metric, to);
  if (key != fields.series) return simdjson::SUCCESS;
  std::string_view series;
  if (const auto code = name(value, key, series, to); code != simdjson::SUCCESS) return code;
  to.reading.name_by(series);
  to.named = true;
  return simdjson::SUCCESS;
}

error_code JsonRecords::State::name(od::value value, std::string_view key, std::string_view& to,
                                    Object& object) const {
  od::json_type type{};
  if (const auto code = value.type().get(type); code != simdjson::SUCCESS) return code;
  if (type != od::json_type::string) {
    object.why = fmt::format("'{}' is no text", key);
    return simdjson::SUCCESS;
  }
  std::string_view text;
  if (const auto code = value.get_string().get(text); code != simdjson::SUCCESS) return code;
  if (text.empty() || text.size() > Dictionary::kNameBytesMax) {
    object.why = fmt::format("'{}' has {} bytes; a name has 1 to {}", key, text.size(),
                             Dictionary::kNameBytesMax);
    return simdjson::SUCCESS;
  }
  if (!object.named) to = text;  // `series` says it all
  return simdjson::SUCCESS;
}

error_code JsonRecords::State::time(od::value value, Object& to) const {
  od::json_type type{};
  if (const auto code = value.type().get(type); code != simdjson::SUCCESS) return code;
  Result<EventTime> time = Error{Fault::bad_input, "expected a number or ISO 8601 text"};
  if (type == od::json_type::number) {
    time = parse_time_number(trim_end(value.raw_json_token()), fields.time_unit);
  } else if (type == od::json_type::string) {
    std::string_view text;
    if (const auto code = value.get_string().get(text); code != simdjson::SUCCESS) return code;
    time = parse_time_text(text, fields.time_unit);
  }
  if (!time) {
    to.why = fmt::format("'{}': {}", fields.time, time.error().text());
  } else if (!is_within_time(*time)) {
    to.why = fmt::format("'{}' lies at the end of time", fields.time);
  } else {
    to.reading.time = *time;
    to.timed = true;
  }
  return simdjson::SUCCESS;
}

error_code JsonRecords::State::value(od::value value, Object& to) const {
  od::json_type type{};
  if (const auto code = value.type().get(type); code != simdjson::SUCCESS) return code;
  auto& r = to.reading;
  to.valued = true;
  switch (type) {
    case od::json_type::number: {
      r.type = ValueType::f64;
      const auto token = trim_end(value.raw_json_token());
      const auto plain = PlainNumber::scan(token);
      const auto number =
          plain && plain->size == token.size() ? plain->to_double() : std::nullopt;
      if (!number) return value.get_double().get(r.f64);
      r.f64 = *number;
      return simdjson::SUCCESS;
    }
    case od::json_type::boolean:
      r.type = ValueType::boolean;
      return value.get_bool().get(r.boolean);
    case od::json_type::string:
      r.type = ValueType::text;
      if (const auto code = value.get_string().get(r.text); code != simdjson::SUCCESS) return code;
      if (r.text.size() > kTextBytesMax) {
        to.why = fmt::format("'{}' has {} bytes; a text has at most {}", fields.value,
                             r.text.size(), kTextBytesMax);
      }
      return simdjson::SUCCESS;
    default:
      to.why = fmt::format("'{}' is no number, no text, neither true nor false", fields.value);
      return simdjson::SUCCESS;
  }
}

void JsonRecords::State::finish(Object& object) {
  auto& r = object.reading;
  if (!object.why.empty()) return refuse(std::move(object.why));
  if (!object.valued) return refuse(fmt::format("it has no '{}'", fields.value));
  if (!object.timed) return refuse(fmt::format("it has no '{}'", fields.time));
  if (r.metric.empty()) {
    if (r.device.empty()) {
      return refuse(fmt::format("it names no series: it has no '{}' and no '{}'", fields.series,
                                fields.device));
    }
    r.metric = fields.value;
  }
  readings.push_back(r);
}

}  // namespace tidemark::plain
