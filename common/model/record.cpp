#include "common/model/record.h"

#include "common/base/hash.h"

namespace tidemark {

void BlockRecord::encode(ByteWriter& out) const {
  TIDE_CHECK(bytes.size() <= kBlockBytesMax, "a block passes its size limit");
  const auto begin = out.size();
  out.fixed(name.incarnation.count);
  out.fixed(name.sequence.count);
  out.fixed(static_cast<std::uint64_t>(time_min));
  out.fixed(static_cast<std::uint64_t>(time_max));
  out.varint(readings);
  out.u8(alarm ? 1 : 0);
  out.blob(bytes);
  out.fixed(xxh3(ByteSpan(out.out()).subspan(begin)));
}

Result<BlockRecord> BlockRecord::decode(ByteReader& in) {
  BlockRecord r;
  const auto begin = in;  // a copy: reads the same bytes again for the checksum
  const auto at = in.position();
  r.name.incarnation = {in.fixed<std::uint64_t>()};
  r.name.sequence = {in.fixed<std::uint64_t>()};
  r.time_min = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  r.time_max = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  r.readings = in.varint();
  const auto flags = in.u8();
  const auto bytes = in.blob();
  auto all = begin;
  const auto covered = all.raw(in.position() - at);
  const auto checksum = in.fixed<std::uint64_t>();
  if (!in.ok()) return Error{Fault::corrupt, "block record: it ends too early"};
  if (checksum != xxh3(covered)) return Error{Fault::corrupt, "block record: wrong checksum"};
  if (bytes.size() > kBlockBytesMax || r.name.sequence.count == 0 || flags > 1) {
    return Error{Fault::bad_input, "block record: sequence 0, unknown flags or more than 900 KiB"};
  }
  r.alarm = flags == 1;
  r.bytes.assign(bytes.begin(), bytes.end());
  return r;
}

}  // namespace tidemark
