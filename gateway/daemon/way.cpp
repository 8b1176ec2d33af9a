#include "gateway/daemon/way.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tidemark::gateway {
namespace {

// The server stops reading edges at quota.in_flight; what one of its turns may bring comes beside.
constexpr std::uint64_t kQueueMargin = 64 << 20;

void measure(const KafkaLog& log, metrics::Registry& metrics) {
  metrics.gauge_of("tidemark_gateway_kafka_waiting_records",
                   "Records handed to Kafka that are not known to be durable.", {},
                   [&log] { return static_cast<double>(log.condition().waiting); });
  metrics.counter_of("tidemark_gateway_kafka_delivered_records_total",
                     "Records that the brokers acknowledged.", {},
                     [&log] { return static_cast<double>(log.condition().delivered); });
  metrics.counter_of("tidemark_gateway_kafka_failed_records_total",
                     "Records that the brokers did not take; their edges send them again.", {},
                     [&log] { return static_cast<double>(log.condition().failed); });
  metrics.gauge_of("tidemark_gateway_kafka_problem", "1 while Kafka takes no blocks, or not all.",
                   {}, [&log] { return log.condition().problem.empty() ? 0.0 : 1.0; });
}

}  // namespace

Result<std::unique_ptr<Way>> Way::open(const GatewayConfig& config, const Clock& clock,
                                       Random& random, metrics::Registry& metrics) {
  if (!config.cloud.by_kafka()) {
    TIDE_ASSIGN(auto log, open_zmq_log({config.cloud.zmq, config.name}));
    return std::unique_ptr<Way>(new Way(std::move(log), nullptr, ""));
  }
  KafkaOptions o;
  o.settings = config.cloud.kafka;
  o.gateway = config.name;
  o.queue_bytes = config.quota.in_flight.count + kQueueMargin;
  TIDE_ASSIGN(auto log, KafkaLog::open(std::move(o), clock, random));
  measure(*log, metrics);
  auto* kafka = log.get();
  return std::unique_ptr<Way>(new Way(std::move(log), kafka, config.cloud.kafka.brokers));
}

std::string Way::problem(bool cloud_up) const {
  if (kafka_ != nullptr) {
    if (auto found = kafka_->condition().problem; !found.empty()) return found;
  }
  return cloud_up ? "" : "the cloud does not answer";
}

nlohmann::ordered_json Way::status(bool cloud_up, double round_trip_ms) const {
  nlohmann::ordered_json j{{"state", cloud_up ? "up" : "down"}, {"rtt_ms", round_trip_ms}};
  if (kafka_ == nullptr) return j;
  const auto c = kafka_->condition();
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  j["kafka"] = nlohmann::ordered_json{{"brokers", brokers_},
                                      {"problem", or_null(c.problem)},
                                      {"note", or_null(c.note)},
                                      {"waiting", c.waiting},
                                      {"delivered", c.delivered},
                                      {"failed", c.failed}};
  return j;
}

}  // namespace tidemark::gateway
