// The registries' log in Kafka: the one partition of the compacted topic `.registry`
// (common/kafka/FORMAT.md).
#pragma once

#include <memory>

#include "common/base/time.h"
#include "common/kafka/settings.h"
#include "gateway/identity/registry_log.h"

namespace tidemark::gateway {

// Of append(), twice: until the brokers have it, and until it is read back. A server's loop stands
// still meanwhile; after a fault further ones fail at once for five seconds.
inline constexpr std::chrono::milliseconds kServerPatience{1000};
inline constexpr std::chrono::milliseconds kCommandPatience{10'000};

// Reads from that place on. Reaches nobody yet. Fault::bad_input for settings that do not fit
// together.
Result<std::unique_ptr<RegistryLog>> open_registry_topic(const kafka::Settings& settings,
                                                         std::int64_t from,
                                                         std::chrono::milliseconds patience,
                                                         const Clock& clock);

}  // namespace tidemark::gateway
