#include "cloud/reconcile/edge_books.h"

#include <algorithm>

namespace tidemark::reconcile {

std::vector<EdgeBooks::Forgotten> EdgeBooks::hello(Incarnation current, std::uint64_t ordinal,
                                                   const std::vector<Closing>& closings) {
  // Of a start that was closed in the meantime: it came late, through another gateway.
  const auto* known = find(current);
  const bool late = known != nullptr && known->closed();
  starts_[current].set_ordinal(ordinal);
  for (const auto& c : closings) {
    if (c.incarnation != current) starts_[c.incarnation].close(c);
  }
  std::vector<Forgotten> forgotten;
  for (auto& [incarnation, books] : starts_) {
    const bool told = std::any_of(closings.begin(), closings.end(), [&](const Closing& c) {
      return c.incarnation == incarnation;
    });
    if (incarnation == current || told || books.settled() || late) continue;
    if (auto missing = books.missing(); !missing.empty()) {
      forgotten.emplace_back(incarnation, std::move(missing));
    }
    books.close_forgotten();
  }
  return forgotten;
}

IncarnationBooks& EdgeBooks::of(Incarnation i) { return starts_[i]; }

const IncarnationBooks* EdgeBooks::find(Incarnation i) const {
  const auto it = starts_.find(i);
  return it == starts_.end() ? nullptr : &it->second;
}

SourceIndex EdgeBooks::source(const std::string& name, const std::string& poll_class) {
  const auto [it, added] = source_index_.try_emplace({name, poll_class},
                                                     static_cast<SourceIndex>(sources_.size()));
  if (added) {
    SourceBooks s;
    s.name = name;
    s.poll_class = poll_class;
    s.changed = true;
    sources_.push_back(std::move(s));
  }
  return it->second;
}

void EdgeBooks::restore_source(SourceBooks source) {
  source_index_[{source.name, source.poll_class}] = static_cast<SourceIndex>(sources_.size());
  sources_.push_back(std::move(source));
}

void EdgeBooks::restore(Incarnation i, IncarnationBooks books) { starts_[i] = std::move(books); }

bool EdgeBooks::seal(const Seal& seal, const ReadingsIn& readings) {
  std::vector<SourceIndex> indices;
  indices.reserve(seal.sources.size());
  for (const auto& s : seal.sources) {
    indices.push_back(source(s.source, s.poll_class));
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
  Ledger sum;
  for (const auto& [incarnation, books] : starts_) sum += books.ledger();
  return sum;
}

Ledger EdgeBooks::found() const {
  Ledger sum;
  for (const auto& [incarnation, books] : starts_) sum += books.found();
  return sum;
}

std::uint64_t EdgeBooks::missing() const {
  std::uint64_t n = 0;
  for (const auto& [incarnation, books] : starts_) n += books.missing().count();
  return n;
}

std::uint64_t EdgeBooks::blocks() const {
  std::uint64_t n = 0;
  for (const auto& [incarnation, books] : starts_) n += books.received().count();
  return n;
}

std::vector<Closing> EdgeBooks::closings() const {
  std::vector<Closing> all;
  for (const auto& [incarnation, books] : starts_) {
    if (books.closing()) all.push_back(*books.closing());
  }
  return all;
}

}  // namespace tidemark::reconcile
