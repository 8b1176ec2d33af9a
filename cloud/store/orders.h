// A person's decision on its way to the node: written into cloud.db beside the node, which takes it
// within some seconds (cloud/intake/orders.cpp). Works while the node is stopped: then it waits.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::store {

// An order is words between spaces; a name or a reason that has spaces itself is one of them.
std::string order_word(std::string_view text);
std::string from_order_word(std::string_view word);
// In ns since 1970, as orders say times; nothing when it is no such number.
std::optional<EventTime> order_time(std::string_view word);

// Its number. unavailable while the node holds the file for longer than some seconds.
Result<std::int64_t> give_order(const std::filesystem::path& data_dir, const std::string& words,
                                EventTime at);
// "ok: …" or "error: …" once the node has taken it.
Result<std::optional<std::string>> order_outcome(const std::filesystem::path& data_dir,
                                                 std::int64_t order);

}  // namespace tidemark::store
