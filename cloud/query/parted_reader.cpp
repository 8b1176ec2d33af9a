#include "cloud/query/parted_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <tuple>

namespace tidemark::query {
namespace {

using answers::Answer;

template <typename T>
void append(std::vector<T>& all, std::vector<T> some) {
  all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
}

Result<> within(const std::vector<Answer>& all, std::size_t limit) {
  if (all.size() <= limit) return {};
  return Error(Fault::full, fmt::format("more than {} answers; ask for less at once or for longer "
                                        "windows", limit));
}

// Answers of one part are in order, and so are parts of one series.
void order(std::vector<Answer>& all) {
  std::ranges::stable_sort(all, [](const Answer& a, const Answer& b) {
    // Those of groups have no series and come behind.
    return std::tuple(a.series.empty(), std::tie(a.series, a.labels, a.unit)) <
           std::tuple(b.series.empty(), std::tie(b.series, b.labels, b.unit));
  });
}

}  // namespace

Result<> PartedReader::follow() {
  std::map<int, Parts::Part> open;
  {
    const std::lock_guard lock(parts_->mutex_);
    open = parts_->parts_;
  }
  std::erase_if(readers_, [&](const auto& r) {
    const auto at = open.find(r.first);
    return at == open.end() || at->second.opened != r.second.opened;
  });
  for (const auto& [number, part] : open) {
    if (readers_.contains(number)) continue;
    TIDE_ASSIGN(auto reader, part.open());
    readers_[number] = {part.opened, std::move(reader)};
  }
  return {};
}

Result<> PartedReader::follow_some() {
  TIDE_TRY(follow());
  if (!readers_.empty()) return {};
  return Error(Fault::unavailable, "no partition is open on this node: tidemark cloud status says "
                                   "who has them");
}

template <typename T, typename Ask>
Result<std::vector<T>> PartedReader::gather(Ask ask) {
  std::vector<T> all;
  for (auto& [number, part] : readers_) {
    Result<std::vector<T>> some = ask(*part.reader);
    if (!some) return std::move(some).error();
    append(all, std::move(some).value());
  }
  return all;
}

template <typename T, typename Ask>
Result<std::vector<T>> PartedReader::gather_newest(Ask ask, EventTime T::*time,
                                                   std::size_t limit) {
  std::vector<T> all;
  for (auto& [number, part] : readers_) {
    Result<std::vector<T>> some = ask(*part.reader);
    if (!some) return std::move(some).error();
    for (auto& one : *some) one.partition = number;
    append(all, std::move(some).value());
    std::ranges::stable_sort(all, std::ranges::greater(), time);
    all.resize(std::min(all.size(), limit));
  }
  return all;
}

Result<std::vector<SeriesState>> PartedReader::series(const answers::Selection& select) {
  TIDE_TRY(follow());
  TIDE_ASSIGN(auto all, gather<SeriesState>([&](Reader& r) { return r.series(select); }));
  std::ranges::stable_sort(all, {}, &SeriesState::name);
  return all;
}

Result<std::vector<EdgeState>> PartedReader::edges() {
  TIDE_TRY(follow());
  TIDE_ASSIGN(auto all, gather<EdgeState>([](Reader& r) { return r.edges(); }));
  std::ranges::stable_sort(all, {}, &EdgeState::name);
  return all;
}

// Every partition has the views of the configuration.
Result<std::vector<std::string>> PartedReader::views() {
  TIDE_TRY(follow_some());
  return readers_.begin()->second.reader->views();
}

Result<std::vector<ViewVersion>> PartedReader::view_versions() {
  TIDE_TRY(follow_some());
  TIDE_ASSIGN(auto all, gather<ViewVersion>([](Reader& r) { return r.view_versions(); }));
  std::ranges::stable_sort(all, [](const ViewVersion& a, const ViewVersion& b) {
    return std::tie(a.view, a.version, a.since) < std::tie(b.view, b.version, b.since);
  });
  const auto twice = std::ranges::unique(all, [](const ViewVersion& a, const ViewVersion& b) {
    return a.view == b.view && a.version == b.version;
  });
  all.erase(twice.begin(), twice.end());
  return all;
}

Result<std::vector<Answer>> PartedReader::answers(const AnswerQuery& query) {
  TIDE_TRY(follow_some());
  if (readers_.size() == 1) return readers_.begin()->second.reader->answers(query);
  std::map<std::tuple<std::map<std::string, std::string>, std::string>, int> groups;
  std::vector<Answer> all;
  for (auto& [number, part] : readers_) {
    TIDE_ASSIGN(auto some, part.reader->answers(query));
    for (const auto& a : some) {
      if (!a.series.empty()) continue;
      const auto first = groups.emplace(std::tuple(a.labels, a.unit), number).first->second;
      if (first == number) continue;
      return Error(Fault::unsupported,
                   fmt::format("a group has series in the partitions {} and {}: such groups have "
                               "answers in views alone, and in none with joins or sessions; "
                               "declare a view, or ask for answers by series", first, number));
    }
    append(all, std::move(some));
    TIDE_TRY(within(all, query.limit));
  }
  order(all);
  return all;
}

Result<std::vector<Answer>> PartedReader::revisions(const AnswerQuery& query) {
  TIDE_TRY(follow_some());
  TIDE_ASSIGN(auto all, gather<Answer>([&](Reader& r) { return r.revisions(query); }));
  TIDE_TRY(within(all, query.limit));
  order(all);
  return all;
}

Result<std::vector<LateRow>> PartedReader::late(const answers::Selection& select,
                                                std::size_t limit) {
  TIDE_TRY(follow());
  TIDE_ASSIGN(auto all, gather<LateRow>([&](Reader& r) { return r.late(select, limit); }));
  std::ranges::stable_sort(all, std::ranges::greater(), &LateRow::start);
  all.resize(std::min(all.size(), limit));
  return all;
}

Result<Ledger> PartedReader::ledger() {
  TIDE_TRY(follow());
  Ledger sum;
  for (auto& [number, part] : readers_) {
    TIDE_ASSIGN(const auto ledger, part.reader->ledger());
    sum += ledger;
  }
  return sum;
}

Result<std::vector<WaivedSource>> PartedReader::waived_sources() {
  TIDE_TRY(follow());
  TIDE_ASSIGN(auto all, gather<WaivedSource>([](Reader& r) { return r.waived_sources(); }));
  std::ranges::stable_sort(all, {}, &WaivedSource::at);
  return all;
}

Result<std::vector<MeterSwap>> PartedReader::swaps(const answers::Selection& select) {
  TIDE_TRY(follow());
  TIDE_ASSIGN(auto all, gather<MeterSwap>([&](Reader& r) { return r.swaps(select); }));
  std::ranges::stable_sort(all, {}, &MeterSwap::series);
  return all;
}

Result<std::vector<store::Event>> PartedReader::events(const EventQuery& query) {
  TIDE_TRY(follow());
  return gather_newest<store::Event>([&](Reader& r) { return r.events(query); },
                                     &store::Event::time, query.limit);
}

Result<std::vector<store::Letter>> PartedReader::dead_letters(const LetterQuery& query) {
  TIDE_TRY(follow());
  return gather_newest<store::Letter>([&](Reader& r) { return r.dead_letters(query); },
                                      &store::Letter::at, query.limit);
}

Result<std::optional<store::Letter>> PartedReader::dead_letter(std::int64_t id,
                                                               std::optional<int> partition) {
  TIDE_TRY(follow());
  const auto at = partition ? readers_.find(*partition) : readers_.end();
  if (at == readers_.end()) return std::optional<store::Letter>{};
  TIDE_ASSIGN(auto letter, at->second.reader->dead_letter(id, std::nullopt));
  if (letter) letter->partition = partition;
  return letter;
}

Result<Reader::LetterCounts> PartedReader::letter_counts() {
  TIDE_TRY(follow());
  LetterCounts sum;
  for (auto& [number, part] : readers_) {
    TIDE_ASSIGN(const auto counts, part.reader->letter_counts());
    for (std::size_t why = 0; why < sum.kept.size(); ++why) sum.kept[why] += counts.kept[why];
    for (const auto& [edge, readings] : counts.dropped) sum.dropped[edge] += readings;
  }
  return sum;
}

Result<> PartedReader::number() {
  TIDE_TRY(follow());
  for (auto& [number, part] : readers_) {
    TIDE_ASSIGN(const auto position, part.reader->position());
    parts_->see(number, part.opened, position);
  }
  return {};
}

Result<std::uint64_t> PartedReader::position() {
  TIDE_TRY(number());
  return parts_->newest();
}

Result<std::vector<Answer>> PartedReader::since(std::uint64_t position, std::size_t limit) {
  TIDE_TRY(number());
  std::vector<Answer> all;
  while (all.size() < limit) {
    const auto stretch = parts_->after(position);
    if (!stretch) break;
    const auto end = stretch->first + stretch->count;
    const auto skip = std::max(position, stretch->first) - stretch->first;
    position = end;
    const auto at = readers_.find(stretch->part);
    if (at == readers_.end() || at->second.opened != stretch->opened) break;  // opened just now
    const auto wanted = std::min<std::uint64_t>(limit - all.size(), stretch->count - skip);
    TIDE_ASSIGN(auto some, at->second.reader->since(stretch->from + skip, wanted));
    for (auto& a : some) {
      if (a.position > stretch->from + stretch->count) break;
      a.position = stretch->first + (a.position - stretch->from);
      all.push_back(std::move(a));
    }
  }
  return all;
}

Result<std::vector<PartitionState>> PartedReader::partitions() {
  const std::lock_guard lock(parts_->mutex_);
  return parts_->states_;
}

}  // namespace tidemark::query
