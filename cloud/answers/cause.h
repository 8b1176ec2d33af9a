// Why an answer that was proved changed, as Answer::cause says it.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidemark::answers {

// Kept in rows by number.
enum class Cause : std::uint8_t { none = 0, late = 1, backfill = 2, resent = 3 };

std::string_view to_string(Cause cause);
// Of a row; late for a number that is none.
Cause cause_of(std::int64_t number);

}  // namespace tidemark::answers
