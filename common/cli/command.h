// A tree of commands, declared once: parsing (CLI11 beneath), help, completion and error texts all
// come from it.
//
//   cli::Command root("tidemark", "…");
//   bool json = false;
//   std::string glob = "**";
//   auto& list = root.add("series", "Series.").add("list", "All series.");
//   list.flag("--json", json, "One JSON object.").argument("GLOB", glob, "Which.", false);
//   list.action([&] { return print(glob, json); });
//   return root.run({argv + 2, argv + argc}, output);
//
// run() writes help to stdout, and for a wrong word one line to stderr with the nearest right one;
// its return value is the exit code: the action's, 0 for help, 64 for wrong usage.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/cli/terminal.h"

namespace tidemark::cli {

class Command {
 public:
  Command(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // The reference stays good as long as this command. Adding a name again gives the first one.
  Command& add(std::string name, std::string help);

  // Names as "--json" or "-n,--count". Options take one value, given after a space or "=".
  Command& flag(std::string names, bool& value, std::string help);
  Command& option(std::string names, std::string& value, std::string help,
                  std::string type = "TEXT");
  Command& option(std::string names, std::optional<std::string>& value, std::string help,
                  std::string type = "TEXT");
  Command& option(std::string names, std::uint64_t& value, std::string help,
                  std::string type = "N");
  Command& option(std::string names, double& value, std::string help, std::string type = "X");
  Command& option(std::string names, std::vector<std::string>& values, std::string help,
                  std::string type = "TEXT");  // may be given several times
  Command& choice(std::string names, std::string& value, std::vector<std::string> allowed,
                  std::string help);
  // Anything else that is parsed from a text; the error's text completes "--from: ".
  Command& parsed(std::string names, std::function<Result<>(const std::string&)> take,
                  std::string help, std::string type);
  Command& argument(std::string name, std::string& value, std::string help, bool required = true);
  Command& arguments(std::string name, std::vector<std::string>& values, std::string help,
                     bool required = false);

  // What its own help says below the sentence that all lists show.
  Command& details(std::string text) {
    details_ = std::move(text);
    return *this;
  }

  // A table of its own help: words that its answers have, with their meanings.
  using Glossary = std::vector<std::pair<std::string, std::string>>;
  Command& glossary(std::string title, Glossary words) {
    glossary_title_ = std::move(title);
    glossary_ = std::move(words);
    return *this;
  }

  // What to do when this command was named and its words were right.
  void action(std::function<int()> run) { action_ = std::move(run); }

  int run(const std::vector<std::string>& words, Output& output);

  [[nodiscard]] std::string help(const Terminal& terminal, const std::string& path = "") const;
  // One line for each command below: path, tab, its option names with spaces, tab, help. What
  // completion and the man pages are made of; run({"__tree"}) prints it.
  [[nodiscard]] std::string tree(const std::string& path = "") const;

 private:
  struct Word {  // an option, flag or argument
    std::string names;
    std::string type;  // empty: a flag
    std::string help;
    bool required = false;
    bool many = false;
    std::function<Result<>(const std::string&)> take;
  };
  friend struct Parse;

  std::string name_;
  std::string help_;
  std::string details_;
  std::string glossary_title_;
  Glossary glossary_;
  std::vector<Word> options_;
  std::vector<Word> arguments_;
  std::deque<Command> commands_;
  std::function<int()> action_;
};

}  // namespace tidemark::cli
