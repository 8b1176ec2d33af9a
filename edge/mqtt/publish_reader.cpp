#include "edge/mqtt/publish_reader.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace tidemark::mqtt {
namespace {

constexpr std::uint8_t kPublish = 0x30;
constexpr std::uint8_t kPuback = 0x40;
constexpr std::size_t kHeadBytesMax = 5;
constexpr std::size_t kTopicBytesMax = 65'535;

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

std::uint16_t number_at(ByteSpan bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Of all properties, with the length before them (MQTT 5, 2.2.2).
std::optional<std::size_t> properties_size(ByteSpan bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 4); ++i) {
    length |= static_cast<std::size_t>(bytes[i] & 0x7f) << (7 * i);
    if (bytes[i] < 0x80) return i + 1 + length;
  }
  return std::nullopt;
}

}  // namespace

void PublishReader::begin(bool with_properties) {
  with_properties_ = with_properties;
  piece_.resize(kPieceBytes);
  acks_.clear();
  low_water_ = 1;
  large_ = {};
  large_bytes_.clear();
  large_read_ = 0;
}

Result<PublishReader::Packet> PublishReader::packet_at(ByteSpan bytes) {
  Packet packet;
  std::size_t length = 0;
  for (std::size_t i = 1; i < kHeadBytesMax; ++i) {
    if (i >= bytes.size()) return packet;
    length |= static_cast<std::size_t>(bytes[i] & 0x7f) << (7 * (i - 1));
    if (bytes[i] < 0x80) {
      packet.head = i + 1;
      packet.total = packet.head + length;
      const bool publish = (bytes[0] & 0xf0) == kPublish;
      if (publish) {
        packet.kind = Packet::Kind::publish;
      } else if (bytes.size() >= packet.total) {
        packet.kind = Packet::Kind::other;
      }
      return packet;
    }
  }
  return bad("the broker sends no MQTT: a length of more than four bytes");
}

Result<Delivery> PublishReader::delivery_of(const Packet& packet, ByteSpan bytes) const {
  const auto flags = bytes[0] & 0x0f;
  const int qos = flags >> 1 & 3;
  if (qos > 1) return bad(fmt::format("the broker sends a message with QoS {}", qos));
  const auto topic_at = packet.head + 2;
  const std::size_t id_bytes = qos == 0 ? 0 : 2;
  if (packet.total < topic_at) return bad("the broker sends a message without a topic");
  const std::size_t topic_bytes = number_at(bytes, packet.head);
  auto payload_at = topic_at + topic_bytes + id_bytes;
  if (topic_bytes == 0 || packet.total < payload_at) {
    return bad("the broker sends a message whose topic does not fit into it");
  }
  if (with_properties_) {
    const auto size = properties_size(bytes.subspan(std::min(payload_at, bytes.size())));
    if (!size || packet.total < payload_at + *size) {
      return bad("the broker sends a message whose properties do not fit into it");
    }
    payload_at += *size;
  }
  Delivery d;
  d.topic = as_text(bytes.subspan(topic_at, topic_bytes));
  d.payload = bytes.subspan(std::min(payload_at, bytes.size()));  // large ones are cut
  d.size = packet.total - payload_at;
  if (qos > 0) d.packet_id = number_at(bytes, topic_at + topic_bytes);
  d.duplicate = (flags & 8) != 0;
  d.retained = (flags & 1) != 0;
  return d;
}

Result<bool> PublishReader::hand_out(const Packet& packet, ByteSpan bytes) {
  TIDE_ASSIGN(const auto delivery, delivery_of(packet, bytes));
  if (!take_(delivery)) return false;
  if (delivery.packet_id != 0) {
    const auto id = delivery.packet_id;
    acks_.insert(acks_.end(), {kPuback, 2, static_cast<std::uint8_t>(id >> 8),
                               static_cast<std::uint8_t>(id)});
  }
  return true;
}

// poll() says readable from so many bytes on: half a packet must not keep it awake.
void PublishReader::wait_for_bytes(int fd, std::size_t bytes) {
  if (bytes == low_water_) return;
  const int wanted = static_cast<int>(bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
  low_water_ = bytes;
}

Result<PublishReader::Turn> PublishReader::read(int fd) {
  Turn turn;
  if (large_.total > 0) {
    TIDE_TRY(read_large(fd, turn));
    return turn;
  }
  // Looked at first: what is not ours must stay in the socket.
  const auto n = ::recv(fd, piece_.data(), piece_.size(), MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return turn;
  if (n <= 0) {
    turn.other = true;
    return turn;
  }
  const ByteSpan there(piece_.data(), static_cast<std::size_t>(n));
  std::size_t wanted = 1;
  while (turn.bytes < there.size()) {
    const auto rest = there.subspan(turn.bytes);
    TIDE_ASSIGN(const auto packet, packet_at(rest));
    turn.other = packet.kind == Packet::Kind::other;
    if (packet.kind != Packet::Kind::publish || packet.total > rest.size()) {
      wanted = packet.total == 0 ? rest.size() + 1 : packet.total;
      if (packet.kind == Packet::Kind::publish && packet.total > kPieceBytes) large_ = packet;
      break;
    }
    TIDE_ASSIGN(const bool stored, hand_out(packet, rest.first(packet.total)));
    if (!stored) {
      turn.refused = true;
      return turn;
    }
    ++turn.messages;
    turn.bytes += packet.total;
  }
  if (turn.bytes > 0) ::recv(fd, piece_.data(), turn.bytes, MSG_TRUNC | MSG_DONTWAIT);
  wait_for_bytes(fd, turn.bytes > 0 || turn.other || large_.total > 0 ? 1 : wanted);
  return turn;
}

// A message that no piece holds is taken out of the socket as it comes; beyond what is kept of it,
// it is only counted.
Result<> PublishReader::read_large(int fd, Turn& turn) {
  const auto left = std::min(large_.total - large_read_, piece_.size());
  const auto n = ::recv(fd, piece_.data(), left, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  if (n <= 0) {
    turn.other = true;
    return {};
  }
  const auto got = static_cast<std::size_t>(n);
  large_read_ += got;
  turn.bytes += got;
  const auto kept_max = kHeadBytesMax + 2 + kTopicBytesMax + 2 + keep_bytes_;
  const auto keep = std::min(got, kept_max - std::min(kept_max, large_bytes_.size()));
  large_bytes_.insert(large_bytes_.end(), piece_.begin(),
                      piece_.begin() + static_cast<std::ptrdiff_t>(keep));
  if (large_read_ < large_.total) return {};
  TIDE_ASSIGN(const bool stored, hand_out(large_, large_bytes_));
  turn.refused = !stored;
  turn.messages = 1;
  large_ = {};
  large_read_ = 0;
  large_bytes_ = {};
  return {};
}

}  // namespace tidemark::mqtt
