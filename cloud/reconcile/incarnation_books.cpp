#include "cloud/reconcile/incarnation_books.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "common/base/hash.h"

namespace tidemark::reconcile {
namespace {

// 1 knew nothing of reductions; 2 also said whether sums of minutes came; 3 did not say until when
// readings were given up, nor what stands under the numbers of its last seals; 4 dropped nothing.
constexpr std::uint8_t kVersion = 5;
// A power cut takes what was not synced. A start of which no seal came lived for less, too.
constexpr Nanoseconds kLostAtMost = std::chrono::minutes(1);
constexpr auto kNoEnd = std::numeric_limits<std::uint64_t>::max();

void encode_statement(ByteWriter& out, const std::map<SourceIndex, EventTime>& statement) {
  out.varint(statement.size());
  for (const auto& [source, until] : statement) {
    out.varint(source);
    out.fixed(static_cast<std::uint64_t>(count_ns(until)));
  }
}

std::map<SourceIndex, EventTime> decode_statement(ByteReader& in) {
  std::map<SourceIndex, EventTime> statement;
  const auto n = in.length(9);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    const auto source = static_cast<SourceIndex>(in.varint());
    statement[source] = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  }
  return statement;
}

std::uint64_t content_of(const Seal& seal) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.varint(seal.next.count);
  seal.ledger.encode(out);
  seal.evicted.encode(out);
  return xxh3(bytes);
}

std::uint64_t places_of(const Ledger& l) {
  return l.answered + l.thinned + l.duplicate + l.local + l.late_ledger + l.quarantined +
         l.evicted + l.lost;
}

std::vector<std::pair<std::uint64_t, EventTime>> times_of(const Seal& seal) {
  std::vector<std::pair<std::uint64_t, EventTime>> times;
  ByteVector bytes;
  for (const auto& s : seal.sources) {
    bytes.clear();
    ByteWriter out(bytes);
    out.text(s.source);
    out.text(s.poll_class);
    times.emplace_back(xxh3(bytes), s.sealed_until);
  }
  std::sort(times.begin(), times.end());
  return times;
}

}  // namespace

bool IncarnationBooks::received_any(const SequenceRanges& blocks) const {
  return std::any_of(blocks.ranges().begin(), blocks.ranges().end(), [&](const SequenceRange& r) {
    return received_.missing_in(r) != SequenceRanges{r};
  });
}

bool IncarnationBooks::receive(Sequence s, std::uint64_t readings, const Placed& placed,
                               const SequenceRanges& replaces) {
  if (!received_.add(s)) return false;
  TIDE_CHECK(placed.total() == readings, "every reading of a block has one place");
  if (evicted_.contains(s)) evicted_but_here_ += readings;
  replaced_.add(replaces);
  covered_.add(replaces);
  covered_.add(s);
  placed_ += placed;
  if (s >= seal_next_) {
    beyond_.emplace(s.count, readings);
    beyond_readings_ += readings;
  }
  return true;
}

std::uint64_t IncarnationBooks::bring_back(std::uint64_t readings, bool from_quarantine) {
  auto& from = from_quarantine ? placed_.quarantined : placed_.late_ledger;
  const auto back = std::min(readings, from);
  from -= back;
  placed_.answered += back;
  return back;
}

void IncarnationBooks::settle_aside(const Placed& placed) {
  placed_.quarantined -= std::min(placed_.quarantined, placed.total());
  placed_ += placed;
}

bool IncarnationBooks::seal(const Seal& seal, const std::vector<SourceIndex>& sources,
                            const ReadingsIn& readings, EventTime now) {
  // What an older statement says is still true, and may be covered before the newer one is; but
  // of one that is too old nobody can tell whether it is the one that stood.
  if (seal.number + kSealsKnown <= seal_number_) return false;
  Statement statement;
  for (std::size_t i = 0; i < seal.sources.size(); ++i) {
    statement[sources[i]] = seal.sources[i].sealed_until;
  }
  if (seal.number != seal_number_) wait(seal.next.count, statement);
  if (seal.number <= seal_number_) return false;
  for (const auto& range : seal.evicted.ranges()) {
    const auto not_yet = evicted_.missing_in(range);
    for (const auto& fresh : not_yet.ranges()) {
      const auto absent = received_.missing_in(fresh);
      if (absent != SequenceRanges{fresh}) evicted_but_here_ += readings(fresh);
      if (!absent.empty()) give_up(now);
      evicted_.add(fresh);
      covered_.add(fresh);
    }
  }
  seal_number_ = seal.number;
  seal_next_ = std::max(seal_next_, seal.next);
  // The last word of a start is what the power left of it: it may know less than was said before.
  if (seal.ledger.taken < sealed_.taken) {
    sealed_.evicted = std::max(sealed_.evicted, seal.ledger.evicted);
  } else {
    sealed_ = seal.ledger;
  }
  while (!beyond_.empty() && beyond_.begin()->first < seal_next_.count) {
    beyond_readings_ -= beyond_.begin()->second;
    beyond_.erase(beyond_.begin());
  }
  // It may have been said of a start whose end is known.
  if (closing_) note_lost(now);
  return true;
}

std::vector<SourceIndex> IncarnationBooks::stated() const {
  std::vector<SourceIndex> all;
  const auto add = [&](const Statement& statement) {
    for (const auto& [source, until] : statement) all.push_back(source);
  };
  add(proved_);
  for (const auto& [next, statement] : waiting_) add(statement);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

EventTime IncarnationBooks::said_until(SourceIndex source) const {
  auto until = proved(source);
  for (const auto& [next, statement] : waiting_) {
    const auto at = statement.find(source);
    if (at != statement.end()) until = std::max(until, at->second);
  }
  return until;
}

void IncarnationBooks::wait(std::uint64_t next, const Statement& statement) {
  if (statement.empty()) return;
  auto& at = waiting_[next];
  for (const auto& [source, until] : statement) {
    const auto [have, added] = at.try_emplace(source, until);
    have->second = std::max(have->second, until);
    if (added) ++statements_;
  }
  while (waiting_.size() > kSealsWaitingMax ||
         (statements_ > kStatementsMax && waiting_.size() > 1)) {
    // Every second one of the older half goes into its successor.
    const auto merges = std::max<std::size_t>(1, waiting_.size() / 4);
    auto it = waiting_.begin();
    for (std::size_t i = 0; i < merges; ++i) {
      const auto later = std::next(it);
      merge_waiting(it);
      it = std::next(later);
    }
  }
}

// Into the one behind it, which is there.
void IncarnationBooks::merge_waiting(std::map<std::uint64_t, Statement>::iterator earlier) {
  auto& later = std::next(earlier)->second;
  statements_ -= earlier->second.size() + later.size();
  for (const auto& [source, until] : earlier->second) {
    auto& have = later.try_emplace(source, until).first->second;
    have = std::max(have, until);
  }
  statements_ += later.size();
  waiting_.erase(earlier);
}

bool IncarnationBooks::contradicts(const Seal& seal) const {
  if (seal.more || closing_ || seal.number == 0) return false;
  const auto at = std::find_if(known_.begin(), known_.end(),
                               [&](const Known& k) { return k.number == seal.number; });
  if (at == known_.end()) {
    return seal.number == seal_number_ && (seal.next != seal_next_ || !(seal.ledger == sealed_));
  }
  if (at->content != content_of(seal)) return true;
  const auto times = times_of(seal);
  return std::any_of(times.begin(), times.end(), [&](const auto& time) {
    const auto same = std::lower_bound(at->sources.begin(), at->sources.end(),
                                       std::pair{time.first, kEventTimeMin});
    return same != at->sources.end() && same->first == time.first && same->second != time.second;
  });
}

void IncarnationBooks::know(const Seal& seal) {
  if (seal.more || closing_ || seal.number == 0) return;
  auto at = std::find_if(known_.begin(), known_.end(),
                         [&](const Known& k) { return k.number >= seal.number; });
  if (at == known_.end() || at->number != seal.number) {
    if (at == known_.begin() && known_.size() == kSealsKnown) return;
    at = known_.insert(at, Known{seal.number, content_of(seal), {}});
  }
  std::vector<std::pair<std::uint64_t, EventTime>> all;
  const auto times = times_of(seal);
  std::set_union(at->sources.begin(), at->sources.end(), times.begin(), times.end(),
                 std::back_inserter(all));
  at->sources = std::move(all);
  if (known_.size() > kSealsKnown) known_.erase(known_.begin());
}

void IncarnationBooks::close(const Closing& closing, EventTime now) {
  ordinal_ = closing.start_ordinal;
  closing_ = closing;
  for (auto& k : known_) k.sources = {};
  note_lost(now);
}

void IncarnationBooks::close_forgotten(EventTime now) {
  Closing closing;
  closing.start_ordinal = ordinal_;
  close(closing, now);
}

// Numbers beyond what was durable, below those that are known of: they went with the power.
void IncarnationBooks::note_lost(EventTime now) {
  const auto last = std::max(covered_.highest().count, seal_next_.count - 1);
  if (covered_.covers({closing_->durable_through.count + 1, last})) return;
  const bool told = closing_->off_from != kEventTimeMin;
  give_up(told ? std::min(closing_->off_from + kLostAtMost, closing_->off_until) : now);
}

IncarnationBooks::Uncounted IncarnationBooks::uncounted() const {
  if (!closing_) return {};
  const SequenceRange beyond{std::max(closing_->durable_through.count + 1, seal_next_.count),
                             covered_.highest().count};
  if (covered_.covers(beyond)) return {};
  Uncounted u;
  u.blocks = covered_.missing_in(beyond).count();
  u.until = given_up_until_;
  u.from = proved_.empty() ? u.until - kLostAtMost : kEventTimeMin;
  for (const auto& [source, until] : proved_) u.from = std::max(u.from, until);
  u.from = std::min(u.from, u.until - Nanoseconds(1));
  return u;
}

void IncarnationBooks::reopen() {
  if (forgotten()) closing_.reset();
}

bool IncarnationBooks::fits(Sequence s) const {
  return s.count == 1 || received_.contains({s.count - 1}) || received_.contains({s.count + 1});
}

std::size_t IncarnationBooks::weight() const {
  return received_.ranges().size() + replaced_.ranges().size() + evicted_.ranges().size() +
         beyond_.size() + statements_;
}

bool IncarnationBooks::blank() const {
  return settled() && received_.empty() && evicted_.empty() && seal_number_ == 0;
}

std::uint64_t IncarnationBooks::covered_end() const {
  const auto run = covered_.contiguous().count;
  if (closing_ && run >= closing_->durable_through.count) return kNoEnd;
  return run + 1;
}

bool IncarnationBooks::settled() const { return closing_ && covered_end() == kNoEnd; }

bool IncarnationBooks::was_given_up(Sequence s) const {
  return evicted_.contains(s) || (closing_ && s > closing_->durable_through);
}

SequenceRanges IncarnationBooks::missing() const {
  auto highest = std::max(covered_.highest().count, seal_next_.count - 1);
  if (closing_) highest = closing_->durable_through.count;
  return covered_.missing_in({1, highest});
}

Ledger IncarnationBooks::counted() const {
  Ledger l = sealed_;
  l.taken += beyond_readings_;
  l.answered = placed_.answered;
  l.duplicate += placed_.duplicate;
  l.late_ledger = placed_.late_ledger;
  l.quarantined += placed_.quarantined;
  l.lost += placed_.dropped;
  l.evicted -= std::min(l.evicted, evicted_but_here_);
  l.pending = 0;
  return l;
}

Ledger IncarnationBooks::ledger() const {
  auto l = counted();
  const auto known = places_of(l);
  // A seal that says less than what arrived is the edge's fault; what arrived was taken.
  l.taken = std::max(l.taken, known);
  (settled() ? l.lost : l.pending) += l.taken - known;
  return l;
}

std::uint64_t IncarnationBooks::beyond_seal() const {
  const auto l = counted();
  const auto known = places_of(l);
  return seal_number_ == 0 || known <= l.taken ? 0 : known - l.taken;
}

Ledger IncarnationBooks::found() const {
  Ledger l;
  l.answered = placed_.answered;
  l.duplicate = placed_.duplicate;
  l.late_ledger = placed_.late_ledger;
  l.quarantined = placed_.quarantined;
  l.evicted = std::min(sealed_.evicted, evicted_but_here_);
  l.lost = ledger().lost;
  return l;
}

Sequence IncarnationBooks::whole_below() const {
  const auto l = counted();
  if (l.evicted > 0 || placed_.quarantined > 0 || placed_.dropped > 0) return Sequence{1};
  auto here = received_;
  here.add(replaced_);
  return Sequence{here.contiguous().count + 1};
}

void IncarnationBooks::encode(ByteWriter& out) const {
  out.u8(kVersion);
  out.varint(ordinal_);
  received_.encode(out);
  replaced_.encode(out);
  evicted_.encode(out);
  out.u8(closing_ ? 1 : 0);
  if (closing_) closing_->encode(out);
  out.varint(seal_number_);
  out.varint(seal_next_.count);
  sealed_.encode(out);
  out.varint(evicted_but_here_);
  out.varint(placed_.answered);
  out.varint(placed_.duplicate);
  out.varint(placed_.late_ledger);
  out.varint(placed_.quarantined);
  out.varint(placed_.dropped);
  out.varint(beyond_.size());
  for (const auto& [sequence, readings] : beyond_) {
    out.varint(sequence);
    out.varint(readings);
  }
  out.varint(waiting_.size());
  for (const auto& [next, statement] : waiting_) {
    out.varint(next);
    encode_statement(out, statement);
  }
  encode_statement(out, proved_);
  out.fixed(static_cast<std::uint64_t>(count_ns(given_up_until_)));
  out.varint(known_.size());
  for (const auto& k : known_) {
    out.varint(k.number);
    out.fixed(k.content);
  }
}

// Rows of before do not say it: until the last time that the start was proved to.
EventTime IncarnationBooks::given_up_by_counts() const {
  auto here = received_;
  here.add(replaced_);
  const auto l = ledger();
  const bool any = covered_.count() != here.count() || l.lost > 0 || l.evicted > 0 ||
                   placed_.quarantined > 0;
  if (!any) return kEventTimeMin;
  auto until = kEventTimeMin;
  for (const auto& [source, proved] : proved_) until = std::max(until, proved);
  if (closing_) until = std::max(until, closing_->off_until);
  return until == kEventTimeMin ? until : until + kLostAtMost;
}

IncarnationBooks IncarnationBooks::decode(ByteReader& in) {
  IncarnationBooks b;
  const auto version = in.u8();
  if (version == 0 || version > kVersion) in.fail();
  b.ordinal_ = in.varint();
  b.received_ = SequenceRanges::decode(in);
  if (version > 1) {
    b.replaced_ = SequenceRanges::decode(in);
    if (version == 2) in.u8();
  }
  b.evicted_ = SequenceRanges::decode(in);
  b.covered_ = b.received_;
  b.covered_.add(b.replaced_);
  b.covered_.add(b.evicted_);
  if (in.u8() != 0) b.closing_ = Closing::decode(in);
  b.seal_number_ = in.varint();
  b.seal_next_ = Sequence{in.varint()};
  b.sealed_ = Ledger::decode(in);
  b.evicted_but_here_ = in.varint();
  b.placed_.answered = in.varint();
  b.placed_.duplicate = in.varint();
  b.placed_.late_ledger = in.varint();
  b.placed_.quarantined = in.varint();
  if (version > 4) b.placed_.dropped = in.varint();
  const auto beyond = in.length(2);
  for (std::size_t i = 0; i < beyond && in.ok(); ++i) {
    const auto sequence = in.varint();
    const auto readings = in.varint();
    b.beyond_.emplace(sequence, readings);
    b.beyond_readings_ += readings;
  }
  const auto waiting = in.length(2);
  for (std::size_t i = 0; i < waiting && in.ok(); ++i) {
    const auto next = in.varint();
    auto& statement = b.waiting_[next] = decode_statement(in);
    b.statements_ += statement.size();
  }
  b.proved_ = decode_statement(in);
  if (version < 4) {
    b.given_up_until_ = b.given_up_by_counts();
    return b;
  }
  b.given_up_until_ = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  const auto known = in.length(9);
  for (std::size_t i = 0; i < known && in.ok(); ++i) {
    const auto number = in.varint();
    b.known_.push_back({number, in.fixed<std::uint64_t>(), {}});
  }
  return b;
}

}  // namespace tidemark::reconcile
