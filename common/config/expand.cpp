#include <fmt/format.h>

#include <cstdlib>

#include "common/config/node.h"

namespace tidemark::config {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                 "abcdefghijklmnopqrstuvwxyz0123456789_") ==
                              std::string_view::npos;
}

// What stands between the braces, "NAME", "NAME:-otherwise" or "NAME:?why", as its value; or why
// there is none.
Result<std::string> value_of(std::string_view inside) {
  const auto colon = inside.find(':');
  const std::string name(inside.substr(0, colon));
  const auto rest = colon == std::string_view::npos ? "" : inside.substr(colon);
  const bool otherwise = rest.starts_with(":-"), why = rest.starts_with(":?");
  if (!is_name(name) || (!rest.empty() && !otherwise && !why)) {
    return Error{Fault::bad_input,
                 fmt::format("'${{{}}}' is no variable; expected ${{NAME}}, "
                             "${{NAME:-otherwise}} or ${{NAME:?why}}, or $${{ for the text itself",
                             inside)};
  }
  const char* found = std::getenv(name.c_str());
  if (found != nullptr && *found != '\0') return std::string(found);
  if (otherwise) return std::string(rest.substr(2));
  return Error{Fault::bad_input,
               fmt::format("the environment has no {}{}", name,
                           why ? fmt::format(": {}", rest.substr(2))
                               : fmt::format("; set it, or write ${{{}:-otherwise}}", name))};
}

Result<std::string> expanded(std::string_view text) {
  std::string out;
  while (true) {
    const auto at = text.find("${");
    if (at == std::string_view::npos) return out.append(text);
    const bool meant = at > 0 && text[at - 1] == '$';
    if (meant) {  // $${ is ${
      out.append(text.substr(0, at - 1)).append("${");
      text.remove_prefix(at + 2);
      continue;
    }
    const auto end = text.find('}', at);
    if (end == std::string_view::npos) {
      return Error{Fault::bad_input, "'${' has no '}'; write $${ for the text itself"};
    }
    TIDE_ASSIGN(const auto value, value_of(text.substr(at + 2, end - at - 2)));
    out.append(text.substr(0, at)).append(value);
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void expand_variables(Node& node, std::vector<Problem>& problems) {
  for (auto& member : node.members) expand_variables(member, problems);
  for (auto& item : node.items) expand_variables(item, problems);
  if (node.kind != Node::Kind::text) return;
  auto text = expanded(node.text);
  if (text) {
    node.text = std::move(*text);
  } else {
    problems.push_back(problem_at(node.value, text.error().text()));
  }
}

}  // namespace tidemark::config
