#include "common/cli/series_file.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/model/series.h"

namespace tidemark::cli {
namespace {

constexpr std::string_view kMagic = "TDM\x02";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // what spreadsheets begin with

template <typename Number>
bool read_number(std::string_view text, Number& v, int base = 10) {
  const auto* end = text.data() + text.size();
  std::from_chars_result r{};
  if constexpr (std::is_floating_point_v<Number>) {
    r = std::from_chars(text.data(), end, v);
  } else {
    r = std::from_chars(text.data(), end, v, base);
  }
  return r.ec == std::errc{} && r.ptr == end;
}

bool read_value(std::string_view text, double& v) {
  if (text.size() != 18 || text.substr(0, 2) != "0x") return read_number(text, v);
  std::uint64_t bits = 0;
  if (!read_number(text.substr(2), bits, 16)) return false;
  v = std::bit_cast<double>(bits);
  return true;
}

void write_value(double v, std::string& out) {
  std::array<char, 32> text;
  if (std::isfinite(v)) {
    out.append(text.data(), std::to_chars(text.begin(), text.end(), v).ptr);
    return;
  }
  const auto bits = std::bit_cast<std::uint64_t>(v);
  const auto* end = std::to_chars(text.begin(), text.end(), bits, 16).ptr;
  const auto digits = static_cast<std::size_t>(end - text.data());
  out += "0x" + std::string(16 - digits, '0');
  out.append(text.data(), digits);
}

Block empty_block(std::size_t columns) {
  Block b;
  b.groups.resize(1);
  b.groups[0].columns.resize(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    b.groups[0].columns[i].series = static_cast<std::uint32_t>(i);
  }
  return b;
}

// One cell into its column; presence by row begins with the first gap.
bool take_cell(std::string_view cell, std::size_t row, Column& column) {
  if (cell.empty()) {
    if (column.present.empty()) column.present.assign(row, true);
    column.present.push_back(false);
    return true;
  }
  double v = 0;
  if (!read_value(cell, v)) return false;
  column.f64.push_back(v);
  if (!column.present.empty()) column.present.push_back(true);
  return true;
}

Dictionary dictionary_of(const std::vector<std::string>& names) {
  std::vector<SeriesDescription> series(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) series[i].metric = names[i];
  return Dictionary(std::move(series));
}

Result<> check_columns(const std::vector<std::string>& names) {
  if (names.empty() || names.size() > Dictionary::kSeriesMax) {
    return Error{Fault::bad_input, std::to_string(names.size()) +
                                       " columns after the time; 1 to 1024 can be read"};
  }
  for (const auto& n : names) {
    if (n.size() > Dictionary::kNameBytesMax) {
      return Error{Fault::bad_input, "a column's name is longer than 256 bytes"};
    }
  }
  return {};
}

}  // namespace

Result<SeriesFile> parse_csv(std::string_view text, const std::string& name,
                             std::size_t rows_per_block) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string_view rest = text;
  std::size_t line_number = 0;
  const auto next_line = [&] {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++line_number;
    return line;
  };
  const auto bad = [&](const std::string& why) {
    return Error{Fault::bad_input, name + ":" + std::to_string(line_number) + ": " + why};
  };
  SeriesFile file;
  const auto head = split(next_line(), ',');
  if (head[0] != "timestamp_ns") return bad("the first column is not timestamp_ns");
  file.names.assign(head.begin() + 1, head.end());
  if (auto checked = check_columns(file.names); !checked.ok()) {
    return std::move(checked).error().within(name);
  }
  while (!rest.empty()) {
    const auto line = next_line();
    if (line.empty()) continue;
    const auto cells = split(line, ',');
    if (cells.size() != head.size()) {
      return bad(std::to_string(cells.size()) + " cells, the head has " +
                 std::to_string(head.size()));
    }
    if (file.blocks.empty() || file.blocks.back().groups[0].times.size() == rows_per_block) {
      file.blocks.push_back(empty_block(file.names.size()));
    }
    auto& group = file.blocks.back().groups[0];
    std::int64_t time = 0;
    if (!read_number(cells[0], time)) return bad("'" + std::string(cells[0]) + "' is not a time");
    for (std::size_t i = 1; i < cells.size(); ++i) {
      if (!take_cell(cells[i], group.times.size(), group.columns[i - 1])) {
        return bad("'" + std::string(cells[i]) + "' is not a number");
      }
    }
    group.times.push_back(time);
  }
  return file;
}

std::string to_csv(const SeriesFile& file) {
  std::string out = "timestamp_ns";
  for (const auto& n : file.names) out += "," + n;
  out += '\n';
  for (const auto& block : file.blocks) {
    const auto& group = block.groups[0];
    std::vector<std::size_t> next(group.columns.size(), 0);
    for (std::size_t row = 0; row < group.times.size(); ++row) {
      out += std::to_string(group.times[row]);
      for (std::size_t i = 0; i < group.columns.size(); ++i) {
        const auto& c = group.columns[i];
        out += ',';
        if (c.present.empty() || c.present[row]) write_value(c.f64[next[i]++], out);
      }
      out += '\n';
    }
  }
  return out;
}

Result<SeriesFile> parse_tdm(std::string_view bytes, const std::string& name) {
  const auto bad = [&](const std::string& why) {
    return Error{Fault::bad_input, name + ": " + why};
  };
  const auto all = as_bytes(bytes);
  ByteReader in(all);
  const auto magic = as_text(in.raw(kMagic.size()));
  if (!in.ok() || magic.substr(0, 3) != kMagic.substr(0, 3)) return bad("not a .tdm file");
  if (magic != kMagic) {
    return bad("version " + std::to_string(magic[3]) + " of .tdm, this program knows 2");
  }
  SeriesFile file;
  const auto tier = in.u8();
  const auto names = Dictionary::decode(in.blob());
  const auto blocks = in.fixed<std::uint32_t>();
  const auto hash = xxh3(all.first(all.size() - in.left()));
  if (in.fixed<std::uint64_t>() != hash || !in.ok() || !names.ok() ||
      tier > static_cast<std::uint8_t>(codec::Tier::dense)) {
    return bad("damaged head");
  }
  file.tier = static_cast<codec::Tier>(tier);
  for (const auto& s : names->series()) file.names.push_back(s.metric);
  for (std::uint32_t i = 0; i < blocks; ++i) {
    const auto one = in.raw(in.fixed<std::uint32_t>());
    if (!in.ok()) {
      return bad("it ends in block " + std::to_string(i) + " of " + std::to_string(blocks));
    }
    auto block = codec::decode(one);
    if (!block.ok()) {
      return std::move(block).error().within(name + ": block " + std::to_string(i));
    }
    bool fits = block->groups.size() == 1 && block->groups[0].columns.size() == file.names.size();
    for (std::size_t c = 0; fits && c < file.names.size(); ++c) {
      fits = block->groups[0].columns[c].type == ValueType::f64;
    }
    if (!fits) return bad("a block with other columns than the head has");
    file.blocks.push_back(*std::move(block));
  }
  if (!in.done()) return bad("bytes behind its last block");
  return file;
}

Result<std::string> to_tdm(const SeriesFile& file) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.raw(as_bytes(kMagic));
  out.u8(static_cast<std::uint8_t>(file.tier));
  out.blob(dictionary_of(file.names).bytes());
  out.fixed(static_cast<std::uint32_t>(file.blocks.size()));
  out.fixed(xxh3(bytes));
  codec::Memories memories;
  for (std::size_t i = 0; i < file.blocks.size(); ++i) {
    auto block = codec::encode(file.blocks[i], file.tier, memories);
    if (!block.ok()) return std::move(block).error().within("block " + std::to_string(i));
    out.fixed(static_cast<std::uint32_t>(block->size()));
    out.raw(*block);
  }
  return std::string(as_text(bytes));
}

}  // namespace tidemark::cli
