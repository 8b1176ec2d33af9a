#include "common/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/base/exit_code.h"

namespace tidemark::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = environment(name);
    if (value.empty()) continue;  // the first that is set decides
    return value.find("UTF-8") != std::string_view::npos ||
           value.find("utf8") != std::string_view::npos ||
           value.find("utf-8") != std::string_view::npos;
  }
  return false;
}

unsigned terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const auto columns = environment("COLUMNS");
  unsigned width = 0;
  std::from_chars(columns.data(), columns.data() + columns.size(), width);
  return width >= 20 ? width : 80;
}

// Length of the escape sequence "\x1b[…m" at the start of `text`, or 0.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const auto end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

Terminal Terminal::of_process() {
  Terminal t;
  t.interactive = isatty(STDOUT_FILENO) == 1;
  const auto kind = environment("TERM");
  t.colour = t.interactive && environment("NO_COLOR").empty() && !kind.empty() && kind != "dumb";
  t.unicode = locale_is_utf8();
  t.width = t.interactive ? terminal_width() : 0;
  return t;
}

std::string Output::paint(Tone tone, std::string_view text) const {
  const char* code = nullptr;
  switch (tone) {
    case Tone::plain: break;
    case Tone::good: code = "32"; break;
    case Tone::warning: code = "33"; break;
    case Tone::bad: code = "31"; break;
    case Tone::dim: code = "2"; break;
    case Tone::strong: code = "1"; break;
  }
  if (code == nullptr || !terminal_.colour) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string Output::fit(std::string_view text) const {
  return terminal_.unicode ? std::string(text) : to_ascii(text);
}

int Output::fail(const Error& error, std::string_view next) {
  err(fmt::format("error: {}\n", error.text()));
  if (!next.empty()) err(fmt::format("  try: {}\n", next));
  return exit_code(error.fault());
}

int Output::usage(std::string_view what, std::string_view next) {
  err(fmt::format("error: {}\n", what));
  if (!next.empty()) err(fmt::format("  try: {}\n", next));
  return kExitUsage;
}

void StandardOutput::write_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void StandardOutput::write_err(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int exit_code(Fault fault) {
  switch (fault) {
    case Fault::bad_input: return kExitBadData;
    case Fault::corrupt: return kExitBadData;
    case Fault::full: return kExitCannotCreate;
    case Fault::unavailable: return kExitUnreachable;
    case Fault::denied: return kExitNotPermitted;
    case Fault::unsupported: return kExitProtocol;
  }
  return kExitFault;
}

std::size_t cells(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (const auto escape = escape_length(text.substr(i)); escape > 0) {
      i += escape;
      continue;
    }
    if (!continues(text[i])) ++n;
    ++i;
  }
  return n;
}

std::string to_ascii(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kSigns = {{
      {"…", "..."}, {"→", "->"}, {"←", "<-"}, {"–", "-"}, {"—", "-"}, {"·", "|"}, {"°", "deg"},
      {"µ", "u"}, {"●", "*"}, {"○", "o"}, {"×", "x"}, {"≥", ">="}, {"≤", "<="}, {"±", "+-"},
  }};
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      out += text[i++];
      continue;
    }
    std::size_t length = 1;
    while (i + length < text.size() && continues(text[i + length])) ++length;
    const auto sign = text.substr(i, length);
    std::string_view ascii = "?";
    for (const auto& [from, to] : kSigns) {
      if (sign == from) ascii = to;
    }
    out += ascii;
    i += length;
  }
  return out;
}

}  // namespace tidemark::cli
