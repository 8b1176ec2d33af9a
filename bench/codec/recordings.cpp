// Recordings of a folder: index.json names each file, its separator, and its columns.
#include <zstd.h>

#include <bit>
#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bench/codec/series.h"
#include "common/base/text.h"

namespace tidemark::bench {
namespace {

constexpr std::size_t kFileBytesMax = 256U << 20U;  // unpacked
using Json = nlohmann::json;

Result<std::string> slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{Fault::bad_input, "cannot read " + path.string()};
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<std::string> unpack(const std::filesystem::path& path) {
  TIDE_ASSIGN(const auto packed, slurp(path));
  std::string text;
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t state = 1;
  while (in.pos < in.size && text.size() < kFileBytesMax && ZSTD_isError(state) == 0) {
    const auto at = text.size();
    text.resize(at + (1U << 20U));
    ZSTD_outBuffer out{text.data() + at, text.size() - at, 0};
    state = ZSTD_decompressStream(context, &out, &in);
    text.resize(at + out.pos);
  }
  // What is left in the decoder's window, when the output was the limit.
  while (state != 0 && ZSTD_isError(state) == 0 && text.size() < kFileBytesMax) {
    const auto at = text.size();
    text.resize(at + (1U << 20U));
    ZSTD_outBuffer out{text.data() + at, text.size() - at, 0};
    state = ZSTD_decompressStream(context, &out, &in);
    text.resize(at + out.pos);
    if (out.pos == 0) break;
  }
  ZSTD_freeDCtx(context);
  if (state != 0) return Error{Fault::corrupt, "cannot unpack " + path.string()};
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<std::string_view>> rows;
  std::string text;  // that the rows point into
};

// A line "2014-02-14 14:27:00.5" as ns; the sets are of one zone, so none is read.
Result<std::int64_t> instant(std::string_view s) {
  const auto number = [&](std::size_t at, std::size_t n) {
    std::int64_t v = 0;
    const auto part = s.substr(std::min(at, s.size()), n);
    std::from_chars(part.data(), part.data() + part.size(), v);
    return v;
  };
  if (s.size() < 19) return Error{Fault::bad_input, "no instant: " + std::string(s)};
  auto fraction = std::string(s.size() > 20 ? s.substr(20, 9) : "");
  fraction.resize(9, '0');
  std::int64_t ns = 0;
  std::from_chars(fraction.data(), fraction.data() + 9, ns);
  // Days since 1970 of the Gregorian calendar, with years that begin in March.
  const auto month = number(5, 2);
  const auto year = number(0, 4) - (month <= 2 ? 1 : 0);
  const auto day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + number(8, 2) - 1;
  const auto days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719'468;
  const auto seconds = days * 86'400 + number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
  return seconds * 1'000'000'000 + ns;
}

Result<Table> read_table(const std::filesystem::path& folder, const Json& entry) {
  Table table;
  TIDE_ASSIGN(table.text, unpack(folder / entry.at("file").get<std::string>()));
  const auto separator = entry.contains("sep") && entry["sep"].is_string()
                             ? entry["sep"].get<std::string>().at(0)
                             : '\n';
  bool names = separator != '\n' && entry.value("header", true);
  for (auto line : split(table.text, '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    auto cells = split(line, separator);
    if (names) {
      table.names.assign(cells.begin(), cells.end());
      names = false;
      continue;
    }
    if (table.names.empty()) {
      for (std::size_t i = 0; i < cells.size(); ++i) table.names.push_back(std::to_string(i));
    }
    if (cells.size() == table.names.size()) table.rows.push_back(std::move(cells));
  }
  return table;
}

bool is_dropped(const Json& entry, const std::string& name, std::size_t index) {
  if (entry.contains("ts") && entry["ts"] == name) return true;
  if (entry.contains("drop") && std::find(entry["drop"].begin(), entry["drop"].end(), name) !=
                                    entry["drop"].end()) {
    return true;
  }
  if (!entry.contains("usecols")) return false;
  return std::find(entry["usecols"].begin(), entry["usecols"].end(), index) ==
         entry["usecols"].end();
}

Result<Json> read_index(const std::filesystem::path& folder) {
  TIDE_ASSIGN(const auto text, slurp(folder / "index.json"));
  auto index = Json::parse(text, nullptr, false);
  if (!index.is_array()) return Error{Fault::bad_input, "index.json: not a list"};
  return index;
}

}  // namespace

Result<std::vector<Set>> read_sets(const std::filesystem::path& folder) {
  TIDE_ASSIGN(const auto index, read_index(folder));
  std::vector<Set> sets;
  for (const auto& entry : index) {
    TIDE_ASSIGN(const auto table, read_table(folder, entry));
    const auto name = entry.at("ds").get<std::string>();
    if (sets.empty() || sets.back().name != name) sets.push_back({name, {}});
    for (std::size_t i = 0; i < table.names.size(); ++i) {
      if (is_dropped(entry, table.names[i], i)) continue;
      Recording r{entry.at("file").get<std::string>() + ":" + table.names[i], false, {}};
      for (const auto& row : table.rows) {
        double v = 0;
        const auto parsed = std::from_chars(row[i].data(), row[i].data() + row[i].size(), v);
        if (parsed.ec == std::errc()) r.bits.push_back(std::bit_cast<std::uint64_t>(v));
      }
      sets.back().recordings.push_back(std::move(r));
    }
  }
  return sets;
}

Result<std::vector<std::int64_t>> read_clock(const std::filesystem::path& folder,
                                             const std::string& set) {
  TIDE_ASSIGN(const auto index, read_index(folder));
  std::vector<std::int64_t> times;
  for (const auto& entry : index) {
    if (entry.at("ds") != set) continue;
    TIDE_ASSIGN(const auto table, read_table(folder, entry));
    for (const auto& row : table.rows) {
      TIDE_ASSIGN(const auto t, instant(row[0]));
      times.push_back(t);
    }
  }
  return times;
}

}  // namespace tidemark::bench
