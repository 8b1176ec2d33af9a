// Whether a partition goes on where it was read to. Private to the folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/kafka/consumer.h"

namespace tidemark::cluster {

// Records that went before they were read, where the first that may be there is `oldest`; 0 before
// the first look (`read_to` 0). Logged with what is done about it, as is a topic that goes on
// before where it was read to.
std::uint64_t gone_before(const std::string& topic, const kafka::Record& record,
                          std::int64_t read_to, std::int64_t oldest, std::string_view then);

}  // namespace tidemark::cluster
