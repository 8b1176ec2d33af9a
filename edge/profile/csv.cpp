#include "edge/profile/csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/text.h"

namespace tidemark::profile {
namespace {

enum class As : std::uint8_t { text, number, numbers, texts };
struct Key {
  std::string_view name;
  As as;
};
constexpr std::array kKeys = {
    Key{"name", As::text},        Key{"models", As::numbers},    Key{"function", As::number},
    Key{"address", As::number},   Key{"type", As::text},         Key{"byte_order", As::text},
    Key{"registers", As::number}, Key{"bytes", As::text},        Key{"bit", As::number},
    Key{"scale", As::number},     Key{"offset", As::number},     Key{"resolution", As::number},
    Key{"unit", As::text},        Key{"kind", As::text},         Key{"min", As::number},
    Key{"max", As::number},       Key{"rate", As::text},         Key{"invalid", As::texts},
    Key{"doc", As::text},         Key{"scale_address", As::number}};
constexpr std::array<std::string_view, 10> kTypes = {"u16", "i16", "u32", "i32", "u64",
                                                     "i64", "f32", "f64", "bits", "string"};
constexpr std::size_t kRowsMax = 10'000;

std::string quoted(std::string_view cell) {
  if (cell.find_first_of(",;\t\"\n\r") == std::string_view::npos) return std::string(cell);
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string number(double v) { return json_number(v); }

// The dynamic scale's own exponent is part of `scale` in the file.
std::string cell_of(const Point& p, std::string_view key) {
  const bool wide = p.registers > 1 && p.is_number();
  const bool own_width = p.type == RegisterType::string ||
                         (p.type == RegisterType::bits && p.registers > 1);
  if (key == "name") return p.name;
  if (key == "models") return fmt::format("{}", fmt::join(p.models, " "));
  if (key == "function") return std::to_string(p.function);
  if (key == "address") return std::to_string(p.address);
  if (key == "type") return std::string(kTypes[static_cast<std::size_t>(p.type)]);
  if (key == "byte_order") return wide ? std::string(to_string(p.byte_order)) : "";
  if (key == "registers") return own_width ? std::to_string(p.registers) : "";
  if (key == "bytes") {
    return p.text_bytes == TextBytes::both ? "" : p.text_bytes == TextBytes::high ? "high" : "low";
  }
  if (key == "bit") return p.type == RegisterType::bits && p.bit >= 0 && p.function > 2
                               ? std::to_string(p.bit)
                               : "";
  if (key == "unit") return p.unit;
  if (key == "kind") {
    return p.kind == SeriesKind::counter ? "counter" : p.kind == SeriesKind::state ? "state" : "";
  }
  if (key == "rate") return p.poll_class == "normal" ? "" : p.poll_class;
  if (!p.is_number()) return "";
  if (key == "scale") return p.scale == 1 ? "" : number(p.scale);
  if (key == "offset") return p.offset == 0 ? "" : number(p.offset);
  if (key == "scale_address") return p.scale_address < 0 ? "" : std::to_string(p.scale_address);
  if (key == "resolution") return p.scale_address < 0 ? "" : fmt::format("1e{}", p.exponent);
  if (key == "min") return p.min ? number(*p.min) : "";
  if (key == "max") return p.max ? number(*p.max) : "";
  if (key != "invalid") return "";
  std::vector<std::string> bits;
  for (const auto b : p.invalid) bits.push_back(fmt::format("{:#x}", b));
  if (p.nan_invalid) bits.emplace_back("nan");
  return fmt::format("{}", fmt::join(bits, " "));
}

struct Row {
  std::size_t line = 0;
  std::vector<std::string> cells;
};

// One row from `at` on, which moves behind it; empty when a quote is never closed.
std::optional<Row> next_row(std::string_view csv, std::size_t& at, std::size_t& line,
                            char separator) {
  Row row{line, {""}};
  bool inside = false;
  for (; at < csv.size(); ++at) {
    const char c = csv[at];
    if (c == '\n') ++line;
    if (inside) {
      if (c != '"') {
        row.cells.back() += c;
      } else if (at + 1 < csv.size() && csv[at + 1] == '"') {
        row.cells.back() += csv[++at];
      } else {
        inside = false;
      }
    } else if (c == '"' && trim(row.cells.back()).empty()) {
      inside = true;
    } else if (c == separator) {
      row.cells.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      row.cells.back() += c;
    }
  }
  if (inside) return std::nullopt;
  for (auto& cell : row.cells) cell = std::string(trim(cell));
  return row;
}

bool is_number(std::string_view cell) {
  constexpr std::string_view kChars = "0123456789abcdefABCDEFx+-._";
  return !cell.empty() && cell.find_first_not_of(kChars) == std::string_view::npos;
}

Result<std::string> toml_value(const Key& key, const std::string& cell) {
  const auto list = [&](const auto& item) {
    std::string out = "[";
    for (const auto word : split(cell, ' ')) {
      if (!word.empty()) out += (out.size() > 1 ? ", " : "") + item(word);
    }
    return out + "]";
  };
  const bool numeric = key.as == As::number || key.as == As::numbers;
  for (const auto word : split(cell, ' ')) {
    if (!numeric || word.empty() || is_number(word)) continue;
    return Error{Fault::bad_input, fmt::format("'{}' is not a number", cell)};
  }
  switch (key.as) {
    case As::text: return json_quote(cell);
    case As::number: return cell;
    case As::numbers: return list([](auto w) { return std::string(w); });
    case As::texts: return list([](auto w) { return json_quote(w); });
  }
  return json_quote(cell);
}

Result<std::vector<Key>> keys_of(const Row& header, const std::string& file) {
  std::vector<std::string> known;
  for (const auto& k : kKeys) known.emplace_back(k.name);
  std::vector<Key> out;
  for (std::size_t i = 0; i < header.cells.size(); ++i) {
    const auto at = std::find_if(kKeys.begin(), kKeys.end(),
                                 [&](const Key& k) { return k.name == header.cells[i]; });
    if (at != kKeys.end()) {
      out.push_back(*at);
      continue;
    }
    const auto near = nearest(header.cells[i], known);
    return Error{Fault::bad_input,
                 fmt::format("{}:1: column {} is '{}'; {}", file, i + 1, header.cells[i],
                             near.empty() ? fmt::format("known are {}", fmt::join(known, ", "))
                                          : fmt::format("did you mean '{}'?", near))};
  }
  return out;
}

char separator_of(std::string_view csv) {
  const auto header = csv.substr(0, csv.find('\n'));
  for (const char c : {'\t', ';'}) {
    if (header.find(c) != std::string_view::npos) return c;
  }
  return ',';
}

}  // namespace

std::string to_csv(const Profile& profile) {
  std::vector<std::string_view> names;
  for (const auto& k : kKeys) names.push_back(k.name);
  std::string out = fmt::format("{}\n", fmt::join(names, ","));
  for (const auto& p : profile.points) {
    std::vector<std::string> cells;
    for (const auto& k : kKeys) cells.push_back(quoted(cell_of(p, k.name)));
    out += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return out;
}

Result<CsvImport> from_csv(std::string_view csv, const std::string& file, const CsvMeta& meta) {
  if (csv.starts_with("\xEF\xBB\xBF")) csv.remove_prefix(3);  // as spreadsheets write it
  CsvImport out;
  const auto add = [&](const std::string& line, std::size_t row) {
    out.toml += line + "\n";
    out.row.push_back(row);
  };
  out.row.push_back(0);  // lines count from 1
  add("schema = 1", 0);
  add("", 0);
  add("[profile]", 0);
  for (const auto& [key, value] :
       {std::pair("id", meta.id), std::pair("vendor", meta.vendor), std::pair("model", meta.model),
        std::pair("protocol", std::string("modbus")), std::pair("source", meta.source),
        std::pair("verified", meta.verified)}) {
    add(fmt::format("{} = {}", key, json_quote(value)), 0);
  }
  std::size_t at = 0, line = 1;
  std::vector<Key> keys;
  while (at < csv.size()) {
    const auto row = next_row(csv, at, line, separator_of(csv));
    if (!row) return Error{Fault::bad_input, file + ": a quote is never closed"};
    if (row->cells.size() == 1 && row->cells[0].empty()) continue;
    if (keys.empty()) {
      TIDE_ASSIGN(keys, keys_of(*row, file));
      continue;
    }
    if (row->cells.size() > keys.size() || row->line > kRowsMax) {
      return Error{Fault::bad_input,
                   fmt::format("{}:{}: {}", file, row->line,
                               row->line > kRowsMax ? "more than 10000 lines"
                                                    : "more cells than the header has columns")};
    }
    add("", 0);
    add("[[point]]", row->line);
    for (std::size_t i = 0; i < row->cells.size(); ++i) {
      if (row->cells[i].empty()) continue;
      auto value = toml_value(keys[i], row->cells[i]);
      if (!value) {
        return std::move(value).error().within(
            fmt::format("{}:{}: {}", file, row->line, keys[i].name));
      }
      add(fmt::format("{} = {}", keys[i].name, *value), row->line);
    }
  }
  if (keys.empty()) return Error{Fault::bad_input, file + ": it has no header"};
  return out;
}

}  // namespace tidemark::profile
