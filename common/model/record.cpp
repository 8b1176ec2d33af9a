#include "common/model/record.h"

#include "common/base/hash.h"

namespace tidemark {
namespace {

constexpr unsigned kAlarm = 1;           // of the flags
constexpr unsigned kReductionShift = 1;  // above it

}  // namespace

void BlockRecord::encode(ByteWriter& out) const {
  TIDE_CHECK(bytes.size() <= kBlockBytesMax, "a block passes its size limit");
  const auto begin = out.size();
  out.fixed(name.incarnation.count);
  out.fixed(name.sequence.count);
  out.fixed(static_cast<std::uint64_t>(time_min));
  out.fixed(static_cast<std::uint64_t>(time_max));
  out.varint(readings);
  out.u8(static_cast<std::uint8_t>((alarm ? kAlarm : 0) |
                                   static_cast<unsigned>(reduction) << kReductionShift));
  if (reduction != Reduction::none) replaces.encode(out);
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
  const auto reduction = flags >> kReductionShift;
  if (reduction != 0) r.replaces = SequenceRanges::decode(in);
  const auto bytes = in.blob();
  auto all = begin;
  const auto covered = all.raw(in.position() - at);
  const auto checksum = in.fixed<std::uint64_t>();
  if (!in.ok()) return Error{Fault::corrupt, "block record: it ends too early"};
  if (checksum != xxh3(covered)) return Error{Fault::corrupt, "block record: wrong checksum"};
  if (bytes.size() > kBlockBytesMax || r.name.sequence.count == 0 ||
      reduction > static_cast<int>(kReductionLast)) {
    return Error{Fault::bad_input, "block record: sequence 0, unknown flags or more than 900 KiB"};
  }
  if ((reduction != 0) == r.replaces.empty() || r.replaces.contains(Sequence{0}) ||
      r.replaces.highest() >= r.name.sequence) {
    return Error{Fault::bad_input, "block record: what it replaces is not before it"};
  }
  r.alarm = (flags & kAlarm) != 0;
  r.reduction = static_cast<Reduction>(reduction);
  r.bytes.assign(bytes.begin(), bytes.end());
  return r;
}

}  // namespace tidemark
