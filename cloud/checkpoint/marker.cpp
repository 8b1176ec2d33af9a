#include "cloud/checkpoint/marker.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/hash.h"

namespace tidemark::checkpoint {
namespace {

constexpr std::uint8_t kVersion = 3;
constexpr std::uint8_t kWithoutPartials = 2;

std::uint64_t hash_of(const std::vector<std::uint64_t>& pieces) {
  ByteVector bytes;
  ByteWriter out(bytes);
  for (const auto p : pieces) out.fixed(p);
  return xxh3(bytes);
}

}  // namespace

std::size_t Marker::size_of(std::size_t piece) const {
  return std::min<std::size_t>(kPieceBytes, bytes - piece * kPieceBytes);
}

ByteVector Marker::encode() const {
  ByteVector bytes_out;
  ByteWriter out(bytes_out);
  out.u8(kVersion);
  out.text(layout);
  for (const auto n : {number, version, live, backlog, partials, archive}) out.varint(n);
  out.svarint(count_ns(at));
  out.varint(bytes);
  out.fixed(hash_of(pieces));
  for (const auto p : pieces) out.fixed(p);
  return bytes_out;
}

Result<Marker> Marker::decode(ByteSpan bytes_in) {
  ByteReader in(bytes_in);
  const auto version = in.u8();
  if (version != kVersion && version != kWithoutPartials) {
    return Error{Fault::unsupported,
                 fmt::format("a checkpoint of version {}, of which this node reads {} and {}",
                             version, kWithoutPartials, kVersion)};
  }
  Marker m;
  m.layout = std::string(in.text());
  for (auto* n : {&m.number, &m.version, &m.live, &m.backlog}) *n = in.varint();
  if (version != kWithoutPartials) m.partials = in.varint();
  m.archive = in.varint();
  m.at = event_time(in.svarint());
  m.bytes = in.varint();
  m.hash = in.fixed<std::uint64_t>();
  while (in.left() >= sizeof(std::uint64_t)) m.pieces.push_back(in.fixed<std::uint64_t>());
  const auto pieces = m.bytes / kPieceBytes + (m.bytes % kPieceBytes != 0 ? 1 : 0);
  if (!in.done() || m.pieces.size() != pieces || m.hash != hash_of(m.pieces)) {
    return Error{Fault::corrupt, "a checkpoint's marker does not read"};
  }
  return m;
}

std::string key_of(std::uint64_t piece) { return fmt::format("{:016x}", piece); }

std::string position_name(const std::string& layout, std::string_view topic, int partition) {
  return fmt::format("kafka {} {} {}", layout, topic, partition);
}

}  // namespace tidemark::checkpoint
