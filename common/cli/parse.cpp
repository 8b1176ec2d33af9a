// The only file that knows CLI11. It splits words into options and arguments; what is wrong with
// them is told by us, with what was typed and what is nearest to it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <memory>

#include "common/base/exit_code.h"
#include "common/base/text.h"
#include "common/cli/command.h"

namespace tidemark::cli {

struct Parse {
  struct Given {
    const Command::Word* word = nullptr;
    CLI::Option* option = nullptr;
  };
  struct Level {
    Command* command = nullptr;
    std::unique_ptr<CLI::App> app = std::make_unique<CLI::App>();
    std::vector<std::string> words;
    bool help = false;
    std::vector<Given> given;
  };

  // Each command of the path gets the words that are its own, and a parser of its own: CLI11 takes
  // any later word that is the name of a command further up for that command.
  Parse(Command& root, const std::vector<std::string>& words) {
    Command* command = &root;
    std::size_t begin = 0;
    while (true) {
      auto& level = levels.emplace_back();
      level.command = command;
      build(level);
      std::size_t next = words.size();
      Command* below = nullptr;
      for (std::size_t i = begin; i < words.size() && !command->commands_.empty(); ++i) {
        if (words[i].starts_with('-')) {
          if (takes_value(*command, words[i])) ++i;
          continue;
        }
        for (auto& c : command->commands_) {
          if (c.name_ == words[i]) below = &c;
        }
        if (below != nullptr) next = i;
        break;
      }
      level.words.assign(words.begin() + static_cast<std::ptrdiff_t>(begin),
                         words.begin() + static_cast<std::ptrdiff_t>(next));
      if (below == nullptr) return;
      command = below;
      begin = next + 1;
    }
  }

  static bool takes_value(const Command& command, const std::string& word) {
    for (const auto& o : command.options_) {
      const auto names = split(o.names, ',');
      if (!o.type.empty() && std::find(names.begin(), names.end(), word) != names.end()) {
        return true;
      }
    }
    return false;
  }

  static void build(Level& level) {
    auto& to = *level.app;
    to.set_help_flag();
    to.allow_extras();  // so that we say what is wrong with them
    to.add_flag("-h,--help", level.help, "");
    for (const auto& o : level.command->options_) {
      auto* option = o.type.empty() ? to.add_flag(o.names) : to.add_option(o.names);
      if (!o.type.empty()) option->expected(1)->type_size(1)->multi_option_policy(policy(o));
      level.given.push_back({&o, option});
    }
    for (const auto& a : level.command->arguments_) {
      auto* option = to.add_option(a.names)->type_size(1);
      option->expected(a.many ? CLI::detail::expected_max_vector_size : 1);
      if (a.many) option->expected(0, CLI::detail::expected_max_vector_size);
      level.given.push_back({&a, option});
    }
  }

  static CLI::MultiOptionPolicy policy(const Command::Word& word) {
    return word.many ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast;
  }

  // "no command 'sttus', did you mean 'status'?"
  static std::string unknown(const Level& level, const std::string& word) {
    std::vector<std::string> known;
    if (word.starts_with('-')) {
      known.emplace_back("--help");
      for (const auto& o : level.command->options_) {
        for (const auto name : split(o.names, ',')) known.emplace_back(name);
      }
      const auto name = word.substr(0, word.find('='));
      const auto near = nearest(name, known);
      return fmt::format("no option '{}'{}", name,
                         near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
    }
    for (const auto& c : level.command->commands_) known.push_back(c.name_);
    if (known.empty()) return fmt::format("nothing is expected at '{}'", word);
    const auto near = nearest(word, known);
    return fmt::format("no command '{}', {}", word,
                       near.empty() ? fmt::format("there are {}", fmt::join(known, ", "))
                                    : fmt::format("did you mean '{}'?", near));
  }

  // What is wrong with the words of a level, or empty.
  static std::string problem_of(Level& level) {
    auto words = level.words;
    std::reverse(words.begin(), words.end());  // CLI11 wants the last word first
    std::string problem;
    try {
      level.app->parse(words);
    } catch (const CLI::ArgumentMismatch& e) {  // "--from: 1 required …"
      const std::string text = e.what();
      problem = text.substr(0, text.find(':')) + " needs a value";
    } catch (const CLI::ParseError& e) {
      problem = e.what();
    }
    const auto extra = first(level.app->remaining());
    return extra.empty() ? problem : unknown(level, extra);
  }

  int run(Output& output) {
    std::string path;
    for (auto& level : levels) {
      path += (path.empty() ? "" : " ") + level.command->name_;
      const auto problem = problem_of(level);
      // Help for a command that there is not would be help for another one.
      const bool last = &level == &levels.back();
      if (level.help && (problem.empty() || (last && level.command->commands_.empty()))) {
        output.out(level.command->help(output.terminal(), path));
        return kExitOk;
      }
      if (!problem.empty()) return output.usage(path + ": " + problem, path + " --help");
    }
    for (const auto& level : levels) {
      if (const auto taken = take(level); !taken) {
        return output.usage(path + ": " + taken.error().text(), path + " --help");
      }
    }
    const auto& command = *levels.back().command;
    if (!command.action_) {
      output.out(command.help(output.terminal(), path));
      return kExitOk;
    }
    return command.action_();
  }

  static std::string first(const std::vector<std::string>& words) {
    return words.empty() ? "" : words.front();
  }

  static Result<> take(const Level& level) {
    for (const auto& [word, option] : level.given) {
      if (option->count() == 0) {
        if (word->required) return Error(Fault::bad_input, word->names + " is missing");
        continue;
      }
      if (word->type.empty()) {
        TIDE_TRY(word->take(""));
        continue;
      }
      const auto values = option->reduced_results();
      for (const auto& value : values) {
        if (auto taken = word->take(value); !taken) {
          const auto names = split(word->names, ',');
          return std::move(taken).error().within(names.back());
        }
      }
    }
    return {};
  }

  std::deque<Level> levels;  // from the root to the command that was named
};

int Command::run(const std::vector<std::string>& words, Output& output) {
  if (words.size() == 1 && words.front() == "__tree") {
    output.out(tree());
    return kExitOk;
  }
  return Parse(*this, words).run(output);
}

}  // namespace tidemark::cli
