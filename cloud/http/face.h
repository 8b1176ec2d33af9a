// The cloud node's face: page, JSON API, event stream, metrics and health on one HTTP address.
//
// Promise    serves from snapshots of the last commit; never blocks the intake, never writes.
// Threads    Options::threads for requests, one for the event stream. start() and stop() from one.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "cloud/query/reader.h"
#include "common/base/time.h"
#include "common/http/server.h"
#include "common/metrics/registry.h"

namespace tidemark::http {

using OpenReader = std::function<Result<std::unique_ptr<query::Reader>>()>;

class Face {
 public:
  // Why the node is not ready, beside what the reader says; empty: it is.
  using Problem = std::function<std::string()>;
  // The registry and the clock outlive it. Listens from start() on.
  Face(const std::filesystem::path& data_dir, std::string listen, metrics::Registry& registry,
       const Clock& clock, Problem problem = nullptr);
  Face(OpenReader open, std::string listen, metrics::Registry& registry, const Clock& clock,
       Problem problem = nullptr);
  ~Face();
  Face(const Face&) = delete;
  Face& operator=(const Face&) = delete;

  // Faults as of Server::start().
  Result<> start();
  void stop();  // idempotent
  [[nodiscard]] std::string address() const;  // "127.0.0.1:8080", after start()
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::http
