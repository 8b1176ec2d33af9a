#include "common/config/tree_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/text.h"

namespace tidemark::config {
namespace {

template <typename T>
Result<T> parse_number(std::string_view text) {
  text = trim(text);
  T v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Error{Fault::bad_input, fmt::format("'{}' is not a number", text)};
  }
  return v;
}

Error wrong(std::string_view expected, const Node& node) {
  return {Fault::bad_input, fmt::format("expected {}, found {}", expected, node.found())};
}

// The kinds of values: how each is read from text (presets, bounds, environment), taken from a
// typed node, and shown.
struct TextKind {
  using Value = std::string;
  static constexpr bool kBounded = false;
  static Result<Value> parse(std::string_view text) { return std::string(text); }
  static Result<Value> take(const Node& n) {
    if (n.kind != Node::Kind::text) return wrong("a text in quotes", n);
    return n.text;
  }
  static std::string print(const Value& v) { return json_quote(v); }
};

struct FlagKind {
  using Value = bool;
  static constexpr bool kBounded = false;
  static Result<Value> parse(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return Error{Fault::bad_input, fmt::format("expected true or false, found '{}'", text)};
  }
  static Result<Value> take(const Node& n) {
    if (n.kind != Node::Kind::flag) return wrong("true or false (without quotes)", n);
    return n.flag;
  }
  static std::string print(Value v) { return v ? "true" : "false"; }
};

struct IntegerKind {
  using Value = std::int64_t;
  static constexpr bool kBounded = true;
  static Result<Value> parse(std::string_view text) { return parse_number<std::int64_t>(text); }
  static Result<Value> take(const Node& n) {
    if (n.kind != Node::Kind::integer) return wrong("a whole number (without quotes)", n);
    return n.integer;
  }
  static std::string print(Value v) { return std::to_string(v); }
};

struct NumberKind {
  using Value = double;
  static constexpr bool kBounded = true;
  static Result<Value> parse(std::string_view text) { return parse_number<double>(text); }
  static Result<Value> take(const Node& n) {
    if (n.kind == Node::Kind::integer) return static_cast<double>(n.integer);
    if (n.kind != Node::Kind::number) return wrong("a number (without quotes)", n);
    if (!std::isfinite(n.number)) return wrong("a finite number", n);
    return n.number;
  }
  static std::string print(Value v) { return json_number(v); }
};

struct DurationKind {
  using Value = Nanoseconds;
  static constexpr bool kBounded = true;
  static Result<Value> parse(std::string_view text) {
    TIDE_ASSIGN(const auto v, parse_duration(text));
    if (v < Nanoseconds(0)) {
      return Error{Fault::bad_input, fmt::format("{} is negative", text)};
    }
    return v;
  }
  static Result<Value> take(const Node& n) {
    if (n.kind == Node::Kind::integer || n.kind == Node::Kind::number) {
      return wrong("a duration with its unit, such as \"500ms\", \"5s\" or \"1min\"", n);
    }
    if (n.kind != Node::Kind::text) return wrong("a duration such as \"500ms\"", n);
    return parse(n.text);
  }
  static std::string print(Value v) { return '"' + format_duration(v) + '"'; }
};

struct BytesKind {
  using Value = Bytes;
  static constexpr bool kBounded = true;
  static Result<Value> parse(std::string_view text) { return parse_bytes(text); }
  static Result<Value> take(const Node& n) {
    if (n.kind == Node::Kind::integer && n.integer >= 0) {
      return Bytes{static_cast<std::uint64_t>(n.integer)};
    }
    if (n.kind != Node::Kind::text) return wrong("a size such as \"64 KiB\" or \"2 GiB\"", n);
    return parse(n.text);
  }
  static std::string print(Value v) { return '"' + format_bytes(v) + '"'; }
};

std::string bare(std::string text) {  // bounds are told without quotes
  std::erase(text, '"');
  return text;
}

std::string list_index_free(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    inside = c == '[' || (inside && c != ']');
    if (!inside && c != ']') out += c;
  }
  return out;
}

}  // namespace

TreeSection::TreeSection(Node& root, std::vector<Problem>& problems, std::vector<Setting>* settings,
                         std::filesystem::path folder)
    : problems_(problems), settings_(settings), folder_(std::move(folder)) {
  root.entered = true;
  frames_.push_back({&root, "", root.value});
}

template <typename Kind>
bool TreeSection::within(const typename Kind::Value& v, const Rule& rule, const Mark& mark,
                         const std::string& path) {
  if constexpr (Kind::kBounded) {
    if (!rule.min.empty() && v < Kind::parse(rule.min).value()) {
      report(mark, fmt::format("{}: {} is below the minimum of {}", path, bare(Kind::print(v)),
                               rule.min));
      return false;
    }
    if (!rule.max.empty() && v > Kind::parse(rule.max).value()) {
      report(mark, fmt::format("{}: {} is above the maximum of {}", path, bare(Kind::print(v)),
                               rule.max));
      return false;
    }
  }
  return true;
}

template <typename Kind>
void TreeSection::scalar(std::string_view key, typename Kind::Value& value, const Rule& rule) {
  if (!rule.preset.empty()) value = Kind::parse(rule.preset).value();
  const Node* node = lookup(key);
  if (node == nullptr) {
    if (rule.required) {
      missing(key, rule);
    } else {
      record(key, Kind::print(value), nullptr);
    }
    return;
  }
  auto read = node->kind == Node::Kind::raw ? Kind::parse(node->text) : Kind::take(*node);
  if (!read) {
    report(node->value, path_of(key) + ": " + read.error().text());
    return;
  }
  if (!within<Kind>(*read, rule, node->value, path_of(key))) return;
  value = *read;
  if constexpr (std::is_same_v<Kind, TextKind>) {
    if (rule.required && value.empty()) {
      report(node->value, path_of(key) + ": must not be empty");
    }
    if (rule.path) value = located(std::move(value));
  }
  record(key, Kind::print(value), node);
}

template <typename Kind>
void TreeSection::list(std::string_view key, std::vector<typename Kind::Value>& value,
                       const Rule& rule) {
  const auto from_text = [&](std::string_view text, const Mark& mark) {
    value.clear();
    if (trim(text).empty()) return true;
    for (const auto part : split(text, ',')) {
      auto v = Kind::parse(trim(part));
      if (!v) {
        report(mark, path_of(key) + ": " + v.error().text());
        return false;
      }
      value.push_back(*v);
    }
    return true;
  };
  if (!rule.preset.empty()) from_text(rule.preset, frames_.back().nearest);
  const Node* node = lookup(key);
  if (node == nullptr) {
    if (rule.required) return missing(key, rule);
  } else if (node->kind == Node::Kind::raw) {
    if (!from_text(node->text, node->value)) return;
  } else if (node->kind != Node::Kind::list) {
    const std::string hint = node->kind == Node::Kind::text
                                 ? fmt::format("; write [{}]", TextKind::print(node->text))
                                 : std::string();
    return report(node->value, fmt::format("{}: expected a list in brackets, found {}{}",
                                           path_of(key), node->found(), hint));
  } else {
    value.clear();
    for (const auto& item : node->items) {
      auto v = Kind::take(item);
      if (!v) {
        report(item.value, fmt::format("{}: in the list: {}", path_of(key), v.error().text()));
        continue;
      }
      if (within<Kind>(*v, rule, item.value, path_of(key))) value.push_back(*v);
    }
  }
  if (rule.required && value.empty() && node != nullptr) {
    report(node->value, path_of(key) + ": must not be empty");
  }
  if constexpr (std::is_same_v<Kind, TextKind>) {
    if (rule.path) {
      for (auto& v : value) v = located(std::move(v));
    }
  }
  std::string shown;
  for (const auto& v : value) shown += (shown.empty() ? "" : ", ") + Kind::print(v);
  record(key, "[" + shown + "]", node);
}

void TreeSection::text(std::string_view key, std::string& value, const Rule& rule) {
  scalar<TextKind>(key, value, rule);
}
void TreeSection::flag(std::string_view key, bool& value, const Rule& rule) {
  scalar<FlagKind>(key, value, rule);
}
void TreeSection::integer(std::string_view key, std::int64_t& value, const Rule& rule) {
  scalar<IntegerKind>(key, value, rule);
}
void TreeSection::number(std::string_view key, double& value, const Rule& rule) {
  scalar<NumberKind>(key, value, rule);
}
void TreeSection::number(std::string_view key, std::optional<double>& value, const Rule& rule) {
  value.reset();
  if (peek(key) == nullptr && rule.preset.empty() && !rule.required) {
    (void)lookup(key);
    return record(key, "none", nullptr);
  }
  double v = 0;
  scalar<NumberKind>(key, v, rule);
  value = v;
}
void TreeSection::duration(std::string_view key, Nanoseconds& value, const Rule& rule) {
  scalar<DurationKind>(key, value, rule);
}
void TreeSection::bytes(std::string_view key, Bytes& value, const Rule& rule) {
  scalar<BytesKind>(key, value, rule);
}
void TreeSection::texts(std::string_view key, std::vector<std::string>& value, const Rule& rule) {
  list<TextKind>(key, value, rule);
}
void TreeSection::numbers(std::string_view key, std::vector<double>& value, const Rule& rule) {
  list<NumberKind>(key, value, rule);
}

void TreeSection::choice(std::string_view key, std::string& value,
                         const std::vector<std::string>& allowed, const Rule& rule) {
  scalar<TextKind>(key, value, rule);
  const Node* node = peek(key);
  if (node == nullptr || (node->kind != Node::Kind::text && node->kind != Node::Kind::raw)) return;
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  const auto near = nearest(value, allowed);
  report(node->value,
         fmt::format("{}: '{}' is not one of {}{}", path_of(key), value, fmt::join(allowed, ", "),
                     near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
  value = std::string(rule.preset);
}

void TreeSection::pairs(std::string_view key, std::map<std::string, std::string>& value,
                        const Rule& rule) {
  const auto from_text = [&](std::string_view text, const Mark& mark) {
    value.clear();
    if (trim(text).empty()) return;
    for (const auto part : split(text, ',')) {
      const auto cut = part.find('=');
      if (cut == std::string_view::npos) {
        return report(mark, fmt::format("{}: expected name=value, found '{}'", path_of(key), part));
      }
      value[std::string(trim(part.substr(0, cut)))] = std::string(trim(part.substr(cut + 1)));
    }
  };
  if (!rule.preset.empty()) from_text(rule.preset, frames_.back().nearest);
  const Node* node = lookup(key);
  if (node == nullptr) {
    if (rule.required) return missing(key, rule);
  } else if (node->kind == Node::Kind::raw) {
    from_text(node->text, node->value);
  } else if (node->kind != Node::Kind::table) {
    return report(node->value,
                  fmt::format("{}: expected a table such as {{ name = \"value\" }}, found {}",
                              path_of(key), node->found()));
  } else {
    value.clear();
    for (const auto& m : node->members) {
      if (m.kind != Node::Kind::text && m.kind != Node::Kind::raw) {
        report(m.value, fmt::format("{}.{}: expected a text in quotes, found {}", path_of(key),
                                    m.name, m.found()));
        continue;
      }
      value[m.name] = m.text;
    }
  }
  std::string shown;
  for (auto& [k, v] : value) {
    if (rule.path) v = located(std::move(v));
    shown += fmt::format("{} {} = {}", shown.empty() ? "" : ",", k, json_quote(v));
  }
  record(key, "{" + shown + " }", node);
}

std::string TreeSection::located(std::string written) const {
  constexpr std::string_view kSocket = "ipc://";
  const std::string_view scheme = written.starts_with(kSocket) ? kSocket : "";
  const auto path = std::string_view(written).substr(scheme.size());
  const bool other = path.empty() || path.starts_with('@') ||  // a socket that is no file
                     path.find("://") != std::string_view::npos;
  if (folder_.empty() || other || path.starts_with('/')) return written;
  return std::string(scheme) + (folder_ / path).lexically_normal().string();
}

bool TreeSection::has(std::string_view key) const { return peek(key) != nullptr; }

void TreeSection::complain(std::string_view key, std::string text) {
  const Node* node = peek(key);
  report(node != nullptr ? node->value : frames_.back().nearest, path_of(key) + ": " + text);
}

void TreeSection::warn(std::string_view key, std::string text) {
  const Node* node = peek(key);
  report(node != nullptr ? node->value : frames_.back().nearest, path_of(key) + ": " + text, true);
}

std::string TreeSection::place(std::string_view key) const {
  const Node* node = peek(key);
  return to_string(node != nullptr ? node->key : frames_.back().nearest);
}

Node* TreeSection::step(Node* from, std::string_view name) {
  if (from == nullptr || from->kind != Node::Kind::table) return nullptr;
  from->declare(name);
  from->entered = true;
  return from->find(name);
}

Node* TreeSection::lookup(std::string_view key) {
  keys_.emplace_back(key, list_index_free(frames_.back().path));
  return step(frames_.back().node, key);
}

const Node* TreeSection::peek(std::string_view key) const {
  Node* at = frames_.back().node;
  for (auto part : split(key, '.')) {
    if (at == nullptr) return nullptr;
    const auto bracket = part.find('[');
    at = at->find(part.substr(0, bracket));
    if (bracket == std::string_view::npos || at == nullptr) continue;
    std::size_t index = 0;
    part.remove_prefix(bracket + 1);
    std::from_chars(part.data(), part.data() + part.size(), index);
    at = index < at->items.size() ? &at->items[index] : nullptr;
  }
  return at;
}

std::string TreeSection::path_of(std::string_view key) const {
  const auto path = list_index_free(frames_.back().path);
  const auto inner = list_index_free(key);
  return path.empty() ? inner : fmt::format("{}.{}", path, inner);
}

void TreeSection::missing(std::string_view key, const Rule& rule) {
  std::string text = fmt::format("{} is missing", path_of(key));
  if (!rule.help.empty()) text += fmt::format(": {}", rule.help);
  if (!rule.example.empty()) text += fmt::format(" For example {} = {}", key, rule.example);
  report(frames_.back().nearest, std::move(text));
}

void TreeSection::report(const Mark& mark, std::string text, bool warning) {
  problems_.push_back(problem_at(mark, std::move(text)));
  problems_.back().warning = warning;
}

void TreeSection::record(std::string_view key, std::string value, const Node* node) {
  if (settings_ == nullptr) return;
  const auto& path = frames_.back().path;
  std::string origin = "default";
  if (node != nullptr) {
    origin = node->value.file ? node->value.file->name : "";
    if (node->value.line > 0) origin += fmt::format(":{}", node->value.line);
  }
  settings_->push_back({path.empty() ? std::string(key) : fmt::format("{}.{}", path, key),
                        std::move(value), std::move(origin)});
}

void TreeSection::enter(std::string_view name, std::string_view) {
  Frame next{frames_.back().node, frames_.back().path, frames_.back().nearest};
  for (const auto part : split(name, '.')) {
    next.node = step(next.node, part);
    next.path += (next.path.empty() ? "" : ".") + std::string(part);
  }
  if (next.node != nullptr && next.node->kind != Node::Kind::table) {
    report(next.node->value,
           next.node->is_list_of_tables()
               ? fmt::format("[[{0}]] can be there once only: write [{0}]", next.path)
               : fmt::format("{}: expected a table, found {}", next.path, next.node->found()));
    next.node = nullptr;
  }
  if (next.node != nullptr) {
    next.node->entered = true;
    next.nearest = next.node->key;
  }
  frames_.push_back(std::move(next));
}

void TreeSection::leave() { frames_.pop_back(); }

std::size_t TreeSection::enter_all(std::string_view name, std::string_view, Applies) {
  Frame next{frames_.back().node, frames_.back().path, frames_.back().nearest};
  for (const auto part : split(name, '.')) {
    next.node = step(next.node, part);
    next.path += (next.path.empty() ? "" : ".") + std::string(part);
  }
  if (next.node != nullptr && !next.node->is_list_of_tables()) {
    report(next.node->value,
           next.node->kind == Node::Kind::table
               ? fmt::format("there can be several: write [[{0}]] instead of [{0}]",
                             list_index_free(next.path))
               : fmt::format("{}: expected a list of tables such as [{{ … }}], found {}",
                             list_index_free(next.path), next.node->found()));
    next.node = nullptr;
  }
  frames_.push_back(std::move(next));
  return frames_.back().node == nullptr ? 0 : frames_.back().node->items.size();
}

void TreeSection::enter_item(std::size_t index) {
  auto& list = frames_.back();
  auto& item = list.node->items[index];
  item.entered = true;
  frames_.push_back({&item, fmt::format("{}[{}]", list.path, index), item.key});
}

void TreeSection::leave_all() { frames_.pop_back(); }

void TreeSection::report_unknown() { report_unknown(*frames_.front().node, ""); }

void TreeSection::report_unknown(Node& node, const std::string& path) {
  for (auto& m : node.members) {
    const auto inner = path.empty() ? m.name : path + "." + m.name;
    if (std::find(node.declared.begin(), node.declared.end(), m.name) == node.declared.end()) {
      std::string text = fmt::format("unknown key '{}'", m.name);
      if (!path.empty()) text += fmt::format(" in [{}]", path);
      const auto near = nearest(m.name, node.declared);
      const auto elsewhere = std::find_if(keys_.begin(), keys_.end(),
                                          [&](const auto& k) { return k.first == m.name; });
      if (!near.empty()) {
        text += fmt::format(", did you mean '{}'?", near);
      } else if (elsewhere != keys_.end()) {
        text += elsewhere->second.empty()
                    ? "; it belongs before the first [table] of the file"
                    : fmt::format("; it belongs into [{}]", elsewhere->second);
      } else if (!node.declared.empty() && node.declared.size() <= 16) {
        text += fmt::format("; known here: {}", fmt::join(node.declared, ", "));
      }
      report(m.key, std::move(text));
      continue;
    }
    if (m.entered) report_unknown(m, inner);
    for (auto& item : m.items) {
      if (item.entered) report_unknown(item, inner);
    }
  }
}

}  // namespace tidemark::config
