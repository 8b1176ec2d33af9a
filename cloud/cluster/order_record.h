// Orders of persons to nodes of a group, and what came of them, as records of the topic
// PREFIX.orders (common/kafka/FORMAT.md). Private to the folder.
#pragma once

#include <string>
#include <variant>

#include "cloud/cluster/outbox.h"
#include "cloud/store/order_rows.h"
#include "common/kafka/consumer.h"

namespace tidemark::cluster {

inline constexpr std::size_t kOrderWordsMax = 16 << 10;  // names and reasons of 500 characters

// `name`, `words`, `by` and `at` of it.
Outbox::Record record_of(const store::Order& order, const std::string& topic, int partition);
// All but `id`.
Outbox::Record record_of(const store::Outcome& outcome, const std::string& topic, int partition);

using OrderRecord = std::variant<store::Order, store::Outcome>;
// Fault::bad_input, unsupported: what it says is no order; in the partition of another edge, or one
// that is about one store alone.
Result<OrderRecord> read_order(const kafka::Record& record, int partitions);

}  // namespace tidemark::cluster
