// The reference page: the same describe() that reads a file tells here what it would read.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/config/section.h"

namespace tidemark::config {
namespace {

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

class ReferenceSection final : public Section {
 public:
  explicit ReferenceSection(std::string& out) : out_(out) {
    open("", "", "", Applies::at_restart);
  }
  ReferenceSection(const ReferenceSection&) = delete;
  ReferenceSection& operator=(const ReferenceSection&) = delete;
  ~ReferenceSection() override {
    for (const auto& t : tables_) {
      if (t.rows.empty() && t.help.empty()) continue;
      if (!t.title.empty()) out_ += fmt::format("## {}\n\n", t.title);
      if (!t.help.empty()) out_ += fmt::format("{}\n\n", t.help);
      if (t.rows.empty()) continue;
      out_ += "| key | type | default | limits | meaning | a change needs |\n";
      out_ += "|---|---|---|---|---|---|\n";
      out_ += t.rows + "\n";
    }
  }

  void text(std::string_view key, std::string& value, const Rule& rule) override {
    row(key, "text", value.empty() ? "" : '"' + value + '"', rule);
  }
  void flag(std::string_view key, bool& value, const Rule& rule) override {
    row(key, "true, false", value ? "true" : "false", rule);
  }
  void integer(std::string_view key, std::int64_t& value, const Rule& rule) override {
    row(key, "whole number", std::to_string(value), rule);
  }
  void number(std::string_view key, double& value, const Rule& rule) override {
    row(key, "number", fmt::format("{}", value), rule);
  }
  void number(std::string_view key, std::optional<double>&, const Rule& rule) override {
    row(key, "number", "", rule);
  }
  void duration(std::string_view key, Nanoseconds& value, const Rule& rule) override {
    row(key, "duration", format_duration(value), rule);
  }
  void bytes(std::string_view key, Bytes&, const Rule& rule) override {
    row(key, "size", "", rule);
  }
  void choice(std::string_view key, std::string& value, const std::vector<std::string>& allowed,
              const Rule& rule) override {
    row(key, fmt::format("one of {}", fmt::join(allowed, ", ")), value, rule);
  }
  void texts(std::string_view key, std::vector<std::string>&, const Rule& rule) override {
    row(key, "list of texts", "", rule);
  }
  void pairs(std::string_view key, std::map<std::string, std::string>&, const Rule& rule) override {
    row(key, "table of texts", "", rule);
  }
  void numbers(std::string_view key, std::vector<double>&, const Rule& rule) override {
    row(key, "list of numbers", "", rule);
  }
  [[nodiscard]] bool has(std::string_view) const override { return true; }
  void complain(std::string_view, std::string) override {}
  void warn(std::string_view, std::string) override {}
  [[nodiscard]] std::string place(std::string_view) const override { return {}; }

 protected:
  void enter(std::string_view name, std::string_view help) override {
    open(name, help, "`[{}]`", applies());
  }
  void leave() override { stack_.pop_back(); }
  std::size_t enter_all(std::string_view name, std::string_view help, Applies applies) override {
    open(name, help, "`[[{}]]`", std::max(applies, this->applies()));
    return 1;
  }
  void enter_item(std::size_t) override { stack_.push_back(stack_.back()); }
  void leave_all() override { stack_.pop_back(); }

 private:
  struct Table {
    std::string path;
    std::string title;
    std::string help;
    Applies applies = Applies::at_restart;
    std::string rows = {};
  };

  [[nodiscard]] Applies applies() const {
    return stack_.empty() ? Applies::at_restart : tables_[stack_.back()].applies;
  }

  void open(std::string_view name, std::string_view help, std::string_view form,
            Applies applies) {
    std::string path = stack_.empty() ? "" : tables_[stack_.back()].path;
    if (!path.empty() && !name.empty()) path += '.';
    path += name;
    std::string title;
    if (!path.empty()) title = fmt::format(fmt::runtime(form), path);
    stack_.push_back(tables_.size());
    tables_.push_back({std::move(path), std::move(title), std::string(help), applies});
  }
  void row(std::string_view key, std::string_view type, std::string_view initial,
           const Rule& rule) {
    std::string limits;
    if (!rule.min.empty()) limits += fmt::format("from {}", rule.min);
    if (!rule.max.empty()) limits += fmt::format("{}to {}", limits.empty() ? "" : " ", rule.max);
    std::string meaning(rule.help);
    if (!rule.example.empty()) meaning += fmt::format(" Example: `{}`", rule.example);
    const auto preset = rule.required         ? std::string("required")
                        : rule.preset.empty() ? std::string(initial)
                                              : std::string(rule.preset);
    tables_[stack_.back()].rows +=
        fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", key, cell(type), cell(preset), limits,
                    cell(meaning), applies() == Applies::at_reload ? "reload" : "restart");
  }

  std::string& out_;
  std::vector<Table> tables_;
  std::vector<std::size_t> stack_;
};

}  // namespace

std::unique_ptr<Section> reference_section(std::string& out) {
  return std::make_unique<ReferenceSection>(out);
}

}  // namespace tidemark::config
