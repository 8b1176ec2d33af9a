// One event as text: what taps, the broker nearby and the cloud get is the same, and
// common/model/events.h says what is in it.
#pragma once

#include <cstdint>
#include <string>

#include "edge/filter/series_filter.h"
#include "edge/pipeline/local_sink.h"

namespace tidemark::pipeline {

// At most kEventBytesMax: for want of room `text` is empty, then `unit`. Names within their bounds
// leave room for both. `skipped`: 0 is not said.
std::string event_json(const LocalSeries& series, const filter::Event& event, std::uint64_t id,
                       std::uint64_t skipped = 0);

}  // namespace tidemark::pipeline
