// What people ask about the time, and tell of it.
#pragma once

#include <functional>
#include <string>

#include "edge/clock/device_clock.h"
#include "edge/untimed/untimed.h"

namespace tidemark::edge {

// {"command":"clock"}: what is believed, and which boots are held. With "set":"TIME" the time is
// that from now on; with "release":"BOOT","ended":"TIME" a held boot's last entry came then, and
// its readings are taken in. `untimed` may be null; `released` tells the pipeline.
std::string answer_clock_request(const std::string& request, clock::DeviceClock& clock,
                                 untimed::Untimed* untimed,
                                 const std::function<void()>& released);
// The part of the status: {"state","from","offset_ms", … ,"held":[…]}.
std::string clock_json(const clock::DeviceClock::Status& clock,
                       const std::vector<untimed::Boot>& boots);

}  // namespace tidemark::edge
