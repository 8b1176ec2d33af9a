#include "cloud/reconcile/edge_books.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tidemark::reconcile {

std::vector<EdgeBooks::Forgotten> EdgeBooks::hello(Incarnation current, std::uint64_t ordinal,
                                                   const std::vector<Closing>& closings,
                                                   std::vector<OffTimes::Span>& off) {
  // Of a start that was closed in the meantime: it came late, through another gateway. One that was
  // forgotten is there after all.
  auto& own = starts_[current];
  own.reopen();
  const bool late = own.closed();
  own.set_ordinal(ordinal);
  for (const auto& c : closings) {
    if (c.incarnation != current) take_closing(c, off);
  }
  std::vector<Forgotten> forgotten;
  for (auto& [incarnation, books] : starts_) {
    const bool told = std::any_of(closings.begin(), closings.end(), [&](const Closing& c) {
      return c.incarnation == incarnation;
    });
    if (incarnation == current || told || books.settled() || late) continue;
    forgotten.emplace_back(incarnation, books.missing());
    books.close_forgotten();
  }
  return forgotten;
}

void EdgeBooks::take_closing(const Closing& closing, std::vector<OffTimes::Span>& off) {
  const OffTimes::Span span{closing.off_from, closing.off_until};
  if (off_.add(span)) off.push_back(span);
  // A start that took nothing is not worth a line: an agent that fails at once is started often.
  const bool blank = closing.durable_through == Sequence{} && find(closing.incarnation) == nullptr;
  if (!blank && !folded(closing.incarnation)) starts_[closing.incarnation].close(closing);
}

bool EdgeBooks::room_for(Incarnation current, const std::vector<Closing>& closings) const {
  std::size_t fresh = find(current) == nullptr ? 1 : 0;
  for (const auto& c : closings) {
    const bool known = find(c.incarnation) != nullptr || folded(c.incarnation);
    fresh += known || c.durable_through == Sequence{} ? 0 : 1;
  }
  return starts_.size() + fresh <= kStartsOpenMax + kStartsKept &&
         starts_.size() + folded_.size() + fresh <= kStartsMax;
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
      folded_.insert(i);
      folded_ledger_ += books.ledger();
      folded_found_ += books.found();
      folded_blocks_ += books.received().count();
    }
    starts_.erase(i);
  }
  return blank;
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
  if (folded_.erase(i) > 0) {
    folded_ledger_ -= books.ledger();
    folded_found_ -= books.found();
    folded_blocks_ -= books.received().count();
  }
  starts_[i] = std::move(books);
}

bool EdgeBooks::seal(const Seal& seal, const ReadingsIn& readings) {
  std::vector<SourceIndex> indices;
  indices.reserve(seal.sources.size());
  for (const auto& s : seal.sources) {
    const auto index = source(s.source, s.poll_class);
    TIDE_CHECK(index.ok(), "who takes a seal has made room for its sources");
    indices.push_back(*index);
    if (seal.more) continue;
    auto& books = sources_[indices.back()];
    if (books.device_stamped != s.device_stamped || s.sealed_until > books.sealed_until) {
      books.device_stamped = s.device_stamped;
      books.sealed_until = std::max(books.sealed_until, s.sealed_until);
      books.changed = true;
    }
  }
  if (seal.more) return true;  // minutes only
  return of(seal.incarnation).seal(seal, indices, [&](SequenceRange r) {
    return readings(seal.incarnation, r);
  });
}

bool EdgeBooks::gave_up(EventTime at) const {
  return std::ranges::any_of(starts_, [&](const auto& start) {
    const auto& closing = start.second.closing();
    const bool long_ago = closing && closing->off_until != kEventTimeMin &&
                          closing->off_until < at - std::chrono::hours(1);
    return !long_ago && start.second.gave_up();
  });
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
  std::vector<Incarnation> all(folded_.begin(), folded_.end());
  for (const auto& [incarnation, books] : starts_) all.push_back(incarnation);
  return all;
}

std::vector<SourceIndex> EdgeBooks::advance() {
  std::vector<SourceIndex> moved;
  for (const auto incarnation : by_ordinal()) {
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
  for (const auto& [incarnation, books] : starts_) sum += books.ledger();
  return sum;
}

Ledger EdgeBooks::found() const {
  Ledger sum = folded_found_;
  for (const auto& [incarnation, books] : starts_) sum += books.found();
  return sum;
}

std::uint64_t EdgeBooks::missing() const {
  std::uint64_t n = 0;
  for (const auto& [incarnation, books] : starts_) n += books.missing().count();
  return n;
}

std::uint64_t EdgeBooks::blocks() const {
  std::uint64_t n = folded_blocks_;
  for (const auto& [incarnation, books] : starts_) n += books.received().count();
  return n;
}

}  // namespace tidemark::reconcile
