#include "common/window/ordered.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/window/rounding.h"
#include "common/window/total_order.h"

namespace tidemark::window {

bool is_ordered(std::string_view name) {
  return std::find(kOrderedNames.begin(), kOrderedNames.end(), name) != kOrderedNames.end();
}

std::string state_name(ValueType type, std::int64_t key, int exponent) {
  if (type == ValueType::boolean) return key != 0 ? "true" : "false";
  return json_number(type == ValueType::f64 ? static_cast<double>(key)
                                            : decimal_to_double(key, exponent));
}

namespace {

constexpr int kNanosecondExponent = -9;

// Flags of an encoded run.
constexpr std::uint8_t kApproximate = 0x01;
constexpr std::uint8_t kHasStates = 0x02;
constexpr std::uint8_t kVersionMask = 0xc0;
// Besides, of totals.
constexpr std::uint8_t kHasGap = 0x04;

// time + span, at most the largest time.
std::int64_t after(std::int64_t time, std::int64_t span) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(time, span, &sum) ? INT64_MAX : sum;
}

std::uint64_t distance(std::int64_t low, std::int64_t high) {
  return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
}

std::int64_t order_of(ValueType type, const OrderedSample& s) {
  return type == ValueType::f64 ? window::order_of(s.f64) : s.i64;
}

void encode_value(ByteWriter& out, ValueType type, const OrderedSample& s) {
  if (type == ValueType::f64) {
    out.fixed(std::bit_cast<std::uint64_t>(s.f64));
  } else {
    out.svarint(s.i64);
  }
}

void decode_value(ByteReader& in, ValueType type, OrderedSample& s) {
  if (type == ValueType::f64) {
    s.f64 = std::bit_cast<double>(in.fixed<std::uint64_t>());
    if (!std::isfinite(s.f64)) in.fail();
  } else {
    s.i64 = in.svarint();
  }
}

}  // namespace

OrderedSample sample_of(const Partial::End& end) { return {end.time, end.f64, end.i64}; }

bool comes_before(ValueType type, const OrderedSample& a, const OrderedSample& b) {
  return a.time != b.time ? a.time < b.time : order_of(type, a) < order_of(type, b);
}

// Which states are kept does not depend on the order in which they come: a key that is kept at the
// end is below all but kStatesMax - 1 of those that ever came, and so never left.
void Totals::add_state(std::int64_t key, std::uint64_t ns) {
  const auto at = std::lower_bound(states_.begin(), states_.end(), key,
                                   [](const State& s, std::int64_t k) { return s.key < k; });
  if (at != states_.end() && at->key == key) {
    at->ns += ns;
    return;
  }
  if (at == states_.end() && states_.size() == kStatesMax) {
    other_ns_ += ns;
    return;
  }
  states_.insert(at, {key, ns});
  if (states_.size() > kStatesMax) {
    other_ns_ += states_.back().ns;
    states_.pop_back();
  }
}

void Totals::hold(const OrderedSample& sample, std::int64_t from, std::int64_t until,
                  bool states) {
  if (until <= from) return;
  const auto ns = distance(from, until);
  held_ns_ += ns;
  if (type_ == ValueType::f64) {
    integral_.add_product(sample.f64, ns);
    if (!states) return;
    // States are whole numbers.
    if (std::abs(sample.f64) < 9e15 && sample.f64 == std::floor(sample.f64)) {
      add_state(static_cast<std::int64_t>(sample.f64), ns);
    } else {
      other_ns_ += ns;
    }
    return;
  }
  if (type_ != ValueType::text) integral_.add_product(sample.i64, ns);
  if (states) add_state(sample.i64, ns);
}

// to - from, whatever its sign.
void Totals::differ(const OrderedSample& from, const OrderedSample& to) {
  if (type_ == ValueType::f64) {
    increase_.add(to.f64);
    increase_.add(-from.f64);
  } else if (to.i64 >= from.i64) {
    increase_.add_product(std::int64_t{1}, distance(from.i64, to.i64));
  } else {
    increase_.add_product(std::int64_t{-1}, distance(to.i64, from.i64));
  }
}

// Of one meter.
void Totals::step(const OrderedSample& from, const OrderedSample& to,
                  const OrderedOptions& options) {
  const bool f64 = type_ == ValueType::f64;
  if (f64 ? to.f64 >= from.f64 : to.i64 >= from.i64) return differ(from, to);
  const bool rolled =
      f64 ? options.rollover_f64 > 0 && from.f64 - to.f64 > options.rollover_f64 / 2
          : options.rollover_i64 > 0 &&
                distance(to.i64, from.i64) > static_cast<std::uint64_t>(options.rollover_i64) / 2;
  if (rolled) {
    differ(from, to);
    if (f64) {
      increase_.add(options.rollover_f64);
    } else {
      increase_.add(options.rollover_i64);
    }
    return;
  }
  ++resets_;
  differ({}, to);
}

void Totals::count_up(const OrderedSample& from, const OrderedSample& to,
                      const OrderedOptions& options) {
  if (type_ == ValueType::text) return;
  ++steps_;
  auto at = from;
  for (const auto& swap : options.swaps) {
    if (swap.time <= from.time) continue;
    if (swap.time > to.time) break;
    differ(at, swap.old_end);  // who read it is believed, also where it had shown more before
    at = swap.new_start;
  }
  step(at, to, options);
}

void Totals::merge(const Totals& other) {
  approximate_ = approximate_ || other.approximate_;
  integral_.merge(other.integral_);
  increase_.merge(other.increase_);
  held_ns_ += other.held_ns_;
  other_ns_ += other.other_ns_;
  resets_ += other.resets_;
  steps_ += other.steps_;
  for (const auto& s : other.states_) add_state(s.key, s.ns);
  if (!other.gap_) return;
  const auto key = [](const Gap& g) { return std::tuple(distance(g.from, g.to), g.from); };
  if (!gap_ || key(*gap_) < key(*other.gap_)) gap_ = other.gap_;
}

Totals::Figures Totals::figures(int exponent) const {
  Figures out;
  out.approximate = approximate_;
  out.states = states_;
  out.other_ns = other_ns_;
  out.resets = resets_;
  out.gap = gap_;
  if (type_ == ValueType::text) return out;
  if (type_ == ValueType::f64) exponent = 0;  // a double is what it is
  if (held_ns_ > 0) {
    out.twa = rounded_mean(integral_, held_ns_, exponent);
    out.integral = rounded_sum(integral_, exponent + kNanosecondExponent);
  }
  if (steps_ > 0) out.increase = rounded_sum(increase_, exponent);
  return out;
}

namespace {

void encode_states(ByteWriter& out, std::uint64_t other_ns,
                   const std::vector<Totals::State>& states) {
  out.varint(other_ns);
  out.varint(states.size());
  for (const auto& s : states) {
    out.svarint(s.key);
    out.varint(s.ns);
  }
}

void decode_states(ByteReader& in, std::uint64_t& other_ns, std::vector<Totals::State>& states) {
  other_ns = in.varint();
  const auto n = in.length(2);
  if (n > Totals::kStatesMax) in.fail();
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    const auto key = in.svarint();
    if (i > 0 && key <= states.back().key) in.fail();
    states.push_back({key, in.varint()});
  }
}

}  // namespace

void Totals::encode(ByteWriter& out) const {
  const bool states = !states_.empty() || other_ns_ > 0;
  out.u8(static_cast<std::uint8_t>((approximate_ ? kApproximate : 0U) |
                                   (states ? kHasStates : 0U) | (gap_ ? kHasGap : 0U)));
  out.varint(held_ns_);
  out.varint(steps_);
  out.varint(resets_);
  integral_.encode(out);
  increase_.encode(out);
  if (states) encode_states(out, other_ns_, states_);
  if (!gap_) return;
  out.svarint(gap_->from);
  out.varint(distance(gap_->from, gap_->to));
}

Totals Totals::decode(ByteReader& in, ValueType type) {
  Totals all(type);
  const auto flags = in.u8();
  if (flags > (kApproximate | kHasStates | kHasGap)) in.fail();
  all.approximate_ = (flags & kApproximate) != 0;
  all.held_ns_ = in.varint();
  all.steps_ = in.varint();
  all.resets_ = in.varint();
  all.integral_ = ExactSum::decode(in);
  all.increase_ = ExactSum::decode(in);
  if ((flags & kHasStates) != 0) {
    decode_states(in, all.other_ns_, all.states_);
    if (all.other_ns_ == 0 && all.states_.empty()) in.fail();
  }
  if ((flags & kHasGap) == 0) return all;
  auto& gap = all.gap_.emplace();
  gap.from = in.svarint();
  gap.to = static_cast<std::int64_t>(static_cast<std::uint64_t>(gap.from) + in.varint());
  return all;
}

Ordered Ordered::of(const Partial& partial, const OrderedOptions& options) {
  Ordered run(partial.type());
  run.add(sample_of(partial.first()), options);
  if (partial.count() == 1) return run;
  const auto last = sample_of(partial.last());
  if (partial.count() == 2) {
    run.add(last, options);
    return run;
  }
  auto& inner = run.inner_;
  inner.miss();
  const auto ns = distance(run.first_.time, last.time);
  inner.held_ns_ = inner.other_ns_ = ns;
  inner.integral_.add_product(rounded_mean(partial.sum(), partial.count(), 0), ns);
  inner.count_up(run.first_, last, options);
  run.last_ = last;
  run.count_ = partial.count();
  return run;
}

void Ordered::add(const OrderedSample& sample, const OrderedOptions& options) {
  if (count_ == 0) {
    first_ = sample;
  } else {
    TIDE_CHECK(sample.time >= last_.time, "a run of readings goes back in time");
    inner_.hold(last_, last_.time, std::min(sample.time, after(last_.time, options.max_hold)),
                options.states);
    inner_.count_up(last_, sample, options);
  }
  last_ = sample;
  ++count_;
}

bool Ordered::can_follow(const Ordered& next) const {
  return count_ == 0 || next.count_ == 0 || !comes_before(inner_.type_, next.first_, last_);
}

void Ordered::follow(const Ordered& next, const OrderedOptions& options) {
  if (count_ == 0) {
    const bool approximate = inner_.approximate_;
    *this = next;
    inner_.approximate_ = inner_.approximate_ || approximate;
    return;
  }
  if (next.count_ > 0) {
    TIDE_CHECK(next.first_.time >= last_.time, "runs of readings overlap");
    inner_.hold(last_, last_.time,
                std::min(next.first_.time, after(last_.time, options.max_hold)), options.states);
    inner_.count_up(last_, next.first_, options);
    last_ = next.last_;
    count_ += next.count_;
  }
  inner_.merge(next.inner_);
}

Totals Ordered::totals(std::int64_t begin, std::int64_t end,
                       const std::optional<OrderedSample>& before,
                       const OrderedOptions& options) const {
  auto all = inner_;
  if (before && before->time <= begin) {
    const auto until = std::min(count_ > 0 ? first_.time : end,
                                after(before->time, options.max_hold));
    all.hold(*before, begin, until, options.states);
    if (count_ > 0) {
      all.count_up(*before, first_, options);
      if (after(before->time, options.max_hold) < first_.time) {
        all.gap_ = Totals::Gap{before->time, first_.time};
      }
    }
  }
  if (count_ > 0) {
    all.hold(last_, last_.time, std::min(end, after(last_.time, options.max_hold)),
             options.states);
  }
  return all;
}

void Ordered::encode(ByteWriter& out) const {
  const auto type = inner_.type_;
  TIDE_CHECK(count_ > 0 && type != ValueType::text, "only runs of numbers are kept");
  const bool states = !inner_.states_.empty() || inner_.other_ns_ > 0;
  out.u8(static_cast<std::uint8_t>((inner_.approximate_ ? kApproximate : 0U) |
                                   (states ? kHasStates : 0U)));
  out.varint(count_);
  out.svarint(first_.time);
  encode_value(out, type, first_);
  if (count_ == 1) return;
  out.varint(distance(first_.time, last_.time));
  encode_value(out, type, last_);
  out.varint(inner_.held_ns_);
  out.varint(inner_.steps_);
  out.varint(inner_.resets_);
  inner_.integral_.encode(out);
  inner_.increase_.encode(out);
  if (!states) return;
  encode_states(out, inner_.other_ns_, inner_.states_);
}

Ordered Ordered::decode(ByteReader& in, ValueType type) {
  Ordered run(type);
  auto& inner = run.inner_;
  const auto flags = in.u8();
  if ((flags & kVersionMask) != 0) in.fail();
  inner.approximate_ = (flags & kApproximate) != 0;
  run.count_ = in.varint();
  if (run.count_ == 0 || run.count_ > Partial::kCountMax) in.fail();
  run.first_.time = in.svarint();
  decode_value(in, type, run.first_);
  run.last_ = run.first_;
  if (run.count_ <= 1) return run;
  run.last_.time = static_cast<std::int64_t>(static_cast<std::uint64_t>(run.first_.time) +
                                             in.varint());
  decode_value(in, type, run.last_);
  if (comes_before(type, run.last_, run.first_)) in.fail();
  inner.held_ns_ = in.varint();
  inner.steps_ = in.varint();
  inner.resets_ = in.varint();
  inner.integral_ = ExactSum::decode(in);
  inner.increase_ = ExactSum::decode(in);
  if ((flags & kHasStates) == 0) return run;
  decode_states(in, inner.other_ns_, inner.states_);
  return run;
}

}  // namespace tidemark::window
