// Why an answer that was proved changed, as Answer::cause says it.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidemark::answers {

// Kept in rows by number.
enum class Cause : std::uint8_t {
  none = 0,
  late = 1,        // readings came after the seal
  backfill = 2,    // readings of the backlog did
  resent = 3,  // of a block that was given up
  correction = 4,  // who measures it amended what was said
  operated = 5,    // a person decided so
};

std::string_view to_string(Cause cause);
// Of a row; late for a number that is none.
Cause cause_of(std::int64_t number);

}  // namespace tidemark::answers
