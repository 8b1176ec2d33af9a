// The tables of served.db (FORMAT.md). Private to the folder.
#pragma once

#include <filesystem>
#include <memory>

#include "common/sqlite/database.h"

namespace tidemark::serve {

// In the table `meta`.
inline constexpr const char* kPosition = "position";
inline constexpr const char* kBehind = "behind";
inline constexpr const char* kKnownFrom = "known_from";  // ns, of an EventTime
inline constexpr const char* kRecords = "records";
inline constexpr const char* kRepeated = "repeated";
inline constexpr const char* kOlder = "older";
inline constexpr const char* kRefused = "refused";
inline constexpr const char* kLost = "lost";
inline constexpr const char* kLayout = "layout";  // XXH3-64 of its id

Result<std::unique_ptr<sqlite::Database>> open_writer(const std::filesystem::path& folder);
Result<std::unique_ptr<sqlite::Database>> open_reader(const std::filesystem::path& folder);

}  // namespace tidemark::serve
