#include "common/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace tidemark {

std::string counted(std::uint64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool glob_match(std::string_view pattern, std::string_view text) {
  // Greedy with one point to fall back to per kind of star: O(pattern * text) at worst, no
  // recursion, so that a pattern from outside costs nothing unbounded.
  std::size_t p = 0, t = 0;
  constexpr auto kNone = std::string_view::npos;
  std::size_t star_p = kNone, star_t = 0, deep_p = kNone, deep_t = 0;
  while (true) {
    if (p < pattern.size() && pattern.substr(p, 2) == "**") {
      deep_p = p += 2;
      deep_t = t;
      star_p = kNone;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '*') {
      star_p = ++p;
      star_t = t;
      continue;
    }
    if (t == text.size() && p == pattern.size()) return true;
    if (t < text.size() && p < pattern.size() &&
        (pattern[p] == text[t] || (pattern[p] == '?' && text[t] != '/'))) {
      ++p, ++t;
      continue;
    }
    if (star_p != kNone && star_t < text.size() && text[star_t] != '/') {
      p = star_p, t = ++star_t;
    } else if (deep_p != kNone && deep_t < text.size()) {
      p = deep_p, t = ++deep_t;
      star_p = kNone;
    } else {
      return false;
    }
  }
}

bool series_match(std::string_view pattern, std::string_view full_name) {
  if (glob_match(pattern, full_name)) return true;
  const auto levels = [](std::string_view s) { return std::count(s.begin(), s.end(), '/'); };
  auto missing = levels(full_name) - levels(pattern);
  if (pattern.find("**") != std::string_view::npos) missing = std::min<long>(missing, 1);
  while (missing-- > 0) {
    const auto cut = full_name.find('/');
    if (cut == std::string_view::npos) return false;
    full_name.remove_prefix(cut + 1);
    if (glob_match(pattern, full_name)) return true;
  }
  return false;
}

namespace {

// Each token of `other` stands for all that it may match: a set of positions in `pattern` moves
// over them, as over a text whose signs are such tokens. O(pattern * other), mostly a few steps.
bool glob_covers(std::string_view pattern, std::string_view other) {
  const auto deep = [](std::string_view s, std::size_t at) { return s.substr(at, 2) == "**"; };
  std::vector<bool> at(pattern.size() + 1);
  const auto reach = [&](std::vector<bool>& to, std::size_t p) {
    to[p] = true;
    while (p < pattern.size() && pattern[p] == '*') {  // it may stand for nothing
      p += deep(pattern, p) ? 2 : 1;
      to[p] = true;
    }
  };
  reach(at, 0);
  for (std::size_t o = 0; o < other.size();) {
    const bool any = deep(other, o);
    const char sign = other[o];
    std::vector<bool> next(at.size());
    bool alive = false;
    for (std::size_t p = 0; p < pattern.size(); ++p) {
      if (!at[p]) continue;
      const bool stays = deep(pattern, p) || (pattern[p] == '*' && !any && sign != '/');
      const bool steps = sign != '*' && pattern[p] != '*' &&
                         (pattern[p] == sign || (pattern[p] == '?' && sign != '/'));
      if (stays) reach(next, p);
      if (steps) reach(next, p + 1);
      alive = alive || stays || steps;
    }
    if (!alive) return false;
    at.swap(next);
    o += any ? 2 : 1;
  }
  return at[pattern.size()];
}

}  // namespace

bool series_covers(std::string_view pattern, std::string_view other) {
  if (glob_covers(pattern, other)) return true;
  if (pattern.find("**") != std::string_view::npos || other.find("**") != std::string_view::npos) {
    return false;
  }
  // One with fewer levels matches the last ones of a name.
  const auto levels = [](std::string_view s) { return std::count(s.begin(), s.end(), '/'); };
  for (auto more = levels(other) - levels(pattern); more > 0; --more) {
    other.remove_prefix(other.find('/') + 1);
  }
  return glob_covers(pattern, other);
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  std::size_t best_distance = 3;
  for (const auto& c : candidates) {
    if (c.size() > 64 || word.size() > 64) continue;
    std::array<std::array<std::size_t, 65>, 3> row{};
    for (std::size_t j = 0; j <= c.size(); ++j) row[1][j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      auto& now = row[(i + 1) % 3];
      const auto& above = row[i % 3];
      const auto& two_above = row[(i + 2) % 3];
      now[0] = i;
      for (std::size_t j = 1; j <= c.size(); ++j) {
        const std::size_t cost = word[i - 1] == c[j - 1] ? 0 : 1;
        now[j] = std::min({above[j] + 1, now[j - 1] + 1, above[j - 1] + cost});
        if (i > 1 && j > 1 && word[i - 1] == c[j - 2] && word[i - 2] == c[j - 1]) {
          now[j] = std::min(now[j], two_above[j - 2] + 1);
        }
      }
    }
    const auto distance = row[(word.size() + 1) % 3][c.size()];
    if (distance < best_distance && distance < std::max(word.size(), c.size())) {
      best_distance = distance;
      best = c;
    }
  }
  return best;
}

std::string nearest_series(std::string_view pattern, std::span<const std::string> names) {
  const auto wanted = split(pattern, '/');
  std::vector<std::string> candidates;
  for (const auto& name : names) {
    const auto levels = split(name, '/');
    if (levels.size() < wanted.size()) continue;
    std::string candidate;  // its last levels, with the pattern's own stars where those are
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (i > 0) candidate += '/';
      candidate += wanted[i] == "*" ? wanted[i] : levels[levels.size() - wanted.size() + i];
    }
    candidates.push_back(std::move(candidate));
  }
  return nearest(pattern, candidates);
}

Result<Bytes> parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr std::array kUnits = {Unit{"", 1},        Unit{"B", 1},           Unit{"KiB", 1024},
                                 Unit{"MiB", 1048576}, Unit{"GiB", 1073741824},
                                 Unit{"TiB", 1099511627776},
                                 Unit{"kB", 1e3},    Unit{"MB", 1e6},        Unit{"GB", 1e9},
                                 Unit{"TB", 1e12}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit =
      trim(std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end)));
  for (const auto& u : kUnits) {
    if (error == std::errc{} && u.name == unit && number >= 0 && number * u.bytes < 9e18) {
      return Bytes{static_cast<std::uint64_t>(number * u.bytes)};
    }
  }
  return Error{Fault::bad_input, "'" + std::string(text) +
                                     "' is not a size; expected for example 64 KiB, 2 GiB or 512"};
}

std::string format_bytes(Bytes bytes) {
  constexpr std::array kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  double v = static_cast<double>(bytes.count);
  std::size_t unit = 0;
  while (v >= 1024 && unit + 1 < kNames.size()) v /= 1024, ++unit;
  return v == std::floor(v) ? fmt::format("{:.0f} {}", v, kNames[unit])
                            : fmt::format("{:.1f} {}", v, kNames[unit]);
}

std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

namespace {

// Bytes of the character that begins there; 0: none does.
std::size_t character_at(std::string_view text, std::size_t i) {
  const auto c = static_cast<unsigned char>(text[i]);
  if (c < 0x80) return 1;
  const std::size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  std::uint32_t code = c & (0xffU >> (length + 1));
  std::size_t have = 1;
  while (have < length && i + have < text.size() &&
         (static_cast<unsigned char>(text[i + have]) & 0xc0) == 0x80) {
    code = code << 6 | (static_cast<unsigned char>(text[i + have]) & 0x3f);
    ++have;
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool good = c >= 0xc2 && c < 0xf5 && have == length && code >= kSmallest[length] &&
                    code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return good ? length : 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto length = character_at(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i++];
    } else if (c < 0x20) {
      out += c == '\n'   ? "\\n"
             : c == '\t' ? "\\t"
             : c == '\r' ? "\\r"
                         : fmt::format("\\u{:04x}", c);
      ++i;
    } else if (c < 0x80) {
      out += text[i++];
    } else if (const auto length = character_at(text, i); length > 0) {
      out += text.substr(i, length);
      i += length;
    } else {
      out += "\xef\xbf\xbd";
      ++i;
    }
  }
  return out + '"';
}

std::string json_number(double v) {
  if (!std::isfinite(v)) return "null";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  return {buffer, end};
}

}  // namespace tidemark
