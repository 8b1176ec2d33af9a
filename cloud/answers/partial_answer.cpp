#include "cloud/answers/partial_answer.h"

#include <bit>
#include <iterator>

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 2;  // 1 knew no minutes that lack, or have no, counts
constexpr std::uint8_t kReachesBack = 1;
constexpr std::uint8_t kHasDeadband = 2;
constexpr std::size_t kSourceBytesMin = 14;  // smallest encoded Source, for length()

void encode_counts(ByteWriter& out, const Basis& counts) {
  out.u8(static_cast<std::uint8_t>((counts.reaches_back ? kReachesBack : 0U) |
                                   (counts.deadband ? kHasDeadband : 0U)));
  const auto& m = counts.manifest;
  for (const auto n : {counts.readings, counts.unplaced, counts.waiting, m.due, m.good, m.taken,
                       m.sent, m.received, m.lacking}) {
    out.varint(n);
  }
  m.dropped.encode(out);
  if (counts.deadband) out.fixed(std::bit_cast<std::uint64_t>(*counts.deadband));
}

Basis decode_counts(ByteReader& in) {
  Basis counts;
  const auto flags = in.u8();
  if (flags > (kReachesBack | kHasDeadband)) in.fail();
  counts.reaches_back = (flags & kReachesBack) != 0;
  auto& m = counts.manifest;
  for (auto* n : {&counts.readings, &counts.unplaced, &counts.waiting, &m.due, &m.good, &m.taken,
                  &m.sent, &m.received, &m.lacking}) {
    *n = in.varint();
  }
  m.dropped = reconcile::DroppedSum::decode(in);
  if ((flags & kHasDeadband) != 0) {
    counts.deadband = std::bit_cast<double>(in.fixed<std::uint64_t>());
  }
  return counts;
}

}  // namespace

void PartialAnswer::merge(PartialAnswer other) {
  sum.merge(other.sum);
  notes.merge(other.notes);
  std::move(other.sources.begin(), other.sources.end(), std::back_inserter(sources));
}

void PartialAnswer::encode(ByteWriter& out) const {
  out.u8(kVersion);
  sum.encode(out);
  out.varint(sources.size());
  for (const auto& s : sources) {
    out.varint(s.series);
    out.text(s.name);
    out.text(s.poll_class);
    encode_counts(out, s.counts);
  }
  notes.encode(out);
}

Result<PartialAnswer> PartialAnswer::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) {
    return Error(Fault::unsupported, "partial answer of an unknown version");
  }
  PartialAnswer partial;
  TIDE_ASSIGN(partial.sum, GroupSum::decode(in));
  const auto n = in.length(kSourceBytesMin);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    auto& s = partial.sources.emplace_back();
    s.series = static_cast<store::SeriesId>(in.varint());
    s.name = in.text();
    s.poll_class = in.text();
    s.counts = decode_counts(in);
  }
  partial.notes = MemberNotes::decode(in);
  if (!in.done()) {
    return Error(Fault::bad_input, "partial answer: its bytes do not end where it does");
  }
  return partial;
}

}  // namespace tidemark::answers
