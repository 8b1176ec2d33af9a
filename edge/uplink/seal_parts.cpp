#include "edge/uplink/seal_parts.h"

#include <algorithm>
#include <utility>

namespace tidemark::uplink {
namespace {

// An upper bound of what Seal::encode writes for one: 10 bytes a varint.
constexpr std::size_t kMinuteBytes = 50;
constexpr std::size_t kSourceInMinutes = 4;  // names of 64 bytes and the bound

std::size_t encoded_size(const Seal& seal) {
  ByteVector bytes;
  ByteWriter out(bytes);
  seal.encode(out);
  return bytes.size();
}

Seal next_part(const Seal& whole) {
  Seal part;
  part.incarnation = whole.incarnation;
  part.number = whole.number;
  part.next = whole.next;
  part.clock = whole.clock;
  part.more = true;
  return part;
}

}  // namespace

std::vector<Seal> seal_parts(Seal whole, std::size_t bytes_max) {
  std::vector<Seal> parts;
  if (encoded_size(whole) <= bytes_max) return {std::move(whole)};
  const auto room = bytes_max / kMinuteBytes;
  std::size_t used = room;
  for (auto& source : whole.sources) {
    const auto minutes = std::exchange(source.minutes, {});
    for (std::size_t at = 0; at < minutes.size();) {
      if (used + kSourceInMinutes >= room) {
        parts.push_back(next_part(whole));
        used = 0;
      }
      const auto n = std::min(room - used - kSourceInMinutes, minutes.size() - at);
      SourceSeal piece{source.source, source.poll_class, source.device_stamped,
                       source.sealed_until, {}};
      const auto from = minutes.begin() + static_cast<std::ptrdiff_t>(at);
      piece.minutes.assign(from, from + static_cast<std::ptrdiff_t>(n));
      parts.back().sources.push_back(std::move(piece));
      used += n + kSourceInMinutes;
      at += n;
    }
  }
  parts.push_back(std::move(whole));
  return parts;
}

}  // namespace tidemark::uplink
