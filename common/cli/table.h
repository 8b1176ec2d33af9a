// Columns of text that line up. Numbers to the right, words to the left.
#pragma once

#include <string>
#include <vector>

#include "common/cli/terminal.h"

namespace tidemark::cli {

enum class Align : unsigned char { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell for each column; missing ones are empty. A cell may be painted.
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // With a line of titles unless all are empty, two spaces between columns, none at line ends.
  // Past the terminal's width the widest left-aligned column is cut, with "…".
  [[nodiscard]] std::string text(const Terminal& terminal) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Cut to `width` columns with "…" at its end; painted text loses its colour when it is cut.
std::string cut(std::string_view text, std::size_t width);

}  // namespace tidemark::cli
