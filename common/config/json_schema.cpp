// The schema for editors: the same describe() that reads a file tells here what may be in it.
#include "common/config/json_schema.h"

#include <nlohmann/json.hpp>

#include "common/base/text.h"

namespace tidemark::config {
namespace {

using json = nlohmann::ordered_json;

json object() {
  return {{"type", "object"}, {"additionalProperties", false}, {"properties", json::object()}};
}

class JsonSchemaSection final : public Section {
 public:
  explicit JsonSchemaSection(std::string& out) : out_(out), root_(object()) {
    stack_.push_back({&root_, ""});
  }
  JsonSchemaSection(const JsonSchemaSection&) = delete;
  JsonSchemaSection& operator=(const JsonSchemaSection&) = delete;
  ~JsonSchemaSection() override { out_ = root_.dump(); }

  void text(std::string_view key, std::string&, const Rule& rule) override {
    add(key, {{"type", "string"}}, rule);
  }
  void flag(std::string_view key, bool&, const Rule& rule) override {
    add(key, {{"type", "boolean"}}, rule);
  }
  void integer(std::string_view key, std::int64_t&, const Rule& rule) override {
    json type = {{"type", "integer"}};
    if (!rule.min.empty()) type["minimum"] = json::parse(rule.min);
    if (!rule.max.empty()) type["maximum"] = json::parse(rule.max);
    add(key, std::move(type), rule);
  }
  void number(std::string_view key, double&, const Rule& rule) override {
    add(key, {{"type", "number"}}, rule);
  }
  void number(std::string_view key, std::optional<double>&, const Rule& rule) override {
    add(key, {{"type", "number"}}, rule);
  }
  void duration(std::string_view key, Nanoseconds&, const Rule& rule) override {
    add(key, {{"type", "string"}, {"pattern", "^[0-9]"}, {"examples", {"500ms", "1s", "1min"}}},
        rule);
  }
  void bytes(std::string_view key, Bytes&, const Rule& rule) override {
    add(key, {{"type", "string"}, {"pattern", "^[0-9]"}, {"examples", {"64 KiB", "2 GiB"}}}, rule);
  }
  void choice(std::string_view key, std::string&, const std::vector<std::string>& allowed,
              const Rule& rule) override {
    add(key, {{"enum", allowed}}, rule);
  }
  void texts(std::string_view key, std::vector<std::string>&, const Rule& rule) override {
    add(key, {{"type", "array"}, {"items", {{"type", "string"}}}}, rule);
  }
  void pairs(std::string_view key, std::map<std::string, std::string>&, const Rule& rule) override {
    add(key, {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}, rule);
  }
  void numbers(std::string_view key, std::vector<double>&, const Rule& rule) override {
    add(key, {{"type", "array"}, {"items", {{"type", "number"}}}}, rule);
  }
  [[nodiscard]] bool has(std::string_view) const override { return false; }
  void complain(std::string_view, std::string) override {}
  void warn(std::string_view, std::string) override {}
  [[nodiscard]] std::string place(std::string_view) const override { return {}; }

 protected:
  void enter(std::string_view name, std::string_view help) override {
    auto* at = stack_.back().object;
    std::string first;
    for (const auto part : split(name, '.')) {
      if (first.empty()) first = part;
      auto& inner = (*at)["properties"][std::string(part)];
      if (inner.is_null()) inner = object();
      at = &inner;
    }
    if (!help.empty()) (*at)["description"] = help;
    stack_.push_back({at, std::move(first)});
  }
  // A table in which a key is required is required itself.
  void leave() override {
    const auto left = stack_.back();
    stack_.pop_back();
    if (left.name.empty() || !left.object->contains("required")) return;
    (*stack_.back().object)["required"].push_back(left.name);
  }
  std::size_t enter_all(std::string_view name, std::string_view help, Applies) override {
    enter(name, help);
    auto& list = *stack_.back().object;
    list = {{"type", "array"}, {"items", object()}};
    if (!help.empty()) list["description"] = help;
    stack_.back() = {&list["items"], ""};
    return 1;
  }
  void enter_item(std::size_t) override { stack_.push_back({stack_.back().object, ""}); }
  void leave_all() override { stack_.pop_back(); }

 private:
  struct Frame {
    json* object;      // stays where it is: only the innermost table is added to
    std::string name;  // of the table in the one before; empty: an item of a list
  };

  void add(std::string_view key, json type, const Rule& rule) {
    auto& at = *stack_.back().object;
    std::string description(rule.help);
    if (!rule.preset.empty()) {
      description += (description.empty() ? "" : " ") + std::string("Default: ") +
                     std::string(rule.preset);
    }
    if (!description.empty()) type["description"] = std::move(description);
    at["properties"][std::string(key)] = std::move(type);
    if (rule.required) at["required"].push_back(std::string(key));
  }

  std::string& out_;
  json root_;
  std::vector<Frame> stack_;
};

}  // namespace

std::unique_ptr<Section> json_schema_section(std::string& out) {
  return std::make_unique<JsonSchemaSection>(out);
}

}  // namespace tidemark::config
