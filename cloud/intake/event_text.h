// What an agent says of an event (common/model/events.h), as the cloud keeps it and people get it:
// the same object, with `edge`, `site` and `known_at` (when it came here, RFC 3339) behind it.
#pragma once

#include <string>
#include <string_view>

#include "cloud/store/event_rows.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::intake {

struct EventOrigin {
  std::string_view edge, site;
  EventTime time{};  // of its row
  EventTime known_at{};
};

// bad_input for what is no such object, or of another edge's series, with why. What it says beyond
// what is known here stays as it is.
Result<store::Event> event_of(std::string_view text, const EventOrigin& origin);

}  // namespace tidemark::intake
