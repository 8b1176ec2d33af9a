#include "cloud/intake/listener.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "common/base/log.h"

namespace tidemark::intake {
namespace {

constexpr int kMessagesMax = 4096;  // a gateway; beyond it the gateway waits
constexpr std::int64_t kMessageBytesMax = 2 << 20;
constexpr std::size_t kParts = 4;   // ours and the gateway's identity in front
constexpr auto kIdleTurn = std::chrono::milliseconds(1000);
constexpr std::size_t kRoutesMax = 100'000;

bool stays_on_this_machine(std::string_view address) {
  for (const char* prefix :
       {"ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]"}) {
    if (address.starts_with(prefix)) return true;
  }
  return false;
}

class Message {
 public:
  Message() { zmq_msg_init(&message_); }
  ~Message() { zmq_msg_close(&message_); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  zmq_msg_t* raw() { return &message_; }
  [[nodiscard]] ByteSpan bytes() {
    return {static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }

 private:
  zmq_msg_t message_;
};

struct Route {  // where answers to an edge go
  std::string gateway;
  std::uint64_t session = 0;
};

}  // namespace

struct Listener::State {
  State(const Clock& c, std::uint64_t i) : clock(c), instance(i) {}
  ~State() {
    if (socket != nullptr) zmq_close(socket);
    if (context != nullptr) zmq_ctx_term(context);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // One message into the batch; its size, 0 when there was none.
  std::size_t receive(Intake& intake);
  void take(Intake& intake, std::string_view gateway, std::string_view edge, std::uint64_t session,
            ByteSpan frame);
  void send(const Route& to, std::string_view edge, wire::FrameType type, ByteSpan payload);
  Result<> commit(Intake& intake, bool last);

  const Clock& clock;
  std::uint64_t instance;
  void* context = nullptr;
  void* socket = nullptr;
  std::unordered_map<std::string, Route> routes;
  ByteVector scratch;
};

Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;

Result<std::unique_ptr<Listener>> Listener::open(const std::string& address, const Clock& clock,
                                                 Random& random) {
  if (!stays_on_this_machine(address)) {
    return Error(Fault::bad_input, "intake.zmq: " + address + ": only ipc:// and loopback "
                                   "addresses; frames would travel unprotected");
  }
  auto state = std::make_unique<State>(clock, random.next());
  state->context = zmq_ctx_new();
  state->socket = zmq_socket(state->context, ZMQ_ROUTER);
  const auto set = [&](int option, auto value) {
    zmq_setsockopt(state->socket, option, &value, sizeof value);
  };
  set(ZMQ_RCVHWM, kMessagesMax);
  set(ZMQ_SNDHWM, kMessagesMax);
  set(ZMQ_MAXMSGSIZE, kMessageBytesMax);
  set(ZMQ_ROUTER_MANDATORY, 1);
  set(ZMQ_ROUTER_HANDOVER, 1);  // a gateway that restarts comes back under its name
  set(ZMQ_LINGER, 1000);
  if (address.starts_with("ipc://")) {
    const std::filesystem::path path(address.substr(6));
    if (path.has_parent_path()) TIDE_TRY(make_folder(path.parent_path()));
  }
  if (zmq_bind(state->socket, address.c_str()) != 0) {
    return Error(Fault::unavailable, "intake.zmq: " + address + ": " + zmq_strerror(zmq_errno()));
  }
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

std::string Listener::address() const {
  std::array<char, 512> text{};
  std::size_t size = text.size();
  zmq_getsockopt(state_->socket, ZMQ_LAST_ENDPOINT, text.data(), &size);
  return text.data();
}

std::size_t Listener::State::receive(Intake& intake) {
  std::array<Message, kParts> parts;
  std::size_t n = 0;
  for (bool more = true; more; ++n) {
    Message spare;
    auto& m = n < parts.size() ? parts[n] : spare;
    if (zmq_msg_recv(m.raw(), socket, ZMQ_DONTWAIT) < 0) return 0;
    more = zmq_msg_more(m.raw()) != 0;
  }
  std::uint64_t session = 0;
  if (n != kParts || parts[2].bytes().size() != sizeof session) {
    log::warning("message ignored: not a gateway's", "parts={}", n);
    return 1;
  }
  std::memcpy(&session, parts[2].bytes().data(), sizeof session);
  take(intake, as_text(parts[0].bytes()), as_text(parts[1].bytes()), session, parts[3].bytes());
  return parts[3].bytes().size() + 1;
}

void Listener::State::take(Intake& intake, std::string_view gateway, std::string_view edge,
                           std::uint64_t session, ByteSpan bytes) {
  wire::FrameReader reader(wire::kFramePayloadMax);
  reader.feed(bytes);
  auto frame = reader.next();
  if (!frame || !frame->has_value()) {
    log::warning("frame does not decode", "edge={} bytes={}", edge, bytes.size());
    return;
  }
  const auto& f = **frame;
  if (edge.empty()) {
    if (f.type != wire::FrameType::ping) return;
    ByteVector pong = f.payload;
    pong.resize(8);
    ByteWriter(pong).fixed(instance);
    send({std::string(gateway), session}, edge, wire::FrameType::pong, pong);
    return;
  }
  std::string name(edge);
  if (f.type != wire::FrameType::bye && (routes.size() < kRoutesMax || routes.contains(name))) {
    auto& route = routes[name];
    route.session = session;
    if (route.gateway != gateway) route.gateway = gateway;
  }
  intake.take(name, session, f);
}

void Listener::State::send(const Route& to, std::string_view edge, wire::FrameType type,
                           ByteSpan payload) {
  scratch.clear();
  wire::append_frame(scratch, type, payload);
  const auto part = [&](const void* bytes, std::size_t size, int flags) {
    return zmq_send(socket, bytes, size, flags | ZMQ_DONTWAIT) >= 0;
  };
  // Only the first part can be refused (no such gateway, or it is full).
  if (!part(to.gateway.data(), to.gateway.size(), ZMQ_SNDMORE)) {
    log::warning("answer dropped: the gateway is away or behind", "edge={}", edge);
    return;
  }
  part(edge.data(), edge.size(), ZMQ_SNDMORE);
  part(&to.session, sizeof to.session, ZMQ_SNDMORE);
  part(scratch.data(), scratch.size(), 0);
}

Result<> Listener::State::commit(Intake& intake, bool last) {
  TIDE_ASSIGN(const auto replies, last ? intake.finish() : intake.commit());
  for (const auto& reply : replies) {
    const auto route = routes.find(reply.edge);
    if (route == routes.end()) continue;
    if (reply.session != 0 && reply.session != route->second.session) continue;  // it has gone
    send(route->second, reply.edge, reply.type, reply.payload);
  }
  return {};
}

Result<> Listener::run(Intake& intake, const StopSignal& stop,
                       const std::function<void()>& committed) {
  auto& s = *state_;
  std::size_t frames = 0;
  std::size_t bytes = 0;
  SteadyTime batch_end{};
  SteadyTime committed_at{};
  while (!stop.asked()) {
    const auto now = s.clock.steady();
    if (frames == 0) batch_end = std::max(now + kCompany, committed_at + kBatchWait);
    const bool full = frames >= kBatchFramesMax || bytes >= kBatchBytesMax || intake.full();
    if (full || (frames > 0 && now >= batch_end)) {
      TIDE_TRY(s.commit(intake, false));
      committed();
      committed_at = s.clock.steady();
      frames = bytes = 0;
      continue;
    }
    if (const auto size = s.receive(intake); size > 0) {
      ++frames;
      bytes += size;
      continue;
    }
    // After what edges sent: a long list of answers to write must not keep them waiting.
    if (frames == 0 && intake.due() <= now) {
      TIDE_TRY(s.commit(intake, false));
      committed();
      continue;
    }
    auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(
        (frames > 0 ? batch_end : std::min(intake.due(), now + kIdleTurn)) - now);
    wait = std::clamp(wait + std::chrono::milliseconds(1), std::chrono::milliseconds(0), kIdleTurn);
    std::array<zmq_pollitem_t, 2> items{
        zmq_pollitem_t{s.socket, 0, ZMQ_POLLIN, 0},
        zmq_pollitem_t{nullptr, stop.descriptor(), ZMQ_POLLIN, 0}};
    zmq_poll(items.data(), static_cast<int>(items.size()), static_cast<long>(wait.count()));
    if (frames == 0) committed();
  }
  TIDE_TRY(s.commit(intake, true));
  committed();
  return {};
}

}  // namespace tidemark::intake
