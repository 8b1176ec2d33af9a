#include <fmt/format.h>

#include <algorithm>

#include "common/config/node.h"

namespace tidemark::config {
namespace {

std::string line_of(std::string_view content, int line) {
  for (int at = 1; at < line; ++at) {
    const auto end = content.find('\n');
    if (end == std::string_view::npos) return {};
    content.remove_prefix(end + 1);
  }
  auto text = content.substr(0, content.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return std::string(text.substr(0, 300));
}

}  // namespace

std::string render(const Problem& p) {
  std::string out;
  if (!p.file.empty()) out += p.file + ":";
  if (p.line > 0) out += fmt::format("{}:{}:", p.line, p.column);
  if (!out.empty()) out += ' ';
  out += fmt::format("{}: {}", p.warning ? "warning" : "error", p.text);
  if (p.source.empty()) return out;
  // Tabs stay tabs and a character of several bytes is one column, so that the mark stands right.
  std::string pad;
  int column = 1;
  for (const char c : p.source) {
    if (column >= p.column) break;
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;
    pad += c == '\t' ? '\t' : ' ';
    ++column;
  }
  const auto number = std::to_string(p.line);
  out += fmt::format("\n{:>3} | {}", number, p.source);
  out += fmt::format("\n{:>{}} | {}{}", "", std::max<std::size_t>(3, number.size()), pad,
                     std::string(static_cast<std::size_t>(std::max(1, p.length)), '^'));
  return out;
}

Problem problem_at(const Mark& mark, std::string text) {
  Problem p;
  if (mark.file) p.file = mark.file->name;
  p.line = mark.line;
  p.column = mark.column;
  p.length = mark.length;
  p.text = std::move(text);
  if (mark.file && mark.line > 0) p.source = line_of(mark.file->content, mark.line);
  return p;
}

std::string to_string(const Mark& mark) {
  const std::string name = mark.file ? mark.file->name : std::string();
  return mark.line > 0 ? fmt::format("{}:{}:{}", name, mark.line, mark.column) : name;
}

}  // namespace tidemark::config
