// Payloads of MQTT messages in formats with a parser of our own.
#pragma once

#include "common/base/bytes.h"

namespace tidemark::fuzz {

// Messages of one node and its device, each: kind, length (two bytes), payload.
void sparkplug(ByteSpan input);
void influx(ByteSpan input);
// The first byte says whether the columns are configured.
void csv(ByteSpan input);
// Two messages: what the shape of the first one reads is what the parser reads.
void json(ByteSpan input);
void packed(ByteSpan input);
// A broker's bytes, in pieces.
void publish(ByteSpan input);

}  // namespace tidemark::fuzz
