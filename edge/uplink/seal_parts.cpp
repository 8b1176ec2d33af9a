#include "edge/uplink/seal_parts.h"

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::uplink {
namespace {

// An upper bound of what Seal::encode writes for one: 10 bytes a varint.
constexpr std::size_t kMinuteBytes = 50;
constexpr std::size_t kSourceBytes = 600;

}  // namespace

std::vector<Seal> seal_parts(const Seal& whole, std::uint64_t floor, std::size_t bytes_max) {
  ByteVector encoded;
  ByteWriter w(encoded);
  whole.encode(w);
  if (encoded.size() <= bytes_max) return {whole};

  Seal bare = whole;
  bare.sources.clear();
  std::vector<Seal> parts{bare};
  std::size_t bytes = 0;
  for (const auto& source : whole.sources) {
    for (std::size_t at = 0; at < source.minutes.size() || at == 0;) {
      if (bytes + kSourceBytes + kMinuteBytes > bytes_max && !parts.back().sources.empty()) {
        parts.push_back(bare);
        bytes = 0;
      }
      const auto room = bytes_max > bytes + kSourceBytes
                            ? (bytes_max - bytes - kSourceBytes) / kMinuteBytes
                            : 0;
      const auto n = std::min(std::max<std::size_t>(room, 1), source.minutes.size() - at);
      SourceSeal piece = source;
      piece.minutes.assign(source.minutes.begin() + static_cast<std::ptrdiff_t>(at),
                           source.minutes.begin() + static_cast<std::ptrdiff_t>(at + n));
      parts.back().sources.push_back(std::move(piece));
      bytes += kSourceBytes + n * kMinuteBytes;
      at += std::max<std::size_t>(n, 1);
    }
  }
  const auto numbers = whole.number > floor ? whole.number - floor : 1;
  if (parts.size() > numbers) {
    log::error("minutes left out of a seal: no numbers for its parts", "parts={} numbers={}",
               parts.size(), numbers);
    parts.erase(parts.begin(), parts.end() - static_cast<std::ptrdiff_t>(numbers));
  }
  auto number = whole.number - parts.size();
  for (auto& part : parts) part.number = ++number;
  return parts;
}

}  // namespace tidemark::uplink
