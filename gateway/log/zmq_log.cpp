#include <zmq.h>

#include <array>
#include <cstring>

#include "common/base/log.h"
#include "common/wire/zmq_message.h"
#include "gateway/log/log.h"

namespace tidemark::gateway {
namespace {

constexpr int kMessagesMax = 100'000;  // their bytes are bounded by the credit of the edges
constexpr std::int64_t kMessageBytesMax = 2 << 20;
constexpr int kLingerMs = 1000;
constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 2000;

Error zmq_error(std::string_view what) {
  return Error{Fault::unavailable, std::string(what) + ": " + zmq_strerror(zmq_errno())};
}

class ZmqLog final : public Log {
 public:
  ZmqLog(void* context, void* socket) : context_(context), socket_(socket) {}
  ~ZmqLog() override {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }

  bool send(std::string_view edge, std::uint64_t session, ByteSpan frame) override {
    std::array<std::uint8_t, sizeof session> id;
    std::memcpy(id.data(), &session, sizeof session);
    // Only the first part can be refused; the others belong to the same message.
    return part(as_bytes(edge), ZMQ_SNDMORE) && part(id, ZMQ_SNDMORE) && part(frame, 0);
  }

  std::optional<Envelope> receive() override {
    for (;;) {
      std::array<wire::ZmqMessage, 3> parts;
      std::size_t n = 0;
      bool more = true;
      while (more) {
        wire::ZmqMessage spare;
        auto& m = n < parts.size() ? parts[n] : spare;
        if (zmq_msg_recv(m.raw(), socket_, ZMQ_DONTWAIT) < 0) return std::nullopt;
        more = m.more();
        ++n;
      }
      Envelope e;
      if (n != parts.size() || parts[1].bytes().size() != sizeof e.session) {
        log::warning("message from the cloud ignored: not ours", "parts={}", n);
        continue;
      }
      e.edge = as_text(parts[0].bytes());
      std::memcpy(&e.session, parts[1].bytes().data(), sizeof e.session);
      e.frame.assign(parts[2].bytes().begin(), parts[2].bytes().end());
      return e;
    }
  }

  [[nodiscard]] int descriptor() const override {
    int fd = -1;
    std::size_t size = sizeof fd;
    zmq_getsockopt(socket_, ZMQ_FD, &fd, &size);
    return fd;
  }

 private:
  bool part(ByteSpan bytes, int flags) {
    return zmq_send(socket_, bytes.data(), bytes.size(), flags | ZMQ_DONTWAIT) >= 0;
  }

  void* context_;
  void* socket_;
};

bool stays_on_this_machine(std::string_view address) {
  for (const char* prefix :
       {"ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]"}) {
    if (address.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<Log>> open_zmq_log(const ZmqOptions& options) {
  if (!stays_on_this_machine(options.address)) {
    return Error{Fault::bad_input, "cloud.zmq: " + options.address +
                                       ": only ipc:// and loopback addresses; frames would travel "
                                       "unprotected"};
  }
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_DEALER);
  auto log = std::make_unique<ZmqLog>(context, socket);
  bool good = zmq_setsockopt(socket, ZMQ_ROUTING_ID, options.identity.data(),
                             options.identity.size()) == 0;
  const auto set = [&](int option, auto value) {
    good = good && zmq_setsockopt(socket, option, &value, sizeof value) == 0;
  };
  set(ZMQ_SNDHWM, kMessagesMax);
  set(ZMQ_RCVHWM, kMessagesMax);
  set(ZMQ_MAXMSGSIZE, kMessageBytesMax);
  set(ZMQ_LINGER, kLingerMs);
  set(ZMQ_RECONNECT_IVL, kReconnectMs);
  set(ZMQ_RECONNECT_IVL_MAX, kReconnectMaxMs);
  set(ZMQ_IMMEDIATE, 1);  // nothing is queued for a cloud that is not there
  if (!good) return zmq_error("ZeroMQ socket");
  if (zmq_connect(socket, options.address.c_str()) != 0) {
    return Error{Fault::bad_input, "cloud.zmq: " + options.address + ": " +
                                       zmq_strerror(zmq_errno())};
  }
  return std::unique_ptr<Log>(std::move(log));
}

}  // namespace tidemark::gateway
