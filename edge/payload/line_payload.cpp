// Influx line protocol (v2 reference): one record a line, one leaf a field.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/number_text.h"
#include "edge/payload/text_payload.h"

namespace tidemark::payload {

// Where the parser is in a line; `end` is that of the payload, since a text may hold line ends.
struct LineParser::Line {
  std::string_view all;
  std::size_t at = 0;

  [[nodiscard]] bool over() const { return at >= all.size() || all[at] == '\n'; }
  [[nodiscard]] bool is(char c) const { return at < all.size() && all[at] == c; }
  // Up to one of these characters, a backslash takes the next one with it.
  std::string_view until(std::string_view ends) {
    const auto from = at;
    while (!over() && ends.find(all[at]) == std::string_view::npos) {
      at += all[at] == '\\' && at + 1 < all.size() && all[at + 1] != '\n' ? 2 : 1;
    }
    return all.substr(from, at - from);
  }
};

namespace {

Error bad(std::size_t at, std::string_view why) {
  return {Fault::bad_input, fmt::format("at byte {}: {}", at, why)};
}

// A blank needs no escape in a path; the other escapes keep paths apart.
void append_name(std::string& path, std::string_view raw) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\' && i + 1 < raw.size() && raw[i + 1] == ' ') continue;
    path += raw[i];
  }
}

// Of "key=value", as it is written.
std::string_view key_of(std::string_view tag) {
  std::size_t at = 0;
  while (at < tag.size() && tag[at] != '=') at += tag[at] == '\\' ? 2 : 1;
  return tag.substr(0, at);
}

std::string unescaped(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape = raw[i] == '\\' && i + 1 < raw.size() &&
                        std::string_view(",= ").find(raw[i + 1]) != std::string_view::npos;
    if (!escape) out += raw[i];
  }
  return out;
}

bool is_one_of(std::string_view text, const std::array<std::string_view, 5>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

}  // namespace

Value number_value(std::string_view text, std::size_t at) {
  Value v;
  v.at = at;
  v.text = text;
  if (const auto number = parse_double(text)) {
    v.kind = Value::Kind::number;
    v.number = *number;
  }
  return v;
}

Result<Value> LineParser::field_value(Line& line) {
  static constexpr std::array<std::string_view, 5> kTrue{"t", "T", "true", "True", "TRUE"};
  static constexpr std::array<std::string_view, 5> kFalse{"f", "F", "false", "False", "FALSE"};
  Value v;
  v.at = line.at;
  if (line.is('"')) {
    auto& text = texts_.emplace_back();
    for (++line.at; line.at < line.all.size() && line.all[line.at] != '"'; ++line.at) {
      const bool escape = line.all[line.at] == '\\' && line.at + 1 < line.all.size() &&
                          (line.all[line.at + 1] == '"' || line.all[line.at + 1] == '\\');
      if (escape) ++line.at;
      text += line.all[line.at];
    }
    if (!line.is('"')) return bad(v.at, "a text that does not end");
    ++line.at;
    v.kind = Value::Kind::text;
    v.text = text;
    return v;
  }
  auto text = line.until(", ");
  if (is_one_of(text, kTrue) || is_one_of(text, kFalse)) {
    v.kind = Value::Kind::boolean;
    v.boolean = is_one_of(text, kTrue);
    v.text = text;
    return v;
  }
  const bool integer = text.ends_with('i') || text.ends_with('u');
  if (integer) text.remove_suffix(1);
  v = number_value(text, v.at);
  const bool whole = text.find_first_not_of("-0123456789") == std::string_view::npos;
  if (v.kind != Value::Kind::number || (integer && !whole)) {
    return bad(v.at, fmt::format("'{}' is no number, text or true or false", text.substr(0, 40)));
  }
  return v;
}

Result<> LineParser::parse(ByteSpan payload, TimeUnit unit, Payload& out) {
  out.clear();
  texts_.clear();
  Line line{as_text(payload)};
  for (std::size_t number = 1; line.at < line.all.size(); ++number) {
    const auto begin = line.at;
    const auto leaves = out.leaves.size(), values = out.values.size();
    const auto records = out.records.size(), paths = out.paths.size();
    const auto taken = take_line(line, unit, out);
    if (out.values.size() > JsonParser::kValuesMax) {
      return Error(Fault::bad_input, fmt::format("too many values: at byte {}: more than {}",
                                                 line.at, JsonParser::kValuesMax));
    }
    if (!taken) {
      out.refused.push_back({fmt::format("line is malformed: line {}: {}", number,
                                         taken.error().text()), 0});
      out.leaves.resize(leaves);
      out.values.resize(values);
      out.records.resize(records);
      out.paths.resize(paths);
      line.at = begin;  // a text that does not end takes no other line with it
    }
    line.at = std::min(line.all.find('\n', line.at), line.all.size() - 1) + 1;
  }
  return {};
}

Result<> LineParser::take_line(Line& line, TimeUnit unit, Payload& out) {
  while (line.is(' ') || line.is('\r') || line.is('\t')) ++line.at;
  if (line.over()) return {};
  if (line.is('#')) {
    while (!line.over()) ++line.at;
    return {};
  }
  std::string name;
  const auto begin = line.at;
  append_name(name, line.until(", "));
  if (name.empty()) return bad(begin, "no measurement");
  std::vector<std::string_view> tags;
  while (line.is(',')) {
    const auto from = ++line.at;
    if (line.until("=, ").empty() || !line.is('=')) return bad(from, "a tag without a key");
    ++line.at;
    if (line.until(", ").empty()) return bad(from, "a tag without a value");
    tags.push_back(line.all.substr(from, line.at - from));
  }
  if (!line.is(' ')) return bad(line.at, "no fields");
  std::sort(tags.begin(), tags.end());
  const auto record = out.records.size();
  auto& labels = out.records.emplace_back().labels;
  for (const auto tag : tags) {
    name += ',';
    append_name(name, tag);
    const auto key = key_of(tag);
    labels.emplace_back(unescaped(key), unescaped(tag.substr(key.size() + 1)));
  }
  const auto series = name.size();
  do {
    const auto from = ++line.at;
    const auto key = line.until("=, ");
    if (key.empty() || !line.is('=')) return bad(from, "a field without a key");
    ++line.at;
    TIDE_ASSIGN(const auto value, field_value(line));
    name.resize(series);
    if (key != "value") {
      name += '.';
      append_name(name, key);
    }
    if (!out.add_leaf(record, name, out.values.size())) {
      return bad(from, fmt::format("too many names: a message holds {} bytes of them",
                                   Payload::kPathBytesMax));
    }
    out.values.push_back(value);
  } while (line.is(','));
  while (line.is(' ')) ++line.at;
  const auto time_at = line.at;
  auto text = line.until(" \r");
  while (line.is(' ') || line.is('\r')) ++line.at;
  if (!line.over()) return bad(line.at, "it goes on behind its time");
  if (text.empty()) return {};
  auto time = parse_time_number(text, unit);
  if (time) {
    out.records[record].time = *time;
  } else {
    out.records[record].fault =
        fmt::format("time cannot be read: at byte {}: {}", time_at, time.error().text());
  }
  return {};
}

}  // namespace tidemark::payload
