#include <algorithm>
#include <limits>
#include <map>

#include "edge/window/local_window.h"

namespace tidemark::window {
namespace {

class Sessions final : public LocalWindow {
 public:
  explicit Sessions(const LocalOptions& options)
      : LocalWindow(options),
        shape_(options.shape),
        gap_(options.gap.count()),
        keep_(options.keep.count()) {}

  void add(EventTime time, const Column& column, std::size_t value) override {
    const auto t = count_ns(time);
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    if (t < gone_until_ || t > kMost - gap_ || t < -kMost + gap_) {
      ++late_;
      return;
    }
    auto& session = session_of(t);
    session.cell.add(t, column, value);
    session.changed = true;
    if (session.cell.ordered) reorder_.add(t, column, value, names_);
  }

  void flush(EventTime frontier, std::vector<LocalResult>& out) override {
    const auto until = count_ns(frontier);
    put_in_order(until);
    out.insert(out.end(), std::make_move_iterator(withdrawn_.begin()),
               std::make_move_iterator(withdrawn_.end()));
    withdrawn_.clear();
    for (auto& [start, s] : sessions_) {
      if (s.last + gap_ > until) break;
      if (s.changed) emit(start, s, out);
    }
    while (!sessions_.empty()) {
      const auto& [start, s] = *sessions_.begin();
      const bool over = until >= s.last + gap_ && until - s.last - gap_ >= keep_;
      if (!over && sessions_.size() <= kSessionsMax) break;
      // One that the bound ends before its time is told as far as it went.
      if (s.changed) emit(start, sessions_.begin()->second, out);
      gone_until_ = std::max(gone_until_, s.last + gap_);
      if (!s.cell.partial.empty() && s.cell.ordered && !s.cell.ordered->empty()) {
        before_ = s.cell.ordered->last();
      }
      sessions_.erase(sessions_.begin());
    }
  }

  [[nodiscard]] bool has_passed(EventTime now) const override {
    const auto ns = count_ns(now);
    return gone_until_ > ns ||
           (!sessions_.empty() && sessions_.rbegin()->second.last - gap_ > ns);
  }

 private:
  struct Session {
    Cell cell;
    std::int64_t last = 0;
    std::uint64_t revisions = 0;
    bool changed = false;
  };
  using Map = std::map<std::int64_t, Session>;  // by the time of the first reading

  // The session that a reading at `t` belongs to: found, made, grown at either end or joined.
  Session& session_of(std::int64_t t) {
    auto after = sessions_.upper_bound(t);
    if (after != sessions_.begin()) {
      const auto at = std::prev(after);
      if (t - at->second.last < gap_) {
        at->second.last = std::max(at->second.last, t);
        if (after != sessions_.end() && after->first - at->second.last < gap_) {
          at->second.last = after->second.last;
          at->second.cell.merge(after->second.cell, shape_);
          withdraw(after, at->first);
          sessions_.erase(after);
        }
        return at->second;
      }
    }
    if (after != sessions_.end() && after->first - t < gap_) {
      withdraw(after, t);  // it begins earlier now: another window
      auto node = sessions_.extract(after);
      node.key() = t;
      return sessions_.insert(std::move(node)).position->second;
    }
    return sessions_.emplace(t, Session{Cell(shape_), t, 0, false}).first->second;
  }

  void withdraw(Map::iterator at, std::int64_t survivor) {
    if (at->second.revisions == 0) return;
    withdrawn_.push_back({.start = at->first,
                          .end = at->second.last + gap_,
                          .revision = at->second.revisions,
                          .withdrawn = true,
                          .survivor = survivor});
  }

  void emit(std::int64_t start, Session& s, std::vector<LocalResult>& out) {
    // What was held counts up to the last reading; the silence after it is no part of the session.
    auto result = result_of(s.cell, start, s.last, reading_before(start), shape_, names_.names());
    result.end = s.last + gap_;
    result.revision = s.revisions++;
    s.changed = false;
    out.push_back(std::move(result));
  }

  [[nodiscard]] std::optional<OrderedSample> reading_before(std::int64_t start) const {
    for (auto at = sessions_.find(start); at != sessions_.begin();) {
      const auto& ordered = (--at)->second.cell.ordered;
      if (ordered && !ordered->empty()) return ordered->last();
    }
    return before_;
  }

  void put_in_order(std::int64_t until) {
    reorder_.release(until, [&](const OrderedSample& sample) {
      auto at = sessions_.upper_bound(sample.time);
      if (at == sessions_.begin()) return;
      auto& ordered = *std::prev(at)->second.cell.ordered;
      if (ordered.empty() || sample.time >= ordered.last().time) {
        ordered.add(sample, shape_.ordered);
      } else {
        ordered.miss();
      }
    });
  }

  Shape shape_;
  std::int64_t gap_, keep_;
  Map sessions_;
  std::vector<LocalResult> withdrawn_;
  std::int64_t gone_until_ = std::numeric_limits<std::int64_t>::min();
  Reorder reorder_;
  StateNames names_;
  std::optional<OrderedSample> before_;
};

class Counts final : public LocalWindow {
 public:
  explicit Counts(const LocalOptions& options)
      : LocalWindow(options), shape_(options.shape), count_(options.count), cell_(shape_) {}

  void add(EventTime time, const Column& column, std::size_t value) override {
    const auto t = count_ns(time);
    if (cell_.partial.empty()) start_ = end_ = t;
    start_ = std::min(start_, t);
    end_ = std::max(end_, t);
    cell_.add(t, column, value);
    if (cell_.ordered) {
      // By time, as far as the order of arrival allows.
      reorder_.add(t, column, value, names_);
      reorder_.release(end_, [this](const OrderedSample& s) { put(s); });
    }
    if (cell_.partial.readings() < count_) return;
    if (cell_.ordered) {
      reorder_.release(std::numeric_limits<std::int64_t>::max(),
                       [this](const OrderedSample& s) { put(s); });
    }
    if (finished_.size() >= kFinishedMax) {
      late_ += finished_.front().readings;
      finished_.erase(finished_.begin());
    }
    finished_.push_back(result_of(cell_, start_, end_ + 1, before_, shape_, names_.names()));
    if (cell_.ordered && !cell_.ordered->empty()) before_ = cell_.ordered->last();
    cell_ = Cell(shape_);
  }

  void flush(EventTime, std::vector<LocalResult>& out) override {
    out.insert(out.end(), std::make_move_iterator(finished_.begin()),
               std::make_move_iterator(finished_.end()));
    finished_.clear();
  }

  [[nodiscard]] bool has_passed(EventTime) const override { return false; }  // as they arrive

 private:
  void put(const OrderedSample& sample) {
    auto& ordered = *cell_.ordered;
    if (ordered.empty() || sample.time >= ordered.last().time) {
      ordered.add(sample, shape_.ordered);
    } else {
      ordered.miss();
    }
  }

  Shape shape_;
  std::uint64_t count_;
  Cell cell_;
  std::int64_t start_ = 0, end_ = 0;
  std::vector<LocalResult> finished_;
  Reorder reorder_;
  StateNames names_;
  std::optional<OrderedSample> before_;
};

}  // namespace

Result<> LocalOptions::check() const {
  const auto refuse = [](std::string text) { return Error(Fault::bad_input, std::move(text)); };
  constexpr Nanoseconds kMost = std::chrono::hours(24 * 366);
  if (keep < Nanoseconds{} || keep > kMost) return refuse("window.lateness: at most 366 days");
  switch (kind) {
    case Kind::sliding:
      if (size <= Nanoseconds{} || size > kMost) {
        return refuse("window.size: above 0 and at most 366 days");
      }
      if (hop <= Nanoseconds{} || hop > size) {
        return refuse("window.hop: above 0 and at most the size");
      }
      return {};
    case Kind::session:
      if (gap <= Nanoseconds{} || gap > kMost) {
        return refuse("window.gap: above 0 and at most 366 days");
      }
      return {};
    case Kind::count:
      if (count < 2 || count > kCountMax) return refuse("window.count: in [2, 1000000000]");
      return {};
  }
  return {};
}

std::unique_ptr<LocalWindow> make_session(const LocalOptions& options) {
  return std::make_unique<Sessions>(options);
}
std::unique_ptr<LocalWindow> make_count(const LocalOptions& options) {
  return std::make_unique<Counts>(options);
}

std::unique_ptr<LocalWindow> LocalWindow::make(const LocalOptions& options) {
  switch (options.kind) {
    case LocalOptions::Kind::sliding:
      return options.shape.type == ValueType::text ? nullptr : make_sliding(options);
    case LocalOptions::Kind::session: return make_session(options);
    case LocalOptions::Kind::count: return make_count(options);
  }
  return nullptr;
}

}  // namespace tidemark::window
