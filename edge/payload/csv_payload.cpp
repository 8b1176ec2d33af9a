// CSV (RFC 4180, and what spreadsheets of countries with a decimal comma write): one record a line.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/number_text.h"
#include "common/base/text.h"
#include "edge/payload/text_payload.h"

namespace tidemark::payload {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

// The first of these that the first line holds outside quotes; a comma may be part of numbers.
char separator_of(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  const auto line = text.substr(0, text.find('\n'));
  for (const char c : {';', '\t'}) {
    bool quoted = false;
    for (const char at : line) {
      if (at == '"') quoted = !quoted;
      if (at == c && !quoted) return c;
    }
  }
  return ',';
}

std::size_t time_column(const std::vector<std::string>& names, const TimeKeys& keys) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return keys.time_path.empty() ? is_time_name(name) : name == keys.time_path;
  });
  return found == names.end() ? kNone : static_cast<std::size_t>(found - names.begin());
}

}  // namespace

bool CsvParser::read_row(std::string_view text, std::size_t& at) {
  row_.clear();
  while (true) {
    Cell cell{{}, at, at < text.size() && text[at] == '"'};
    if (cell.quoted) {
      auto& plain = texts_.emplace_back();
      for (++at; at < text.size(); ++at) {
        if (text[at] == '"' && (at + 1 >= text.size() || text[at + 1] != '"')) break;
        if (text[at] == '"') ++at;  // "" is a quote
        plain += text[at];
      }
      if (at >= text.size()) return false;
      ++at;
      cell.text = plain;
      if (at < text.size() && text[at] == '\r') ++at;
      if (at < text.size() && text[at] != separator_ && text[at] != '\n') return false;
    } else {
      while (at < text.size() && text[at] != separator_ && text[at] != '\n') ++at;
      cell.text = trim(text.substr(cell.at, at - cell.at));
    }
    row_.push_back(cell);
    if (at >= text.size() || text[at++] == '\n') return true;
  }
}

Value CsvParser::value_of(const Cell& cell) {
  Value v;
  v.at = cell.at;
  v.text = cell.text;
  v.kind = Value::Kind::text;
  if (cell.quoted) return v;
  if (separator_ != ',' && std::count(v.text.begin(), v.text.end(), ',') == 1 &&
      v.text.find('.') == std::string_view::npos) {
    auto dotted = std::string(v.text);
    dotted[dotted.find(',')] = '.';
    if (parse_double(dotted)) v.text = texts_.emplace_back(std::move(dotted));
  }
  if (const auto number = number_value(v.text, v.at); number.kind == Value::Kind::number) {
    return number;
  }
  if (v.text == "true" || v.text == "false" || v.text == "TRUE" || v.text == "FALSE") {
    v.kind = Value::Kind::boolean;
    v.boolean = v.text == "true" || v.text == "TRUE";
  }
  return v;
}

Result<> CsvParser::parse(ByteSpan payload, const TimeKeys& keys, Payload& out) {
  out.clear();
  texts_.clear();
  const auto text = as_text(payload);
  separator_ = separator_of(text);
  auto names = columns_;
  auto time = time_column(names, keys);
  bool first = true;
  std::uint64_t beyond = 0;
  for (std::size_t line = 1, at = 0; at < text.size(); ++line) {
    if (!read_row(text, at)) {
      auto why = fmt::format("CSV is malformed: CSV line {}: near byte {}: a quoted text does not "
                             "end, or goes on behind its quote", line, at);
      if (names.empty()) return Error(Fault::bad_input, std::move(why));
      out.refused.push_back({std::move(why), names.size() - (time == kNone ? 0 : 1)});
      const auto end = text.find('\n', at);
      at = end == text.npos ? text.size() : end + 1;
      first = false;
      continue;
    }
    if (row_.size() == 1 && row_[0].text.empty()) continue;
    const bool header = first && std::none_of(row_.begin(), row_.end(), [&](const Cell& c) {
      return value_of(c).kind == Value::Kind::number;
    });
    first = false;
    if (names.empty()) {
      if (!header) {
        return Error(Fault::bad_input,
                     fmt::format("CSV is malformed: CSV line {}: it is no header; say the names of "
                                 "the columns: columns = [\"time\", \"temperature\"]", line));
      }
      for (const auto& cell : row_) names.emplace_back(cell.text);
      time = time_column(names, keys);
      continue;
    }
    const bool repeats_names =
        header && std::equal(names.begin(), names.end(), row_.begin(), row_.end(),
                             [](const std::string& n, const Cell& c) { return n == c.text; });
    if (!repeats_names) beyond += take_row(line, names, time, keys, out);
  }
  if (beyond > 0) {
    out.refused.push_back({fmt::format("too many values: CSV holds more than {}, or more than {} "
                                       "bytes of names", JsonParser::kValuesMax,
                                       Payload::kPathBytesMax), beyond});
  }
  return {};
}

std::uint64_t CsvParser::take_row(std::size_t line, const std::vector<std::string>& names,
                                  std::size_t time, const TimeKeys& keys, Payload& out) {
  if (row_.size() != names.size()) {
    out.refused.push_back({fmt::format("CSV is malformed: CSV line {}: {} cells, expected {}", line,
                                       row_.size(), names.size()),
                           row_.size() - (time < row_.size() ? 1 : 0)});
    return 0;
  }
  const auto place = out.records.size();
  const auto leaves = out.leaves.size();
  auto& record = out.records.emplace_back();
  std::uint64_t beyond = 0;
  for (std::size_t i = 0; i < row_.size(); ++i) {
    if (row_[i].text.empty()) continue;
    const auto value = value_of(row_[i]);
    if (i == time) {
      auto when = time_in(value, keys);
      if (when) {
        record.time = *when;
      } else {
        record.fault = fmt::format("time cannot be read: at byte {}: {}", value.at,
                                   when.error().text());
      }
    } else if (out.values.size() >= JsonParser::kValuesMax ||
               !out.add_leaf(place, names[i], out.values.size())) {
      ++beyond;
    } else {
      out.values.push_back(value);
    }
  }
  if (out.leaves.size() == leaves) out.records.pop_back();
  return beyond;
}

}  // namespace tidemark::payload
