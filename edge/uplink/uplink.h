// The edge's side of the link: carries blocks, dictionaries and seals from the ring to a gateway.
//
// Promise    a block is released from the ring only when the gateway says that the cloud has
//            committed it. After a reconnect nothing is asked twice: the welcome says what the
//            cloud has. Live data goes first, the backlog follows in its share (design: lanes).
// Threads    start() makes one; status() and wake() from any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/time.h"
#include "common/model/seal.h"
#include "edge/ring/ring_buffer.h"

namespace tidemark::uplink {

// The plant's HTTP proxy that leads out to the gateways (CONNECT); TLS runs through it unopened.
struct Proxy {
  std::string address;               // host:port; empty: none
  std::filesystem::path login_file;  // "user:password" for Basic; read anew at each dial
};

struct Options {
  std::string edge;
  std::string site;
  std::vector<std::string> gateways;       // host:port, tried in turn
  Proxy proxy;
  std::filesystem::path identity_folder;   // key, certificate and CA, from enrolment (common/tls)
  double backlog_share = 0.2;
  Bytes budget;                            // of a UTC day, see budget.h; 0: unlimited
  std::filesystem::path budget_file;       // what of it is spent; needed with a budget
  Incarnation incarnation;
  std::uint64_t start_ordinal = 1;
  SteadyTime begun = {};                   // of this start
  std::string version;                     // of this program
  // The cloud said `now` in its welcome, after we had asked at `asked`. May be empty.
  std::function<void(EventTime now, SteadyTime asked)> on_time = {};
};

// The pipeline, as the uplink sees it. Any thread.
class SealSource {
 public:
  virtual ~SealSource() = default;
  // The newest statement of this incarnation, with every minute that changed after seal number
  // `acknowledged`; empty when it has nothing newer than `sent`. `brief`: with Seal::rest.
  virtual std::optional<Seal> seal_since(std::uint64_t acknowledged, std::uint64_t sent,
                                         bool brief) = 0;
  // What only the cloud knows of this edge's ledger (wire::Ack::ledger).
  virtual void cloud_ledger(const Ledger& ledger) = 0;
};

struct Status {
  std::string state;    // "not enrolled", "connecting", "up", "refused", "stopped"
  std::string gateway;  // host:port in use
  std::string error;    // the last one, with what to do next; empty when up
  double rtt_ms = 0;
  std::uint64_t blocks_sent = 0;
  std::uint64_t readings_sent = 0;
  std::uint64_t bytes_sent = 0;      // on the wire, TLS included
  std::uint64_t blocks_acknowledged = 0;
  std::uint64_t readings_acknowledged = 0;
  EventTime connected_since = {};
  Bytes budget;        // of a day; 0: unlimited
  Bytes budget_spent;  // of today
};

class Uplink {
 public:
  // Reads identity when it connects, so that an edge that is enrolled later needs no restart.
  static std::unique_ptr<Uplink> make(Options options, ring::RingBuffer& ring, SealSource& seals,
                                      Clock& clock, Random& random);
  virtual ~Uplink() = default;
  virtual void start() = 0;
  virtual void wake() = 0;  // the ring has new blocks
  virtual void stop() = 0;  // sends what is under way for at most a second, then closes
  [[nodiscard]] virtual Status status() const = 0;
  [[nodiscard]] virtual bool up() const = 0;  // Status::state, at the cost of a load; any thread
};

}  // namespace tidemark::uplink
