// TLS 1.2 over a descriptor that the caller owns and polls: ECDHE-ECDSA with AES-128-GCM or
// ChaCha20-Poly1305, P-256, session tickets, no renegotiation.
//
// Client     refuses a server that is not signed by its CA, has not the name kGatewayName or not
//            the extended key usage of a server; all of it before a byte is written.
// Server     asks for a client certificate and lets the handshake end without one, or with a bad
//            one, so that the peer can be told why; peer() says what it is. Nothing but enrolment
//            may be accepted while !peer().verified.
// Threads    a context is shared by connections of one thread; a connection is used by one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/tls/certificate.h"
#include "common/tls/key.h"

namespace tidemark::tls {

// An own key with its certificate; further certificates (the CA's) are sent along.
struct Credentials {
  PrivateKey key;
  std::vector<ByteVector> chain;  // DER, own one first
};

struct Peer {
  bool present = false;   // it sent a certificate
  bool verified = false;  // and that one is good: chain, dates, usage, not revoked
  std::string problem;    // why not, for people
  CertificateFacts facts;
  std::vector<ByteVector> chain;  // DER, as sent
};

enum class Progress : std::uint8_t { done, want_read, want_write, closed };
struct Moved {
  Progress progress = Progress::done;
  std::size_t bytes = 0;
};

class Connection {
 public:
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Call again when the descriptor is ready for what it wants. Fault::denied: the peer's or our
  // certificate was refused; unavailable: the connection broke.
  Result<Progress> handshake();
  Result<Moved> read(std::span<std::uint8_t> out);
  // May take less than all. After want_write the next call must offer the same bytes again.
  Result<Moved> write(ByteSpan bytes);
  void close_notify();  // best effort

  [[nodiscard]] const Peer& peer() const;  // after the handshake
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] bool has_unread() const;   // decrypted bytes wait inside: do not poll before read()
  [[nodiscard]] std::uint64_t bytes_in() const;   // on the wire, TLS included
  [[nodiscard]] std::uint64_t bytes_out() const;

  struct State;
  explicit Connection(std::unique_ptr<State> state);

 private:
  Result<> look_at_peer();
  std::unique_ptr<State> state_;
};

struct ServerOptions {
  Credentials credentials;
  std::vector<ByteVector> trusted;  // CAs of clients, DER
  // Asked after every handshake, resumed ones too.
  std::function<bool(const CertificateFacts&)> revoked;
  // Where the secret of its session tickets is kept (tickets.h); empty: by this process alone.
  std::filesystem::path tickets = {};
};

class ServerContext {
 public:
  static Result<std::shared_ptr<ServerContext>> make(const ServerOptions& options,
                                                     const Clock& clock);
  // Takes no ownership of the descriptor, which must be non-blocking.
  Result<std::unique_ptr<Connection>> accept(int descriptor);

  struct State;
  explicit ServerContext(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

struct ClientOptions {
  std::vector<Credentials> credentials;  // none: to enrol; at most one
  std::vector<ByteVector> trusted;       // DER; with a pin: left empty
  // First 128 bits of the SHA-256 of the CA's public key, for enrolment: that CA must be in the
  // chain which the server sends, and must have signed it.
  ByteVector pin;
};

class ClientContext {
 public:
  // Dates of the server's certificate are not held against it while our clock says a time before
  // kPlausibleTime: a box without a battery-backed clock must be able to connect.
  static Result<std::shared_ptr<ClientContext>> make(ClientOptions options, const Clock& clock);
  Result<std::unique_ptr<Connection>> connect(int descriptor);  // resumes the last session

  struct State;
  explicit ClientContext(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

inline constexpr EventTime kPlausibleTime = event_time(1'767'225'600'000'000'000);  // 2026-01-01

}  // namespace tidemark::tls
