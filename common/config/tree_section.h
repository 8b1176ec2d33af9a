// The Section that reads: describe() asks it for each setting, it answers from the tree.
#pragma once

#include <functional>

#include "common/config/node.h"

namespace tidemark::config {

class TreeSection final : public Section {
 public:
  // All but `folder` outlive it.
  // `settings` may be null: they are not listed then. Paths count from `folder`, unless empty.
  TreeSection(Node& root, std::vector<Problem>& problems, std::vector<Setting>* settings,
              std::filesystem::path folder = {});

  void text(std::string_view key, std::string& value, const Rule& rule) override;
  void flag(std::string_view key, bool& value, const Rule& rule) override;
  void integer(std::string_view key, std::int64_t& value, const Rule& rule) override;
  void number(std::string_view key, double& value, const Rule& rule) override;
  void number(std::string_view key, std::optional<double>& value, const Rule& rule) override;
  void duration(std::string_view key, Nanoseconds& value, const Rule& rule) override;
  void bytes(std::string_view key, Bytes& value, const Rule& rule) override;
  void choice(std::string_view key, std::string& value, const std::vector<std::string>& allowed,
              const Rule& rule) override;
  void texts(std::string_view key, std::vector<std::string>& value, const Rule& rule) override;
  void pairs(std::string_view key, std::map<std::string, std::string>& value,
             const Rule& rule) override;
  void numbers(std::string_view key, std::vector<double>& value, const Rule& rule) override;
  [[nodiscard]] bool has(std::string_view key) const override;
  void complain(std::string_view key, std::string text) override;
  void warn(std::string_view key, std::string text) override;
  [[nodiscard]] std::string located(std::string written) const override;
  [[nodiscard]] std::string place(std::string_view key) const override;

  // Everything that is in the tree and was not declared.
  void report_unknown();

 protected:
  void enter(std::string_view name, std::string_view help) override;
  void leave() override;
  std::size_t enter_all(std::string_view name, std::string_view help, Applies applies) override;
  void enter_item(std::size_t index) override;
  void leave_all() override;

 private:
  struct Frame {
    Node* node;           // null when the file does not have it
    std::string path;     // "source.mqtt[0]"
    Mark nearest;         // the innermost place that exists: where a missing key is told
  };
  template <typename Kind>
  void scalar(std::string_view key, typename Kind::Value& value, const Rule& rule);
  template <typename Kind>
  void list(std::string_view key, std::vector<typename Kind::Value>& value, const Rule& rule);
  template <typename Kind>
  bool within(const typename Kind::Value& v, const Rule& rule, const Mark& mark,
              const std::string& path);

  [[nodiscard]] Node* lookup(std::string_view key);
  [[nodiscard]] const Node* peek(std::string_view key) const;
  [[nodiscard]] std::string path_of(std::string_view key) const;
  Node* step(Node* from, std::string_view name);
  void missing(std::string_view key, const Rule& rule);
  void report(const Mark& mark, std::string text, bool warning = false);
  void record(std::string_view key, std::string value, const Node* node);
  void report_unknown(Node& node, const std::string& path);

  std::vector<Problem>& problems_;
  std::vector<Setting>* settings_;
  std::filesystem::path folder_;
  std::vector<Frame> frames_;
  std::vector<std::pair<std::string, std::string>> keys_;  // declared, with their sections
};

}  // namespace tidemark::config
