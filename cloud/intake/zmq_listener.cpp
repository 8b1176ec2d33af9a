#include "cloud/intake/listener.h"

#include <zmq.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "common/base/log.h"
#include "common/wire/zmq_message.h"

namespace tidemark::intake {
namespace {

constexpr int kMessagesMax = 4096;  // a gateway; beyond it the gateway waits
constexpr std::int64_t kMessageBytesMax = 2 << 20;
constexpr std::size_t kParts = 4;   // ours and the gateway's identity in front

bool stays_on_this_machine(std::string_view address) {
  for (const char* prefix :
       {"ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]"}) {
    if (address.starts_with(prefix)) return true;
  }
  return false;
}

class ZmqListener final : public Listener {
 public:
  ZmqListener(const Clock& clock, std::uint64_t instance, Nanoseconds silence_max)
      : Listener(clock, silence_max), instance_(instance) {}
  ~ZmqListener() override {
    if (socket_ != nullptr) zmq_close(socket_);
    if (context_ != nullptr) zmq_ctx_term(context_);
  }
  ZmqListener(const ZmqListener&) = delete;
  ZmqListener& operator=(const ZmqListener&) = delete;

  Result<> bind(const std::string& address);
  [[nodiscard]] std::string address() const override;

 private:
  std::size_t receive(Intake& intake) override;
  void wait(std::chrono::milliseconds most, const StopSignal& stop) override;
  void answer(Intake& intake, std::vector<Reply> replies) override;
  void take(Intake& intake, std::string_view gateway, std::string_view edge, std::uint64_t session,
            ByteSpan frame);
  void send(const Gateways::Route& to, std::string_view edge, wire::FrameType type,
            ByteSpan payload);

  std::uint64_t instance_;
  void* context_ = nullptr;
  void* socket_ = nullptr;
  ByteVector scratch_;
};

Result<> ZmqListener::bind(const std::string& address) {
  context_ = zmq_ctx_new();
  socket_ = zmq_socket(context_, ZMQ_ROUTER);
  const auto set = [&](int option, auto value) {
    zmq_setsockopt(socket_, option, &value, sizeof value);
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
  if (zmq_bind(socket_, address.c_str()) != 0) {
    return Error(Fault::unavailable, "intake.zmq: " + address + ": " + zmq_strerror(zmq_errno()));
  }
  return {};
}

std::string ZmqListener::address() const {
  std::array<char, 512> text{};
  std::size_t size = text.size();
  zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size);
  return text.data();
}

std::size_t ZmqListener::receive(Intake& intake) {
  look_at_gateways(intake);
  std::array<wire::ZmqMessage, kParts> parts;
  std::size_t n = 0;
  for (bool more = true; more; ++n) {
    wire::ZmqMessage spare;
    auto& m = n < parts.size() ? parts[n] : spare;
    if (zmq_msg_recv(m.raw(), socket_, ZMQ_DONTWAIT) < 0) return 0;
    more = m.more();
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

void ZmqListener::take(Intake& intake, std::string_view gateway, std::string_view edge,
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
    gateways_.heard(gateway, session);
    ByteVector pong = f.payload;
    pong.resize(8);
    ByteWriter(pong).fixed(instance_);
    send({std::string(gateway), session}, edge, wire::FrameType::pong, pong);
    return;
  }
  std::string name(edge);
  if (f.type == wire::FrameType::bye) {
    gateways_.heard(gateway);
  } else {
    gateways_.heard(gateway, name, session);
  }
  intake.take(name, session, f);
}

void ZmqListener::send(const Gateways::Route& to, std::string_view edge, wire::FrameType type,
                       ByteSpan payload) {
  scratch_.clear();
  wire::append_frame(scratch_, type, payload);
  const auto part = [&](const void* bytes, std::size_t size, int flags) {
    return zmq_send(socket_, bytes, size, flags | ZMQ_DONTWAIT) >= 0;
  };
  // Only the first part can be refused (no such gateway, or it is full).
  if (!part(to.gateway.data(), to.gateway.size(), ZMQ_SNDMORE)) {
    log::warning("answer dropped: the gateway is away or behind", "edge={}", edge);
    return;
  }
  part(edge.data(), edge.size(), ZMQ_SNDMORE);
  part(&to.session, sizeof to.session, ZMQ_SNDMORE);
  part(scratch_.data(), scratch_.size(), 0);
}

void ZmqListener::answer(Intake& /*intake*/, std::vector<Reply> replies) {
  for (const auto& reply : replies) {
    const auto* route = gateways_.route(reply.edge);
    if (route == nullptr) continue;
    if (reply.session != 0 && reply.session != route->session) continue;  // it has gone
    send(*route, reply.edge, reply.type, reply.payload);
  }
}

void ZmqListener::wait(std::chrono::milliseconds most, const StopSignal& stop) {
  std::array<zmq_pollitem_t, 2> items{zmq_pollitem_t{socket_, 0, ZMQ_POLLIN, 0},
                                      zmq_pollitem_t{nullptr, stop.descriptor(), ZMQ_POLLIN, 0}};
  zmq_poll(items.data(), static_cast<int>(items.size()), static_cast<long>(most.count()));
}

}  // namespace

Result<std::unique_ptr<Listener>> open_zmq_listener(const std::string& address, const Clock& clock,
                                                    Random& random, Nanoseconds silence_max) {
  if (!stays_on_this_machine(address)) {
    return Error(Fault::bad_input, "intake.zmq: " + address + ": only ipc:// and loopback "
                                   "addresses; frames would travel unprotected");
  }
  auto listener = std::make_unique<ZmqListener>(clock, random.next(), silence_max);
  TIDE_TRY(listener->bind(address));
  return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace tidemark::intake
