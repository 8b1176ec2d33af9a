#include "edge/window/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "common/base/text.h"
#include "common/window/quantile.h"

namespace tidemark::window {
namespace {

std::vector<std::pair<std::string, double>> states_of(const Ordered::Figures& figures,
                                                      const Shape& shape,
                                                      const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, double>> out;
  const auto seconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  std::uint64_t other = figures.other_ns;
  for (const auto& s : figures.states) {
    if (shape.type != ValueType::text) {
      out.emplace_back(state_name(shape.type, s.key, shape.exponent), seconds(s.ns));
    } else if (s.key < 0) {
      other += s.ns;
    } else {
      out.emplace_back(names[static_cast<std::size_t>(s.key)], seconds(s.ns));
    }
  }
  if (other > 0) out.emplace_back("other", seconds(other));
  return out;
}

Figure ordered_figure(const std::string& name, const Ordered::Figures& figures, const Shape& shape,
                      const std::vector<std::string>& names) {
  if (name == "twa") return {.name = name, .number = figures.twa};
  if (name == "integral") return {.name = name, .number = figures.integral};
  if (name == "increase") return {.name = name, .number = figures.increase};
  return {.name = name, .parts = states_of(figures, shape, names)};
}

}  // namespace

Result<Wanted> Wanted::parse(const std::vector<std::string>& names) {
  Wanted out;
  out.names_ = names;
  if (names.empty()) out.names_ = {"count", "min", "max", "mean", "last"};
  for (const auto& name : out.names_) {
    if (is_ordered(name)) {
      out.ordered_ = true;
    } else if (rank_of(name)) {
      out.quantiles_ = true;
    } else if (auto known = Aggregates::check_name(name); !known) {
      return Error{known.error().fault(), known.error().text() + ", p50 to p99.999, " +
                                              fmt::format("{}", fmt::join(kOrderedNames, ", "))};
    }
  }
  return out;
}

Cell::Cell(const Shape& shape) : partial(shape.type) {
  if (!shape.wanted) return;
  if (shape.wanted->quantiles() && shape.type != ValueType::text) {
    sketch.make(mapping_of(shape.type));
  }
  if (shape.wanted->ordered()) ordered.make(shape.type);
}

void Cell::add(std::int64_t time, const Column& column, std::size_t value) {
  partial.add(time, column, value);
  if (!sketch || column.type != partial.type() || is_bad(column.quality_of(value))) return;
  if (column.type != ValueType::f64) {
    sketch->add(column.i64[value]);
  } else if (std::isfinite(column.f64[value])) {
    sketch->add(column.f64[value]);
  }
}

void Cell::merge(const Cell& later, const Shape& shape) {
  partial.merge(later.partial);
  if (sketch && later.sketch) sketch->merge(*later.sketch);
  if (!ordered || !later.ordered) return;
  if (!ordered->empty() && !later.ordered->empty() &&
      later.ordered->first().time < ordered->last().time) {
    ordered->miss();
  } else {
    ordered->follow(*later.ordered, shape.ordered);
  }
}

LocalResult result_of(const Cell& cell, std::int64_t start, std::int64_t end,
                 const std::optional<OrderedSample>& before, const Shape& shape,
                 const std::vector<std::string>& names) {
  LocalResult out;
  out.start = start;
  out.end = end;
  out.readings = cell.partial.readings();
  const auto a = Aggregates::of(cell.partial, shape.exponent);
  Ordered::Figures ordered;
  if (cell.ordered) {
    ordered = cell.ordered->within(start, end, before, shape.ordered, shape.exponent);
    out.approximate = ordered.approximate;
  }
  for (const auto& name : shape.wanted->names()) {
    if (is_ordered(name)) {
      out.figures.push_back(ordered_figure(name, ordered, shape, names));
    } else if (const auto rank = rank_of(name)) {
      Figure figure{.name = name};
      if (cell.sketch && cell.sketch->count() > 0) {
        figure.number = quantile_of(*cell.sketch, *rank, a, shape.type, shape.exponent);
        out.approximate = out.approximate || cell.sketch->coarse();
      }
      out.figures.push_back(std::move(figure));
    } else if (shape.type == ValueType::text && a.count > 0 &&
               (name == "first" || name == "last")) {
      out.figures.push_back({.name = name, .text = name == "first" ? a.first_text : a.last_text});
    } else {
      out.figures.push_back({.name = name, .number = a.get(name)});
    }
  }
  return out;
}

std::int64_t StateNames::number_of(std::string_view text) {
  const auto at = std::find(names_.begin(), names_.end(), text);
  if (at != names_.end()) return at - names_.begin();
  if (names_.size() >= kNamesMax) return -1;
  names_.emplace_back(text);
  return static_cast<std::int64_t>(names_.size()) - 1;
}

void Reorder::add(std::int64_t time, const Column& column, std::size_t value, StateNames& names) {
  if (is_bad(column.quality_of(value))) return;
  OrderedSample sample{.time = time};
  if (column.type == ValueType::f64) {
    sample.f64 = column.f64[value];
    if (!std::isfinite(sample.f64)) return;
  } else if (column.type == ValueType::text) {
    sample.i64 = names.number_of(column.text[value].substr(0, Partial::kTextBytesMax));
  } else {
    sample.i64 = column.i64[value];
  }
  const auto at = std::upper_bound(
      waiting_.begin(), waiting_.end(), sample, [](const OrderedSample& a, const OrderedSample& b) {
        return std::tie(a.time, a.i64, a.f64) < std::tie(b.time, b.i64, b.f64);
      });
  waiting_.insert(at, sample);
}

}  // namespace tidemark::window
