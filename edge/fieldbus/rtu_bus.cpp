#include "edge/fieldbus/rtu_bus.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "edge/fieldbus/rtu_frame.h"

namespace tidemark::modbus {
namespace {

constexpr std::size_t kFrameBytesMax = 256 + 8;  // and our own request before it
// Half an answer: adapters and converters hand bytes over in pieces, with breaks between.
constexpr Nanoseconds kByteTimeout = std::chrono::milliseconds(500);
// All of it: 260 bytes at 1,200 baud are 2.4 s. A device that drips bytes shall not keep its bus.
constexpr Nanoseconds kAnswerTimeMax = std::chrono::seconds(5);
constexpr Nanoseconds kSendTimeout = std::chrono::seconds(1);

Reply broken(std::string why) { return {Reply::Kind::broken, 0, std::move(why)}; }

// Of one unit: whether an answer to one would be taken for one to the other.
bool alike(const Request& a, const Request& b) {
  return a.function == b.function && a.count == b.count;
}

}  // namespace

Result<> RtuBus::connect(Nanoseconds timeout) {
  close();
  wake_.arm();
  TIDE_ASSIGN(fd_, line_->open(timeout));
  quiet_since_ = clock_.steady();
  unanswered_.clear();
  return {};
}

void RtuBus::close() {
  if (fd_ < 0) return;
  line_->close();
  fd_ = -1;
}

std::optional<Reply> RtuBus::receive(ByteVector& bytes) {
  std::array<std::uint8_t, kFrameBytesMax> chunk;
  const auto n = ::read(fd_, chunk.data(), chunk.size());
  if (n > 0) {
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + n);
    quiet_since_ = clock_.steady();
    return std::nullopt;
  }
  if (n == 0) return broken("the other side closed it, or the adapter was pulled");
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
  return broken(std::strerror(errno));
}

std::optional<Reply> RtuBus::drain(SteadyTime until, ByteVector stray) {
  for (auto now = clock_.steady(); now < until; now = clock_.steady()) {
    const auto why = wake_.wait(fd_, Nanoseconds(until - now).count());
    if (why == Wake::Why::woken) return broken("interrupted");
    if (why == Wake::Why::over) continue;
    if (auto gone = receive(stray)) return gone;
    // The bytes of a frame come close together: what follows belongs to it.
    until = std::max(until, clock_.steady() + line_->gap());
    if (stray.size() > 64 * kFrameBytesMax) return broken("the line never falls silent");
  }
  if (!stray.empty()) ++strays_;
  return std::nullopt;
}

std::optional<Reply> RtuBus::settle(const Request& request) {
  // What is left of an earlier, late answer would be taken for this one.
  ByteVector stray;
  if (auto gone = receive(stray)) return gone;
  auto until = quiet_since_ + line_->gap();
  if (const auto before = unanswered_.find(request.unit);
      before != unanswered_.end() && alike(before->second.request, request) &&
      before->second.request.address != request.address) {
    until = std::max(until, before->second.until);
  }
  return drain(until, std::move(stray));
}

std::optional<Reply> RtuBus::send(const Request& request) {
  const auto frame = rtu_request(request);
  std::size_t sent = 0;
  const auto until = clock_.steady() + kSendTimeout;
  while (sent < frame.size()) {
    const auto n = ::write(fd_, frame.data() + sent, frame.size() - sent);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return broken(std::strerror(errno));
    } else if (clock_.steady() > until) {
      return broken("the line takes no bytes");
    } else if (wake_.wait(-1, 1'000'000) == Wake::Why::woken) {
      return broken("interrupted");
    }
  }
  return std::nullopt;
}

Reply RtuBus::wait_for_answer(const Request& request, Nanoseconds timeout,
                              std::span<std::uint16_t> out) {
  ByteVector bytes;
  auto until = clock_.steady() + timeout;
  const auto last = until + kAnswerTimeMax;
  while (bytes.size() <= kFrameBytesMax) {
    const auto why = wake_.wait(fd_, Nanoseconds(until - clock_.steady()).count());
    if (why == Wake::Why::woken) return broken("interrupted");
    if (why == Wake::Why::over) {
      if (clock_.steady() < until) continue;  // a signal
      if (bytes.empty()) return {Reply::Kind::silent, 0, ""};
      return {Reply::Kind::garbled, 0, std::to_string(bytes.size()) + " bytes of it"};
    }
    if (auto gone = receive(bytes)) return *gone;
    auto answer = read_rtu(request, bytes, out);
    if (answer.complete) return answer.reply;
    until = std::min(last, clock_.steady() + std::min(timeout, kByteTimeout));
  }
  return {Reply::Kind::garbled, 0, "too long"};
}

Reply RtuBus::read(const Request& request, Nanoseconds timeout, std::span<std::uint16_t> out) {
  if (fd_ < 0) return broken("not connected");
  if (auto gone = settle(request)) return *gone;
  line_->talk(true);
  auto unsent = send(request);
  line_->talk(false);
  if (unsent) return *unsent;
  auto reply = wait_for_answer(request, timeout, out);
  if (reply.kind == Reply::Kind::silent || reply.kind == Reply::Kind::garbled) {
    unanswered_[request.unit] = {request, clock_.steady() + timeout};
  } else if (const auto before = unanswered_.find(request.unit);
             before != unanswered_.end() && clock_.steady() >= before->second.until) {
    unanswered_.erase(before);
  }
  return reply;
}

}  // namespace tidemark::modbus
