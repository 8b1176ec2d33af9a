#include "gateway/listener/server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/log.h"
#include "common/http/listen_socket.h"
#include "gateway/listener/link.h"

namespace tidemark::gateway {

using wire::FrameType;
using wire::Refusal;

namespace {

constexpr std::size_t kReadPerTurn = 256 * 1024;  // of one edge, before the next one's turn
constexpr Nanoseconds kTickEvery = std::chrono::milliseconds(250);
constexpr Nanoseconds kFarewellMax = std::chrono::seconds(2);
constexpr std::size_t kCloudMessagesPerTurn = 1000;
constexpr std::size_t kRetriesPerTick = 16;
constexpr std::size_t kBrokenBytesKept = 4096;
constexpr std::uint32_t kHungUp = EPOLLHUP | EPOLLERR;

std::string host_of(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), nullptr,
              0, NI_NUMERICHOST);
  return host.data();
}

const char* words(Session::State state) {
  switch (state) {
    case Session::State::hello: return "hello";
    case Session::State::waiting:
    case Session::State::welcome: return "waiting for the cloud";
    case Session::State::open: return "up";
    case Session::State::closed: break;
  }
  return "closing";
}

}  // namespace

Server::Meters::Meters(metrics::Registry& r)
    : edges(r.gauge("tidemark_gateway_edges", "Edges connected.")),
      strangers(r.gauge("tidemark_gateway_strangers",
                        "Connections that have not shown a certificate yet.")),
      in_flight(r.gauge("tidemark_gateway_in_flight_bytes",
                        "Forwarded and not acknowledged by the cloud.")),
      cloud_up(r.gauge("tidemark_gateway_cloud_up", "1 while the cloud answers.")),
      accepted(r.counter("tidemark_gateway_connections_total", "Connections accepted.")),
      turned_away(r.counter("tidemark_gateway_connections_turned_away_total",
                            "Connections closed at once, past a bound.")),
      handshakes_failed(r.counter("tidemark_gateway_handshakes_failed_total",
                                  "TLS handshakes that did not end.")),
      sessions_resumed(r.counter("tidemark_gateway_handshakes_resumed_total",
                                 "TLS handshakes that a ticket made short.")),
      identities_refused(r.counter("tidemark_gateway_identities_refused_total",
                                   "Certificates refused: other CA, expired, revoked.")),
      enrolled(r.counter("tidemark_gateway_enrolled_total", "Edges enrolled.")),
      frames(r.counter("tidemark_gateway_frames_total", "Frames forwarded to the cloud.")),
      bytes(r.counter("tidemark_gateway_forwarded_bytes_total", "Bytes forwarded to the cloud.")),
      dead_letters(r.counter("tidemark_gateway_dead_letters_total",
                             "Frames that could not be forwarded.")),
      clones(r.counter("tidemark_gateway_replaced_connections_total",
                       "Connections that a newer one of the same edge replaced.")),
      cloud_losses(r.counter("tidemark_gateway_cloud_losses_total",
                             "Times that the cloud stopped answering or started anew.")) {}

Server::Server(ServerOptions options, Parts parts)
    : options_(std::move(options)), parts_(std::move(parts)), cloud_(parts_.log, parts_.random),
      next_session_(parts_.random.next()), meters_(parts_.metrics) {}

Server::~Server() {
  links_.clear();
  if (epoll_ >= 0) ::close(epoll_);
  if (listener_ >= 0) ::close(listener_);
}

Result<std::unique_ptr<Server>> Server::make(ServerOptions options, Parts parts) {
  std::unique_ptr<Server> s(new Server(std::move(options), std::move(parts)));
  TIDE_ASSIGN(const auto socket, http::open_listen_socket(s->options_.listen));
  s->listener_ = socket.descriptor;
  s->port_ = socket.port;
  s->address_ = socket.address;
  s->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (s->epoll_ < 0) return system_error("epoll", errno);
  for (const int fd : {s->listener_, s->parts_.log.descriptor()}) {
    if (fd < 0) continue;
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.fd = fd;
    if (epoll_ctl(s->epoll_, EPOLL_CTL_ADD, fd, &e) != 0) return system_error("epoll", errno);
  }
  s->take_snapshot();
  return s;
}

void Server::run(int stop_descriptor) {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = stop_descriptor;
  TIDE_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_descriptor, &e) == 0, "no stop descriptor");
  const int tick_ms =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kTickEvery).count());
  std::array<epoll_event, 256> events;
  for (bool stopping = false; !stopping;) {
    const int n = epoll_wait(epoll_, events.data(), events.size(), more_.empty() ? tick_ms : 0);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop_descriptor) {
        stopping = true;
      } else if (fd == listener_) {
        accept_all();
      } else if (const auto at = links_.find(fd); at != links_.end()) {
        at->second->hung_up = (events[static_cast<std::size_t>(i)].events & kHungUp) != 0;
        serve(*at->second);
      }
    }
    for (auto again = more_.size(); again > 0; --again) {
      const int fd = more_.front();
      more_.pop_front();
      if (const auto at = links_.find(fd); at != links_.end()) {
        at->second->queued = false;
        serve(*at->second);
      }
    }
    from_cloud();  // each turn: the log's descriptor tells of changes only, not of what is left
    if (now() - ticked_ >= kTickEvery) tick();
  }
  say_goodbye();
}

void Server::accept_all() {
  for (;;) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    meters_.accepted.add();
    auto host = host_of(address, size);
    const bool room = links_.size() < options_.edges_max + options_.strangers_max &&
                      strangers_ < options_.strangers_max &&
                      strangers_by_address_[host] < options_.strangers_of_one_address_max;
    auto connection = parts_.tls->accept(fd);
    if (!room || !connection) {
      meters_.turned_away.add();
      ::close(fd);
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++strangers_;
    ++strangers_by_address_[host];
    auto link = std::make_unique<Link>(fd, std::move(*connection), std::move(host), now());
    epoll_event e{};
    e.events = link->interest = EPOLLIN;
    e.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e);
    links_.emplace(fd, std::move(link));
  }
}

void Server::serve_again(Link& link) {
  if (!link.queued) more_.push_back(link.descriptor);
  link.queued = true;
}

void Server::serve(Link& link) {
  if (link.stage == Link::Stage::handshake) continue_handshake(link);
  const auto read_gone = [&] {
    if (link.stage == Link::Stage::session && paused_) return link.hung_up;
    const auto pumped = link.read(kReadPerTurn);
    if (pumped == Link::Pumped::more) serve_again(link);
    take_frames(link);  // also of a peer that has gone: it said these before
    return pumped == Link::Pumped::gone;
  };
  if (link.stage == Link::Stage::stranger || link.stage == Link::Stage::session) {
    if (read_gone()) link.stage = Link::Stage::gone;
  } else if (link.stage == Link::Stage::farewell || link.stage == Link::Stage::draining) {
    const auto drained = link.drain();
    if (drained == Link::Pumped::gone) link.stage = Link::Stage::gone;
  }
  flush(link);
}

void Server::continue_handshake(Link& link) {
  const auto progress = link.tls->handshake();
  if (!progress || link.tls->bytes_in() > options_.stranger_bytes_max) {
    meters_.handshakes_failed.add();
    log::warning("TLS handshake failed", "address={} error={}", link.address,
                 progress ? "too many bytes" : progress.error().text());
    link.stage = Link::Stage::gone;
    return;
  }
  link.handshake_wants_write = *progress == tls::Progress::want_write;
  if (*progress == tls::Progress::done) after_handshake(link);
}

void Server::after_handshake(Link& link) {
  const auto& peer = link.tls->peer();
  link.since = now();
  if (link.tls->resumed()) meters_.sessions_resumed.add();
  if (!peer.present) {
    link.stage = Link::Stage::stranger;
    link.enrolment.emplace(parts_.registry, parts_.authority);
    return;
  }
  const bool full = by_session_.size() >= options_.edges_max;
  const bool good = peer.verified && tls::fits_certificate(peer.facts.name);
  if (!good || full || !parts_.registry.ready()) {
    const std::string why = !good  ? peer.problem
                            : full ? "this gateway has all the edges it may have"
                                   : "what other gateways have said of edges is not here yet";
    const auto reason = !good  ? Refusal::identity
                        : full ? Refusal::quota
                               : Refusal::unavailable;
    if (!good) meters_.identities_refused.add();
    log::warning("edge refused", "edge={} address={} reason={}", peer.facts.name, link.address,
                 why);
    wire::append_frame(link.words, FrameType::refuse, wire::encode(wire::Refuse{reason, why}));
    return close_later(link);
  }
  link.stage = Link::Stage::session;
  link.spki = peer.facts.spki;
  link.reader.set_payload_max(wire::kFramePayloadMax);
  link.session = std::make_unique<Session>(next_session_++, peer.facts.name, peer.facts.site,
                                           options_.limits, *this, now());
  by_session_.emplace(link.session->id(), &link);
  --strangers_;
  if (--strangers_by_address_[link.address] == 0) strangers_by_address_.erase(link.address);
}

void Server::take_frames(Link& link) {
  while (link.stage == Link::Stage::stranger || link.stage == Link::Stage::session) {
    auto frame = link.reader.next();
    if (!frame) {
      if (link.session) {
        // The layout is broken: nothing after it can be found. Its beginning is kept.
        const auto rest = link.reader.rest();
        const auto kept = rest.first(std::min(rest.size(), kBrokenBytesKept));
        if (!dead_letter(link.session->edge(), frame.error().text(), FrameType{}, kept)) {
          log::error("dead letter not kept", "edge={}", link.session->edge());
        }
        link.session->refuse(Refusal::protocol, frame.error().text());
      }
      return close_later(link);
    }
    if (!frame->has_value()) return;
    if (link.session) {
      take_session_frame(link, **frame);
    } else {
      take_stranger_frame(link, **frame);
    }
  }
}

void Server::take_stranger_frame(Link& link, const wire::Frame& frame) {
  const auto answer = link.enrolment->on_frame(frame);
  if (answer) {
    wire::append_frame(link.words, answer->type, answer->payload);
    if (!link.enrolment->granted()) return;
    meters_.enrolled.add();
    return close_later(link);
  }
  log::warning("enrolment refused", "edge={} address={} reason={}", link.enrolment->edge(),
               link.address, answer.error().text());
  const auto fault = answer.error().fault();
  const auto reason = fault == Fault::denied        ? Refusal::token
                      : fault == Fault::unavailable ? Refusal::unavailable
                                                    : Refusal::protocol;
  wire::append_frame(link.words, FrameType::refuse,
                     wire::encode(wire::Refuse{reason, answer.error().text()}));
  close_later(link);
}

template <typename Call>
void Server::counted(Session& session, Call call) {
  in_flight_bytes_ -= session.in_flight_bytes();
  call();
  in_flight_bytes_ += session.in_flight_bytes();
}

void Server::take_session_frame(Link& link, const wire::Frame& frame) {
  auto& session = *link.session;
  if (frame.type == FrameType::hello) {
    auto& holder = by_edge_[session.edge()];
    if (holder != nullptr && holder != &link) {
      auto& old = *holder;
      meters_.clones.add();
      log::warning("edge connected again, the older connection ends", "edge={} older={} newer={}",
                   session.edge(), old.address, link.address);
      old.session->refuse(Refusal::clone, "another connection of this edge, from " + link.address +
                                              ", took over; if that is not this box, the identity "
                                              "was copied: enrol one of them anew");
      close_later(old);
      flush(old);
    }
    by_edge_[session.edge()] = &link;
  }
  counted(session, [&] { session.on_frame(frame, now()); });
  if (session.closed()) {
    log::warning("edge refused", "edge={} reason={}", session.edge(), session.close_reason());
    close_later(link);
  }
}

void Server::close_later(Link& link) {
  if (link.stage >= Link::Stage::farewell) return;
  link.stage = Link::Stage::farewell;
  link.since = now();
  if (link.session) {
    counted(*link.session, [&] { link.session->end(); });
    if (const auto at = by_edge_.find(link.session->edge());
        at != by_edge_.end() && at->second == &link) {
      by_edge_.erase(at);
    }
    by_session_.erase(link.session->id());
  }
}

// Sends what is to be sent, takes the next step of a farewell, and may end the link.
void Server::flush(Link& link) {
  if (link.stage != Link::Stage::handshake && link.stage < Link::Stage::draining &&
      link.write() == Link::Pumped::gone) {
    link.stage = Link::Stage::gone;
  }
  if (link.stage == Link::Stage::farewell && !link.wants_to_write()) {
    link.tls->close_notify();
    ::shutdown(link.descriptor, SHUT_WR);
    link.stage = Link::Stage::draining;
  }
  if (link.stage == Link::Stage::gone) return forget(link);
  set_interest(link);
}

void Server::set_interest(Link& link) {
  const bool reads = link.stage != Link::Stage::session || !paused_;
  const std::uint32_t wanted = (reads ? EPOLLIN : 0u) | (link.wants_to_write() ? EPOLLOUT : 0u);
  if (wanted == link.interest) return;
  link.interest = wanted;
  epoll_event e{};
  e.events = wanted;
  e.data.fd = link.descriptor;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, link.descriptor, &e);
}

void Server::forget(Link& link) {
  const int fd = link.descriptor;
  if (link.session) {
    in_flight_bytes_ -= link.session->in_flight_bytes();
    if (!link.session->closed()) {
      log::info("edge disconnected", "edge={} address={}", link.session->edge(), link.address);
      link.session->end();
    }
    by_session_.erase(link.session->id());
    if (const auto at = by_edge_.find(link.session->edge());
        at != by_edge_.end() && at->second == &link) {
      by_edge_.erase(at);
    }
  } else {
    --strangers_;
    if (--strangers_by_address_[link.address] == 0) strangers_by_address_.erase(link.address);
  }
  links_.erase(fd);
}

void Server::from_cloud() {
  for (std::size_t i = 0; i < kCloudMessagesPerTurn; ++i) {
    const auto envelope = parts_.log.receive();
    if (!envelope) break;
    on_cloud_change(cloud_.on_envelope(*envelope, now()));
    const auto at = by_session_.find(envelope->session);
    if (at == by_session_.end() || at->second->session->edge() != envelope->edge) continue;
    auto& link = *at->second;
    counted(*link.session, [&] { link.session->on_cloud(envelope->frame, now()); });
    if (link.session->closed()) close_later(link);
    flush(link);
  }
  const bool was_paused = paused_;
  if (in_flight_bytes_ > options_.in_flight_max) paused_ = true;
  if (in_flight_bytes_ < options_.in_flight_max / 2) paused_ = false;
  if (was_paused == paused_) return;
  log::warning(paused_ ? "edges have to wait for the cloud" : "edges are read again",
               "in_flight_bytes={}", in_flight_bytes_);
  for (auto& [id, link] : by_session_) {
    set_interest(*link);
    if (!paused_) serve_again(*link);
  }
}

void Server::on_cloud_change(CloudLink::Change change) {
  if (change == CloudLink::Change::none) return;
  cloud_up_.store(cloud_.up());
  meters_.cloud_up.set(cloud_.up() ? 1 : 0);
  if (change == CloudLink::Change::up) {
    log::info("the cloud answers", "round_trip_us={}", cloud_.round_trip().count() / 1000);
  } else {
    meters_.cloud_losses.add();
    log::warning(change == CloudLink::Change::lost ? "the cloud does not answer"
                                                   : "the cloud has started anew",
                 "edges={}", by_session_.size());
  }
  std::vector<Link*> sessions;
  for (auto& [id, link] : by_session_) sessions.push_back(link);
  for (auto* link : sessions) {
    auto& session = *link->session;
    if (change == CloudLink::Change::up) {
      counted(session, [&] { session.on_tick(now()); });
    } else if (session.state() == Session::State::welcome ||
               session.state() == Session::State::open) {
      session.refuse(Refusal::unavailable, "the cloud is not reachable right now");
    }
    if (session.closed()) close_later(*link);
    flush(*link);
  }
}

void Server::tick() {
  ticked_ = now();
  ++ticks_;
  on_cloud_change(cloud_.on_tick(now()));
  if (const auto r = parts_.registry.refresh(); !r) {
    log::error("registry not read", "error={}", r.error().text());
  }
  std::vector<Link*> all;
  for (auto& [fd, link] : links_) all.push_back(link.get());
  for (auto* link : all) {
    const auto age = now() - link->since;
    if (link->stage == Link::Stage::session) {
      auto& session = *link->session;
      if (parts_.registry.revoked(link->spki)) {
        session.refuse(Refusal::identity, "the certificate of this edge is revoked; enrol it anew");
      }
      counted(session, [&] { session.on_tick(now()); });
      if (session.closed()) {
        log::info("edge disconnected by the gateway", "edge={} reason={}", session.edge(),
                  session.close_reason());
        close_later(*link);
      }
    } else if (age > (link->stage < Link::Stage::session ? options_.stranger_life
                                                         : kFarewellMax)) {
      link->stage = Link::Stage::gone;
    }
    flush(*link);
  }
  retry_dead_letters();
  meters_.edges.set(static_cast<double>(by_session_.size()));
  meters_.strangers.set(static_cast<double>(strangers_));
  meters_.in_flight.set(static_cast<double>(in_flight_bytes_));
  take_snapshot();
}

void Server::retry_dead_letters() {
  if (!cloud_.up()) return;
  auto letters = parts_.dead_letters.to_retry(kRetriesPerTick);
  if (!letters) return log::error("dead letters not read", "error={}", letters.error().text());
  for (const auto& letter : *letters) {
    std::string problem;
    if (letter.type == FrameType::block) {
      if (const auto b = wire::decode_block(letter.payload); !b) problem = b.error().text();
    } else if (letter.type == FrameType::seal) {
      if (const auto s = Seal::decode(letter.payload); !s) problem = s.error().text();
    } else {
      problem = "its layout is broken";
    }
    ByteVector frame;
    if (problem.empty()) wire::append_frame(frame, letter.type, letter.payload);
    if (problem.empty() && !forward(letter.edge, 0, frame)) problem = "the cloud did not take it";
    const auto done = problem.empty() ? Result<>{} : parts_.dead_letters.retry_failed(letter.id,
                                                                                      problem);
    const auto dropped = problem.empty() ? parts_.dead_letters.drop(letter.id) : Result<bool>{true};
    log::info("dead letter tried again", "id={} edge={} outcome={}", letter.id, letter.edge,
              problem.empty() ? "forwarded" : problem);
    if (!done || !dropped) log::error("dead letters not written", "id={}", letter.id);
  }
}

void Server::take_snapshot() {
  Snapshot s;
  s.name = options_.name;
  s.listen = address_;
  s.cloud_up = cloud_.up();
  s.registry_ready = parts_.registry.ready();
  s.registry_problem = parts_.registry.problem();
  s.cloud_round_trip_ms = static_cast<double>(cloud_.round_trip().count()) / 1e6;
  s.strangers = strangers_;
  s.in_flight_bytes = in_flight_bytes_;
  for (const auto& [id, link] : by_session_) {
    const auto& session = *link->session;
    s.edges.push_back({session.edge(), session.site(), link->address, session.program_version(),
                       words(session.state()),
                       std::chrono::duration<double>(now() - link->since).count(),
                       session.in_flight_bytes(), session.counts()});
  }
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_ = std::move(s);
}

Snapshot Server::snapshot() const {
  const std::lock_guard lock(snapshot_mutex_);
  return snapshot_;
}

void Server::say_goodbye() {
  std::vector<Link*> all;
  for (auto& [fd, link] : links_) all.push_back(link.get());
  for (auto* link : all) {
    if (link->session) link->session->refuse(Refusal::unavailable, "this gateway is stopping");
    if (link->stage == Link::Stage::handshake) link->stage = Link::Stage::gone;
    close_later(*link);
    flush(*link);
  }
  const auto until = now() + kFarewellMax;
  std::array<epoll_event, 64> events;
  while (!links_.empty() && now() < until) {
    const int n = epoll_wait(epoll_, events.data(), events.size(), 50);
    for (int i = 0; i < n; ++i) {
      const auto at = links_.find(events[static_cast<std::size_t>(i)].data.fd);
      if (at != links_.end()) serve(*at->second);
    }
  }
}

bool Server::forward(const std::string& edge, std::uint64_t session, ByteSpan frame) {
  if (!parts_.log.send(edge, session, frame)) return false;
  meters_.frames.add();
  meters_.bytes.add(frame.size());
  return true;
}

Result<> Server::dead_letter(const std::string& edge, const std::string& reason, FrameType type,
                             ByteSpan payload) {
  meters_.dead_letters.add();
  log::warning("frame kept as a dead letter", "edge={} bytes={} reason={}", edge, payload.size(),
               reason);
  return parts_.dead_letters.add(edge, reason, type, payload);
}

Result<ByteVector> Server::renew(const std::string& edge, const std::string& site,
                                 ByteSpan request_payload) {
  TIDE_ASSIGN(const auto request, wire::decode_enroll_request(request_payload));
  TIDE_ASSIGN(auto der, parts_.authority.issue_edge(request.csr, edge, site));
  TIDE_ASSIGN(const auto facts, tls::inspect(der));
  const auto link = by_edge_.find(edge);
  TIDE_CHECK(link != by_edge_.end(), "whoever renews is connected");
  TIDE_TRY(parts_.registry.renew(facts, link->second->spki));
  log::info("certificate renewed", "edge={} serial={} until={}", edge, facts.serial,
            format_utc(facts.not_after));
  return wire::encode(wire::EnrollGrant{edge, site, std::move(der)});
}

}  // namespace tidemark::gateway
