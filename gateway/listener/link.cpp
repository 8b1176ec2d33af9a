#include "gateway/listener/link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tidemark::gateway {

Link::Link(int descriptor_, std::unique_ptr<tls::Connection> tls_, std::string address_,
           SteadyTime now)
    : descriptor(descriptor_), tls(std::move(tls_)), address(std::move(address_)), since(now) {}

Link::~Link() { ::close(descriptor); }

Link::Pumped Link::read(std::size_t bytes_max) {
  std::array<std::uint8_t, 16 * 1024> buffer;
  for (std::size_t total = 0; total < bytes_max;) {
    const auto moved = tls->read(buffer);
    if (!moved || moved->progress == tls::Progress::closed) return Pumped::gone;
    if (moved->progress != tls::Progress::done) return Pumped::idle;
    reader.feed(ByteSpan(buffer).first(moved->bytes));
    total += moved->bytes;
  }
  return Pumped::more;
}

Link::Pumped Link::write() {
  auto& out = output();
  std::size_t at = 0;
  auto outcome = Pumped::idle;
  while (at < out.size()) {
    const auto moved = tls->write(ByteSpan(out).subspan(at));
    if (!moved || moved->progress == tls::Progress::closed) {
      outcome = Pumped::gone;
      break;
    }
    if (moved->progress != tls::Progress::done) break;
    at += moved->bytes;
  }
  out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(at));
  return outcome;
}

Link::Pumped Link::drain() {
  std::array<std::uint8_t, 16 * 1024> buffer;
  for (int turn = 0; turn < 16; ++turn) {
    const auto n = ::recv(descriptor, buffer.data(), buffer.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return Pumped::gone;
    if (n < 0) return Pumped::idle;
  }
  return Pumped::more;
}

bool Link::wants_to_write() const {
  if (stage == Stage::handshake) return handshake_wants_write;
  return !(session ? session->output() : words).empty();
}

}  // namespace tidemark::gateway
