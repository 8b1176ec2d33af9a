#include "common/window/runs.h"

#include <algorithm>
#include <bit>

namespace tidemark::window {
namespace {

std::uint64_t rollover_of(ValueType type, const OrderedOptions& options) {
  return type == ValueType::f64 ? std::bit_cast<std::uint64_t>(options.rollover_f64)
                                : static_cast<std::uint64_t>(options.rollover_i64);
}

std::uint64_t between(const Ordered& a, const Ordered& b) {
  return static_cast<std::uint64_t>(b.first().time) - static_cast<std::uint64_t>(a.last().time);
}

// Twice its usual distance between two readings; 0 for a single one, of which nobody knows.
std::uint64_t reach_of(const Ordered& run) {
  if (run.count() < 2) return 0;
  const auto span = static_cast<std::uint64_t>(run.last().time) -
                    static_cast<std::uint64_t>(run.first().time);
  return 2 * (span / (run.count() - 1));
}

}  // namespace

Runs::Runs(ValueType type, const OrderedOptions& options, bool states)
    : type_(type),
      max_hold_(options.max_hold),
      rollover_(rollover_of(type, options)),
      states_(states) {}

bool Runs::serve(const OrderedOptions& options, bool states) const {
  return max_hold_ == options.max_hold && rollover_ == rollover_of(type_, options) &&
         (states_ || !states);
}

OrderedOptions Runs::with_own_states(const OrderedOptions& options) const {
  auto own = options;
  own.states = states_;
  return own;
}

bool Runs::add(std::span<const OrderedSample> readings, const OrderedOptions& given) {
  if (readings.empty()) return true;
  const auto options = with_own_states(given);
  // In order, as live data come: at the end of the last run.
  if (!runs_.empty()) {
    auto& last = runs_.back();
    if (!comes_before(type_, readings.front(), last.last()) &&
        static_cast<std::uint64_t>(readings.front().time) -
                static_cast<std::uint64_t>(last.last().time) <= reach_of(last)) {
      for (const auto& r : readings) last.add(r, options);
      return true;
    }
  }
  Ordered run(type_);
  for (const auto& r : readings) run.add(r, options);
  return insert(std::move(run), options);
}

bool Runs::insert(Ordered run, const OrderedOptions& options) {
  if (run.empty()) return true;
  const auto at = std::upper_bound(runs_.begin(), runs_.end(), run,
                                   [&](const Ordered& a, const Ordered& b) {
                                     return comes_before(type_, a.first(), b.first());
                                   });
  if (at != runs_.begin() && !std::prev(at)->can_follow(run)) return false;
  if (at != runs_.end() && !run.can_follow(*at)) return false;
  runs_.insert(at, std::move(run));
  join_near(with_own_states(options));
  return true;
}

void Runs::join_near(const OrderedOptions& options) {
  const auto join = [&](std::size_t i) {
    runs_[i].follow(runs_[i + 1], options);
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  };
  for (std::size_t i = 0; i + 1 < runs_.size();) {
    if (between(runs_[i], runs_[i + 1]) <= std::max(reach_of(runs_[i]), reach_of(runs_[i + 1]))) {
      join(i);
    } else {
      ++i;
    }
  }
  while (runs_.size() > kRunsMax) {
    std::size_t nearest = 0;
    for (std::size_t i = 1; i + 1 < runs_.size(); ++i) {
      if (between(runs_[i], runs_[i + 1]) < between(runs_[nearest], runs_[nearest + 1])) {
        nearest = i;
      }
    }
    join(nearest);
  }
}

bool Runs::merge(const Runs& other, const OrderedOptions& options) {
  bool all = true;
  for (const auto& run : other.runs_) all = insert(run, options) && all;
  return all;
}

void Runs::replace(std::span<const OrderedSample> readings, const OrderedOptions& options,
                   bool states) {
  *this = Runs(type_, options, states);
  add(readings, options);
}

std::uint64_t Runs::count() const {
  std::uint64_t n = 0;
  for (const auto& run : runs_) n += run.count();
  return n;
}

void Runs::encode(ByteWriter& out) const {
  out.u8(states_ ? 1 : 0);
  out.varint(static_cast<std::uint64_t>(max_hold_));
  out.varint(rollover_);
  out.varint(runs_.size());
  for (const auto& run : runs_) run.encode(out);
}

Runs Runs::decode(ByteReader& in, ValueType type) {
  Runs runs(type);
  const auto head = in.u8();
  if (head > 1) in.fail();
  runs.states_ = head == 1;
  runs.max_hold_ = static_cast<std::int64_t>(in.varint());
  runs.rollover_ = in.varint();
  const auto n = in.length(4);
  if (n > kRunsMax) in.fail();
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    auto run = Ordered::decode(in, type);
    if (i > 0 && in.ok() && !runs.runs_.back().can_follow(run)) in.fail();
    runs.runs_.push_back(std::move(run));
  }
  return runs;
}

}  // namespace tidemark::window
