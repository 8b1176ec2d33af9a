// One TCP connection of an edge or of a stranger: TLS, frames in, bytes out. Decides nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/tls/connection.h"
#include "common/wire/frame.h"
#include "gateway/identity/enrolment.h"
#include "gateway/session/session.h"

namespace tidemark::gateway {

struct Link {
  enum class Stage : std::uint8_t {
    handshake,
    stranger,  // no certificate: enrolment only
    session,
    farewell,  // the last bytes go out; what comes in is thrown away
    draining,  // all is said; waits for the other side, so that no reset eats our last words
    gone,
  };
  enum class Pumped : std::uint8_t { idle, more, gone };

  Link(int descriptor_, std::unique_ptr<tls::Connection> tls_, std::string address_,
       SteadyTime now);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Reads at most `bytes_max` into the reader. more: there may be more already decrypted.
  Pumped read(std::size_t bytes_max);
  // Writes what is there; gone when the connection broke.
  Pumped write();
  Pumped drain();
  [[nodiscard]] bool wants_to_write() const;
  ByteVector& output() { return session ? session->output() : words; }

  int descriptor;
  std::unique_ptr<tls::Connection> tls;
  std::string address;  // without the port
  Stage stage = Stage::handshake;
  wire::FrameReader reader{wire::kStrangerPayloadMax};
  ByteVector words;  // output while there is no session
  std::unique_ptr<Session> session;
  std::optional<Enrolment> enrolment;
  tls::Digest spki{};
  SteadyTime since;  // of this stage
  std::uint32_t interest = 0;
  bool handshake_wants_write = false;
  bool queued = false;  // for the next turn
  bool hung_up = false;
};

}  // namespace tidemark::gateway
