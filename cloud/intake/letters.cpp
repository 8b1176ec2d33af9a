// Dead letters (cloud/store/letter_rows.h): kept with what it takes to take them later, which
// happens by itself when what they wait for has come, and at a person's word; until then what they
// hold is quarantined, and from when they go without being taken it is lost, and named.
#include "cloud/store/letter_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/model/poll_class.h"

namespace tidemark::intake {
namespace {

using store::Letter;
using store::LetterState;
using Why = store::LetterReason;

constexpr Nanoseconds kMinute = std::chrono::minutes(1);
constexpr std::string_view kBlock = "block";
constexpr std::string_view kDictionary = "dictionary";
constexpr std::string_view kSeal = "seal";

std::string_view word_of(wire::FrameType type) {
  switch (type) {
    case wire::FrameType::hello: return "hello";
    case wire::FrameType::bye: return "bye";
    case wire::FrameType::dictionary: return kDictionary;
    case wire::FrameType::block: return kBlock;
    case wire::FrameType::seal: return kSeal;
    default: return "frame";
  }
}

void name_block(Letter& letter, const BlockRecord& record) {
  letter.block = record.name;
  letter.readings = record.readings;
  letter.time_min = record.time_min;
  letter.time_max = record.time_max;
}

Result<BlockRecord> record_of(const Letter& letter) {
  ByteReader in(letter.bytes);
  auto record = BlockRecord::decode(in);
  if (record && !in.done()) return Error(Fault::corrupt, "bytes follow the block");
  return record;
}

struct Span {
  EventTime from = kEventTimeMax, until = kEventTimeMin;
};
// Of what a sum of its minutes speaks, the time in which nobody counts, or no longer knows.
Span uncounted_of(const reconcile::SourceBooks& source, const reconcile::ManifestSum& sum) {
  if (source.poll_class == kEstimatedClass) return {kEventTimeMin, kEventTimeMax};
  Span span;
  for (const auto why : reconcile::DroppedSum::kUnknown) {
    const auto& stretch = sum.dropped.of(why);
    if (!stretch) continue;
    span.from = std::min(span.from, stretch->from);
    span.until = std::max(span.until, stretch->until);
  }
  return span;
}

}  // namespace

std::string Origin::text() const {
  return topic.empty() ? "" : fmt::format("{}/{}/{}", topic, partition, offset);
}

Letter letter_of(const wire::Frame& frame, Why why, std::string text) {
  Letter letter;
  letter.why = why;
  letter.reason = std::move(text);
  letter.frame = word_of(frame.type);
  letter.bytes = frame.payload;
  if (frame.type == wire::FrameType::block && !letter.bytes.empty()) {
    letter.lane = static_cast<Lane>(std::min<std::uint8_t>(letter.bytes.front(), 2));
    letter.bytes.erase(letter.bytes.begin());
    if (const auto record = record_of(letter)) name_block(letter, *record);
  }
  return letter;
}

Letter letter_of(Lane lane, const BlockRecord& record, Why why, std::string text) {
  Letter letter;
  letter.why = why;
  letter.reason = std::move(text);
  letter.frame = kBlock;
  letter.lane = lane;
  name_block(letter, record);
  ByteWriter out(letter.bytes);
  record.encode(out);
  return letter;
}

std::string Intake::origin() const {
  return parked_origin_.empty() ? origin_.text() : parked_origin_;
}

void Intake::load_letters() {
  store_->letters().each_aside([this](const Letter& l) {
    note_aside(l, l.state == LetterState::kept ? l.reason : l.outcome);
  });
  want_letters("");  // what came last may not have been looked at
  counters_.letters = store_->letters().counts();
}

bool Intake::keep_letter(Session& s, Letter letter) {
  ++counters_.dead_letters;
  letter.edge = s.edge->row.name;
  letter.at = clock_.wall();
  letter.origin = origin();
  letter.size = letter.bytes.size();
  s.letter_bytes += letter.bytes.size();
  // One edge must not fill the disk with them: the reason and the count are always kept.
  if (s.letter_bytes <= kLetterBytesMax) {
    letter.id = store_->letters().add(letter);
    if (letter.booked) note_aside(letter, letter.reason);
    return true;
  }
  // What it replaces is known from its bytes.
  const bool booked = !letter.booked && book_as_dropped(s, letter);
  letter.bytes.clear();
  letter.id = store_->letters().add(letter);
  letter.state = LetterState::discarded;
  const auto text = fmt::format("dead letters of its edge passed {} MiB in a minute",
                                kLetterBytesMax >> 20);
  close_letter(letter, letter.state, text);
  alarm(s, store::AlarmKind::bound, text + ": what comes beyond is not kept");
  if (booked) touch_time_of(s, letter);
  return false;
}

void Intake::remark(Session& s, Why why, const std::string& text) {
  Letter letter;
  letter.why = why;
  letter.reason = text;
  keep_letter(s, std::move(letter));
}

void Intake::keep_foreign(const std::string& from, const std::string& reason, ByteSpan bytes) {
  begin();
  ++counters_.dead_letters;
  Letter letter;
  letter.edge = letter.origin = from;
  letter.why = Why::foreign;
  letter.reason = reason;
  letter.frame = "record";
  letter.at = clock_.wall();
  letter.size = bytes.size();
  letter.bytes.assign(bytes.begin(), bytes.end());
  log::warning("record kept aside", "from={} reason={} bytes={}", letter.origin, reason,
               bytes.size());
  store_->letters().add(letter);
}

void Intake::want_letters(const std::string& edge) {
  if (store_->letters().count(Why::dictionary_missing) == 0) return;
  const auto ids = store_->letters().kept(Why::dictionary_missing, edge);
  letters_due_.insert(ids.begin(), ids.end());
}

void Intake::take_letters() {
  for (std::size_t n = 0; n < kLettersATurn && !letters_due_.empty(); ++n) {
    if (n > 0 && full()) return;
    const auto id = letters_due_.extract(letters_due_.begin()).value();
    auto letter = store_->letters().find(id);
    if (!letter || letter->state != LetterState::kept || still_lacks(*letter)) continue;
    if (!take_letter(*letter, answers::Cause::resent)) continue;
    log::info("dead letter is taken after all", "edge={} letter={} readings={}", letter->edge, id,
              letter->readings);
  }
}

bool Intake::still_lacks(const Letter& letter) const {
  const auto session = sessions_.find(letter.edge);
  return session != sessions_.end() && letter.wants.count != 0 &&
         !Catalogue::unknown(*session->second->edge, {letter.wants}).empty();
}

Result<> Intake::take_letter(Letter& letter, answers::Cause cause) {
  if (letter.state != LetterState::kept) {
    return Error(Fault::bad_input, fmt::format("it is {}: {}", store::to_string(letter.state),
                                               letter.outcome));
  }
  if (letter.frame.empty()) {
    return Error(Fault::bad_input, letter.bytes.empty()
                                       ? "it is a remark, there is nothing to take"
                                       : "an earlier version kept it without its name");
  }
  const auto session = sessions_.find(letter.edge);
  if (session == sessions_.end()) {
    return Error(Fault::bad_input, "it is of no edge, so that nobody can take it; drop it, and "
                                   "send what it should have said");
  }
  auto& s = *session->second;
  if (letter.frame == kBlock) return take_block_of(s, letter, cause);
  if (letter.frame == kDictionary) return take_dictionary_of(s, letter);
  if (letter.frame == kSeal && (letter.why == Why::bound || letter.why == Why::second_box)) {
    return take_seal_of(s, letter);
  }
  return Error(Fault::bad_input, fmt::format("a {} is not taken later: those that came after it "
                                             "say what is so now", letter.frame));
}

// By a log its edge was told that it is here, and says once what it counts: those that came after
// it do not.
Result<> Intake::take_seal_of(Session& s, const Letter& letter) {
  TIDE_ASSIGN(auto seal, Seal::decode(letter.bytes));
  auto& edge = *s.edge;
  if (edge.guard.refuses(seal.incarnation)) return Error(Fault::denied, kSecondBox);
  unfold(s, seal.incarnation);
  const auto* books = edge.books.find(seal.incarnation);
  if (books == nullptr) return Error(Fault::unavailable, "no hello has named its start");
  const bool older = seal.number < books->seal_number();
  const bool in_parts = s.in_parts.contains(seal.incarnation);
  touched_.insert(&s);
  const auto kept = counters_.dead_letters;
  take_seal(s, 0, {wire::FrameType::seal, letter.bytes});
  if (counters_.dead_letters != kept) {
    constexpr auto kAgain = "it is kept aside anew, under another number";
    close_letter(letter, LetterState::discarded, kAgain);
    return Error(Fault::bad_input, kAgain);
  }
  if (older) {
    if (!in_parts) s.in_parts.erase(seal.incarnation);
    std::erase_if(seal.sources, [&](const SourceSeal& stated) {
      return !edge.books.source(stated.source, stated.poll_class).ok();
    });
    if (!seal.more) take_dropped(s, seal, 0);
  }
  close_letter(letter, LetterState::taken, "its start is known by now");
  return {};
}

Result<> Intake::take_dictionary_of(Session& s, const Letter& letter) {
  TIDE_ASSIGN(const auto hash, catalogue_->add_dictionary(*s.edge, letter.bytes,
                                                          clock_.wall() + kAheadMax));
  touched_.insert(&s);
  close_letter(letter, LetterState::taken, "it fits by now");
  note_dictionary(s, hash);
  return {};
}

Result<> Intake::take_block_of(Session& s, Letter& letter, answers::Cause cause) {
  TIDE_ASSIGN(const auto record, record_of(letter));
  const auto& name = record.name;
  auto& edge = *s.edge;
  if (edge.guard.refuses(name.incarnation)) {
    return Error(Fault::denied, fmt::format("its start is refused: tidemark cloud edge accept {} "
                                            "{:016x}", edge.row.name, name.incarnation.count));
  }
  unfold(s, name.incarnation);
  const auto* books = edge.books.find(name.incarnation);
  if (books == nullptr) {
    return Error(Fault::unavailable, letter.booked ? "of its start only the sums are left"
                                                   : "no hello has named its start");
  }
  if (!letter.booked && books->has(name.sequence)) {
    if (store_->blocks().hash_of(edge.row.id, name) != xxh3(record.bytes)) {
      return Error(Fault::bad_input, fmt::format("another block is called {:016x}/{} and counts",
                                                 name.incarnation.count, name.sequence.count));
    }
    close_letter(letter, LetterState::taken, "it has come by itself");
    return {};
  }
  if (!letter.booked && !edge.books.room_for(name.incarnation, name.sequence)) {
    return Error(Fault::full, "its edge has too many gaps between its blocks");
  }
  const auto opened = open_block(s, record);
  if (const auto* refusal = std::get_if<Refusal>(&opened)) {
    letter.reason = refusal->text;
    letter.why = refusal->why;
    letter.wants = refusal->unknown.empty() ? DictionaryHash{} : refusal->unknown.front();
    store_->letters().stay(letter);
    if (refusal->unknown.empty()) return Error(Fault::bad_input, refusal->text);
    s.wanted.insert(refusal->unknown.begin(), refusal->unknown.end());
    touched_.insert(&s);
    return Error(Fault::unavailable, refusal->text + "; its edge is asked again, and when it comes "
                                                     "the block is taken by itself");
  }
  place_block(s, letter.lane, record, std::get<Opened>(opened), cause, letter.booked);
  touched_.insert(&s);
  close_letter(letter, LetterState::taken, fmt::format("{} readings", record.readings));
  if (letter.why == Why::dictionary_missing && store_->letters().wanted(edge.row.name).empty()) {
    store_->alarms().clear(edge.row.id, store::AlarmKind::dictionary_missing);
  }
  return {};
}

void Intake::close_letter(const Letter& letter, LetterState state, const std::string& outcome) {
  store_->letters().close(letter, state, outcome, clock_.wall());
  auto closed = letter;
  closed.state = state;
  if (letter.booked) note_aside(closed, outcome);
}

void Intake::drop_letter(Letter& letter, LetterState state, const std::string& outcome) {
  const auto session = sessions_.find(letter.edge);
  const bool booked = session != sessions_.end() && book_as_dropped(*session->second, letter);
  letter.state = state;
  close_letter(letter, state, outcome);
  if (booked) touch_time_of(*session->second, letter);
}

// False where nothing of it counts: another block has its name, or it is not the edge's.
bool Intake::book_as_dropped(Session& s, Letter& letter) {
  auto& edge = *s.edge;
  const auto& name = letter.block;
  if (letter.frame != kBlock || name.incarnation.count == 0) return false;
  unfold(s, name.incarnation);
  const auto* known = edge.books.find(name.incarnation);
  if (known == nullptr) return false;
  auto& books = edge.books.of(name.incarnation);
  reconcile::Placed placed;
  placed.dropped = letter.readings;
  if (letter.booked) {
    books.settle_aside(placed);
  } else {
    if (known->has(name.sequence) || edge.guard.refuses(name.incarnation)) return false;
    SequenceRanges replaces;
    if (const auto record = record_of(letter)) {
      store_->blocks().add(edge.row.id, name, xxh3(record->bytes),
                           store_->archive().append(edge.row.name, *record), letter.readings);
      if (!known->received_any(record->replaces)) replaces = record->replaces;
    }
    books.receive(name.sequence, letter.readings, placed, replaces);
    books.give_up(std::min(event_time(letter.time_max), clock_.wall() + kAheadMax) +
                  Nanoseconds(1));
    letter.booked = true;
  }
  s.changed.insert(name.incarnation);
  touched_.insert(&s);
  return true;
}

void Intake::note_aside(const Letter& letter, const std::string& why) {
  const auto session = sessions_.find(letter.edge);
  if (session == sessions_.end() || letter.readings == 0) return;
  auto& aside = session->second->edge->aside;
  std::erase_if(aside, [&](const auto& a) { return a.letter == letter.id; });
  if (letter.state == LetterState::taken) return;
  const auto last = std::min(event_time(letter.time_max), clock_.wall() + kAheadMax);
  aside.push_back({letter.id, event_time(letter.time_min), last + Nanoseconds(1), letter.readings,
                   letter.state, why});
  if (aside.size() > answers::kAsideMax) aside.erase(aside.begin());
}

// Windows that lack its readings say from now on why; those where nobody knows, as well.
void Intake::touch_time_of(Session& s, const Letter& letter) {
  const auto cause = letter.state == LetterState::dropped ? answers::Cause::operated
                                                          : answers::Cause::correction;
  const auto until = std::min(event_time(letter.time_max), clock_.wall() + kAheadMax);
  for (const auto& source : s.edge->books.sources()) {
    if (source.id == 0) continue;
    const auto kept = options_.horizons.floor(reconcile::Tier::second, source.frontier);
    const auto from = std::max(event_time(letter.time_min), kept);
    const auto end = std::min(until + Nanoseconds(1), source.frontier);
    if (from >= end) continue;
    const auto touch = [&, id = source.id](EventTime minute) {
      emitter_->touch_minute(id, minute, cause, clock_.steady());
    };
    for (const auto minute : store_->manifests().lacking(source.id, from, end)) touch(minute);
    const auto uncounted = uncounted_of(source, store_->manifests().sum(source.id, from, end));
    auto minute = std::max(floor_to(from, kMinute), uncounted.from);
    for (; minute < std::min(end, uncounted.until); minute += kMinute) touch(minute);
  }
}

void Intake::bound_letters() {
  const auto too_many = store_->letters().past_bounds();
  for (const auto id : too_many) {
    auto letter = store_->letters().find(id);
    if (!letter) continue;
    log::error("a dead letter goes, there are too many", "edge={} letter={} readings={}",
               letter->edge, id, letter->readings);
    drop_letter(*letter, LetterState::discarded, "there was no room for more dead letters");
  }
  store_->letters().forget_closed();
}

}  // namespace tidemark::intake
