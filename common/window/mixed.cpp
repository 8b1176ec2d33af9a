#include "common/window/mixed.h"

#include <algorithm>
#include <vector>

#include "common/window/rounding.h"
#include "common/window/total_order.h"

namespace tidemark::window {
namespace {

constexpr int kNanoseconds = -9;  // an integral is in values times these
constexpr int kExponentMax = 18;  // of a series (SeriesDescription)

bool below(double a, double b) { return order_of(a) < order_of(b); }

// Rounding keeps order, so that the least of rounded figures is that of the exact ones.
void keep(std::optional<double>& held, const std::optional<double>& v, bool lowest) {
  if (!v) return;
  if (!held || (lowest ? below(*v, *held) : below(*held, *v))) held = v;
}

struct End {
  std::int64_t time = 0;
  std::optional<double> value;
  void keep_first(std::int64_t t, const std::optional<double>& v) {
    if (!value || t < time) {
      *this = {t, v};
    } else if (t == time) {
      keep(value, v, true);
    }
  }
  void keep_last(std::int64_t t, const std::optional<double>& v) {
    if (!value || t > time) {
      *this = {t, v};
    } else if (t == time) {
      keep(value, v, false);
    }
  }
};

}  // namespace

void Mixed::add(const Summary& state, int exponent) {
  const auto type = state.partial().type();
  const auto& totals = state.totals();
  const bool says = state.partial().count() > 0 ||
                    (totals && (totals->held_ns() > 0 || totals->steps() > 0));
  if (!says) {
    doubtful_ = doubtful_ || (totals && totals->approximate());
    return;
  }
  const Kind kind{type, type == ValueType::i64 ? exponent : 0};
  parts_.try_emplace(kind, type, state.parts()).first->second.merge(state);
}

void Mixed::merge(const Mixed& other) {
  doubtful_ = doubtful_ || other.doubtful_;
  for (const auto& [kind, state] : other.parts_) {
    const auto [part, added] = parts_.try_emplace(kind, state);
    if (!added) part->second.merge(state);
  }
}

void Mixed::encode(ByteWriter& out) const {
  out.u8(doubtful_ ? 1 : 0);
  out.varint(parts_.size());
  for (const auto& [kind, state] : parts_) {
    out.svarint(kind.second);
    state.encode(out);
  }
}

Result<Mixed> Mixed::decode(ByteReader& in) {
  Mixed mixed;
  const auto head = in.u8();
  mixed.doubtful_ = head == 1;
  if (head > 1) in.fail();
  const auto n = in.length(3);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    const auto exponent = in.svarint();
    if (exponent < -kExponentMax || exponent > kExponentMax) in.fail();
    TIDE_ASSIGN(auto state, Summary::decode(in));
    const Kind kind{state.partial().type(), static_cast<int>(exponent)};
    if (!mixed.parts_.empty() && kind <= mixed.parts_.rbegin()->first) in.fail();
    mixed.parts_.try_emplace(mixed.parts_.end(), kind, std::move(state));
  }
  if (!in.ok()) return Error(Fault::bad_input, "bytes that hold no kinds of summaries");
  return mixed;
}

std::uint64_t Mixed::count() const {
  std::uint64_t n = 0;
  for (const auto& [kind, state] : parts_) n += state.partial().count();
  return n;
}

MixedFigures::MixedFigures(const Mixed& mixed) : doubtful_(mixed.doubtful_) {
  const bool numbers = std::any_of(mixed.parts_.begin(), mixed.parts_.end(), [](const auto& part) {
    return part.first.first != ValueType::text;
  });
  End first, last;
  std::vector<Term> values, integrals, increases;
  std::uint64_t held = 0;
  for (const auto& [kind, state] : mixed.parts_) {
    if (numbers && kind.first == ValueType::text) continue;
    const auto exponent = kind.second;
    const auto& one = kinds_.emplace_back(state, exponent).plain();
    if (const auto& totals = state.totals()) {
      held += totals->held_ns();
      if (totals->held_ns() > 0) integrals.push_back({&totals->integral(), nullptr, exponent});
      if (totals->steps() > 0) increases.push_back({&totals->increase(), nullptr, exponent});
    }
    const auto& partial = state.partial();
    if (partial.count() == 0) continue;
    plain_.count += one.count;
    keep(plain_.min, one.min, true);
    keep(plain_.max, one.max, false);
    first.keep_first(partial.first().time, one.first);
    last.keep_last(partial.last().time, one.last);
    values.push_back({&partial.sum(), &partial.squares(), exponent});
  }
  if (kinds_.size() == 1) {
    plain_ = kinds_[0].plain();
    return;
  }
  plain_.first = first.value;
  plain_.last = last.value;
  if (!values.empty()) {
    plain_.sum = rounded_sum(values);
    plain_.mean = rounded_mean(values, plain_.count);
    plain_.stddev = rounded_deviation(values, plain_.count);
  }
  if (!integrals.empty()) {
    twa_ = rounded_mean(integrals, held);
    for (auto& term : integrals) term.exponent += kNanoseconds;
    integral_ = rounded_sum(integrals);
  }
  if (!increases.empty()) increase_ = rounded_sum(increases);
}

std::optional<double> MixedFigures::get(std::string_view name) const {
  if (kinds_.size() == 1) return kinds_[0].get(name);
  if (name == "twa") return twa_;
  if (name == "integral") return integral_;
  if (name == "increase") return increase_;
  return plain_.get(name);
}

bool MixedFigures::exact(std::string_view name) const {
  const std::string asked(name);
  if (doubtful_ && Parts::of({&asked, 1}, ValueType::f64).ordered) return false;
  return std::all_of(kinds_.begin(), kinds_.end(),
                     [&](const Figures& kind) { return kind.exact(name); });
}

std::vector<std::pair<std::string, double>> MixedFigures::states() const {
  std::vector<std::pair<std::string, double>> all;
  for (const auto& kind : kinds_) {
    all.insert(all.end(), kind.states().begin(), kind.states().end());
  }
  return all;
}

}  // namespace tidemark::window
