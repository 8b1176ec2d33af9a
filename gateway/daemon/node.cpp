#include "gateway/daemon/node.h"

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "common/http/server.h"
#include "gateway/daemon/control.h"
#include "gateway/daemon/way.h"
#include "gateway/identity/registry_topic.h"
#include "gateway/listener/server.h"

namespace tidemark::gateway {
namespace {

using json = nlohmann::ordered_json;

json to_json(const EdgeStatus& e) {
  return {{"edge", e.edge},
          {"site", e.site},
          {"address", e.address},
          {"version", e.program_version},
          {"state", e.state},
          {"connected_s", e.connected_s},
          {"in_flight_bytes", e.in_flight_bytes},
          {"blocks", e.counts.blocks},
          {"seals", e.counts.seals},
          {"bytes", e.counts.bytes},
          {"acknowledged_bytes", e.counts.acknowledged_bytes},
          {"dead_letters", e.counts.dead_letters}};
}

std::string status_of(const Server& server, const Way& way, EventTime since) {
  const auto s = server.snapshot();
  auto edges = json::array();
  for (const auto& e : s.edges) edges.push_back(to_json(e));
  return json{{"v", 1},
              {"gateway", s.name},
              {"version", std::string(version())},
              {"since", format_utc(since)},
              {"listen", s.listen},
              {"cloud", way.status(s.cloud_up, s.cloud_round_trip_ms)},
              {"registry", {{"ready", s.registry_ready},
                            {"problem", s.registry_problem.empty() ? json()
                                                                   : json(s.registry_problem)}}},
              {"strangers", s.strangers},
              {"in_flight_bytes", s.in_flight_bytes},
              {"edges", std::move(edges)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::unique_ptr<http::Server>> open_http(const std::string& listen, const Server& server,
                                                const Way& way,
                                                const metrics::Registry& metrics) {
  if (listen.empty()) return std::unique_ptr<http::Server>{};
  http::Options options;
  options.listen = listen;
  auto face = http::Server::make(options);
  face->route("GET", "/metrics", [&metrics](const http::Request& r) {
    const auto format = metrics::format_for(r.header("accept"));
    return http::Response{.content_type = std::string(metrics::content_type(format)),
                          .body = metrics.text(format)};
  });
  face->route("GET", "/healthz", [](const http::Request&) {
    return http::Response{.content_type = "text/plain", .body = "ok\n"};
  });
  face->route("GET", "/readyz", [&server, &way](const http::Request&) {
    auto problem = way.problem(server.cloud_up());
    const auto s = server.snapshot();
    if (problem.empty() && !s.registry_ready) {
      problem = "what other gateways have said of edges is not here yet";
      if (!s.registry_problem.empty()) problem += ": " + s.registry_problem;
    }
    return http::Response{.status = problem.empty() ? 200 : 503,
                          .content_type = "text/plain",
                          .body = (problem.empty() ? "ok" : problem) + "\n"};
  });
  TIDE_TRY(face->start());
  return face;
}

ServerOptions options_of(const GatewayConfig& c) {
  ServerOptions o;
  o.name = c.name;
  o.listen = c.listen;
  o.limits.window = c.quota.edge_in_flight.count;
  o.in_flight_max = c.quota.in_flight.count;
  o.edges_max = static_cast<std::size_t>(c.quota.edges);
  o.strangers_max = static_cast<std::size_t>(c.quota.strangers);
  o.strangers_of_one_address_max = static_cast<std::size_t>(c.quota.strangers_of_one_address);
  return o;
}

// Tells systemd each second that the loop still turns: it makes a new snapshot in each tick.
class Watchdog {
 public:
  explicit Watchdog(const Server& server) : server_(server), thread_([this] { run(); }) {}
  ~Watchdog() {
    stopping_.store(true);
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void run() {
    std::uint64_t seen = 0;
    for (int n = 0; !stopping_.load(); ++n) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (n % 10 != 0) continue;
      const auto ticks = server_.ticks();
      if (ticks != seen) notify_service("WATCHDOG=1");
      seen = ticks;
    }
  }
  const Server& server_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// At the start; later it comes when it comes.
constexpr std::chrono::milliseconds kRegistryWithin{3000};

}  // namespace

Result<> run_node(const GatewayConfig& config, const Clock& clock, Random& random,
                  const StopSignal& stop) {
  const auto data = config.data_path();
  TIDE_ASSIGN(const auto lock, FolderLock::take(data));
  if (!Authority::exists(data)) {
    TIDE_TRY(Authority::init(data, config.name + "-ca", clock));
    log::info("certificate authority made", "data_dir={}", config.data_dir);
  }
  TIDE_ASSIGN(const auto authority, Authority::open(data, clock));
  TIDE_ASSIGN(const auto registry, Registry::open(config.registry(), clock));
  if (config.cloud.by_kafka()) {
    TIDE_ASSIGN(auto log, open_registry_topic(config.cloud.kafka, 0, kServerPatience, clock));
    registry->share(std::move(log), 0);
    if (const auto known = registry->catch_up(kRegistryWithin); !known) {
      log::warning("nobody comes in yet", "error={}", known.error().text());
    }
  }
  TIDE_ASSIGN(const auto letters,
              DeadLetters::open(config.dead_letters(), {config.quota.dead_letters}, clock));
  metrics::Registry metrics;
  TIDE_ASSIGN(const auto way, Way::open(config, clock, random, metrics));
  TIDE_ASSIGN(auto credentials, authority->server_credentials(config.name));
  const auto revoked = [&registry](const tls::CertificateFacts& f) {
    return registry->revoked(f.spki);
  };
  const tls::ServerOptions identity{std::move(credentials), {authority->certificate()}, revoked,
                                    authority->tickets()};
  TIDE_ASSIGN(auto context, tls::ServerContext::make(identity, clock));
  TIDE_ASSIGN(const auto server,
              Server::make(options_of(config), {std::move(context), *registry, *authority, *letters,
                                                way->log(), clock, random, metrics}));
  TIDE_ASSIGN(const auto face, open_http(config.http.listen, *server, *way, metrics));
  const auto since = clock.wall();
  TIDE_ASSIGN(const auto control,
              Control::open(config.socket(), [&server, &way, since](const std::string&) {
                return status_of(*server, *way, since);
              }));
  log::info("gateway is ready", "listen={} cloud={} http={} data_dir={}", server->snapshot().listen,
            config.cloud.address(), face ? face->address() : "none", config.data_dir);
  notify_service("READY=1");
  {
    const Watchdog watchdog(*server);
    server->run(stop.descriptor());
  }
  notify_service("STOPPING=1");
  return {};
}

}  // namespace tidemark::gateway
