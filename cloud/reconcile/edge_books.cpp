#include "cloud/reconcile/edge_books.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tidemark::reconcile {

std::vector<EdgeBooks::Forgotten> EdgeBooks::hello(Incarnation current, std::uint64_t ordinal,
                                                   const std::vector<Closing>& closings,
                                                   std::vector<OffTimes::Span>& off,
                                                   EventTime now) {
  // Of a start that was closed in the meantime: it came late, through another gateway. One that was
  // forgotten is there after all.
  auto& own = starts_[current];
  own.reopen();
  const bool late = own.closed();
  own.set_ordinal(ordinal);
  for (const auto& c : closings) {
    if (c.incarnation != current) take_closing(c, off, now);
  }
  std::vector<Forgotten> forgotten;
  for (auto& [incarnation, books] : starts_) {
    const bool told = std::any_of(closings.begin(), closings.end(), [&](const Closing& c) {
      return c.incarnation == incarnation;
    });
    if (incarnation == current || told || books.settled() || late) continue;
    forgotten.push_back({incarnation, books.missing(),
                         books.closing() ? books.closing()->off_until : kEventTimeMax});
    books.close_forgotten(now);
  }
  return forgotten;
}

void EdgeBooks::take_closing(const Closing& closing, std::vector<OffTimes::Span>& off,
                             EventTime now) {
  const OffTimes::Span span{closing.off_from, closing.off_until};
  if (off_.add(span)) off.push_back(span);
  // A start that took nothing is not worth a line: an agent that fails at once is started often.
  const bool blank = closing.durable_through == Sequence{} && find(closing.incarnation) == nullptr;
  if (!blank && !folded(closing.incarnation)) starts_[closing.incarnation].close(closing, now);
}

bool EdgeBooks::room_for(Incarnation current, const std::vector<Closing>& closings) const {
  std::size_t fresh = find(current) == nullptr ? 1 : 0;
  for (const auto& c : closings) {
    const bool known = find(c.incarnation) != nullptr || folded(c.incarnation);
    fresh += known || c.durable_through == Sequence{} ? 0 : 1;
  }
  return starts_.size() + fresh <= kStartsOpenMax + kStartsKept;
}

bool EdgeBooks::room_for(Incarnation i, Sequence s) const {
  const auto* books = find(i);
  if (books == nullptr) return room_for(i, std::vector<Closing>{});
  return weight_ < kWeightMax || books->fits(s);
}

std::vector<Incarnation> EdgeBooks::fold() {
  std::vector<Incarnation> blank;
  if (starts_.size() <= 2 * kStartsKept) return blank;
  const auto order = by_ordinal();
  for (const auto i : order) {
    if (starts_.size() <= kStartsKept) break;
    const auto& books = starts_.at(i);
    if (!books.settled()) continue;
    if (books.blank()) {
      blank.push_back(i);
    } else {
      folded_.emplace(i, books.ordinal());
      folded_ledger_ += books.ledger();
      folded_found_ += books.found();
      folded_blocks_ += books.received().count();
    }
    starts_.erase(i);
  }
  return blank;
}

void EdgeBooks::unfold(Incarnation i, const IncarnationBooks& books) {
  folded_.erase(i);
  folded_ledger_ -= books.ledger();
  folded_found_ -= books.found();
  folded_blocks_ -= books.received().count();
}

std::vector<Incarnation> EdgeBooks::to_let_go() const {
  if (folded_.size() <= kStartsFoldedMax) return {};
  std::vector<std::pair<std::uint64_t, Incarnation>> oldest;
  oldest.reserve(folded_.size());
  for (const auto& [incarnation, ordinal] : folded_) oldest.emplace_back(ordinal, incarnation);
  std::partial_sort(oldest.begin(), oldest.begin() + kStartsLetGo, oldest.end());
  std::vector<Incarnation> names;
  for (std::size_t n = 0; n < kStartsLetGo; ++n) names.push_back(oldest[n].second);
  return names;
}

void EdgeBooks::let_go(Incarnation i, const IncarnationBooks& books) {
  unfold(i, books);
  uncounted_.erase(i);
  ++gone_.starts;
  gone_.blocks += books.received().count();
  gone_.ledger += books.ledger();
  gone_.found += books.found();
  gone_.given_up_until = std::max(gone_.given_up_until, books.given_up_until());
}

void EdgeBooks::restore_gone(Gone gone) {
  gone_ = gone;
  given_up_until_ = std::max(given_up_until_, gone.given_up_until);
}

void EdgeBooks::Gone::encode(ByteWriter& out) const {
  out.u8(1);
  out.varint(starts);
  out.varint(blocks);
  ledger.encode(out);
  found.encode(out);
  out.fixed(static_cast<std::uint64_t>(count_ns(given_up_until)));
}

EdgeBooks::Gone EdgeBooks::Gone::decode(ByteReader& in) {
  Gone g;
  if (in.u8() != 1) in.fail();
  g.starts = in.varint();
  g.blocks = in.varint();
  g.ledger = Ledger::decode(in);
  g.found = Ledger::decode(in);
  g.given_up_until = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  return g;
}

void EdgeBooks::weigh() {
  weight_ = 0;
  for (const auto& [incarnation, books] : starts_) weight_ += books.weight();
}

IncarnationBooks& EdgeBooks::of(Incarnation i) { return starts_[i]; }

const IncarnationBooks* EdgeBooks::find(Incarnation i) const {
  const auto it = starts_.find(i);
  return it == starts_.end() ? nullptr : &it->second;
}

Result<SourceIndex> EdgeBooks::source(const std::string& name, const std::string& poll_class) {
  const auto known = source_index_.find({name, poll_class});
  if (known != source_index_.end()) return known->second;
  if (sources_.size() >= kSourcesMax) {
    return Error(Fault::full, fmt::format("'{}' would be source number {} of this edge, at most {} "
                                          "are kept", name, sources_.size() + 1, kSourcesMax));
  }
  SourceBooks s;
  s.name = name;
  s.poll_class = poll_class;
  s.changed = true;
  const auto index = static_cast<SourceIndex>(sources_.size());
  source_index_[{name, poll_class}] = index;
  sources_.push_back(std::move(s));
  return index;
}

void EdgeBooks::restore_source(SourceBooks source) {
  source_index_[{source.name, source.poll_class}] = static_cast<SourceIndex>(sources_.size());
  sources_.push_back(std::move(source));
}

void EdgeBooks::restore(Incarnation i, IncarnationBooks books) {
  // Closings say when the edge was off; rows of format 1 have it here only.
  if (books.closing()) off_.add({books.closing()->off_from, books.closing()->off_until});
  if (folded(i)) unfold(i, books);
  given_up_until_ = std::max(given_up_until_, books.given_up_until());
  starts_[i] = std::move(books);
}

bool EdgeBooks::seal(const Seal& seal, const ReadingsIn& readings, EventTime now) {
  std::vector<SourceIndex> indices;
  indices.reserve(seal.sources.size());
  for (const auto& s : seal.sources) {
    const auto index = source(s.source, s.poll_class);
    TIDE_CHECK(index.ok(), "who takes a seal has made room for its sources");
    indices.push_back(*index);
  }
  if (seal.more) return true;  // minutes only
  auto& start = of(seal.incarnation);
  const bool taken = start.seal(seal, indices, [&](SequenceRange r) {
    return readings(seal.incarnation, r);
  }, now);
  given_up_until_ = std::max(given_up_until_, start.given_up_until());
  if (!taken) return false;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    auto& books = sources_[indices[i]];
    const auto& s = seal.sources[i];
    if (books.device_stamped == s.device_stamped && s.sealed_until <= books.sealed_until) continue;
    books.device_stamped = s.device_stamped;
    books.sealed_until = std::max(books.sealed_until, s.sealed_until);
    books.changed = true;
  }
  return true;
}

bool EdgeBooks::set_uncounted(Incarnation i, const IncarnationBooks::Uncounted& lost) {
  const auto at = uncounted_.find(i);
  const bool known = at != uncounted_.end();
  if (known ? at->second == lost : lost.blocks == 0) return false;
  if (lost.blocks == 0) {
    uncounted_.erase(at);
  } else {
    uncounted_[i] = lost;
  }
  return true;
}

std::uint64_t EdgeBooks::uncounted(EventTime from, EventTime to) const {
  std::uint64_t blocks = 0;
  for (const auto& [incarnation, lost] : uncounted_) {
    if (lost.from < to && lost.until > from) blocks += lost.blocks;
  }
  return blocks;
}

std::vector<Incarnation> EdgeBooks::by_ordinal() const {
  std::vector<Incarnation> order;
  order.reserve(starts_.size());
  for (const auto& [incarnation, books] : starts_) order.push_back(incarnation);
  std::stable_sort(order.begin(), order.end(), [&](Incarnation a, Incarnation b) {
    return starts_.at(a).ordinal() < starts_.at(b).ordinal();
  });
  return order;
}

std::vector<Incarnation> EdgeBooks::all_starts() const {
  std::vector<Incarnation> all;
  for (const auto& [incarnation, ordinal] : folded_) all.push_back(incarnation);
  for (const auto& [incarnation, books] : starts_) all.push_back(incarnation);
  return all;
}

std::vector<SourceIndex> EdgeBooks::advance() {
  std::vector<SourceIndex> moved;
  const auto order = by_ordinal();
  for (const auto incarnation : order) {
    given_up_until_ = std::max(given_up_until_, starts_.at(incarnation).given_up_until());
  }
  for (const auto incarnation : order) {
    auto& books = starts_.at(incarnation);
    books.prove([&](SourceIndex index, EventTime until) {
      if (index >= sources_.size()) return;
      auto& s = sources_[index];
      if (until <= s.frontier) return;
      s.frontier = until;
      s.changed = true;
      if (std::find(moved.begin(), moved.end(), index) == moved.end()) moved.push_back(index);
    });
    if (!books.settled()) break;
  }
  return moved;
}

Ledger EdgeBooks::ledger() const {
  Ledger sum = folded_ledger_;
  sum += gone_.ledger;
  for (const auto& [incarnation, books] : starts_) sum += books.ledger();
  return sum;
}

Ledger EdgeBooks::found() const {
  Ledger sum = folded_found_;
  sum += gone_.found;
  for (const auto& [incarnation, books] : starts_) sum += books.found();
  return sum;
}

std::uint64_t EdgeBooks::missing() const {
  std::uint64_t n = 0;
  for (const auto& [incarnation, books] : starts_) n += books.missing().count();
  return n;
}

bool EdgeBooks::as_sealed() const {
  return std::ranges::all_of(starts_, [](const auto& start) { return start.second.as_sealed(); });
}

void EdgeBooks::each_missing(const VisitMissing& visit) const {
  for (const auto i : by_ordinal()) {
    const auto& books = starts_.at(i);
    if (auto missing = books.missing(); !missing.empty()) {
      visit(i, books.ordinal(), std::move(missing));
    }
  }
}

std::uint64_t EdgeBooks::blocks() const {
  std::uint64_t n = folded_blocks_ + gone_.blocks;
  for (const auto& [incarnation, books] : starts_) n += books.received().count();
  return n;
}

}  // namespace tidemark::reconcile
