// What of the API's JSON goes into the cells of tables. Private to this folder.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "cloud/cli/print.h"

namespace tidemark::cloud_cli {

// Of the object's member: empty, 0 or an empty list where it has none of that kind. Control
// characters are question marks.
std::string text_of(const Json& object, const char* key);
std::uint64_t count_of(const Json& object, const char* key);
const Json& list_of(const Json& object, const char* key);
// "–" where it is no number.
std::string figure_of(const Json& object, const char* key);
// 99.96 % is not complete: rounded down, so that 100 % means all.
std::string percent_of(const Json& object, const char* key);
// "2026-11-21 02:00:00"; the day is left out when all that is shown is of one day.
std::string moment(const std::string& utc, bool with_day);

}  // namespace tidemark::cloud_cli
