#include "common/tls/connection.h"

#include <mbedtls/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/tls/internal.h"
#include "common/tls/tickets.h"

namespace tidemark::tls {
namespace {

constexpr int kCiphers[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                            MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0};
constexpr mbedtls_ecp_group_id kCurves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_NONE};
constexpr int kHashes[] = {MBEDTLS_MD_SHA256, MBEDTLS_MD_NONE};

// What client and server have in common: the library's configuration and all that it points into.
struct Setup {
  Setup() { mbedtls_ssl_config_init(&config); }
  ~Setup() { mbedtls_ssl_config_free(&config); }
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  Result<> prepare(int endpoint) {
    const int e = mbedtls_ssl_config_defaults(&config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                              MBEDTLS_SSL_PRESET_DEFAULT);
    if (e != 0) return tls_error(Fault::unavailable, "TLS", e);
    // Debian's build would go down to TLS 1.0 by itself.
    mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_max_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_ciphersuites(&config, kCiphers);
    mbedtls_ssl_conf_curves(&config, kCurves);
    mbedtls_ssl_conf_sig_hashes(&config, kHashes);
    mbedtls_ssl_conf_cert_profile(&config, &mbedtls_x509_crt_profile_suiteb);
    mbedtls_ssl_conf_renegotiation(&config, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_rng(&config, system_random, nullptr);
    return {};
  }
  Result<> use(const Credentials& credentials) {
    key = credentials.key;
    for (const auto& der : credentials.chain) TIDE_TRY(own.add(der));
    const int e = mbedtls_ssl_conf_own_cert(&config, &own.first, &key->state().pk);
    if (e != 0) return tls_error(Fault::bad_input, "own certificate", e);
    return {};
  }
  Result<> trust(const std::vector<ByteVector>& certificates) {
    for (const auto& der : certificates) TIDE_TRY(trusted.add(der));
    if (!certificates.empty()) mbedtls_ssl_conf_ca_chain(&config, &trusted.first, nullptr);
    return {};
  }

  mbedtls_ssl_config config;
  std::optional<PrivateKey> key;
  CertificateChain own;
  CertificateChain trusted;
};

Digest digest_of(const std::vector<ByteVector>& certificates) {
  ByteVector all;
  for (const auto& der : certificates) all.insert(all.end(), der.begin(), der.end());
  return sha256(all);
}

}  // namespace

struct ServerContext::State {
  State(const ServerOptions& options, const Clock& clock)
      : tickets(options.tickets, digest_of(options.trusted), clock), revoked(options.revoked) {}
  Tickets tickets;
  Setup setup;
  const std::function<bool(const CertificateFacts&)> revoked;
};

struct ClientContext::State {
  explicit State(const Clock& c) : clock(c) { mbedtls_ssl_session_init(&session); }
  ~State() { mbedtls_ssl_session_free(&session); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  const Clock& clock;
  Setup setup;
  ByteVector pin;
  mbedtls_ssl_session session;
  bool has_session = false;
};

struct Connection::State {
  explicit State(int d) : descriptor(d) { mbedtls_ssl_init(&ssl); }
  ~State() { mbedtls_ssl_free(&ssl); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static int send(void* self, const unsigned char* bytes, std::size_t size) {
    auto& s = *static_cast<State*>(self);
    const auto n = ::send(s.descriptor, bytes, size, MSG_NOSIGNAL);
    if (n >= 0) {
      s.bytes_out += static_cast<std::uint64_t>(n);
      return static_cast<int>(n);
    }
    if (errno == EAGAIN || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_WRITE;
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
  }
  static int receive(void* self, unsigned char* bytes, std::size_t size) {
    auto& s = *static_cast<State*>(self);
    const auto n = ::recv(s.descriptor, bytes, size, 0);
    if (n >= 0) {
      s.bytes_in += static_cast<std::uint64_t>(n);
      return static_cast<int>(n);
    }
    if (errno == EAGAIN || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_READ;
    return MBEDTLS_ERR_SSL_CONN_EOF;
  }
  // Every certificate of the peer's chain passes here, the leaf last.
  static int look(void* self, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags) {
    auto& s = *static_cast<State*>(self);
    s.asked = true;
    if (depth == 0) {
      const auto facts = facts_of(*certificate);
      if (!(s.client ? facts.server : facts.client)) *flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    }
    if (s.client) {
      // By our clock and not by the system's, which the library asks and which may say anything.
      const auto now = s.client->clock.wall();
      const auto facts = facts_of(*certificate);
      *flags &= ~static_cast<std::uint32_t>(MBEDTLS_X509_BADCERT_FUTURE |
                                            MBEDTLS_X509_BADCERT_EXPIRED);
      if (now > facts.not_after) *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
      if (now < facts.not_before && now >= kPlausibleTime) *flags |= MBEDTLS_X509_BADCERT_FUTURE;
    }
    return 0;
  }

  int descriptor;
  mbedtls_ssl_context ssl;
  std::shared_ptr<ServerContext::State> server;  // one of the two
  std::shared_ptr<ClientContext::State> client;
  Peer peer;
  bool asked = false;
  std::size_t owed = 0;  // size of the write that the library has not finished
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;

namespace {

Result<std::unique_ptr<Connection>> set_up(std::unique_ptr<Connection::State> s, Setup& setup) {
  const int e = mbedtls_ssl_setup(&s->ssl, &setup.config);
  if (e != 0) return tls_error(Fault::full, "TLS connection", e);
  mbedtls_ssl_set_bio(&s->ssl, s.get(), Connection::State::send, Connection::State::receive,
                      nullptr);
  mbedtls_ssl_set_verify(&s->ssl, Connection::State::look, s.get());
  return std::make_unique<Connection>(std::move(s));
}

}  // namespace

Result<Progress> Connection::handshake() {
  auto& s = *state_;
  const int e = mbedtls_ssl_handshake(&s.ssl);
  if (e == MBEDTLS_ERR_SSL_WANT_READ) return Progress::want_read;
  if (e == MBEDTLS_ERR_SSL_WANT_WRITE) return Progress::want_write;
  if (e == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
    return Error{Fault::denied, verify_problem(mbedtls_ssl_get_verify_result(&s.ssl))};
  }
  if (e == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    return Error{Fault::denied, "the other side refused the TLS handshake"};
  }
  if (e == MBEDTLS_ERR_SSL_CONN_EOF || e == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
    return Error{Fault::unavailable, "the other side closed during the TLS handshake"};
  }
  if (e != 0) return tls_error(Fault::unavailable, "TLS handshake", e);
  TIDE_TRY(look_at_peer());
  return Progress::done;
}

Result<> Connection::look_at_peer() {
  auto& s = *state_;
  auto& peer = s.peer;
  const auto* leaf = mbedtls_ssl_get_peer_cert(&s.ssl);
  peer.present = leaf != nullptr;
  auto flags = mbedtls_ssl_get_verify_result(&s.ssl);
  for (const auto* c = leaf; c != nullptr; c = c->next) {
    peer.chain.emplace_back(c->raw.p, c->raw.p + c->raw.len);
  }
  if (leaf == nullptr) {
    flags |= MBEDTLS_X509_BADCERT_MISSING;
  } else {
    peer.facts = facts_of(*leaf);
  }
  if (s.server && leaf != nullptr) {
    // Again, because a resumed session brings the verdict of the day when its ticket was made.
    if (mbedtls_x509_time_is_past(&leaf->valid_to) != 0) flags |= MBEDTLS_X509_BADCERT_EXPIRED;
    if (s.server->revoked && s.server->revoked(peer.facts)) flags |= MBEDTLS_X509_BADCERT_REVOKED;
  }
  if (s.client && !s.client->pin.empty()) {
    flags = MBEDTLS_X509_BADCERT_NOT_TRUSTED;
    CertificateChain shown;
    CertificateChain pinned;
    for (const auto& der : peer.chain) {
      TIDE_TRY(shown.add(der));
      TIDE_ASSIGN(const auto facts, inspect(der));
      const auto& pin = s.client->pin;
      if (std::equal(pin.begin(), pin.end(), facts.spki.begin())) TIDE_TRY(pinned.add(der));
    }
    if (pinned.first.raw.len == 0) {
      return Error{Fault::denied, "this gateway is not of the CA that the token names"};
    }
    flags = 0;
    const std::string name(kGatewayName);
    mbedtls_x509_crt_verify_with_profile(&shown.first, &pinned.first, nullptr,
                                         &mbedtls_x509_crt_profile_suiteb, name.c_str(), &flags,
                                         State::look, &s);
    if (flags != 0) return Error{Fault::denied, verify_problem(flags)};
  }
  peer.verified = flags == 0;
  if (flags != 0) peer.problem = verify_problem(flags);
  if (s.client && s.client->pin.empty()) {  // a kept session has the leaf only, no CA to compare
    mbedtls_ssl_session_free(&s.client->session);
    mbedtls_ssl_session_init(&s.client->session);
    s.client->has_session = mbedtls_ssl_get_session(&s.ssl, &s.client->session) == 0;
  }
  return {};
}

Result<Moved> Connection::read(std::span<std::uint8_t> out) {
  const int n = mbedtls_ssl_read(&state_->ssl, out.data(), out.size());
  if (n > 0) return Moved{Progress::done, static_cast<std::size_t>(n)};
  if (n == 0 || n == MBEDTLS_ERR_SSL_CONN_EOF || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
    return Moved{Progress::closed, 0};
  }
  if (n == MBEDTLS_ERR_SSL_WANT_READ) return Moved{Progress::want_read, 0};
  if (n == MBEDTLS_ERR_SSL_WANT_WRITE) return Moved{Progress::want_write, 0};
  return tls_error(Fault::unavailable, "TLS read", n);
}

Result<Moved> Connection::write(ByteSpan bytes) {
  if (bytes.empty()) return Moved{};
  // The library wants an unfinished write to be repeated with the same size.
  const auto size = state_->owed != 0 ? state_->owed : bytes.size();
  TIDE_CHECK(size <= bytes.size(), "an unfinished write must be repeated");
  const int n = mbedtls_ssl_write(&state_->ssl, bytes.data(), size);
  state_->owed = n == MBEDTLS_ERR_SSL_WANT_WRITE || n == MBEDTLS_ERR_SSL_WANT_READ ? size : 0;
  if (n > 0) return Moved{Progress::done, static_cast<std::size_t>(n)};
  if (n == MBEDTLS_ERR_SSL_WANT_READ) return Moved{Progress::want_read, 0};
  if (n == MBEDTLS_ERR_SSL_WANT_WRITE) return Moved{Progress::want_write, 0};
  return tls_error(Fault::unavailable, "TLS write", n);
}

void Connection::close_notify() { mbedtls_ssl_close_notify(&state_->ssl); }
const Peer& Connection::peer() const { return state_->peer; }
bool Connection::resumed() const { return state_->peer.present && !state_->asked; }
bool Connection::has_unread() const { return mbedtls_ssl_get_bytes_avail(&state_->ssl) > 0; }
std::uint64_t Connection::bytes_in() const { return state_->bytes_in; }
std::uint64_t Connection::bytes_out() const { return state_->bytes_out; }

Result<std::shared_ptr<ServerContext>> ServerContext::make(const ServerOptions& options,
                                                           const Clock& clock) {
  const auto s = std::make_shared<State>(options, clock);
  TIDE_TRY(s->setup.prepare(MBEDTLS_SSL_IS_SERVER));
  TIDE_TRY(s->setup.use(options.credentials));
  TIDE_TRY(s->setup.trust(options.trusted));
  auto* config = &s->setup.config;
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  mbedtls_ssl_conf_session_tickets_cb(config, Tickets::write, Tickets::parse, &s->tickets);
  return std::make_shared<ServerContext>(s);
}

Result<std::unique_ptr<Connection>> ServerContext::accept(int descriptor) {
  auto s = std::make_unique<Connection::State>(descriptor);
  s->server = state_;
  return set_up(std::move(s), state_->setup);
}

Result<std::shared_ptr<ClientContext>> ClientContext::make(ClientOptions options,
                                                           const Clock& clock) {
  TIDE_CHECK(options.pin.empty() != options.trusted.empty(), "a client needs a CA or a pin");
  auto s = std::make_shared<State>(clock);
  s->pin = std::move(options.pin);
  TIDE_TRY(s->setup.prepare(MBEDTLS_SSL_IS_CLIENT));
  if (!options.credentials.empty()) TIDE_TRY(s->setup.use(options.credentials.front()));
  TIDE_TRY(s->setup.trust(options.trusted));
  // With a pin the CA is not known before the handshake: look_at_peer() decides then.
  mbedtls_ssl_conf_authmode(&s->setup.config, s->pin.empty() ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                             : MBEDTLS_SSL_VERIFY_OPTIONAL);
  return std::make_shared<ClientContext>(std::move(s));
}

Result<std::unique_ptr<Connection>> ClientContext::connect(int descriptor) {
  auto s = std::make_unique<Connection::State>(descriptor);
  s->client = state_;
  auto* ssl = &s->ssl;
  TIDE_ASSIGN(auto connection, set_up(std::move(s), state_->setup));
  // Without a name any certificate of the CA would pass (CVE-2025-27809).
  int e = mbedtls_ssl_set_hostname(ssl, std::string(kGatewayName).c_str());
  if (e == 0 && state_->has_session) e = mbedtls_ssl_set_session(ssl, &state_->session);
  if (e != 0) return tls_error(Fault::unavailable, "TLS connection", e);
  return connection;
}

}  // namespace tidemark::tls
