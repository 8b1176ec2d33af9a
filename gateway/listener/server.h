// The gateway's one event loop: thousands of edges over TLS on one side, the cloud on the other.
//
// Promise    whoever has not shown a good certificate can make the gateway parse at most 1 KiB,
//            hold one of Options::strangers_max places for Options::stranger_life, and enrol.
// When full  past the bound of unacknowledged bytes nothing is read from edges until half of it is
//            acknowledged; TCP pushes back. Further connections are closed at once.
// Cloud      gone or restarted: every session ends, so that each edge starts from a fresh Welcome.
//            Edges that come meanwhile wait for it.
// Threads    run() is one; snapshot(), port() and cloud_up() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/metrics/registry.h"
#include "common/tls/connection.h"
#include "gateway/deadletter/store.h"
#include "gateway/identity/authority.h"
#include "gateway/identity/registry.h"
#include "gateway/listener/cloud_link.h"
#include "gateway/log/log.h"
#include "gateway/session/session.h"

namespace tidemark::gateway {

struct Link;

struct ServerOptions {
  std::string name;
  std::string listen = "0.0.0.0:7443";
  Limits limits;
  std::uint64_t in_flight_max = 256 << 20;
  std::size_t edges_max = 5000;
  std::size_t strangers_max = 256;  // handshakes and enrolments under way
  std::size_t strangers_of_one_address_max = 64;
  std::uint64_t stranger_bytes_max = 32 * 1024;  // on the wire, TLS included
  Nanoseconds stranger_life = std::chrono::seconds(5);
};

struct EdgeStatus {
  std::string edge;
  std::string site;
  std::string address;
  std::string program_version;
  std::string state;  // "hello", "waiting for the cloud", "up"
  double connected_s = 0;
  std::uint64_t in_flight_bytes = 0;
  Session::Counts counts;
};
struct Snapshot {
  std::string name;
  std::string listen;
  bool cloud_up = false;
  double cloud_round_trip_ms = 0;
  bool registry_ready = false;
  std::string registry_problem;  // empty: none
  std::size_t strangers = 0;
  std::uint64_t in_flight_bytes = 0;
  std::vector<EdgeStatus> edges;
};

class Server final : public Surroundings {
 public:
  struct Parts {
    std::shared_ptr<tls::ServerContext> tls;
    Registry& registry;
    const Authority& authority;
    DeadLetters& dead_letters;
    Log& log;
    const Clock& clock;
    Random& random;
    metrics::Registry& metrics;
  };
  // Listens already. Faults as http::open_listen_socket.
  static Result<std::unique_ptr<Server>> make(ServerOptions options, Parts parts);
  ~Server() override;
  // Until `stop_descriptor` is readable; then tells every edge to come back later and returns.
  void run(int stop_descriptor);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool cloud_up() const override { return cloud_up_.load(); }
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] std::uint64_t ticks() const { return ticks_.load(); }  // rises while the loop turns

 private:
  Server(ServerOptions options, Parts parts);
  bool forward(const std::string& edge, std::uint64_t session, ByteSpan frame) override;
  Result<> dead_letter(const std::string& edge, const std::string& reason, wire::FrameType type,
                       ByteSpan payload) override;
  Result<ByteVector> renew(const std::string& edge, const std::string& site,
                           ByteSpan request_payload) override;

  void accept_all();
  void serve(Link& link);
  void serve_again(Link& link);  // next turn
  void continue_handshake(Link& link);
  void after_handshake(Link& link);
  void take_frames(Link& link);
  void take_stranger_frame(Link& link, const wire::Frame& frame);
  void take_session_frame(Link& link, const wire::Frame& frame);
  void flush(Link& link);
  void set_interest(Link& link);
  void close_later(Link& link);  // after its output has gone
  void forget(Link& link);
  template <typename Call>
  void counted(Session& session, Call call);  // keeps in_flight_bytes_ right around a call

  void from_cloud();
  void on_cloud_change(CloudLink::Change change);
  void tick();
  void retry_dead_letters();
  void take_snapshot();
  void say_goodbye();
  [[nodiscard]] SteadyTime now() const { return parts_.clock.steady(); }

  ServerOptions options_;
  Parts parts_;
  CloudLink cloud_;
  int epoll_ = -1;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::string address_;
  std::unordered_map<int, std::unique_ptr<Link>> links_;
  std::unordered_map<std::string, Link*> by_edge_;
  std::unordered_map<std::uint64_t, Link*> by_session_;
  std::map<std::string, std::size_t> strangers_by_address_;
  std::size_t strangers_ = 0;
  std::deque<int> more_;  // links with bytes that are decrypted already
  std::uint64_t next_session_;
  std::uint64_t in_flight_bytes_ = 0;
  bool paused_ = false;
  std::atomic<bool> cloud_up_{false};
  SteadyTime ticked_{};
  std::atomic<std::uint64_t> ticks_{0};

  struct Meters {
    explicit Meters(metrics::Registry& registry);
    metrics::Gauge& edges;
    metrics::Gauge& strangers;
    metrics::Gauge& in_flight;
    metrics::Gauge& cloud_up;
    metrics::Counter& accepted;
    metrics::Counter& turned_away;
    metrics::Counter& handshakes_failed;
    metrics::Counter& sessions_resumed;
    metrics::Counter& identities_refused;
    metrics::Counter& enrolled;
    metrics::Counter& frames;
    metrics::Counter& bytes;
    metrics::Counter& dead_letters;
    metrics::Counter& clones;
    metrics::Counter& cloud_losses;
  } meters_;

  mutable std::mutex snapshot_mutex_;
  Snapshot snapshot_;
};

}  // namespace tidemark::gateway
