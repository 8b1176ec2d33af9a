// The only file that knows CLI11. It splits words into options and arguments; what is wrong with
// them is told by us, with what was typed and what is nearest to it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

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
    CLI::App* app = nullptr;
    bool help = false;
    std::vector<Given> given;
  };

  explicit Parse(Command& root) : app("", root.name_) { build(root, app); }

  void build(Command& command, CLI::App& to) {
    to.set_help_flag();
    to.allow_extras();  // so that we say what is wrong with them
    auto& level = levels[&to];
    level.command = &command;
    level.app = &to;
    to.add_flag("-h,--help", level.help, "");
    for (const auto& o : command.options_) {
      auto* option = o.type.empty() ? to.add_flag(o.names) : to.add_option(o.names);
      if (!o.type.empty()) option->expected(1)->type_size(1)->multi_option_policy(policy(o));
      level.given.push_back({&o, option});
    }
    for (const auto& a : command.arguments_) {
      auto* option = to.add_option(a.names)->type_size(1);
      option->expected(a.many ? CLI::detail::expected_max_vector_size : 1);
      if (a.many) option->expected(0, CLI::detail::expected_max_vector_size);
      level.given.push_back({&a, option});
    }
    for (auto& c : command.commands_) build(c, *to.add_subcommand(c.name_, c.help_));
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

  int run(std::vector<std::string> words, Output& output) {
    std::reverse(words.begin(), words.end());  // CLI11 wants the last word first
    std::string problem;
    try {
      app.parse(words);
    } catch (const CLI::ArgumentMismatch& e) {  // "--from: 1 required …"
      const std::string text = e.what();
      problem = text.substr(0, text.find(':')) + " needs a value";
    } catch (const CLI::ParseError& e) {
      problem = e.what();
    }
    std::string path = app.get_name();
    const CLI::App* at = &app;
    std::string extra = first(app.remaining());
    while (extra.empty() && !at->get_subcommands().empty()) {
      at = at->get_subcommands().front();
      path += " " + at->get_name();
      extra = first(at->remaining());
    }
    const auto& level = levels.at(at);
    if (level.help) {
      output.out(level.command->help(output.terminal(), path));
      return kExitOk;
    }
    const auto wrong = [&](const std::string& what) {
      return output.usage(path + ": " + what, path + " --help");
    };
    if (!extra.empty()) return wrong(unknown(level, extra));
    if (!problem.empty()) return wrong(problem);
    for (const CLI::App* a = &app; a != nullptr; a = below(a)) {
      if (const auto taken = take(levels.at(a)); !taken) return wrong(taken.error().text());
    }
    if (!level.command->action_) {
      output.out(level.command->help(output.terminal(), path));
      return kExitOk;
    }
    return level.command->action_();
  }

  static const CLI::App* below(const CLI::App* a) {
    const auto commands = a->get_subcommands();
    return commands.empty() ? nullptr : commands.front();
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

  CLI::App app;
  std::map<const CLI::App*, Level> levels;
};

int Command::run(const std::vector<std::string>& words, Output& output) {
  if (words.size() == 1 && words.front() == "__tree") {
    output.out(tree());
    return kExitOk;
  }
  return Parse(*this).run(words, output);
}

}  // namespace tidemark::cli
