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

// Stars for what stands in quotes behind a key that names a secret: no terminal and no journal
// shows it, not even where a password was written in place of its file. One for a byte.
std::string without_secrets(std::string line) {
  for (auto quote = line.find('='); quote != std::string::npos;) {
    const auto key_from = line.find_last_of(",{", quote);
    const auto key = std::string_view(line).substr(0, quote).substr(
        key_from == std::string::npos ? 0 : key_from + 1);
    const bool secret = key.find("password") != std::string::npos ||
                        key.find("secret") != std::string::npos ||
                        key.find("token") != std::string::npos;
    const bool file = key.find("file") != std::string::npos;
    const auto open = line.find_first_of("\"'", quote);
    if (open == std::string::npos) break;
    auto close = line.find(line[open], open + 1);
    if (close == std::string::npos) close = line.size();
    for (auto i = open + 1; secret && !file && i < close; ++i) line[i] = '*';
    quote = line.find('=', close);
  }
  return line;
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
  if (mark.file && mark.line > 0) {
    p.source = without_secrets(line_of(mark.file->content, mark.line));
  }
  return p;
}

std::string to_string(const Mark& mark) {
  const std::string name = mark.file ? mark.file->name : std::string();
  return mark.line > 0 ? fmt::format("{}:{}:{}", name, mark.line, mark.column) : name;
}

}  // namespace tidemark::config
