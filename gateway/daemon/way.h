// Which way to the cloud the configuration names, and what is to be told of it.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/base/random.h"
#include "common/base/time.h"
#include "common/metrics/registry.h"
#include "gateway/daemon/gateway_config.h"
#include "gateway/log/kafka_log.h"

namespace tidemark::gateway {

class Way {
 public:
  // Fault::bad_input for addresses and settings that cannot work. Nobody asks the registry
  // once this has ended.
  static Result<std::unique_ptr<Way>> open(const GatewayConfig& config, const Clock& clock,
                                           Random& random, metrics::Registry& metrics);
  [[nodiscard]] Log& log() { return *log_; }

  // Of any thread. `cloud_up`: as the server sees it.
  [[nodiscard]] std::string problem(bool cloud_up) const;  // empty: all is well
  [[nodiscard]] nlohmann::ordered_json status(bool cloud_up, double round_trip_ms) const;

 private:
  Way(std::unique_ptr<Log> log, KafkaLog* kafka, std::string brokers)
      : log_(std::move(log)), kafka_(kafka), brokers_(std::move(brokers)) {}
  std::unique_ptr<Log> log_;
  KafkaLog* kafka_;  // log_, if it is one
  std::string brokers_;
};

}  // namespace tidemark::gateway
