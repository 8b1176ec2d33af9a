#include "cloud/cluster/order_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/kafka/records.h"
#include "common/kafka/settings.h"

namespace tidemark::cluster {
namespace {

constexpr std::size_t kNameMax = 100;
constexpr std::string_view kOutcome = "\toutcome";  // behind the name: a record beside the order's

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c != '\x7f'; });
}

std::int64_t position_in(const kafka::Record& r, std::string_view header) {
  return static_cast<std::int64_t>(kafka::number_of(r.header(header)));
}

ByteVector bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

Result<OrderRecord> read_given(const kafka::Record& r, int partitions) {
  store::Order order;
  order.name = r.key;
  order.words = as_text(r.value);
  order.by = r.header("by");
  TIDE_ASSIGN(order.at, parse_utc(r.header("at")));
  const auto about = store::subject_of_order(order.words);
  using Kind = store::OrderSubject::Kind;
  if (about.kind == Kind::store) {
    return Error(Fault::bad_input, "an order that no partition takes from others: it is about one "
                                   "store, or of a newer version");
  }
  const auto own = kafka::partition_of(about.edge, partitions);
  if (about.kind == Kind::edge && own != r.partition) {
    return Error(Fault::bad_input, fmt::format("its edge belongs to partition {}", own));
  }
  return OrderRecord(std::move(order));
}

}  // namespace

Outbox::Record record_of(const store::Order& order, const std::string& topic, int partition) {
  return {topic, partition, order.name, bytes_of(order.words),
          {{"type", "order"}, {"by", order.by}, {"at", format_utc(order.at)}}};
}

Outbox::Record record_of(const store::Outcome& outcome, const std::string& topic, int partition) {
  return {topic, partition, outcome.name + std::string(kOutcome), bytes_of(outcome.text),
          {{"type", "outcome"},
           {"live", std::to_string(outcome.at.live)},
           {"backlog", std::to_string(outcome.at.backlog)}}};
}

Result<OrderRecord> read_order(const kafka::Record& r, int partitions) {
  const auto type = r.header("type");
  if (type != "order" && type != "outcome") {
    return Error(Fault::unsupported, fmt::format("a record of type '{}', which this version does "
                                                 "not know", type));
  }
  auto name = r.key;
  if (type == "outcome" && name.ends_with(kOutcome)) name.remove_suffix(kOutcome.size());
  if (!is_name(name) || r.value.empty() || r.value.size() > kOrderWordsMax) {
    return Error(Fault::bad_input, fmt::format("an order has a name of at most {} characters and "
                                               "at most {} B of words", kNameMax, kOrderWordsMax));
  }
  if (type == "order") return read_given(r, partitions);
  return OrderRecord(store::Outcome{0, std::string(name), std::string(as_text(r.value)),
                                    {position_in(r, "live"), position_in(r, "backlog")}});
}

}  // namespace tidemark::cluster
