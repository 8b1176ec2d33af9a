// A configuration as a tree of our own: what toml++ read, with drop-ins and overrides merged in.
// Each node knows where it was written, so that every later problem can name the place.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/section.h"

namespace tidemark::config {

struct TextFile {
  std::string name;  // of the file, or "environment NAME"
  std::string content;
};

// A place in a file, lines and columns from 1; line 0 is the file as a whole.
struct Mark {
  std::shared_ptr<const TextFile> file;
  int line = 0;
  int column = 0;
  int length = 1;
};
Problem problem_at(const Mark& mark, std::string text);
std::string to_string(const Mark& mark);  // "edge.toml:4:3"

struct Node {
  enum class Kind : std::uint8_t { table, list, text, integer, number, flag, date, raw };

  std::string name;  // its key; empty in a list
  Kind kind = Kind::table;
  std::string text;  // also of raw: an override, whose type the setting decides
  std::int64_t integer = 0;
  double number = 0;
  bool flag = false;
  std::vector<Node> members;  // of a table
  std::vector<Node> items;    // of a list
  Mark key;
  Mark value;

  // What describe() declared inside; `entered` says that it looked at all.
  bool entered = false;
  std::vector<std::string> declared;

  [[nodiscard]] Node* find(std::string_view member_name);
  void declare(std::string_view member_name);
  [[nodiscard]] bool is_list_of_tables() const;  // an empty list is one too
  // "the text 'abc'", "the number 5", "a table": for problems.
  [[nodiscard]] std::string found() const;
};

// Syntax errors go to `problems`; what could not be read is an empty table.
Node parse_toml(std::shared_ptr<const TextFile> file, std::vector<Problem>& problems);
// Variables of the environment in texts: ${NAME}, ${NAME:-otherwise}, ${NAME:?why}; $${ stands for
// ${. An empty variable counts as missing. Values are taken as they are, not expanded again and
// not read as TOML, so that none can add a key. A missing variable is a problem at its text.
void expand_variables(Node& node, std::vector<Problem>& problems);
// Later wins key by key; lists of tables append.
void merge(Node& base, Node later);
// `path` is "RING__SIZE" or "SOURCE__MQTT__0__URL".
void set_override(Node& root, std::string_view path, std::shared_ptr<const TextFile> origin,
                  std::vector<Problem>& problems);

}  // namespace tidemark::config
