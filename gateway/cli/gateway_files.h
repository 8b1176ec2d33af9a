// The gateway's files, as the CLI opens them beside a running daemon.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "gateway/daemon/gateway_config.h"
#include "gateway/deadletter/store.h"
#include "gateway/identity/authority.h"
#include "gateway/identity/registry.h"

namespace tidemark::gateway {

class Files {
 public:
  // A configuration with problems is refused: it could name the wrong folder.
  static Result<Files> find(const std::string& file);

  [[nodiscard]] const GatewayConfig& config() const { return config_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  Result<> make_authority();
  [[nodiscard]] Result<std::unique_ptr<Authority>> authority() const;
  [[nodiscard]] Result<std::unique_ptr<Registry>> registry() const;
  // For what changes it: where gateways share theirs by Kafka, with all that they have said.
  [[nodiscard]] Result<std::unique_ptr<Registry>> shared_registry() const;
  [[nodiscard]] Result<std::unique_ptr<DeadLetters>> dead_letters() const;

 private:
  GatewayConfig config_;
  SystemClock clock_;
};

}  // namespace tidemark::gateway
