#include "cloud/cluster/order_topic.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cloud/cluster/order_record.h"
#include "common/kafka/consumer.h"
#include "common/kafka/producer.h"
#include "common/kafka/records.h"

namespace tidemark::cluster {
namespace {

constexpr std::chrono::milliseconds kLook{20};

// Polls until `done` or so long; true: it is done.
template <typename Take, typename Done>
bool read_until(kafka::Consumer& consumer, std::chrono::milliseconds within, Take take, Done done) {
  for (auto left = within; !done(); left -= kLook) {
    while (consumer.poll(take)) {
    }
    if (done()) break;
    if (left.count() <= 0) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

std::vector<int> partitions_for(const store::OrderSubject& about, int partitions) {
  if (about.kind == store::OrderSubject::Kind::edge) {
    return {kafka::partition_of(about.edge, partitions)};
  }
  std::vector<int> all;
  for (int p = 0; p < partitions; ++p) all.push_back(p);
  return all;
}

}  // namespace

Result<Outcomes> OrderTopic::give(const std::string& words, const std::string& by, EventTime at,
                                  Random& random) {
  const auto& s = options_.settings;
  const auto about = store::subject_of_order(words);
  if (about.kind == store::OrderSubject::Kind::store) {
    return Error(Fault::bad_input, "an order about one store is given on the node that has it");
  }
  if (words.size() > kOrderWordsMax || by.size() > kOrderWordsMax) {
    return Error(Fault::bad_input, fmt::format("an order is of {} B of words at most",
                                               kOrderWordsMax));
  }
  TIDE_ASSIGN(const auto layout, options_.layout(s));
  store::Order order;
  order.name = kafka::hex_of(random.next());
  order.words = words;
  order.by = by;
  order.at = at;
  TIDE_ASSIGN(const auto producer, kafka::Producer::open(s, {.patience = kafka::kWithin,
                                                            .topics = {s.orders()}}));
  Outcomes outcomes;
  for (const int p : partitions_for(about, layout.partitions)) {
    const auto r = record_of(order, s.orders(), p);
    TIDE_TRY(producer->send(r.topic, r.partition, as_bytes(r.key), r.value, r.headers,
                            static_cast<std::uintptr_t>(p)));
    outcomes[p];
  }
  kafka::ConsumerOptions reading;
  reading.topic = s.orders();
  reading.from = kafka::ConsumerOptions::none_of(layout.partitions);
  for (const auto& d : producer->finish(kafka::kWithin + std::chrono::seconds(1))) {
    if (d.fault) return *d.fault;
    reading.from[static_cast<std::size_t>(d.tag)] = d.offset + 1;
  }
  if (producer->waiting() > 0) {
    return Error(Fault::unavailable, s.orders() + ": the brokers do not say whether they have it");
  }
  TIDE_ASSIGN(const auto consumer, kafka::Consumer::open(s, std::move(reading)));
  const auto take = [&](const kafka::Record& r) {
    const auto read = read_order(r, layout.partitions);
    const auto* outcome = read ? std::get_if<store::Outcome>(&*read) : nullptr;
    if (outcome != nullptr && outcome->name == order.name) outcomes[r.partition] = outcome->text;
  };
  read_until(*consumer, options_.answer_within, take, [&] {
    return std::ranges::all_of(outcomes, [](const auto& o) { return o.second.has_value(); });
  });
  return outcomes;
}

Result<std::vector<ListedOrder>> OrderTopic::all() {
  const auto& s = options_.settings;
  TIDE_ASSIGN(const auto layout, options_.layout(s));
  kafka::ConsumerOptions reading;
  reading.topic = s.orders();
  reading.from.resize(static_cast<std::size_t>(layout.partitions));
  TIDE_ASSIGN(const auto consumer, kafka::Consumer::open(s, std::move(reading)));
  std::map<std::string, ListedOrder> orders;
  const auto take = [&](const kafka::Record& r) {
    auto read = read_order(r, layout.partitions);
    if (!read) return;  // the partition's owner keeps it aside
    if (auto* order = std::get_if<store::Order>(&*read)) {
      auto& listed = orders[order->name];
      listed.order = std::move(*order);
      listed.outcomes[r.partition];
    } else {
      const auto& outcome = std::get<store::Outcome>(*read);
      orders[outcome.name].outcomes[r.partition] = outcome.text;
    }
  };
  if (!read_until(*consumer, kafka::kWithin, take, [&] { return consumer->at_end(); })) {
    const auto why = consumer->problem();
    return Error(Fault::unavailable, s.orders() + " is not read" + (why.empty() ? "" : ": " + why));
  }
  std::vector<ListedOrder> all;
  for (auto& [name, listed] : orders) all.push_back(std::move(listed));
  std::ranges::stable_sort(all, {}, [](const ListedOrder& o) { return o.order.at; });
  return all;
}

}  // namespace tidemark::cluster
