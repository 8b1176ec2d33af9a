#include "common/model/seal.h"

#include <algorithm>

#include "common/base/text.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kVersionWithRest = 2;
constexpr std::uint8_t kVersionWithDropped = 3;
constexpr std::uint8_t kVersionWithOpening = 4;
constexpr std::int64_t kMinuteLimit = std::int64_t{1} << 40;  // keeps sums far from overflow
constexpr unsigned kMore = 0x80;  // in the byte of the clock

template <typename LedgerRef, typename Visit>
void each_count(LedgerRef& l, Visit visit) {
  for (auto* c : {&l.taken, &l.answered, &l.thinned, &l.duplicate, &l.local, &l.late_ledger,
                  &l.quarantined, &l.evicted, &l.lost, &l.pending}) {
    visit(*c);
  }
}

}  // namespace

Ledger& Ledger::operator+=(const Ledger& o) {
  taken += o.taken;
  answered += o.answered;
  thinned += o.thinned;
  duplicate += o.duplicate;
  local += o.local;
  late_ledger += o.late_ledger;
  quarantined += o.quarantined;
  evicted += o.evicted;
  lost += o.lost;
  pending += o.pending;
  return *this;
}

Ledger& Ledger::operator-=(const Ledger& o) {
  taken -= o.taken;
  answered -= o.answered;
  thinned -= o.thinned;
  duplicate -= o.duplicate;
  local -= o.local;
  late_ledger -= o.late_ledger;
  quarantined -= o.quarantined;
  evicted -= o.evicted;
  lost -= o.lost;
  pending -= o.pending;
  return *this;
}

void Ledger::encode(ByteWriter& out) const {
  each_count(*this, [&](std::uint64_t c) { out.varint(c); });
}

Ledger Ledger::decode(ByteReader& in) {
  Ledger l;
  each_count(l, [&](std::uint64_t& c) { c = in.varint(); });
  return l;
}

bool Seal::says_dropped() const {
  return std::any_of(sources.begin(), sources.end(),
                     [](const SourceSeal& s) { return !s.dropped.empty(); });
}

namespace {

std::uint8_t version_of(const Seal& seal) {
  if (seal.opening) return kVersionWithOpening;
  if (seal.says_dropped()) return kVersionWithDropped;
  return seal.rest ? kVersionWithRest : kVersion;
}

void encode_dropped(ByteWriter& out, const Seal& seal) {
  out.varint(static_cast<std::uint64_t>(
      std::count_if(seal.sources.begin(), seal.sources.end(),
                    [](const SourceSeal& s) { return !s.dropped.empty(); })));
  for (std::size_t i = 0; i < seal.sources.size(); ++i) {
    const auto& dropped = seal.sources[i].dropped;
    if (dropped.empty()) continue;
    out.varint(i);
    out.varint(dropped.size());
    for (const auto& d : dropped) {
      out.svarint(d.first);
      out.varint(static_cast<std::uint64_t>(d.last - d.first));
      out.varint(d.number);
      out.varint(d.readings);
      out.u8(static_cast<std::uint8_t>(d.why));
    }
  }
}

DroppedCounts decode_one_dropped(ByteReader& in) {
  DroppedCounts d;
  d.first = in.svarint();
  const auto more = in.varint();
  const bool far = d.first > kMinuteLimit || d.first < -kMinuteLimit ||
                   more > static_cast<std::uint64_t>(2 * kMinuteLimit);
  d.number = in.varint();
  d.readings = in.varint();
  const auto why = in.u8();
  if (far || why >= DroppedCounts::kWhysSaid) in.fail();
  d.last = in.ok() ? d.first + static_cast<std::int64_t>(more) : d.first;
  d.why = in.ok() ? static_cast<DroppedCounts::Why>(why) : DroppedCounts::Why::bound;
  return d;
}

// `none`: there may be none of them.
void decode_dropped(ByteReader& in, Seal& seal, bool none) {
  const auto lines = in.length(7);
  for (std::size_t i = 0, next = 0; i < lines && in.ok(); ++i) {
    const auto line = in.varint();
    const auto n = in.length(5);
    if (line < next || line >= seal.sources.size() || n == 0 || n > Seal::kDroppedMax) {
      return in.fail();
    }
    next = line + 1;
    for (std::size_t k = 0; k < n && in.ok(); ++k) {
      seal.sources[line].dropped.push_back(decode_one_dropped(in));
    }
  }
  if (lines == 0 && !none) in.fail();
}

void encode_opening(ByteWriter& out, const Opening& opening) {
  for (const auto t : {opening.begun, opening.uncounted_from, opening.uncounted_until}) {
    out.fixed(static_cast<std::uint64_t>(count_ns(t)));
  }
  out.fixed(opening.settled.count);
  out.varint(opening.told.size());
  for (const auto& t : opening.told) {
    out.fixed(t.incarnation.count);
    out.varint(t.number);
  }
}

Opening decode_opening(ByteReader& in) {
  Opening opening;
  for (auto* t : {&opening.begun, &opening.uncounted_from, &opening.uncounted_until}) {
    *t = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  }
  opening.settled = {in.fixed<std::uint64_t>()};
  const auto n = in.length(9);
  if (n > Seal::kToldMax) in.fail();
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    const Incarnation incarnation{in.fixed<std::uint64_t>()};
    opening.told.push_back({incarnation, in.varint()});
  }
  return opening;
}

}  // namespace

void Seal::encode(ByteWriter& out) const {
  const auto version = version_of(*this);
  out.u8(version);
  out.fixed(incarnation.count);
  out.varint(number);
  out.varint(next.count);
  ledger.encode(out);
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(clock) | (more ? kMore : 0)));
  evicted.encode(out);
  out.varint(sources.size());
  for (const auto& s : sources) {
    out.text(s.source);
    out.text(s.poll_class);
    out.u8(s.device_stamped ? 1 : 0);
    out.fixed(static_cast<std::uint64_t>(count_ns(s.sealed_until)));
    out.varint(s.minutes.size());
    std::int64_t last = 0;
    for (const auto& m : s.minutes) {
      out.svarint(m.minute - last);
      out.varint(m.due);
      out.varint(m.good);
      out.varint(m.taken);
      out.varint(m.sent);
      last = m.minute;
    }
  }
  if (version >= kVersionWithDropped) out.u8(rest ? 1 : 0);
  if (rest) out.fixed(static_cast<std::uint64_t>(count_ns(*rest)));
  if (version >= kVersionWithDropped) encode_dropped(out, *this);
  if (opening) encode_opening(out, *opening);
}

Result<Seal> Seal::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version == 0 || version > kVersionWithOpening) {
    return Error{Fault::unsupported, "seal: version " + std::to_string(version) +
                                         "; this build reads up to " +
                                         std::to_string(kVersionWithOpening)};
  }
  Seal s;
  s.incarnation = {in.fixed<std::uint64_t>()};
  s.number = in.varint();
  s.next = {in.varint()};
  s.ledger = Ledger::decode(in);
  const auto state = in.u8();
  s.more = (state & kMore) != 0;
  const auto clock = state & ~kMore;
  if (clock > 2) in.fail();
  s.clock = static_cast<ClockState>(clock);
  s.evicted = SequenceRanges::decode(in);
  const auto lines = in.length(12);
  if (lines > kSourcesMax) {
    return Error{Fault::bad_input, "seal: " + std::to_string(lines) + " lines, at most " +
                                       std::to_string(kSourcesMax) + " are taken"};
  }
  s.sources.resize(lines);
  const auto name = [&] {
    const auto text = in.text();
    if (text.size() > kNameBytesMax || !is_utf8(text)) in.fail();
    return std::string(text);
  };
  for (auto& source : s.sources) {
    source.source = name();
    source.poll_class = name();
    const auto stamped = in.u8();
    if (stamped > 1) in.fail();
    source.device_stamped = stamped == 1;
    source.sealed_until = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
    source.minutes.resize(in.length(5));
    std::int64_t last = 0;
    for (auto& m : source.minutes) {
      const auto step = in.svarint();
      if (step > kMinuteLimit || step < -kMinuteLimit) in.fail();
      m.minute = in.ok() ? last + step : 0;
      if (m.minute > kMinuteLimit || m.minute < -kMinuteLimit) in.fail();
      m.due = in.varint();
      m.good = in.varint();
      m.taken = in.varint();
      m.sent = in.varint();
      last = m.minute;
      if (!in.ok()) break;
    }
    if (!in.ok()) break;
  }
  const bool opened = version == kVersionWithOpening;
  const auto with_rest = version >= kVersionWithDropped ? in.u8() : version - kVersion;
  if (with_rest > 1) in.fail();
  if (with_rest == 1) s.rest = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  if (version >= kVersionWithDropped) decode_dropped(in, s, opened);
  if (opened) s.opening = decode_opening(in);
  if (!in.done()) return Error{Fault::bad_input, "seal: damaged, or a name is past its bound"};
  return s;
}

void Closing::encode(ByteWriter& out) const {
  out.fixed(incarnation.count);
  out.varint(start_ordinal);
  out.varint(durable_through.count);
  out.fixed(static_cast<std::uint64_t>(count_ns(off_from)));
  out.fixed(static_cast<std::uint64_t>(count_ns(off_until)));
}

Closing Closing::decode(ByteReader& in) {
  Closing c;
  c.incarnation = {in.fixed<std::uint64_t>()};
  c.start_ordinal = in.varint();
  c.durable_through = {in.varint()};
  c.off_from = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  c.off_until = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  return c;
}

}  // namespace tidemark
