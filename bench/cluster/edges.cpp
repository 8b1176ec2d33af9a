// Thousands of edges at one gateway: a TLS session each, from an address of its own on loopback,
// with a block of ten readings and a seal each second. What the gateway does not acknowledge is
// kept and sent again after a reconnect, as an agent does.
//
//   tidemark-cluster-edges GATEWAY_DATA_DIR HOST:PORT FIRST EDGES SECONDS
//
// FIRST is the number of the first edge, for several such programs at one gateway. Signs
// certificates of its own with the gateway's CA, one key for all. Prints a JSON object a second:
// edges that are up, blocks sent and acknowledged, and at the end, when all that was sent is
// acknowledged or a minute has passed, one with "done". One thread.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/cluster/fleet.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/tls/connection.h"
#include "gateway/identity/authority.h"

namespace {

using namespace tidemark;
using bench::Edge;

constexpr std::int64_t kRoundMs = 1000;
constexpr unsigned kEdgesOfNet = 250;  // 127.1.N.1 to 127.1.N.250
constexpr auto kTick = std::chrono::milliseconds(5);
constexpr auto kRetry = std::chrono::milliseconds(500);  // half to all of it; doubles, up to
constexpr auto kRetryMax = std::chrono::seconds(16);
constexpr auto kPatience = std::chrono::seconds(10);     // until the welcome
constexpr auto kSettle = std::chrono::seconds(60);

struct Totals {
  std::uint64_t up = 0, dials = 0, sent = 0, acknowledged = 0, readings = 0, refused = 0;
};

class Client {
 public:
  Client(unsigned number, const bench::FleetOptions& fleet,
         std::shared_ptr<tls::ClientContext> tls, Totals& totals)
      : number_(number), edge_(number, fleet), tls_(std::move(tls)), totals_(totals) {}
  ~Client() { hang_up({}); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool open() const { return state_ == State::open; }
  [[nodiscard]] bool settled() const { return blocks_.empty() && seals_.empty(); }

  // What is due by itself: to dial, or to give up waiting.
  void look(SteadyTime now, const sockaddr_in& gateway, int epoll) {
    if (state_ == State::away && now >= again_) dial(now, gateway, epoll);
    if (state_ != State::away && !open() && now >= again_) hang_up(now);
  }

  // A second's readings and the seal behind them.
  void take(const bench::Readings& readings, std::int64_t from, SteadyTime now) {
    if (auto block = edge_.block(readings, from, from + kRoundMs)) {
      const auto record = wire::decode_block(block->payload).value().second;
      totals_.readings += record.readings;
      ++totals_.sent;
      if (open()) queue(*block);
      blocks_.emplace(record.name.sequence.count, std::move(*block));
    }
    auto seal = edge_.seal(from + kRoundMs - bench::kDisorderMs);
    if (open()) queue(seal);
    seals_.emplace(++seal_number_, std::move(seal));
    if (open()) move(now);
  }

  void move(SteadyTime now) {
    if (state_ == State::away) return;
    const auto moved = turn(now);
    if (!moved) hang_up(now);
  }

 private:
  enum class State : std::uint8_t { away, handshake, welcome, open };

  void dial(SteadyTime now, const sockaddr_in& gateway, int epoll) {
    ++totals_.dials;
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl((127U << 24) | (1U << 16) | ((number_ / kEdgesOfNet) << 8) |
                                (number_ % kEdgesOfNet + 1));
    again_ = now + kPatience;
    state_ = State::handshake;
    const auto* address = reinterpret_cast<const sockaddr*>(&own);
    if (descriptor_ < 0 || ::bind(descriptor_, address, sizeof own) != 0) return hang_up(now);
    address = reinterpret_cast<const sockaddr*>(&gateway);
    if (::connect(descriptor_, address, sizeof gateway) != 0 && errno != EINPROGRESS) {
      return hang_up(now);
    }
    auto connection = tls_->connect(descriptor_);
    if (!connection) return hang_up(now);
    connection_ = std::move(connection).value();
    reader_ = wire::FrameReader(wire::kFramePayloadMax);
    output_.clear();
    waiting_.clear();
    sent_ = granted_ = 0;
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data = {.ptr = this}};
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor_, &event) != 0) hang_up(now);
  }

  void hang_up(SteadyTime now) {
    if (open()) --totals_.up;
    retry_ = open() ? Nanoseconds(kRetry) : std::min<Nanoseconds>(2 * retry_, kRetryMax);
    state_ = State::away;
    connection_.reset();
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    again_ = now + retry_ / 2 + Nanoseconds(static_cast<std::int64_t>(
                                    random_.below(static_cast<std::uint64_t>(retry_.count() / 2))));
  }

  Result<> turn(SteadyTime now) {
    if (state_ == State::handshake) {
      TIDE_ASSIGN(const auto progress, connection_->handshake());
      if (progress != tls::Progress::done) return {};
      state_ = State::welcome;
      const auto hello = edge_.hello();
      wire::append_frame(output_, hello.type, hello.payload);
    }
    TIDE_TRY(write());
    std::array<std::uint8_t, 16 * 1024> buffer;
    for (;;) {
      TIDE_ASSIGN(const auto moved, connection_->read(buffer));
      if (moved.progress == tls::Progress::closed) {
        return Error(Fault::unavailable, "the gateway closed the connection");
      }
      if (moved.progress != tls::Progress::done) break;
      reader_.feed(ByteSpan(buffer).first(moved.bytes));
    }
    for (;;) {
      TIDE_ASSIGN(const auto frame, reader_.next());
      if (!frame) break;
      TIDE_TRY(take(*frame, now));
    }
    return write();
  }

  Result<> write() {
    std::size_t at = 0;
    while (at < output_.size()) {
      TIDE_ASSIGN(const auto moved, connection_->write(ByteSpan(output_).subspan(at)));
      if (moved.progress != tls::Progress::done) break;
      at += moved.bytes;
    }
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  }

  Result<> take(const wire::Frame& frame, SteadyTime now) {
    switch (frame.type) {
      case wire::FrameType::welcome: {
        TIDE_ASSIGN(const auto welcome, wire::decode_welcome(frame.payload));
        settle(welcome.holdings);
        state_ = State::open;
        ++totals_.up;
        queue(edge_.dictionary());
        for (const auto& [sequence, block] : blocks_) queue(block);
        for (const auto& [number, seal] : seals_) queue(seal);
        return {};
      }
      case wire::FrameType::ack: {
        TIDE_ASSIGN(const auto ack, wire::decode_ack(frame.payload));
        settle(ack.holdings);
        return {};
      }
      case wire::FrameType::credit: {
        TIDE_ASSIGN(const auto credit, wire::decode_credit(frame.payload));
        granted_ = credit.bytes;
        release();
        return {};
      }
      case wire::FrameType::ping:
        wire::append_frame(output_, wire::FrameType::pong, frame.payload);
        return {};
      case wire::FrameType::refuse:
        ++totals_.refused;
        again_ = now;
        return Error(Fault::denied, wire::decode_refuse(frame.payload).value().text);
      default: return {};
    }
  }

  void settle(const std::vector<wire::Holdings>& holdings) {
    for (const auto& h : holdings) {
      for (const auto& r : h.blocks.ranges()) {
        const auto begin = blocks_.lower_bound(r.first);
        const auto end = blocks_.upper_bound(r.last);
        totals_.acknowledged += static_cast<std::uint64_t>(std::distance(begin, end));
        blocks_.erase(begin, end);
      }
      seals_.erase(seals_.begin(), seals_.upper_bound(h.seal_number));
    }
  }

  // In their order, as far as the credit goes.
  void queue(const wire::Frame& frame) {
    waiting_.push_back(frame);
    release();
  }
  void release() {
    std::size_t n = 0;
    for (; n < waiting_.size() && sent_ + waiting_[n].payload.size() <= granted_; ++n) {
      sent_ += waiting_[n].payload.size();
      wire::append_frame(output_, waiting_[n].type, waiting_[n].payload);
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
  }

  unsigned number_;
  Edge edge_;
  std::shared_ptr<tls::ClientContext> tls_;
  Totals& totals_;
  State state_ = State::away;
  SteadyTime again_{};
  Nanoseconds retry_ = kRetry;
  SystemRandom random_;
  int descriptor_ = -1;
  std::unique_ptr<tls::Connection> connection_;
  wire::FrameReader reader_{wire::kFramePayloadMax};
  ByteVector output_;
  std::uint64_t sent_ = 0, granted_ = 0;
  std::vector<wire::Frame> waiting_;  // for credit
  std::map<std::uint64_t, wire::Frame> blocks_, seals_;  // not acknowledged
  std::uint64_t seal_number_ = 0;
};

Result<std::shared_ptr<tls::ClientContext>> context_of(const gateway::Authority& authority,
                                                       const tls::PrivateKey& key,
                                                       const std::string& edge,
                                                       const Clock& clock) {
  TIDE_ASSIGN(const auto request, key.request(edge));
  TIDE_ASSIGN(auto certificate, authority.issue_edge(request, edge, ""));
  tls::ClientOptions options;
  options.credentials.push_back({key, {std::move(certificate)}});
  options.trusted = {authority.certificate()};
  return tls::ClientContext::make(std::move(options), clock);
}

class Run {
 public:
  Run(unsigned first, unsigned edges, int seconds, sockaddr_in gateway)
      : first_(first), edges_(edges), seconds_(seconds), gateway_(gateway),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        readings_(std::uint64_t{bench::kDevices} * static_cast<std::uint64_t>(seconds + 60), 1) {}
  ~Run() { ::close(epoll_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result<> make(const std::filesystem::path& folder) {
    TIDE_ASSIGN(const auto authority, gateway::Authority::open(folder, clock_));
    TIDE_ASSIGN(const auto key, tls::PrivateKey::generate());
    const bench::FleetOptions fleet{count_ns(clock_.wall()) / 1'000'000, true};
    for (unsigned e = first_; e < first_ + edges_; ++e) {
      TIDE_ASSIGN(auto tls, context_of(*authority, key, Edge(e, fleet).name(), clock_));
      clients_.push_back(std::make_unique<Client>(e, fleet, std::move(tls), totals_));
    }
    return {};
  }

  void go() {
    const auto began = clock_.steady();
    const auto ms = [&] { return (clock_.steady() - began).count() / 1'000'000; };
    std::int64_t said = 0;
    std::size_t taken = 0;  // rounds of all edges
    const auto rounds = static_cast<std::size_t>(seconds_) * edges_;
    for (std::int64_t t = 0; t < (seconds_ + kSettle.count()) * 1000; t = ms()) {
      turn();
      const auto now = clock_.steady();
      // Each edge has its moment of the second.
      for (; taken < rounds && moment_of(taken) <= t; ++taken) {
        clients_[taken % edges_]->take(readings_, static_cast<std::int64_t>(taken / edges_) *
                                                      kRoundMs, now);
      }
      for (auto& c : clients_) c->look(now, gateway_, epoll_);
      if (t / 1000 > said) say(said = t / 1000, false);
      const auto settled = [](const auto& c) { return c->settled(); };
      if (taken == rounds && std::ranges::all_of(clients_, settled)) break;
    }
    say(ms() / 1000, true);
  }

 private:
  [[nodiscard]] std::int64_t moment_of(std::size_t n) const {
    return (static_cast<std::int64_t>(n / edges_) + 1) * kRoundMs +
           static_cast<std::int64_t>(n % edges_) * kRoundMs / static_cast<std::int64_t>(edges_);
  }
  void turn() {
    std::array<epoll_event, 512> events;
    const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                               static_cast<int>(kTick.count()));
    for (int i = 0; i < n; ++i) {
      static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr)->move(clock_.steady());
    }
  }
  void say(std::int64_t second, bool done) const {
    fmt::print("{{\"t\":{},\"up\":{},\"dials\":{},\"sent\":{},\"acked\":{},\"readings\":{},"
               "\"refused\":{},\"done\":{}}}\n",
               second, totals_.up, totals_.dials, totals_.sent, totals_.acknowledged,
               totals_.readings, totals_.refused, done);
    std::fflush(stdout);
  }

  SystemClock clock_;
  const unsigned first_, edges_;
  const std::int64_t seconds_;
  const sockaddr_in gateway_;
  const int epoll_;
  bench::Readings readings_;
  Totals totals_;
  std::vector<std::unique_ptr<Client>> clients_;
};

Result<sockaddr_in> address_of(const std::string& text) {
  const auto colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  if (colon == text.npos || ::inet_pton(AF_INET, text.substr(0, colon).c_str(),
                                        &address.sin_addr) != 1 ||
      std::from_chars(text.data() + colon + 1, end, port).ptr != end) {
    return Error(Fault::bad_input, "not an IPv4 address and a port: " + text);
  }
  address.sin_port = htons(port);
  return address;
}

Result<> run(const std::vector<std::string>& words) {
  constexpr unsigned kEdgesMax = 60'000;
  unsigned first = 0, edges = 0;
  int seconds = 0;
  const auto number = [](const std::string& text, auto& out) {
    const auto* end = text.data() + text.size();
    return std::from_chars(text.data(), end, out).ptr == end;
  };
  if (words.size() != 5 || !number(words[2], first) || !number(words[3], edges) ||
      !number(words[4], seconds) || edges == 0 || seconds <= 0 || first + edges > kEdgesMax) {
    return Error(Fault::bad_input, "expected: GATEWAY_DATA_DIR HOST:PORT FIRST EDGES SECONDS");
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  TIDE_ASSIGN(const auto gateway, address_of(words[1]));
  Run all(first, edges, seconds, gateway);
  TIDE_TRY(all.make(words[0]));
  all.go();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto done = run({argv + 1, argv + argc});
  if (done) return 0;
  log::error("tidemark-cluster-edges", "error=\"{}\"", done.error().text());
  return 1;
}
