// Points of a profile as a table for spreadsheets: one row a point, columns named as the keys of
// [[point]]. Empty cells are keys that are left out; lists (models, invalid) have blanks between.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "edge/profile/profile.h"

namespace tidemark::profile {

std::string to_csv(const Profile& profile);

struct CsvImport {
  std::string toml;              // a profile file
  std::vector<std::size_t> row;  // line of the table by line of the TOML, from 1; 0: no row's
};
struct CsvMeta {
  std::string id, vendor, model, source, verified;
};
// RFC 4180 with a header; `;` and tabs are separators too. Fault::bad_input names line and column.
Result<CsvImport> from_csv(std::string_view csv, const std::string& file, const CsvMeta& meta);

}  // namespace tidemark::profile
