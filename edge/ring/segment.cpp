#include "edge/ring/segment.h"

#include <algorithm>

#include "common/base/hash.h"

namespace tidemark::ring {
namespace {

constexpr std::uint64_t kMagic = 0x3147455352454d54;  // "TMERSEG1"
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kCheckpoint = 1;

}  // namespace

void BlockMeta::encode(ByteWriter& out) const {
  out.varint(sequence);
  out.svarint(time_min);
  out.svarint(time_max);
  out.varint(readings);
  out.u8(static_cast<std::uint8_t>((alarm ? 1U : 0U) | static_cast<unsigned>(reduction) << 1));
  out.varint(bytes);
  out.varint(stored);
  if (reduction != Reduction::none) replaces.encode(out);
}

BlockMeta BlockMeta::decode(ByteReader& in) {
  BlockMeta m;
  m.sequence = in.varint();
  m.time_min = in.svarint();
  m.time_max = in.svarint();
  m.readings = in.varint();
  const auto flags = in.u8();
  m.alarm = (flags & 1) != 0;
  m.reduction = static_cast<Reduction>(flags >> 1);
  m.bytes = in.varint();
  m.stored = in.varint();
  if (m.reduction != Reduction::none) m.replaces = SequenceRanges::decode(in);
  return m;
}

void SegmentContent::add(RecordType type, ByteSpan bytes) {
  ByteWriter out(index);
  out.u8(static_cast<std::uint8_t>(type));
  out.blob(bytes);
}

void SegmentContent::add(const BlockRecord& block) {
  const auto before = body.size();
  ByteWriter out(body);
  block.encode(out);
  blocks.push_back({block.name.sequence.count, block.time_min, block.time_max, block.readings,
                    block.alarm, block.bytes.size(), body.size() - before, block.reduction,
                    block.replaces});
  ByteVector meta;
  ByteWriter meta_out(meta);
  blocks.back().encode(meta_out);
  add(RecordType::block, meta);
}

ByteVector encode_segment(SegmentHeader& h, const SegmentContent& content) {
  h.length = content.length();
  h.journal = content.journal;
  h.index_bytes = static_cast<std::uint32_t>(content.index.size());
  h.blocks = static_cast<std::uint32_t>(content.blocks.size());
  h.body_bytes = content.body.size();
  h.first = content.blocks.empty() ? 0 : content.blocks.front().sequence;
  h.checkpoint = content.checkpoint;
  h.index_checksum = xxh3(content.index);
  h.body_checksum = xxh3(content.body);
  ByteVector bytes;
  bytes.reserve(h.length);
  ByteWriter out(bytes);
  out.fixed(kMagic);
  out.fixed(kVersion);
  out.fixed(h.checkpoint ? kCheckpoint : 0U);
  for (const auto v : {h.ring, h.number, h.length, h.incarnation.count, h.ordinal,
                       h.journal.journal, h.journal.offset, h.follows, h.synced, h.oldest,
                       h.offered}) {
    out.fixed(v);
  }
  out.fixed(h.index_bytes);
  out.fixed(h.blocks);
  for (const auto v : {h.body_bytes, h.first, h.index_checksum, h.body_checksum}) out.fixed(v);
  out.fixed(xxh3(bytes));
  TIDE_CHECK(bytes.size() == kSegmentHeaderBytes, "the segment header changed its size");
  out.raw(content.index);
  out.raw(content.body);
  bytes.resize(h.length);
  return bytes;
}

std::optional<SegmentHeader> decode_segment_header(ByteSpan bytes, std::uint64_t ring) {
  ByteReader in(bytes.first(std::min<std::size_t>(bytes.size(), kSegmentHeaderBytes)));
  if (in.fixed<std::uint64_t>() != kMagic || in.fixed<std::uint32_t>() != kVersion) return {};
  SegmentHeader h;
  h.checkpoint = (in.fixed<std::uint32_t>() & kCheckpoint) != 0;
  for (auto* v : {&h.ring, &h.number, &h.length, &h.incarnation.count, &h.ordinal,
                  &h.journal.journal, &h.journal.offset, &h.follows, &h.synced, &h.oldest,
                  &h.offered}) {
    *v = in.fixed<std::uint64_t>();
  }
  h.index_bytes = in.fixed<std::uint32_t>();
  h.blocks = in.fixed<std::uint32_t>();
  for (auto* v : {&h.body_bytes, &h.first, &h.index_checksum, &h.body_checksum}) {
    *v = in.fixed<std::uint64_t>();
  }
  const auto covered = bytes.first(std::min(in.position(), bytes.size()));
  const auto checksum = in.fixed<std::uint64_t>();
  if (!in.ok() || checksum != xxh3(covered)) return {};
  const bool sane = h.ring == ring && h.number != 0 && h.index_bytes <= kIndexBytesMax &&
                    h.body_bytes <= (std::uint64_t{1} << 40) && h.follows < h.number &&
                    h.synced < h.number && h.oldest <= h.number &&
                    h.length == pages(kSegmentHeaderBytes + h.index_bytes + h.body_bytes);
  if (!sane) return {};
  return h;
}

}  // namespace tidemark::ring
