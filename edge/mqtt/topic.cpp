#include "edge/mqtt/topic.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/clean_name.h"
#include "common/base/text.h"
#include "edge/payload/payload.h"

namespace tidemark::mqtt {

namespace {

constexpr std::string_view kShare = "$share/";

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

Result<std::string_view> level_at(int wanted, std::string_view topic) {
  const auto levels = split(topic, '/');
  const auto count = static_cast<int>(levels.size());
  const int at = wanted < 0 ? count + wanted : wanted;
  if (at < 0 || at >= count || levels[static_cast<std::size_t>(at)].empty()) {
    return bad(fmt::format("topic '{}' has no level for topic[{}]", topic, wanted));
  }
  return levels[static_cast<std::size_t>(at)];
}

}  // namespace

Result<std::optional<int>> level_of(std::string_view expression) {
  constexpr std::string_view kBegin = "topic[";
  if (!expression.starts_with(kBegin)) return std::optional<int>();
  int level = 0;
  const auto* const begin = expression.data() + kBegin.size();
  const auto* const end = expression.data() + expression.size();
  const auto [at, error] = std::from_chars(begin, end, level);
  if (error != std::errc() || at + 1 != end || *at != ']') {
    return bad(fmt::format("'{}': expected topic[N] or a name", expression));
  }
  return std::optional(level);
}

std::optional<int> levels_of(std::string_view filter) {
  const auto levels = split(bare_filter(filter), '/');
  if (levels.back() == "#") return std::nullopt;
  return static_cast<int>(levels.size());
}

bool is_shared(std::string_view filter) { return filter.starts_with(kShare); }

std::string_view bare_filter(std::string_view filter) {
  if (!is_shared(filter)) return filter;
  const auto group_end = filter.find('/', kShare.size());
  return group_end == std::string_view::npos ? std::string_view() : filter.substr(group_end + 1);
}

bool topic_matches(std::string_view filter, std::string_view topic,
                   std::vector<std::string_view>& wild) {
  wild.clear();
  filter = bare_filter(filter);
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  const auto wanted = split(filter, '/');
  const auto levels = split(topic, '/');
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") {
      wild.insert(wild.end(), levels.begin() + static_cast<std::ptrdiff_t>(i), levels.end());
      return true;
    }
    // "a/#" matches "a" too.
    if (i == levels.size()) return false;
    if (wanted[i] == "+") {
      wild.push_back(levels[i]);
    } else if (wanted[i] != levels[i]) {
      return false;
    }
    if (i + 1 == levels.size() && i + 2 == wanted.size() && wanted[i + 1] == "#") return true;
  }
  return wanted.size() == levels.size();
}

Result<> check_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65'535) {
    return bad(fmt::format("topic filter of {} B: expected 1 to 65535", filter.size()));
  }
  if (filter.find('\0') != std::string_view::npos) return bad("topic filter holds a NUL");
  if (filter == "$share" || is_shared(filter)) {
    const auto levels = split(filter, '/');
    const bool group = levels.size() > 1 && !levels[1].empty() &&
                       levels[1].find_first_of("+#") == std::string_view::npos;
    if (!group || bare_filter(filter).empty()) {
      return bad(fmt::format("topic filter '{}': expected $share/GROUP/FILTER", filter));
    }
  }
  const auto levels = split(bare_filter(filter), '/');
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool wild = levels[i].find_first_of("+#") != std::string_view::npos;
    if (wild && levels[i].size() > 1) {
      return bad(fmt::format("topic filter '{}': '{}' mixes a wildcard with text", filter,
                             levels[i]));
    }
    if (levels[i] == "#" && i + 1 != levels.size()) {
      return bad(fmt::format("topic filter '{}': '#' must be its last level", filter));
    }
  }
  return {};
}

Result<> check_name_expression(std::string_view expression) {
  TIDE_TRY(level_of(expression));
  return {};
}

Result<std::string> name_from_topic(std::string_view expression, std::string_view topic) {
  TIDE_ASSIGN(const auto wanted, level_of(expression));
  if (!wanted) return clean_name(expression);
  TIDE_ASSIGN(const auto level, level_at(*wanted, topic));
  return clean_name(level);
}

Result<std::string> path_from_topic(std::string_view path, std::string_view topic) {
  std::string out;
  while (!path.empty()) {
    const auto open = path.find('{');
    out += path.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = path.find('}', open);
    if (close == std::string_view::npos) return bad(fmt::format("path '{}': no '}}'", path));
    const auto expression = path.substr(open + 1, close - open - 1);
    TIDE_ASSIGN(const auto wanted, level_of(expression));
    if (!wanted) return bad(fmt::format("'{}': expected topic[N]", expression));
    path.remove_prefix(close + 1);
    if (topic.empty()) {
      out += '_';
      continue;
    }
    TIDE_ASSIGN(const auto level, level_at(*wanted, topic));
    out += level;
  }
  return payload::canonical_path(out);
}

}  // namespace tidemark::mqtt
