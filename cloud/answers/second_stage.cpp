#include "cloud/answers/second_stage.h"

#include <algorithm>

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kShareVersion = 1;
constexpr std::uint8_t kReachVersion = 1;
constexpr std::uint8_t kRecordVersion = 2;
constexpr std::uint8_t kElsewhereVersion = 1;

void encode_time(ByteWriter& out, EventTime t) { out.svarint(count_ns(t)); }
EventTime decode_time(ByteReader& in) { return event_time(in.svarint()); }

void encode_waived(ByteWriter& out, const Waived& w) {
  out.text(w.source);
  out.u8(w.retired ? 1 : 0);
  encode_time(out, w.until);
  out.text(w.by);
  out.text(w.reason);
  encode_time(out, w.at);
}

Waived decode_waived(ByteReader& in) {
  Waived w;
  w.source = in.text();
  const auto retired = in.u8();
  if (retired > 1) in.fail();
  w.retired = retired == 1;
  w.until = decode_time(in);
  w.by = in.text();
  w.reason = in.text();
  w.at = decode_time(in);
  return w;
}

ByteVector bytes_of(ByteSpan span) { return {span.begin(), span.end()}; }

Error unknown(const char* what) {
  return {Fault::unsupported, std::string(what) + " of an unknown version"};
}
Error damaged(const char* what) {
  return {Fault::bad_input, std::string(what) + ": its bytes do not end where it does"};
}

}  // namespace

ByteVector GroupShare::figures() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  sum.encode(out);
  notes.encode(out);
  known.encode(out);
  out.varint(waived.size());
  for (const auto& w : waived) encode_waived(out, w);
  out.varint(members);
  out.varint(refused);
  out.u8(frozen ? 1 : 0);
  return bytes;
}

ByteVector GroupShare::encode() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(kShareVersion);
  out.raw(figures());
  out.u8(static_cast<std::uint8_t>(cause));
  out.varint(missing.size());
  for (const auto& m : missing) {
    out.text(m.source);
    out.text(m.reason);
  }
  out.varint(more_missing);
  return bytes;
}

Result<GroupShare> GroupShare::decode(ByteSpan bytes, EventTime start, EventTime end) {
  ByteReader in(bytes);
  if (in.u8() != kShareVersion) return unknown("share of a group");
  GroupShare share;
  TIDE_ASSIGN(share.sum, GroupSum::decode(in));
  share.notes = MemberNotes::decode(in);
  share.known = GroupJudge::decode(in, start, end);
  const auto waived = in.length();
  for (std::size_t i = 0; i < waived && in.ok(); ++i) share.waived.push_back(decode_waived(in));
  share.members = in.varint();
  share.refused = in.varint();
  const auto frozen = in.u8();
  if (frozen > 1) in.fail();
  share.frozen = frozen == 1;
  const auto cause = in.u8();
  if (cause > static_cast<std::uint8_t>(Cause::operated)) in.fail();
  share.cause = static_cast<Cause>(cause);
  const auto missing = in.length(2);
  if (missing > GroupJudge::kMissingMax) in.fail();
  for (std::size_t i = 0; i < missing && in.ok(); ++i) {
    auto source = std::string(in.text());
    share.missing.push_back({std::move(source), std::string(in.text())});
  }
  share.more_missing = in.varint();
  if (!in.done()) return damaged("share of a group");
  return share;
}

bool GroupReach::holds(EventTime window) const {
  return std::ranges::any_of(
      spans, [&](const Span& s) { return s.since <= window && window < s.until; });
}

ByteVector GroupReach::encode() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(kReachVersion);
  out.varint(spans.size());
  for (const auto& s : spans) {
    encode_time(out, s.since);
    encode_time(out, s.until);
  }
  encode_time(out, said_to);
  encode_time(out, first);
  out.varint(sources.size());
  for (const auto& name : sources) out.text(name);
  return bytes;
}

Result<GroupReach> GroupReach::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.u8() != kReachVersion) return unknown("reach of a partition");
  GroupReach reach;
  const auto spans = in.length(2);
  for (std::size_t i = 0; i < spans && in.ok(); ++i) {
    const auto since = decode_time(in);
    reach.spans.push_back({since, decode_time(in)});
  }
  reach.said_to = decode_time(in);
  reach.first = decode_time(in);
  const auto sources = in.length();
  if (sources > kNamedMax) in.fail();
  for (std::size_t i = 0; i < sources && in.ok(); ++i) reach.sources.emplace_back(in.text());
  if (!in.done()) return damaged("reach of a partition");
  return reach;
}

ByteVector PartialRecord::encode() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(kRecordVersion);
  out.u8(static_cast<std::uint8_t>(kind));
  out.varint(partition);
  out.fixed(run);
  if (kind == Kind::begin) return bytes;
  if (kind == Kind::complete) {
    out.varint(views.size());
    for (const auto v : views) out.fixed(v);
    return bytes;
  }
  out.blob(view);
  out.blob(group);
  if (kind == Kind::share) encode_time(out, start);
  out.blob(state);
  return bytes;
}

bool PartialRecord::lies_elsewhere(ByteSpan bytes) {
  return !bytes.empty() && bytes[0] == kElsewhereVersion;
}

Result<PartialRecord> PartialRecord::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.u8() != kRecordVersion) return unknown("record of partial answers");
  PartialRecord r;
  const auto kind = in.u8();
  if (kind < static_cast<std::uint8_t>(Kind::begin) ||
      kind > static_cast<std::uint8_t>(Kind::complete)) {
    return Error{Fault::unsupported, "record of partial answers of an unknown kind"};
  }
  r.kind = static_cast<Kind>(kind);
  const auto partition = in.varint();
  if (partition > UINT32_MAX) in.fail();
  r.partition = static_cast<std::uint32_t>(partition);
  r.run = in.fixed<std::uint64_t>();
  if (r.kind == Kind::complete) {
    const auto views = in.length(sizeof(std::uint64_t));
    for (std::size_t i = 0; i < views && in.ok(); ++i) r.views.push_back(in.fixed<std::uint64_t>());
  }
  if (r.kind == Kind::share || r.kind == Kind::reach) {
    r.view = bytes_of(in.blob());
    r.group = bytes_of(in.blob());
    if (r.kind == Kind::share) r.start = decode_time(in);
    r.state = bytes_of(in.blob());
  }
  if (!in.done()) return damaged("record of partial answers");
  return r;
}

ByteVector SaidPartial::encode() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(static_cast<std::uint8_t>(kind));
  out.blob(group);
  out.blob(state);
  return bytes;
}

Result<SaidPartial> SaidPartial::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  SaidPartial said;
  said.kind = static_cast<PartialRecord::Kind>(in.u8());
  using Kind = PartialRecord::Kind;
  if (said.kind != Kind::share && said.kind != Kind::reach) in.fail();
  said.group = bytes_of(in.blob());
  said.state = bytes_of(in.blob());
  if (!in.done()) return damaged("partial answer that is to be said");
  return said;
}

}  // namespace tidemark::answers
