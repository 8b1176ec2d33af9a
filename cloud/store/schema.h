// cloud.db: its tables and how it is opened. FORMAT.md says what they hold.
#pragma once

#include "common/sqlite/database.h"

namespace tidemark::store {

inline constexpr int kSchemaVersion = 12;  // user_version

// Creates it when it is not there: WAL, synchronous FULL.
Result<std::unique_ptr<sqlite::Database>> open_writer(const std::filesystem::path& file);
// Fault::unsupported when another version wrote it.
Result<std::unique_ptr<sqlite::Database>> open_reader(const std::filesystem::path& file);

}  // namespace tidemark::store
