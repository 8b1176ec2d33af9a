// The tables that a FORMAT.md describes, and those that a database file has, in the same words.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>

#include "common/sqlite/database.h"

namespace tidemark::test {

// Table to its columns, each as "name TYPE", "name TYPE, key" or "name TYPE or NULL".
using Tables = std::map<std::string, std::vector<std::string>>;

// A heading "## table", then rows "| `column` | type | meaning |".
inline Tables described_tables(const std::string& format_file) {
  static const std::regex kRow("\\| `(\\w+)` \\| ([^|]+) \\| [^|]+ \\|");
  Tables tables;
  std::ifstream in(format_file);
  std::string table;
  std::smatch row;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) table = line.substr(3);
    if (std::regex_match(line, row, kRow)) tables[table].push_back(row.str(1) + " " + row.str(2));
  }
  return tables;
}

inline Tables tables_of(const std::filesystem::path& file, int version) {
  const auto db = sqlite::Database::open(file, {.version = version, .reader = true}).value();
  sqlite::Statement columns(
      *db, "SELECT m.name, c.name || ' ' || c.type || iif(c.pk, ', key', iif(c.[notnull], '', "
           "' or NULL')) FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type='table'"
           " AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid");
  Tables tables;
  while (columns.next()) tables[columns.text(0)].push_back(columns.text(1));
  EXPECT_TRUE(db->fault().ok());
  return tables;
}

}  // namespace tidemark::test
