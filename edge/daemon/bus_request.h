// A command that wants to read from a device on a bus of this agent.
#pragma once

#include <string>

#include "edge/modbus/modbus_source.h"

namespace tidemark::edge {

// `request` is control's {"command":"modbus",…}; without a unit it only asks who owns the bus. The
// answer: {"v":1,"owned":false}, or with "owned":true, "kind" (good, exception, silent, garbled,
// broken), "exception", "text" and "registers". Waits for its turn between two polls.
std::string answer_bus_request(const std::string& request, const modbus::Buses& buses);

}  // namespace tidemark::edge
