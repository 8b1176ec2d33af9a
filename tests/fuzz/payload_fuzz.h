// Payloads of MQTT messages in formats with a parser of our own.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

// Messages of one node and its device, each: kind, length (two bytes), payload.
void sparkplug(ByteSpan input);
void influx(ByteSpan input);
// The first byte says whether the columns are configured.
void csv(ByteSpan input);

}  // namespace tidemark::fuzz
