#include "common/config/node.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>

#include "common/base/text.h"

namespace tidemark::config {
namespace {

constexpr int kMarkLengthMax = 120;

Mark mark_of(const std::shared_ptr<const TextFile>& file, const toml::source_region& region) {
  Mark m{file, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column), 1};
  if (region.end.line == region.begin.line && region.end.column > region.begin.column) {
    m.length = std::min(kMarkLengthMax, static_cast<int>(region.end.column) - m.column);
  }
  return m;
}

class Converter {
 public:
  explicit Converter(std::shared_ptr<const TextFile> file) : file_(std::move(file)) {}

  Node convert(const toml::node& in) const {
    Node out;
    out.value = mark_of(file_, in.source());
    out.key = out.value;
    if (const auto* table = in.as_table()) {
      for (const auto& [key, child] : *table) {
        auto member = convert(child);
        member.name = std::string(key.str());
        member.key = mark_of(file_, key.source());
        out.members.push_back(std::move(member));
      }
      // toml++ sorts by name; people wrote another order.
      std::stable_sort(out.members.begin(), out.members.end(), [](const Node& a, const Node& b) {
        return std::pair(a.key.line, a.key.column) < std::pair(b.key.line, b.key.column);
      });
    } else if (const auto* list = in.as_array()) {
      out.kind = Node::Kind::list;
      for (const auto& child : *list) out.items.push_back(convert(child));
    } else if (const auto* text = in.as_string()) {
      out.kind = Node::Kind::text;
      out.text = text->get();
    } else if (const auto* integer = in.as_integer()) {
      out.kind = Node::Kind::integer;
      out.integer = integer->get();
    } else if (const auto* number = in.as_floating_point()) {
      out.kind = Node::Kind::number;
      out.number = number->get();
    } else if (const auto* flag = in.as_boolean()) {
      out.kind = Node::Kind::flag;
      out.flag = flag->get();
    } else {
      out.kind = Node::Kind::date;
    }
    return out;
  }

 private:
  std::shared_ptr<const TextFile> file_;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

Node* Node::find(std::string_view member_name) {
  for (auto& m : members) {
    if (m.name == member_name) return &m;
  }
  return nullptr;
}

void Node::declare(std::string_view member_name) {
  if (std::find(declared.begin(), declared.end(), member_name) == declared.end()) {
    declared.emplace_back(member_name);
  }
}

bool Node::is_list_of_tables() const {
  return kind == Kind::list && std::all_of(items.begin(), items.end(), [](const Node& n) {
           return n.kind == Kind::table;
         });
}

std::string Node::found() const {
  switch (kind) {
    case Kind::table: return "a table";
    case Kind::list: return "a list";
    case Kind::text: return fmt::format("the text \"{}\"", text.substr(0, 60));
    case Kind::integer: return fmt::format("the number {}", integer);
    case Kind::number: return fmt::format("the number {}", number);
    case Kind::flag: return flag ? "true" : "false";
    case Kind::date: return "a date";
    case Kind::raw: return fmt::format("'{}'", text.substr(0, 60));
  }
  return {};
}

Node parse_toml(std::shared_ptr<const TextFile> file, std::vector<Problem>& problems) {
  // toml++ as Debian builds it reports syntax errors by exception; this is where it ends.
  try {
    const auto table = toml::parse(std::string_view(file->content), std::string_view(file->name));
    auto root = Converter(file).convert(table);
    root.value = root.key = Mark{file};
    return root;
  } catch (const toml::parse_error& error) {
    problems.push_back(problem_at(mark_of(file, error.source()),
                                  "not valid TOML: " + std::string(error.description())));
  }
  Node empty;
  empty.value = empty.key = Mark{std::move(file)};
  return empty;
}

void merge(Node& base, Node later) {
  if (base.kind == Node::Kind::table && later.kind == Node::Kind::table) {
    for (auto& m : later.members) {
      if (auto* known = base.find(m.name)) {
        merge(*known, std::move(m));
      } else {
        base.members.push_back(std::move(m));
      }
    }
    return;
  }
  if (base.is_list_of_tables() && later.is_list_of_tables() && !later.items.empty()) {
    for (auto& item : later.items) base.items.push_back(std::move(item));
    return;
  }
  base = std::move(later);
}

void set_override(Node& root, std::string_view path, std::shared_ptr<const TextFile> origin,
                  std::vector<Problem>& problems) {
  const Mark mark{origin};
  Node* at = &root;
  while (true) {
    const auto cut = path.find("__");
    const auto name = lower(path.substr(0, cut));
    Node* next = nullptr;
    if (at->kind == Node::Kind::list) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
      if (error != std::errc{} || end != name.data() + name.size() || index > at->items.size()) {
        problems.push_back(problem_at(
            mark, fmt::format("'{}' is not the number of an entry: there are {}, counted from 0",
                              name, at->items.size())));
        return;
      }
      if (index == at->items.size()) {
        at->items.emplace_back().value = mark;
        at->items.back().key = mark;
      }
      next = &at->items[index];
    } else if (at->kind == Node::Kind::table) {
      next = at->find(name);
      if (next == nullptr) {
        next = &at->members.emplace_back();
        next->name = name;
        next->key = next->value = mark;
        // "…__SOURCE__MQTT__0__NAME" may begin a list that no file has.
        if (cut != std::string_view::npos && path.size() > cut + 2 && path[cut + 2] >= '0' &&
            path[cut + 2] <= '9') {
          next->kind = Node::Kind::list;
        }
      }
    } else {
      problems.push_back(problem_at(
          mark, fmt::format("'{}' lies below a value, not a table (set at {})", name,
                            to_string(at->value))));
      return;
    }
    at = next;
    if (cut == std::string_view::npos) break;
    path.remove_prefix(cut + 2);
  }
  at->members.clear();
  at->items.clear();
  at->kind = Node::Kind::raw;
  at->text = origin->content;
  at->key = at->value = mark;
}

}  // namespace tidemark::config
