// One edge's connection as the gateway sees it, without I/O: frames and time in, bytes and
// forwarded frames out.
//
// Way        Hello (must say what the certificate says) -> to the cloud, as soon as it is there ->
//            Welcome -> blocks, seals, dictionaries within the credit -> acknowledgements.
// Promise    a frame is forwarded unchanged or is durable among the dead letters before the edge
//            hears of it. What is not acknowledged stays the edge's.
// Bounds     Limits::window bytes are unacknowledged at most, output_bytes_max wait for a slow
//            reader; past either, or when nothing moves for too long, the connection ends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/wire/frame.h"
#include "gateway/session/in_flight.h"

namespace tidemark::gateway {

struct Limits {
  std::uint64_t window = 4 << 20;  // at least kWindowMin
  std::uint64_t output_bytes_max = 4 << 20;
  Nanoseconds hello_within = std::chrono::seconds(10);
  Nanoseconds silence_max = std::chrono::seconds(90);  // idle edges ping
  Nanoseconds acknowledge_within = std::chrono::seconds(120);
  unsigned dead_letters_max = 16;  // of one connection; more is a broken edge
};
inline constexpr std::uint64_t kWindowMin = 1 << 20;
// An edge asks for a new certificate once an hour; more often is not answered.
inline constexpr Nanoseconds kRenewalsApart = std::chrono::minutes(1);

// What a session needs from around it.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  [[nodiscard]] virtual bool cloud_up() const = 0;
  virtual bool forward(const std::string& edge, std::uint64_t session, ByteSpan frame) = 0;
  // Durable when it returns well.
  virtual Result<> dead_letter(const std::string& edge, const std::string& reason,
                               wire::FrameType type, ByteSpan payload) = 0;
  // A new certificate for an edge that has shown a good one; the payload of an enroll_grant.
  virtual Result<ByteVector> renew(const std::string& edge, const std::string& site,
                                   ByteSpan request_payload) = 0;
};

class Session {
 public:
  enum class State : std::uint8_t { hello, waiting, welcome, open, closed };
  struct Counts {
    std::uint64_t blocks = 0;
    std::uint64_t seals = 0;
    std::uint64_t dictionaries = 0;
    std::uint64_t bytes = 0;  // payload of these
    std::uint64_t acknowledged_bytes = 0;
    std::uint64_t dead_letters = 0;
  };

  Session(std::uint64_t id, std::string edge, std::string site, const Limits& limits,
          Surroundings& around, SteadyTime now);

  void on_frame(const wire::Frame& frame, SteadyTime now);
  void on_cloud(ByteSpan frame, SteadyTime now);  // with its header
  void on_tick(SteadyTime now);  // about once a second, and when the cloud comes up
  // Tells the edge why and closes; the output is still to be sent.
  void refuse(wire::Refusal reason, const std::string& text);
  // The connection has gone, or will: says bye to the cloud if it knows this session.
  void end();

  // Bytes for the edge; the caller takes from the front what it could send.
  [[nodiscard]] ByteVector& output() { return output_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool closed() const { return state_ == State::closed; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& edge() const { return edge_; }
  [[nodiscard]] const std::string& site() const { return site_; }
  [[nodiscard]] const std::string& program_version() const { return program_version_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t in_flight_bytes() const { return in_flight_.bytes(); }
  [[nodiscard]] std::string close_reason() const { return close_reason_; }

 private:
  void on_hello(const wire::Frame& frame);
  void send_hello();
  void on_block(const wire::Frame& frame);
  void on_seal(const wire::Frame& frame);
  void on_dictionary(const wire::Frame& frame);
  void on_ack(ByteSpan payload, SteadyTime now);
  // Counts the payload against the credit; false: it refused the connection.
  bool within_credit(std::size_t payload_bytes);
  bool forward(const wire::Frame& frame);
  void reject(const wire::Frame& frame, const std::string& reason);
  void grant_credit();
  void put(wire::FrameType type, ByteSpan payload);

  std::uint64_t id_;
  std::string edge_;
  std::string site_;
  std::string program_version_;
  Limits limits_;
  Surroundings& around_;
  State state_ = State::hello;
  bool known_to_cloud_ = false;
  ByteVector hello_;  // the frame, until the cloud can be asked
  ByteVector output_;
  InFlight in_flight_;
  std::uint64_t received_ = 0;  // payload bytes that count against the credit
  std::uint64_t settled_ = 0;   // of those: acknowledged or among the dead letters
  std::uint64_t granted_ = 0;
  std::map<BlockName, unsigned> rejected_;
  Counts counts_;
  SteadyTime started_;
  SteadyTime heard_;
  std::optional<SteadyTime> renewed_;
  SteadyTime progressed_;  // when in_flight_ was empty or got smaller
  std::string close_reason_;
};

}  // namespace tidemark::gateway
