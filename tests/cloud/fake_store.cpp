#include "tests/cloud/fake_store.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/base/text.h"

namespace tidemark::test {

class FakeReader final : public query::Reader {
 public:
  explicit FakeReader(FakeStore& store) : store_(store) {}

  Result<std::vector<query::SeriesState>> series(const answers::Selection& select) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    std::vector<query::SeriesState> found;
    for (const auto& s : store_.series_) {
      if (select.matches(s.name, s.description.labels)) found.push_back(s);
    }
    return found;
  }
  Result<std::vector<query::EdgeState>> edges() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    return store_.edges_;
  }
  Result<std::vector<std::string>> views() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    std::set<std::string> names;
    for (const auto& a : store_.emitted_) names.insert(a.view);
    return std::vector<std::string>(names.begin(), names.end());
  }
  Result<std::vector<query::ViewVersion>> view_versions() override {
    TIDE_ASSIGN(const auto names, views());
    std::vector<query::ViewVersion> all;
    for (const auto& name : names) all.push_back({name, 1});
    return all;
  }
  Result<std::vector<answers::Answer>> answers(const query::AnswerQuery& query) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    std::map<std::tuple<std::string, EventTime>, answers::Answer> newest;
    for (const auto& a : store_.emitted_) {
      if (matches(query, a)) newest[{a.series, a.start}] = a;
    }
    std::vector<answers::Answer> found;
    std::string series;
    std::size_t taken = 0;
    for (auto it = newest.rbegin(); it != newest.rend(); ++it) {
      const auto& [name, start] = it->first;
      if (name != series) taken = 0;
      series = name;
      if (query.newest == 0 || taken++ < query.newest) found.push_back(it->second);
    }
    if (found.size() > query.limit) return Error(Fault::full, "more answers than the limit");
    std::reverse(found.begin(), found.end());
    return found;
  }
  Result<std::vector<answers::Answer>> revisions(const query::AnswerQuery& query) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    std::vector<answers::Answer> found;
    for (const auto& a : store_.emitted_) {
      if (matches(query, a)) found.push_back(a);
    }
    return found;
  }
  Result<std::vector<query::LateRow>> late(const answers::Selection& select,
                                         std::size_t limit) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    std::vector<query::LateRow> found;
    for (const auto& r : store_.late_) {
      if (found.size() < limit && select.matches(r.series, {})) found.push_back(r);
    }
    return found;
  }
  Result<std::vector<query::WaivedSource>> waived_sources() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    return std::vector<query::WaivedSource>{};
  }
  Result<std::vector<query::MeterSwap>> swaps(const answers::Selection&) override {
    return std::vector<query::MeterSwap>{};
  }
  Result<Ledger> ledger() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    Ledger sum;
    for (const auto& e : store_.edges_) sum += e.ledger;
    return sum;
  }
  Result<std::vector<answers::Answer>> since(std::uint64_t position, std::size_t limit) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    const auto from = std::min<std::size_t>(position, store_.emitted_.size());
    const auto to = std::min(store_.emitted_.size(), from + limit);
    return std::vector<answers::Answer>(store_.emitted_.begin() + static_cast<std::ptrdiff_t>(from),
                                        store_.emitted_.begin() + static_cast<std::ptrdiff_t>(to));
  }
  Result<std::uint64_t> position() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    return store_.emitted_.size();
  }
  Result<std::vector<store::Event>> events(const query::EventQuery& query) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    auto events = store_.events_;
    std::erase_if(events, [&](const store::Event& e) {
      return !query.select.matches(e.series, {}) || e.time < query.from || e.time >= query.to ||
             (!query.cause.empty() && e.cause != query.cause) ||
             (!query.state.empty() && e.state != query.state);
    });
    return events;
  }
  Result<std::vector<store::Letter>> dead_letters(const query::LetterQuery& query) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    auto letters = store_.letters_;
    std::erase_if(letters, [&](const store::Letter& l) {
      return (query.why && l.why != *query.why) || (query.state && l.state != *query.state);
    });
    return letters;
  }
  Result<std::optional<store::Letter>> dead_letter(std::int64_t id,
                                                   std::optional<int> partition) override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    for (const auto& l : store_.letters_) {
      if (l.id == id && l.partition == partition) return std::optional(l);
    }
    return std::optional<store::Letter>{};
  }
  Result<LetterCounts> letter_counts() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.failing_) return away();
    LetterCounts counts;
    for (const auto& l : store_.letters_) {
      if (l.state == store::LetterState::kept) ++counts.kept[static_cast<std::size_t>(l.why) - 1];
    }
    return counts;
  }
  Result<std::vector<query::PartitionState>> partitions() override {
    const std::lock_guard lock(store_.mutex_);
    return store_.partitions_;
  }
  Result<std::optional<query::Serving>> serving() override {
    const std::lock_guard lock(store_.mutex_);
    return store_.serving_;
  }

 private:
  static Error away() { return {Fault::unavailable, "the store does not open"}; }
  static bool matches(const query::AnswerQuery& query, const answers::Answer& a) {
    return (query.view.empty() || query.view == a.view) &&
           query.select.matches(a.series, a.labels) && a.start >= query.from &&
           a.start < query.to &&
           (!query.as_of || a.known_at <= *query.as_of) &&
           (!query.sealed_only || a.state != answers::State::provisional);
  }
  FakeStore& store_;
};

void FakeStore::emit(answers::Answer answer) {
  const std::lock_guard lock(mutex_);
  answer.position = emitted_.size() + 1;
  emitted_.push_back(std::move(answer));
}
void FakeStore::set_serving(query::Serving serving) {
  const std::lock_guard lock(mutex_);
  serving_ = std::move(serving);
}

void FakeStore::set_partitions(std::vector<query::PartitionState> partitions) {
  const std::lock_guard lock(mutex_);
  partitions_ = std::move(partitions);
}
void FakeStore::set_edges(std::vector<query::EdgeState> edges) {
  const std::lock_guard lock(mutex_);
  edges_ = std::move(edges);
}
void FakeStore::set_series(std::vector<query::SeriesState> series) {
  const std::lock_guard lock(mutex_);
  series_ = std::move(series);
}
void FakeStore::set_late(std::vector<query::LateRow> late) {
  const std::lock_guard lock(mutex_);
  late_ = std::move(late);
}
void FakeStore::set_events(std::vector<store::Event> events) {
  const std::lock_guard lock(mutex_);
  events_ = std::move(events);
}
void FakeStore::set_dead_letters(std::vector<store::Letter> letters) {
  const std::lock_guard lock(mutex_);
  letters_ = std::move(letters);
}
void FakeStore::fail(bool failing) {
  const std::lock_guard lock(mutex_);
  failing_ = failing;
}
std::uint64_t FakeStore::position() const {
  const std::lock_guard lock(mutex_);
  return emitted_.size();
}
std::unique_ptr<query::Reader> FakeStore::reader() { return std::make_unique<FakeReader>(*this); }

answers::Answer some_answer(std::string series, EventTime start, double mean) {
  answers::Answer a;
  a.view = "power_1m";
  a.series = std::move(series);
  a.start = start;
  a.end = start + std::chrono::minutes(1);
  a.values = {{"count", 60.0}, {"mean", mean}, {"min", mean - 20}, {"max", mean + 20}};
  a.unit = "W";
  a.state = answers::State::sealed;
  a.known_at = a.end + std::chrono::milliseconds(412);
  a.completeness = 1.0;
  a.coverage = 1.0;
  return a;
}

query::EdgeState some_edge(std::string name, EventTime frontier) {
  query::EdgeState e;
  e.name = std::move(name);
  e.site = "plant7";
  e.program_version = "0.1.0";
  e.incarnation = Incarnation{0xabcdef};
  e.start_ordinal = 1;
  e.connected = true;
  e.seen = frontier;
  e.blocks = 10;
  e.ledger.taken = 100;
  e.ledger.answered = 100;
  e.sources.push_back({"line1", "fast", frontier, frontier, false, 60, 60, 100});
  return e;
}

query::SeriesState some_series(std::string edge, std::string device, std::string metric,
                               std::string unit, double value, EventTime last) {
  query::SeriesState s;
  s.name = edge + "/" + device + "/" + metric;
  s.edge = std::move(edge);
  s.site = "plant7";
  s.description.source = device;
  s.description.device = std::move(device);
  s.description.metric = std::move(metric);
  s.description.labels["unit"] = unit;
  s.description.unit = std::move(unit);
  s.first = last - std::chrono::minutes(10);
  s.last = last;
  s.value = value;
  s.readings = 600;
  return s;
}

}  // namespace tidemark::test
