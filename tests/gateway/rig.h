// A whole gateway in a thread, on loopback, with a cloud in memory behind it.
#pragma once

#include <gtest/gtest.h>

#include <thread>

#include "common/base/stop_signal.h"
#include "edge/uplink/enroll.h"
#include "gateway/listener/server.h"
#include "tests/gateway/fake_cloud.h"
#include "tests/support/folder.h"

namespace tidemark::test {

class Rig {
 public:
  explicit Rig(gateway::ServerOptions options = {}, gateway::Log* log = nullptr)
      : options_(std::move(options)), log_(log != nullptr ? *log : cloud) {
    EXPECT_TRUE(gateway::Authority::init(folder.path, "ca", clock));
    authority = gateway::Authority::open(folder.path, clock).value();
    options_.name = "gw1";
    options_.listen = "127.0.0.1:0";
    start();
  }
  ~Rig() { stop(); }

  void start() {
    stop_ = eventfd(0, EFD_CLOEXEC);
    registry = gateway::Registry::open(folder.path / "gateway.db", clock).value();
    letters = gateway::DeadLetters::open(folder.path / "letters.db", {}, clock).value();
    auto context = tls::ServerContext::make(
        {authority->server_credentials("gw1").value(),
         {authority->certificate()},
         [this](const tls::CertificateFacts& f) { return registry->revoked(f.spki); },
         authority->tickets()},
        clock);
    server = gateway::Server::make(options_, {std::move(context).value(), *registry, *authority,
                                              *letters, log_, clock, random, metrics})
                 .value();
    options_.listen = "127.0.0.1:" + std::to_string(server->port());  // the same after a restart
    thread_ = std::thread([this] { server->run(stop_); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    EXPECT_EQ(write(stop_, &one, sizeof one), 8);
    thread_.join();
    server.reset();
    close(stop_);
  }

  // TLS handshakes that a ticket made short.
  [[nodiscard]] std::uint64_t resumed() {
    return metrics.counter("tidemark_gateway_handshakes_resumed_total", "").value();
  }
  [[nodiscard]] std::string address() const { return options_.listen; }
  // The CLI's own view of the files, as another process has it.
  std::unique_ptr<gateway::Registry> other_registry() {
    return gateway::Registry::open(folder.path / "gateway.db", clock).value();
  }
  std::unique_ptr<gateway::DeadLetters> other_letters() {
    return gateway::DeadLetters::open(folder.path / "letters.db", {}, clock).value();
  }
  std::string token(const std::string& edge = "", std::int64_t uses = 1) {
    gateway::TokenOrder order;
    order.site = "plant7";
    order.edge = edge;
    order.uses = uses;
    return other_registry()->create_token(order, address(), authority->facts().spki)->text();
  }
  // Where the identity of this edge is, made when it is not.
  std::filesystem::path enrolled(const std::string& edge) {
    const auto identity = folder.path / ("identity-" + edge);
    if (!std::filesystem::exists(identity)) {
      const auto done = uplink::enroll({token(), edge, "", {}, identity, false}, clock);
      EXPECT_TRUE(done) << done.error().text();
    }
    return identity;
  }

  Folder folder;
  SystemClock clock;
  SystemRandom random;
  metrics::Registry metrics;
  FakeCloud cloud;
  std::unique_ptr<gateway::Authority> authority;
  std::unique_ptr<gateway::Registry> registry;      // of the server's thread
  std::unique_ptr<gateway::DeadLetters> letters;
  std::unique_ptr<gateway::Server> server;

 private:
  gateway::ServerOptions options_;
  gateway::Log& log_;
  int stop_ = -1;
  std::thread thread_;
};

}  // namespace tidemark::test
