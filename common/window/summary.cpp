#include "common/window/summary.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/base/text.h"

namespace tidemark::window {
namespace {

constexpr std::string_view kStates = "time_in_state";
constexpr std::string_view kDistinct = "distinct";

// Which parts follow in encoded extras.
constexpr std::uint8_t kHasRuns = 1;
constexpr std::uint8_t kHasSketch = 2;
constexpr std::uint8_t kHasDistinct = 4;
// Which parts an encoded summary has.
constexpr std::uint8_t kOrderedPart = 1;
constexpr std::uint8_t kStatesPart = 2;
constexpr std::uint8_t kSketchPart = 4;
constexpr std::uint8_t kDistinctPart = 8;

bool enters(const Column& column, std::size_t value) {
  return !is_bad(column.quality_of(value)) &&
         (column.type != ValueType::f64 || std::isfinite(column.f64[value]));
}

}  // namespace

Parts Parts::of(std::span<const std::string> aggregates, ValueType type) {
  Parts parts;
  for (const auto& name : aggregates) {
    if (name == kDistinct) parts.distinct = true;
    if (type == ValueType::text) continue;
    if (is_ordered(name)) parts.ordered = true;
    if (name == kStates) parts.states = true;
    if (rank_of(name)) parts.sketch = true;
  }
  return parts;
}

void Parts::add(const Parts& other) {
  ordered = ordered || other.ordered;
  states = states || other.states;
  sketch = sketch || other.sketch;
  distinct = distinct || other.distinct;
}

Result<> check_aggregate(std::string_view name) {
  if (is_ordered(name) || name == kDistinct || rank_of(name)) return {};
  if (auto known = Aggregates::check_name(name); !known) {
    return Error{known.error().fault(), known.error().text() + ", twa, integral, increase, "
                                        "time_in_state, distinct, p0 to p100 (p99.9)"};
  }
  return {};
}

void Extras::want(const Parts& parts, ValueType type, const OrderedOptions& options) {
  if (parts.ordered && !runs) runs.emplace(type, options, parts.states);
  if (parts.sketch && !sketch) sketch.emplace(mapping_of(type));
  if (parts.distinct && !distinct) distinct.emplace();
}

void Extras::add(const Column& column, std::size_t value) {
  if (!enters(column, value)) return;
  add(column, value, 1);
}

void Extras::add(const Column& column, std::size_t first, std::size_t n) {
  if (column.type == ValueType::f64) {
    const auto values = std::span(column.f64).subspan(first, n);
    if (sketch) sketch->add(values);
    if (distinct) {
      for (const auto v : values) distinct->add(v);
    }
  } else if (column.type == ValueType::text) {
    if (!distinct) return;
    for (std::size_t i = first; i < first + n; ++i) {
      distinct->add(std::string_view(column.text[i]));
    }
  } else {
    const auto values = std::span(column.i64).subspan(first, n);
    if (sketch) sketch->add(values);
    if (distinct) {
      for (const auto v : values) distinct->add(v);
    }
  }
}

bool Extras::merge(const Extras& other, ValueType type, const OrderedOptions& options) {
  want({other.runs.has_value(), other.runs && other.runs->has_states(), other.sketch.has_value(),
        other.distinct.has_value()}, type, options);
  if (other.sketch) sketch->merge(*other.sketch);
  if (other.distinct) distinct->merge(*other.distinct);
  if (!other.runs) return true;
  // What was made by other rules than those of now says something else.
  const bool states = runs->has_states();
  if (!runs->serve(options, states) || !other.runs->serve(options, states)) {
    return other.runs->count() == 0;
  }
  return runs->merge(*other.runs, options);
}

void Extras::encode(ByteWriter& out) const {
  out.u8(static_cast<std::uint8_t>((runs ? kHasRuns : 0U) | (sketch ? kHasSketch : 0U) |
                                   (distinct ? kHasDistinct : 0U)));
  if (runs) runs->encode(out);
  if (sketch) sketch->encode(out);
  if (distinct) distinct->encode(out);
}

Extras Extras::decode(ByteReader& in, ValueType type) {
  Extras extras;
  const auto head = in.u8();
  if (head > (kHasRuns | kHasSketch | kHasDistinct)) in.fail();
  if ((head & kHasRuns) != 0) extras.runs.emplace(Runs::decode(in, type));
  if ((head & kHasSketch) != 0) {
    extras.sketch.emplace(Sketch::decode(in));
    if (extras.sketch->mapping() != mapping_of(type)) in.fail();
  }
  if ((head & kHasDistinct) != 0) extras.distinct.emplace(Distinct::decode(in));
  return extras;
}

std::optional<OrderedSample> sample_of(std::int64_t time, const Column& column,
                                       std::size_t value) {
  if (column.type == ValueType::text || !enters(column, value)) return std::nullopt;
  OrderedSample sample{.time = time};
  if (column.type == ValueType::f64) {
    sample.f64 = column.f64[value];
  } else {
    sample.i64 = column.i64[value];
  }
  return sample;
}

Summary::Summary(ValueType type, const Parts& parts) : partial_(type), parts_(parts) {
  if (parts.sketch) sketch_.emplace(mapping_of(type));
  if (parts.distinct) distinct_.emplace();
}

void Summary::add(std::int64_t time, const Column& column, std::size_t value) {
  partial_.add(time, column, value);
  if (!parts_.any() || column.type != partial_.type() || !enters(column, value)) return;
  if (column.type == ValueType::f64) {
    if (sketch_) sketch_->add(column.f64[value]);
    if (distinct_) distinct_->add(column.f64[value]);
  } else if (column.type != ValueType::text) {
    if (sketch_) sketch_->add(column.i64[value]);
    if (distinct_) distinct_->add(column.i64[value]);
  } else if (distinct_) {
    distinct_->add(std::string_view(column.text[value]));
  }
  if (!parts_.ordered) return;
  if (const auto sample = sample_of(time, column, value)) loose_.push_back(*sample);
}

void Summary::add(const Partial& rows, const Extras* extras, const OrderedOptions& options) {
  partial_.merge(rows);
  if (extras == nullptr || rows.count() == 0) return;
  if (sketch_ && extras->sketch) sketch_->merge(*extras->sketch);
  if (distinct_ && extras->distinct) distinct_->merge(*extras->distinct);
  if (!parts_.ordered || !extras->runs || !extras->runs->serve(options, parts_.states)) return;
  runs_.insert(runs_.end(), extras->runs->runs().begin(), extras->runs->runs().end());
}

void Summary::add_sum(const Partial& state, const OrderedOptions& options) {
  partial_.merge(state);
  if (parts_.ordered && state.count() > 0) runs_.push_back(Ordered::of(state, options));
}

void Summary::merge(const Summary& other) {
  partial_.merge(other.partial_);
  if (sketch_ && other.sketch_) sketch_->merge(*other.sketch_);
  if (distinct_ && other.distinct_) distinct_->merge(*other.distinct_);
  in_order_ += other.in_order_;
  runs_.insert(runs_.end(), other.runs_.begin(), other.runs_.end());
  loose_.insert(loose_.end(), other.loose_.begin(), other.loose_.end());
  if (!other.totals_) return;
  if (totals_) {
    totals_->merge(*other.totals_);
  } else {
    totals_ = other.totals_;
  }
}

bool Summary::close(std::int64_t begin, std::int64_t end,
                    const std::optional<OrderedSample>& before, const OrderedOptions& given) {
  if (!parts_.ordered) return true;
  auto options = given;
  options.states = parts_.states;
  const auto type = partial_.type();
  const auto earlier = [type](const auto& a, const auto& b) { return comes_before(type, a, b); };
  if (!loose_.empty()) {
    std::sort(loose_.begin(), loose_.end(), earlier);
    auto& run = runs_.emplace_back(type);
    for (const auto& sample : loose_) run.add(sample, options);
    loose_.clear();
  }
  std::sort(runs_.begin(), runs_.end(), [&](const Ordered& a, const Ordered& b) {
    return earlier(a.first(), b.first());
  });
  Ordered all(type);
  bool good = true;
  for (const auto& run : runs_) {
    if (all.can_follow(run)) {
      all.follow(run, options);
    } else {
      good = false;
    }
  }
  runs_.clear();
  in_order_ = all.count();
  totals_ = all.totals(begin, end, before, options);
  return good;
}

void Summary::doubt() {
  if (totals_) totals_->miss();
}

void Summary::encode(ByteWriter& out) const {
  TIDE_CHECK(runs_.empty() && loose_.empty() && totals_.has_value() == parts_.ordered,
             "only closed summaries are kept");
  out.u8(static_cast<std::uint8_t>((parts_.ordered ? kOrderedPart : 0U) |
                                   (parts_.states ? kStatesPart : 0U) |
                                   (parts_.sketch ? kSketchPart : 0U) |
                                   (parts_.distinct ? kDistinctPart : 0U)));
  partial_.encode(out);
  if (parts_.ordered) {
    out.varint(in_order_);
    totals_->encode(out);
  }
  if (sketch_) sketch_->encode(out);
  if (distinct_) distinct_->encode(out);
}

Result<Summary> Summary::decode(ByteReader& in) {
  const auto head = in.u8();
  if (head > (kOrderedPart | kStatesPart | kSketchPart | kDistinctPart)) in.fail();
  Parts parts;
  parts.ordered = (head & kOrderedPart) != 0;
  parts.states = (head & kStatesPart) != 0;
  parts.sketch = (head & kSketchPart) != 0;
  parts.distinct = (head & kDistinctPart) != 0;
  TIDE_ASSIGN(auto partial, Partial::decode(in));
  const auto type = partial.type();
  if (type == ValueType::text && (parts.ordered || parts.sketch)) in.fail();
  Summary summary(type, in.ok() ? parts : Parts{});
  summary.partial_ = std::move(partial);
  if (parts.ordered) {
    summary.in_order_ = in.varint();
    summary.totals_ = Totals::decode(in, type);
  }
  if (parts.sketch) {
    summary.sketch_ = Sketch::decode(in);
    if (summary.sketch_->mapping() != mapping_of(type)) in.fail();
  }
  if (parts.distinct) summary.distinct_ = Distinct::decode(in);
  if (!in.ok()) return Error(Fault::bad_input, "bytes that are no summary");
  return summary;
}

namespace {

std::vector<std::pair<std::string, double>> states_of(const Totals::Figures& figures,
                                                      ValueType type, int exponent) {
  std::vector<std::pair<std::string, double>> out;
  const auto seconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  for (const auto& s : figures.states) {
    out.emplace_back(state_name(type, s.key, exponent), seconds(s.ns));
  }
  if (figures.other_ns > 0) out.emplace_back("other", seconds(figures.other_ns));
  return out;
}

}  // namespace

Figures::Figures(const Summary& summary, int exponent, bool stddev)
    : summary_(summary),
      exponent_(exponent),
      plain_(Aggregates::of(summary.partial(), exponent, stddev)) {
  if (!summary.totals()) return;
  ordered_ = summary.totals()->figures(exponent);
  states_ = states_of(ordered_, summary.partial().type(), exponent);
}

std::optional<double> Figures::get(std::string_view name) const {
  if (name == "twa") return ordered_.twa;
  if (name == "integral") return ordered_.integral;
  if (name == "increase") return ordered_.increase;
  if (name == kDistinct) {
    const auto& distinct = summary_.distinct();
    if (!distinct || distinct->added() == 0) return std::nullopt;
    return static_cast<double>(distinct->count());
  }
  const auto rank = rank_of(name);
  if (!rank) return plain_.get(name);
  const auto& sketch = summary_.sketch();
  if (!sketch || sketch->count() == 0) return std::nullopt;
  return quantile_of(*sketch, *rank, plain_, summary_.partial().type(), exponent_);
}

bool Figures::exact(std::string_view name) const {
  const auto all = summary_.partial().count();
  const bool text = summary_.partial().type() == ValueType::text;
  if (is_ordered(name)) {
    return text || (summary_.totals() && !ordered_.approximate && summary_.in_order() == all);
  }
  if (name == kDistinct) {
    const auto& distinct = summary_.distinct();
    return all == 0 || (distinct && distinct->added() == all && distinct->exact());
  }
  if (!rank_of(name) || text) return true;
  const auto& sketch = summary_.sketch();
  return all == 0 || (sketch && sketch->count() == all && !sketch->coarse());
}

}  // namespace tidemark::window
