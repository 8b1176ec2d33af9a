#include "common/cli/command.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/text.h"
#include "common/cli/table.h"

namespace tidemark::cli {
namespace {

template <typename T>
Result<> parse_number(const std::string& text, T& value, std::string_view expected) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size()) return {};
  return Error(Fault::bad_input, fmt::format("'{}' is not {}", text, expected));
}

constexpr std::string_view kExitCodes =
    "Exit codes: 0 ok · 1 a check found problems · 2 degraded · 64 usage · 65 bad data · 66 no "
    "input\n  69 unreachable · 70 internal fault · 73 cannot create · 75 try again · 76 protocol\n"
    "  77 not permitted · 78 configuration\n";

}  // namespace

Command& Command::add(std::string name, std::string help) {
  for (auto& c : commands_) {
    if (c.name_ == name) return c;
  }
  return commands_.emplace_back(std::move(name), std::move(help));
}

Command& Command::flag(std::string names, bool& value, std::string help) {
  options_.push_back({std::move(names), "", std::move(help), false, false,
                      [&value](const std::string&) -> Result<> {
                        value = true;
                        return {};
                      }});
  return *this;
}

Command& Command::parsed(std::string names, std::function<Result<>(const std::string&)> take,
                         std::string help, std::string type) {
  options_.push_back({std::move(names), std::move(type), std::move(help), false, false,
                      std::move(take)});
  return *this;
}

Command& Command::option(std::string names, std::string& value, std::string help,
                         std::string type) {
  return parsed(std::move(names),
                [&value](const std::string& text) -> Result<> {
                  value = text;
                  return {};
                },
                std::move(help), std::move(type));
}

Command& Command::option(std::string names, std::optional<std::string>& value, std::string help,
                         std::string type) {
  return parsed(std::move(names),
                [&value](const std::string& text) -> Result<> {
                  value = text;
                  return {};
                },
                std::move(help), std::move(type));
}

Command& Command::option(std::string names, std::uint64_t& value, std::string help,
                         std::string type) {
  return parsed(std::move(names),
                [&value](const std::string& text) {
                  return parse_number(text, value, "a whole number");
                },
                std::move(help), std::move(type));
}

Command& Command::option(std::string names, double& value, std::string help, std::string type) {
  return parsed(std::move(names),
                [&value](const std::string& text) { return parse_number(text, value, "a number"); },
                std::move(help), std::move(type));
}

Command& Command::option(std::string names, std::vector<std::string>& values, std::string help,
                         std::string type) {
  parsed(std::move(names),
         [&values](const std::string& text) -> Result<> {
           values.push_back(text);
           return {};
         },
         std::move(help), std::move(type));
  options_.back().many = true;
  return *this;
}

Command& Command::choice(std::string names, std::string& value, std::vector<std::string> allowed,
                         std::string help) {
  auto type = fmt::format("{}", fmt::join(allowed, "|"));
  return parsed(std::move(names),
                [&value, allowed = std::move(allowed)](const std::string& text) -> Result<> {
                  for (const auto& word : allowed) {
                    if (word == text) {
                      value = text;
                      return {};
                    }
                  }
                  const auto near = nearest(text, allowed);
                  return Error(Fault::bad_input,
                               fmt::format("'{}' is none of {}{}", text, fmt::join(allowed, ", "),
                                           near.empty() ? "" : "; did you mean '" + near + "'?"));
                },
                std::move(help), std::move(type));
}

Command& Command::argument(std::string name, std::string& value, std::string help,
                           bool required) {
  arguments_.push_back({std::move(name), "TEXT", std::move(help), required, false,
                        [&value](const std::string& text) -> Result<> {
                          value = text;
                          return {};
                        }});
  return *this;
}

Command& Command::arguments(std::string name, std::vector<std::string>& values, std::string help,
                            bool required) {
  arguments_.push_back({std::move(name), "TEXT", std::move(help), required, true,
                        [&values](const std::string& text) -> Result<> {
                          values.push_back(text);
                          return {};
                        }});
  return *this;
}

std::string Command::help(const Terminal& terminal, const std::string& path) const {
  const auto full = path.empty() ? name_ : path;
  std::string out = "usage: " + full;
  if (!commands_.empty()) out += action_ ? " [COMMAND]" : " COMMAND";
  for (const auto& a : arguments_) {
    const auto name = a.names + (a.many ? "…" : "");
    out += a.required ? " " + name : " [" + name + "]";
  }
  out += " [OPTIONS]\n" + help_ + "\n" + details_ + (details_.empty() ? "" : "\n");
  if (!commands_.empty()) {
    Table table({{"", Align::left}, {"", Align::left}});
    for (const auto& c : commands_) table.row({"  " + c.name_, c.help_});
    out += "\nCommands:\n" + table.text(terminal);
  }
  if (!arguments_.empty()) {
    Table table({{"", Align::left}, {"", Align::left}});
    for (const auto& a : arguments_) table.row({"  " + a.names, a.help});
    out += "\nArguments:\n" + table.text(terminal);
  }
  Table table({{"", Align::left}, {"", Align::left}});
  for (const auto& o : options_) {
    table.row({fmt::format("  {}{}{}", o.names, o.type.empty() ? "" : " ", o.type), o.help});
  }
  table.row({"  -h,--help", "This text."});
  out += "\nOptions:\n" + table.text(terminal);
  if (!glossary_.empty()) {
    Table words({{"", Align::left}, {"", Align::left}});
    for (const auto& [word, meaning] : glossary_) words.row({"  " + word, meaning});
    Terminal all = terminal;
    all.width = 0;  // a meaning is not cut
    out += "\n" + glossary_title_ + ":\n" + words.text(all);
  }
  out += "\n";
  out += kExitCodes;
  return out;
}

std::string Command::tree(const std::string& path) const {
  std::string out;
  for (const auto& c : commands_) {
    const auto below = path.empty() ? c.name_ : path + " " + c.name_;
    std::string options;
    for (const auto& o : c.options_) {
      for (const auto name : split(o.names, ',')) options += std::string(name) + " ";
    }
    out += fmt::format("{}\t{}--help\t{}\n", below, options, c.help_);
    out += c.tree(below);
  }
  return out;
}

}  // namespace tidemark::cli
