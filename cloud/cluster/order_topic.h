// Orders as a person on any node of a group gives them: into the topic PREFIX.orders, from where
// every partition's store has its own (kafka_listener.h), whoever owns it now or later.
//
// Promise    what give() took lies in Kafka and is obeyed once by each partition that it is about;
//            those that have not answered in time do it later.
// Bounds     waits for brokers, kWithin at most, and then for owners as long as the caller says.
// Threads    any; each call has clients of its own.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/store/order_rows.h"
#include "common/base/random.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {

struct OrderTopicOptions {
  kafka::Settings settings;
  std::chrono::milliseconds answer_within{12'000};
  std::function<Result<kafka::Layout>(const kafka::Settings&)> layout = kafka::good_layout;
};

// What each partition did with it that it is about; empty: it has not answered.
using Outcomes = std::map<int, std::optional<std::string>>;

struct ListedOrder {
  store::Order order;
  Outcomes outcomes;
};

class OrderTopic {
 public:
  explicit OrderTopic(OrderTopicOptions options) : options_(std::move(options)) {}

  // Fault::bad_input: it is about one store alone; of the brokers: it may not have got there.
  // `by`: who gives it.
  Result<Outcomes> give(const std::string& words, const std::string& by, EventTime at,
                        Random& random);
  // All that lie there, the oldest first.
  Result<std::vector<ListedOrder>> all();

 private:
  const OrderTopicOptions options_;
};

}  // namespace tidemark::cluster
