#include <fmt/format.h>

#include <map>
#include <set>

#include "common/base/text.h"
#include "common/cli/front.h"

namespace tidemark::cli {
namespace {

struct Node {
  std::set<std::string> words;  // commands and options that may follow
  std::string help;
};

std::map<std::string, Node> nodes_of(const std::string& tree) {
  std::map<std::string, Node> nodes;
  for (const auto line : split(tree, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() < 3) continue;
    const std::string path(fields[0]);
    auto& node = nodes[path];
    if (node.help.empty()) node.help = fields[2];
    for (const auto option : split(fields[1], ' ')) {
      if (!option.empty()) node.words.emplace(option);
    }
    const auto space = path.rfind(' ');
    const auto above = space == std::string::npos ? "" : path.substr(0, space);
    nodes[above].words.insert(space == std::string::npos ? path : path.substr(space + 1));
  }
  return nodes;
}

// Walks the words before the cursor as far as they name commands, then offers what may follow.
std::string for_bash(const std::map<std::string, Node>& nodes) {
  std::string known;
  std::string cases;
  for (const auto& [path, node] : nodes) {
    if (!path.empty()) known += fmt::format("{}\"{}\"", known.empty() ? "" : "|", path);
    cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, fmt::join(node.words, " "));
  }
  return fmt::format(
      "_tidemark() {{\n"
      "  local path=\"\" next words=\"\" word i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=\"${{COMP_WORDS[i]}}\"\n"
      "    next=\"${{path:+$path }}$word\"\n"
      "    case \"$next\" in\n"
      "      {}) path=\"$next\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n{}  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "}}\n"
      "complete -o default -F _tidemark tidemark\n",
      known, cases);
}

std::string for_fish(const std::map<std::string, Node>& nodes) {
  std::string out = "complete -c tidemark -f\n";
  for (const auto& [path, node] : nodes) {
    std::string condition = path.empty() ? "__fish_use_subcommand" : "";
    for (const auto word : split(path, ' ')) {
      if (word.empty()) continue;
      condition += fmt::format("{}__fish_seen_subcommand_from {}",
                               condition.empty() ? "" : "; and ", word);
    }
    for (const auto& word : node.words) {
      if (word.starts_with("--")) {
        out += fmt::format("complete -c tidemark -n '{}' -l {}\n", condition, word.substr(2));
      } else if (!word.starts_with("-")) {
        const auto below = nodes.find(path.empty() ? word : path + " " + word);
        std::string help = below == nodes.end() ? "" : below->second.help;
        std::erase(help, '\'');
        out += fmt::format("complete -c tidemark -n '{}' -a {} -d '{}'\n", condition, word, help);
      }
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::string& tree) {
  const auto nodes = nodes_of(tree);
  if (shell == "fish") return for_fish(nodes);
  const auto bash = for_bash(nodes);
  return shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" + bash : bash;
}

}  // namespace tidemark::cli
