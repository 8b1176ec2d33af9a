#include "common/cli/table.h"

#include <algorithm>
#include <numeric>

namespace tidemark::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kCutMin = 8;  // a column is not cut below this

// Shrinks the widest left-aligned column until the line fits, or nothing more can give.
void fit(std::vector<std::size_t>& widths, const std::vector<Column>& columns, std::size_t width) {
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  };
  while (total() > width) {
    std::size_t widest = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].align == Align::right || widths[i] <= kCutMin) continue;
      if (widest == columns.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns.size()) return;
    --widths[widest];
  }
}

}  // namespace

std::string cut(std::string_view text, std::size_t width) {
  if (cells(text) <= width) return std::string(text);
  std::string out;
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = std::min(text.find('m', i), text.size() - 1);
      continue;
    }
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts && ++n >= width) break;
    out += text[i];
  }
  return out + "…";
}

std::string Table::text(const Terminal& terminal) const {
  std::vector<std::size_t> widths;
  bool titles = false;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto width = cells(columns_[i].title);
    titles = titles || width > 0;
    for (const auto& row : rows_) {
      if (i < row.size()) width = std::max(width, cells(row[i]));
    }
    widths.push_back(width);
  }
  if (terminal.width > 0) fit(widths, columns_, terminal.width);

  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = cut(cell_of(i), widths[i]);
      const std::string pad(widths[i] - std::min(widths[i], cells(cell)), ' ');
      text += columns_[i].align == Align::right ? pad + cell : cell + pad;
      if (i + 1 < columns_.size()) text.append(kGap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  };
  if (titles) line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& row : rows_) {
    line([&](std::size_t i) { return i < row.size() ? row[i] : std::string(); });
  }
  return out;
}

}  // namespace tidemark::cli
