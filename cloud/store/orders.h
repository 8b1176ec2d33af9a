// A person's decision on its way to the node: written into cloud.db beside the node, which takes it
// within some seconds (cloud/intake/orders.cpp). Works while the node is stopped: then it waits.
// Nodes of a group have orders from their log (cloud/cluster/order_topic.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::store {

// An order is words between spaces; a name or a reason that has spaces itself is one of them.
std::string order_word(std::string_view text);
std::string from_order_word(std::string_view word);
// In ns since 1970, as orders say times; nothing when it is no such number.
std::optional<EventTime> order_time(std::string_view word);

// Whom an order is about. Of what is about all edges each partition of a group does its part; a
// store's own are about its files and its numbers, which no other store has.
struct OrderSubject {
  enum class Kind : std::uint8_t { edge, all, store };
  Kind kind = Kind::store;
  std::string edge = {};
};
OrderSubject subject_of_order(std::string_view words);
bool is_good(std::string_view outcome);  // "ok: …"

// Its number. unavailable while the node holds the file for longer than some seconds.
Result<std::int64_t> give_order(const std::filesystem::path& data_dir, const std::string& words,
                                EventTime at);
// "ok: …" or "error: …" once the node has taken it.
Result<std::optional<std::string>> order_outcome(const std::filesystem::path& data_dir,
                                                 std::int64_t order);

struct KnownOrder {
  std::string words;
  EventTime at{};
  std::string outcome;  // empty: it is not done
};
// Those of the last day and what is not done, the oldest first.
Result<std::vector<KnownOrder>> known_orders(const std::filesystem::path& data_dir);

}  // namespace tidemark::store
