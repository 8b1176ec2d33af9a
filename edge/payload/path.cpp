#include <fmt/format.h>

#include <algorithm>

#include "edge/payload/payload.h"

namespace tidemark::payload {
namespace {

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

}  // namespace

Result<std::string> canonical_path(std::string_view path) {
  if (path.starts_with('$')) path.remove_prefix(1);
  if (path.starts_with('.')) path.remove_prefix(1);
  std::size_t at = 0;
  bool after_dot = true;
  while (at < path.size()) {
    if (path[at] == '[') {
      const auto close = path.find(']', at);
      const auto inside = close == std::string_view::npos ? std::string_view()
                                                          : path.substr(at + 1, close - at - 1);
      if (inside.empty() ||
          (inside != "*" && inside.find_first_not_of("0123456789") != std::string_view::npos)) {
        return bad(fmt::format("path '{}': expected [N] or [*] at {}", path, at));
      }
      at = close + 1;
      after_dot = false;
    } else if (path[at] == '.' && !after_dot) {
      ++at;
      after_dot = true;
    } else {
      const auto end = std::min(path.find_first_of(".[", at), path.size());
      if (end == at) return bad(fmt::format("path '{}': empty name at {}", path, at));
      at = end;
      after_dot = false;
    }
  }
  if (after_dot && !path.empty()) return bad(fmt::format("path '{}' ends with a dot", path));
  return std::string(path);
}

bool path_fits(std::string_view pattern, std::string_view path,
               std::vector<std::string_view>& stood_for) {
  constexpr std::string_view kIndex = "[*]";
  while (!pattern.empty()) {
    if (pattern.starts_with(kIndex)) {
      const auto close = path.find(']');
      if (!path.starts_with('[') || close == std::string_view::npos) return false;
      stood_for.push_back(path.substr(1, close - 1));
      pattern.remove_prefix(kIndex.size());
      path.remove_prefix(close + 1);
      continue;
    }
    const auto wild = pattern.front();
    if (path.empty()) return false;
    if (wild != '*' && wild != '?') {
      if (path.front() != wild) return false;
      pattern.remove_prefix(1);
      path.remove_prefix(1);
      continue;
    }
    // The longest text first; a name ends where the next begins.
    pattern.remove_prefix(1);
    const auto name = std::min(path.find_first_of(".["), path.size());
    const auto known = stood_for.size();
    for (auto n = wild == '*' ? name : std::min<std::size_t>(name, 1); n > 0; --n) {
      stood_for.push_back(path.substr(0, n));
      if (path_fits(pattern, path.substr(n), stood_for)) return true;
      stood_for.resize(known);
    }
    return false;
  }
  return path.empty();
}

}  // namespace tidemark::payload
