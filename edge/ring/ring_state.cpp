#include "edge/ring/ring_state.h"

#include <algorithm>
#include <iterator>

#include "common/base/log.h"

namespace tidemark::ring {
namespace {

// 1 had no replaced ranges, 2 knew of no dropped counts, 3 of no start before its first seal.
constexpr std::uint8_t kStateVersion = 4;
constexpr std::uint64_t kDictionaryBytes = 8;  // of its record, beside its own
constexpr std::uint64_t kMinuteBytes = 13;     // of one, as it lies in a checkpoint
constexpr unsigned kTold = 1;   // flags of the marks
constexpr unsigned kEnded = 2;
// More seals than a start can say: those that only move a frontier are sent and never written, so
// that the cloud may know higher numbers than the last one here.
constexpr std::uint64_t kBeyondItsSeals = std::uint64_t{1} << 32;

void encode_time(ByteWriter& out, EventTime t) {
  out.fixed(static_cast<std::uint64_t>(count_ns(t)));
}
EventTime decode_time(ByteReader& in) {
  return event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
}

// Seal::encode holds all but the numbers under which each minute was said.
void encode_seal(ByteWriter& out, const SealState& seal, Incarnation incarnation) {
  ByteVector bytes;
  ByteWriter seal_out(bytes);
  seal.merged(incarnation).encode(seal_out);
  out.blob(bytes);
  out.varint(seal.acknowledged);
  for (const auto& [name, line] : seal.lines) {
    for (const auto& m : line.minutes) out.varint(seal.number - m.number);
  }
}

Result<SealState> decode_seal(ByteReader& in) {
  TIDE_ASSIGN(auto seal, Seal::decode(in.blob()));
  SealState out;
  const auto number = seal.number;
  if (number != 0) out.merge(seal);
  out.acknowledged = in.varint();
  for (auto& [name, line] : out.lines) {
    for (auto& m : line.minutes) m.number = number - std::min(number, in.varint());
  }
  return out;
}

}  // namespace

std::uint64_t IncarnationState::stated_number() const {
  auto all = evicted;
  all.add(seal.evicted);
  const auto more = all.count() - seal.evicted.count() + amended;
  return more == 0 ? seal.number : seal.number + kBeyondItsSeals + more;
}

Seal IncarnationState::statement() const {
  auto s = seal.merged(incarnation);
  s.number = stated_number();
  s.evicted.add(evicted);
  s.ledger = ledger();
  return s;
}

Ledger IncarnationState::ledger() const {
  auto l = seal.ledger;
  const auto placed = l.answered + l.thinned + l.duplicate + l.local + l.late_ledger +
                      l.quarantined + l.evicted + l.lost;
  l.pending = l.taken - std::min(l.taken, placed);
  const auto more = std::min(readings_evicted - std::min(readings_evicted, l.evicted), l.pending);
  l.evicted += more;
  l.pending -= more;
  return l;
}

void IncarnationState::answer_for(const IncarnationState& gone) {
  std::vector<std::pair<std::pair<std::string, std::string>, DroppedCounts>> all;
  for (const auto& [name, line] : gone.seal.lines) {
    for (const auto& d : line.dropped) all.emplace_back(name, d);
    if (line.minutes.empty()) continue;
    DroppedCounts d{line.minutes.front().counts.minute, line.minutes.back().counts.minute, 0, 0,
                    DroppedCounts::Why::start};
    for (const auto& m : line.minutes) d.readings += m.counts.sent;
    all.emplace_back(name, d);
  }
  if (all.empty()) return;
  ++amended;
  // A start that never said anything says this.
  if (seal.number == 0) seal.next = Sequence{1};
  seal.number = std::max<std::uint64_t>(seal.number, 1);
  for (auto& [name, d] : all) {
    d.why = DroppedCounts::Why::start;
    d.number = stated_number();
    auto& line = seal.lines[name];
    line.device_stamped = gone.seal.lines.at(name).device_stamped;
    add_dropped(line.dropped, d, kDroppedMax);
  }
}

// Of a start without a seal nobody knows what it listened to: it was too short for one, or took
// nothing for as long as it ran.
void IncarnationState::note_cut() {
  if (seal.lines.empty()) return;
  ++amended;
  for (auto& [name, line] : seal.lines) {
    const auto from = line.sealed_until == kEventTimeMin ? sign_of_life : line.sealed_until;
    DroppedCounts d{minute_of(from), minute_of(std::max(from, off_until)), stated_number(), 0,
                    DroppedCounts::Why::cut};
    add_dropped(line.dropped, d, kDroppedMax);
  }
}

// Readings are counted in minutes about the time that its source has come to.
void IncarnationState::note_hole(const SealState& before) {
  const auto lost = seal.number - 1;  // the newest of them, at most
  if (lost <= std::max(seal.acknowledged, before.number)) return;
  ++amended;
  for (auto& [name, line] : seal.lines) {
    const auto at = before.lines.find(name);
    auto from = at == before.lines.end() ? kEventTimeMin : at->second.sealed_until;
    if (from == kEventTimeMin) from = std::min(sign_of_life, line.sealed_until);
    const auto until = std::max(from, line.sealed_until);
    if (until == kEventTimeMin) continue;
    const DroppedCounts d{minute_of(from), minute_of(until), lost, 0, DroppedCounts::Why::bound};
    add_dropped(line.dropped, d, kDroppedMax);
  }
}

IncarnationState* RingState::find(Incarnation incarnation) {
  for (auto& [ordinal, state] : incarnations) {
    if (state.incarnation == incarnation) return &state;
  }
  return nullptr;
}

void RingState::apply(const SegmentHeader& h) {
  auto [at, fresh] = incarnations.try_emplace(h.ordinal);
  if (fresh) at->second.incarnation = h.incarnation;
  at->second.offered = std::max(at->second.offered, h.offered);
}

void RingState::note_hole(std::uint64_t ordinal) {
  if (hole_ && hole_->first == ordinal) return;  // no seal came between the two
  const auto at = incarnations.find(ordinal);
  hole_.emplace(ordinal, at == incarnations.end() ? SealState{} : at->second.seal);
}

Result<> RingState::apply(const SegmentHeader& h, RecordType type, ByteSpan bytes) {
  ByteReader in(bytes);
  switch (type) {
    case RecordType::state:
      return decode(bytes);
    case RecordType::dictionary: {
      // Its checksum was right: bytes that this build cannot read must not stop the whole ring.
      auto dictionary = Dictionary::decode(bytes);
      if (dictionary) {
        add_dictionary(std::make_shared<const Dictionary>(std::move(dictionary).value()));
      } else {
        log::error("ring skips a dictionary", "error={}", dictionary.error().text());
      }
      return {};
    }
    case RecordType::seal: {
      const auto seal = Seal::decode(bytes);
      if (!seal) {
        log::error("ring skips a seal", "error={}", seal.error().text());
        return {};
      }
      auto* i = find(seal->incarnation);
      if (i == nullptr) return {};
      i->seal.merge(*seal);
      if (hole_ && hole_->first == h.ordinal) {
        i->note_hole(hole_->second);
        hole_.reset();
      }
      for (const auto& s : seal->sources) {
        auto& sign = s.device_stamped ? i->sign_by_devices : i->sign_of_life;
        sign = std::max(sign, s.sealed_until);
      }
      i->sign_by_devices = std::max(i->sign_by_devices, seal->rest.value_or(kEventTimeMin));
      return {};
    }
    case RecordType::block: {
      const auto meta = BlockMeta::decode(in);
      auto& i = incarnations[h.ordinal];
      if (!in.done()) break;
      for (const auto& r : meta.replaces.ranges()) i.waiting.remove(r);
      i.replaced.add(meta.replaces);
      if (meta.sequence > i.last) {
        // A gap is a segment that was damaged after it had been durable: it will never come.
        i.evicted.add(SequenceRange{i.last + 1, meta.sequence - 1});
        i.last = meta.sequence;
        i.waiting.add(Sequence{meta.sequence});
      }
      break;
    }
    case RecordType::released:
    case RecordType::evicted: {
      auto* i = find(Incarnation{in.fixed<std::uint64_t>()});
      const auto ranges = SequenceRanges::decode(in);
      const auto readings = type == RecordType::evicted ? in.varint() : 0;
      if (!in.done() || i == nullptr) break;
      for (const auto& r : ranges.ranges()) i->waiting.remove(r);
      if (type == RecordType::evicted) {
        i->evicted.add(ranges);
        i->readings_evicted = std::max(i->readings_evicted, readings);
      }
      break;
    }
    case RecordType::skipped: {
      auto* i = find(Incarnation{in.fixed<std::uint64_t>()});
      const auto ranges = SequenceRanges::decode(in);
      if (in.done() && i != nullptr) i->last = std::max(i->last, ranges.highest().count);
      break;
    }
    case RecordType::seals_acknowledged: {
      auto* i = find(Incarnation{in.fixed<std::uint64_t>()});
      const auto number = in.varint();
      if (!in.done() || i == nullptr) break;
      i->seal.acknowledge(number);
      if (i->off_until != kEventTimeMin) i->closing_told = true;
      break;
    }
    default:
      return Error{Fault::unsupported,
                   "segment: record type " + std::to_string(static_cast<unsigned>(type))};
  }
  if (!in.done()) return Error{Fault::corrupt, "segment: a record is damaged"};
  return {};
}

void RingState::set_room(std::uint64_t segment_max) {
  dictionary_bytes_max_ = segment_max / 2;
  minutes_max_ = std::min<std::size_t>(kMinutesMax, segment_max * 5 / 16 / kMinuteBytes);
}

void RingState::add_dictionary(DictionaryPtr dictionary) {
  const auto hash = dictionary->hash();
  auto& known = dictionaries_[hash];
  if (known.first == nullptr) dictionary_bytes_ += dictionary->bytes().size() + kDictionaryBytes;
  known = {std::move(dictionary), ++mentions_};
  const auto mentioned = [](const auto& d) { return d.second.second; };
  while (dictionaries_.size() > 1 && (dictionaries_.size() > kDictionariesMax ||
                                      dictionary_bytes_ > dictionary_bytes_max_)) {
    const auto oldest = std::ranges::min_element(dictionaries_, {}, mentioned);
    log::warning("ring forgets its oldest dictionary", "dictionaries={} bytes={}",
                 dictionaries_.size(), dictionary_bytes_);
    dictionary_bytes_ -= oldest->second.first->bytes().size() + kDictionaryBytes;
    dictionaries_.erase(oldest);
  }
}

DictionaryPtr RingState::dictionary(DictionaryHash hash) const {
  const auto at = dictionaries_.find(hash);
  return at == dictionaries_.end() ? nullptr : at->second.first;
}

std::vector<DictionaryPtr> RingState::dictionaries() const {
  std::map<std::uint64_t, DictionaryPtr> by_mention;
  for (const auto& [hash, known] : dictionaries_) by_mention.emplace(known.second, known.first);
  std::vector<DictionaryPtr> out;
  for (const auto& [mention, dictionary] : by_mention) out.push_back(dictionary);
  return out;
}

std::uint64_t RingState::begin(Incarnation incarnation, EventTime now, bool cut,
                               std::uint64_t journal) {
  const auto ordinal = last_ordinal() + 1;
  std::optional<EventTime> uncounted;
  const auto note_uncounted = [&](EventTime from) {
    uncounted = std::min(uncounted.value_or(from), from);
  };
  for (auto& [o, i] : incarnations) {
    if (i.off_until != kEventTimeMin) continue;
    if (i.sign_by_devices <= now) i.sign_of_life = std::max(i.sign_of_life, i.sign_by_devices);
    // A clock that was set back must not make the time off negative.
    i.off_until = std::max(now, i.sign_of_life);
    if (cut && !i.ended) i.note_cut();
    // What it took lies in its journal, if that is still there.
    const bool gone = !i.ended && journal != 0 && i.journal != 0 && i.journal != journal;
    if (gone && i.seal.number == 0) note_uncounted(i.sign_of_life);
    if (i.uncounted_from && i.seal.acknowledged == 0) note_uncounted(*i.uncounted_from);
  }
  auto unsettled_without_blocks = static_cast<std::size_t>(
      std::count_if(incarnations.begin(), incarnations.end(),
                    [](const auto& i) { return i.second.waiting.empty(); }));
  for (auto at = incarnations.begin(); at != incarnations.end();) {
    const bool crowded = at->second.waiting.empty() && unsettled_without_blocks > kPastMax;
    if (!at->second.settled() && !crowded) {
      ++at;
      continue;
    }
    --unsettled_without_blocks;
    // There is one: more than kPastMax are crowded.
    if (!at->second.settled()) std::next(at)->second.answer_for(at->second);
    if (at->second.settled() && at->second.seal.number > 0 && at->first > settled_ordinal_) {
      settled = at->second.incarnation;
      settled_ordinal_ = at->first;
    }
    folded += at->second.ledger();
    folded_ordinal_ = std::max(folded_ordinal_, at->first);
    at = incarnations.erase(at);
  }
  auto& fresh = incarnations[ordinal];
  fresh.incarnation = incarnation;
  fresh.sign_of_life = now;
  fresh.journal = journal;
  fresh.uncounted_from = uncounted;
  return ordinal;
}

std::vector<Past> RingState::past() const {
  std::vector<Past> out;
  for (const auto& [ordinal, i] : incarnations) {
    if (i.off_until == kEventTimeMin) continue;
    Past past;
    past.closing = {i.incarnation, ordinal, Sequence{i.last}, i.sign_of_life, i.off_until};
    past.unreleased = i.waiting;
    past.evicted = i.evicted;
    past.last_seal = i.seal.number;
    past.acknowledged = i.seal.acknowledged;
    out.push_back(std::move(past));
  }
  return out;
}

std::vector<Seal> RingState::past_seals() const {
  std::vector<Seal> out;
  for (const auto& [ordinal, i] : incarnations) {
    if (i.off_until == kEventTimeMin || i.seal.acknowledged >= i.stated_number()) continue;
    out.push_back(i.statement());
  }
  return out;
}

Ledger RingState::ledger_of_past() const {
  auto sum = folded;
  for (const auto& [ordinal, i] : incarnations) {
    if (i.off_until != kEventTimeMin) sum += i.ledger();
  }
  return sum;
}

void RingState::encode(ByteWriter& out) const {
  out.u8(kStateVersion);
  out.varint(folded_ordinal_);
  folded.encode(out);
  out.varint(incarnations.size());
  for (const auto& [ordinal, i] : incarnations) {
    out.varint(ordinal);
    out.fixed(i.incarnation.count);
    encode_time(out, i.sign_of_life);
    encode_time(out, i.off_until);
    out.varint(i.last);
    out.varint(i.offered);
    i.waiting.encode(out);
    i.evicted.encode(out);
    i.replaced.encode(out);
    out.varint(i.readings_evicted);
    out.varint(i.amended);
    out.u8(i.closing_told ? 1 : 0);
    out.fixed(i.journal);
    out.u8(i.uncounted_from ? 1 : 0);
    if (i.uncounted_from) encode_time(out, *i.uncounted_from);
    encode_seal(out, i.seal, i.incarnation);
  }
  out.varint(settled_ordinal_);
  out.fixed(settled.count);
}

Result<> RingState::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version == 0 || version > kStateVersion) {
    return Error{Fault::unsupported, "ring state: version " + std::to_string(version)};
  }
  RingState read;
  read.folded_ordinal_ = in.varint();
  read.folded = Ledger::decode(in);
  const auto n = in.length(30);
  for (std::size_t k = 0; k < n && in.ok(); ++k) {
    const auto ordinal = in.varint();
    auto& i = read.incarnations[ordinal];
    i.incarnation = {in.fixed<std::uint64_t>()};
    i.sign_of_life = decode_time(in);
    i.off_until = decode_time(in);
    i.last = in.varint();
    i.offered = in.varint();
    i.waiting = SequenceRanges::decode(in);
    i.evicted = SequenceRanges::decode(in);
    if (version > 1) i.replaced = SequenceRanges::decode(in);
    i.readings_evicted = in.varint();
    if (version > 2) i.amended = in.varint();
    i.closing_told = in.u8() == 1;
    if (version > 3) {
      i.journal = in.fixed<std::uint64_t>();
      if (in.u8() == 1) i.uncounted_from = decode_time(in);
    }
    TIDE_ASSIGN(i.seal, decode_seal(in));
  }
  if (version > 3) {
    read.settled_ordinal_ = in.varint();
    read.settled = {in.fixed<std::uint64_t>()};
  }
  if (!in.done()) return Error{Fault::corrupt, "ring state: damaged"};
  incarnations = std::move(read.incarnations);
  folded = read.folded;
  folded_ordinal_ = read.folded_ordinal_;
  settled = read.settled;
  settled_ordinal_ = read.settled_ordinal_;
  hole_.reset();  // it has all that was in it
  return {};
}

void RingState::add_to(SegmentContent& content) const {
  ByteVector bytes;
  ByteWriter out(bytes);
  encode(out);
  content.add(RecordType::state, bytes);
  for (const auto& d : dictionaries()) content.add(RecordType::dictionary, d->bytes());
  content.checkpoint = true;
}

void RingState::encode_marks(ByteWriter& out) const {
  out.varint(incarnations.size());
  for (const auto& [ordinal, i] : incarnations) {
    out.varint(ordinal);
    out.fixed(i.incarnation.count);
    out.varint(i.last);
    i.waiting.encode(out);
    out.varint(i.seal.acknowledged);
    out.u8(static_cast<std::uint8_t>((i.closing_told ? kTold : 0U) | (i.ended ? kEnded : 0U)));
  }
}

void RingState::apply_marks(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto n = in.length(13);
  for (std::size_t k = 0; k < n && in.ok(); ++k) {
    const auto at = incarnations.find(in.varint());
    const Incarnation incarnation{in.fixed<std::uint64_t>()};
    const auto last = in.varint();
    const auto waiting = SequenceRanges::decode(in);
    const auto acknowledged = in.varint();
    const unsigned flags = in.u8();
    if (!in.ok() || at == incarnations.end() || at->second.incarnation != incarnation) continue;
    auto& i = at->second;
    const auto gone = waiting.missing_in({1, last});
    for (const auto& r : gone.ranges()) i.waiting.remove(r);
    i.seal.acknowledge(acknowledged);
    i.closing_told = i.closing_told || (flags & kTold) != 0;
    i.ended = i.ended || (flags & kEnded) != 0;
  }
}

void RingState::bound_minutes() {
  std::size_t total = 0;
  for (const auto& [ordinal, i] : incarnations) total += i.seal.minutes();
  if (total <= minutes_max_) return;
  log::warning("ring forgets the oldest minutes that no cloud acknowledged", "limit={}",
               minutes_max_);
  // An eighth at a time, of the oldest incarnation first: rare, and linear when it happens.
  auto drop = total - minutes_max_ + minutes_max_ / 8;
  for (auto& [ordinal, i] : incarnations) {
    const auto have = i.seal.minutes();
    if (have == 0) continue;
    i.seal.drop_minutes(drop, have);
    if (have >= drop) return;
    drop -= have;
  }
}

ByteVector encode_ranges(Incarnation incarnation, const SequenceRanges& ranges) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.fixed(incarnation.count);
  ranges.encode(out);
  return bytes;
}

ByteVector encode_eviction(const IncarnationState& state, const SequenceRanges& ranges) {
  auto bytes = encode_ranges(state.incarnation, ranges);
  ByteWriter(bytes).varint(state.readings_evicted);
  return bytes;
}

ByteVector encode_acknowledged(Incarnation incarnation, std::uint64_t number) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.fixed(incarnation.count);
  out.varint(number);
  return bytes;
}

}  // namespace tidemark::ring
