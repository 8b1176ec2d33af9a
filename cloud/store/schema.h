// The tables of cloud.db. FORMAT.md says what they hold.
#pragma once

#include "cloud/store/database.h"

namespace tidemark::store {

inline constexpr int kSchemaVersion = 1;

// Creates what is missing. Fault::unsupported when a newer version wrote the file.
Result<> create_schema(Database& database);

}  // namespace tidemark::store
