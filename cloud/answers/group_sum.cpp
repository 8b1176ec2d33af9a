#include "cloud/answers/group_sum.h"

#include <fmt/format.h>

#include "cloud/answers/judge.h"

namespace tidemark::answers {

void GroupSum::add(const window::Summary& state, const SeriesDescription& series,
                   std::uint32_t inputs) {
  for (std::size_t i = 0; inputs != 0; ++i, inputs >>= 1) {
    if ((inputs & 1) == 0) continue;
    if (parts_.size() <= i) parts_.resize(i + 1);
    parts_[i].sum.add(state, series.exponent);
    // What holds a value, be it one of before.
    const bool held = state.totals() && state.totals()->held_ns() > 0;
    if (state.partial().count() > 0 || held) parts_[i].units.insert(series.unit);
  }
}

void GroupSum::merge(const GroupSum& other) {
  if (parts_.size() < other.parts_.size()) parts_.resize(other.parts_.size());
  for (std::size_t i = 0; i < other.parts_.size(); ++i) {
    parts_[i].sum.merge(other.parts_[i].sum);
    parts_[i].units.insert(other.parts_[i].units.begin(), other.parts_[i].units.end());
  }
}

void GroupSum::encode(ByteWriter& out) const {
  out.varint(parts_.size());
  for (const auto& part : parts_) {
    out.varint(part.units.size());
    for (const auto& unit : part.units) out.text(unit);
    part.sum.encode(out);
  }
}

Result<GroupSum> GroupSum::decode(ByteReader& in) {
  GroupSum sum;
  const auto inputs = in.length();
  if (inputs > View::kInputsMax) in.fail();
  for (std::size_t i = 0; i < inputs && in.ok(); ++i) {
    auto& part = sum.parts_.emplace_back();
    const auto units = in.length();
    for (std::size_t u = 0; u < units && in.ok(); ++u) part.units.emplace(in.text());
    TIDE_ASSIGN(part.sum, window::Mixed::decode(in));
  }
  if (!in.ok()) return Error(Fault::bad_input, "bytes that are no sum of a group");
  return sum;
}

std::uint64_t GroupSum::count() const {
  std::uint64_t n = 0;
  for (const auto& p : parts_) n += p.sum.count();
  return n;
}

namespace {

std::string why_none(const window::MixedFigures& figures, std::string_view name) {
  return figures.several() && figures.plain().count > 0
             ? fmt::format("no {} of series of several resolutions", name)
             : fmt::format("no {}", name);
}

}  // namespace

void GroupSum::fill(Answer& answer, const std::vector<std::string>& aggregates) const {
  const window::Mixed nothing;
  const window::MixedFigures figures(parts_.empty() ? nothing : parts_[0].sum);
  const auto& plain = figures.plain();
  for (const auto& name : aggregates) {
    answer.approximate = answer.approximate || !figures.exact(name);
    if (name == "time_in_state") {
      put_states(answer, figures.states());
      continue;
    }
    const auto value = figures.get(name);
    answer.values[name] = value;
    if (!value && figures.several() && plain.count > 0) {
      answer.notes.push_back(why_none(figures, name));
    }
    if (name == "first" && !plain.first_text.empty()) answer.texts[name] = plain.first_text;
    if (name == "last" && !plain.last_text.empty()) answer.texts[name] = plain.last_text;
  }
}

FormulaValue GroupSum::look_at_join(const Join& join, const std::string& name,
                                    const std::string& aggregate, const JoinSum& sum) const {
  if (!sum.problem.empty()) return FormulaValue::empty(sum.problem);
  if (aggregate == Formulas::kUnpaired) return {static_cast<double>(sum.alone), {}, {}};
  const window::Figures figures(sum.values, 0);
  const auto value = figures.get(aggregate);
  if (aggregate == "count") return {value, {}, {}};
  if (!value) return FormulaValue::empty(fmt::format("{} has no pairs", name));
  std::vector<std::string> units(parts_.size());
  for (const auto i : join.formula.inputs()) {
    // The partners are all from before the window, which does not say their unit.
    if (i >= parts_.size() || parts_[i].units.empty()) return {value, {}, {}};
    const auto& all = parts_[i].units;
    if (all.size() > 1) {
      return FormulaValue::empty(fmt::format("{} is made of several units: {}", name,
                                             fmt::join(all, ", ")));
    }
    units[i] = *all.begin();
  }
  const auto unit = join.formula.unit(units);
  if (!unit.value) return FormulaValue::empty(fmt::format("{}: {}", name, unit.reason));
  return {value, {}, unit.unit};
}

void GroupSum::fill(Answer& answer, const View& view, const Formulas& formulas,
                    std::span<const JoinSum> joins) const {
  const auto parsed = view.parsed_joins();
  const window::Mixed nothing;
  std::map<std::string, std::pair<const Part*, window::MixedFigures>> inputs;
  std::size_t i = 0;
  for (const auto& [name, selection] : view.inputs) {
    const auto* part = i < parts_.size() ? &parts_[i] : nullptr;
    inputs.try_emplace(name, part, window::MixedFigures(part != nullptr ? part->sum : nothing));
    ++i;
  }
  const auto look = [&](const std::string& aggregate, const std::string& input) {
    if (const auto join = view.joins.find(input); join != view.joins.end()) {
      const auto at = static_cast<std::size_t>(std::distance(view.joins.begin(), join));
      const bool plain = aggregate == Formulas::kUnpaired;
      const bool exact = plain || window::Figures(joins[at].values, 0).exact(aggregate);
      answer.approximate = answer.approximate || !exact;
      return look_at_join(parsed[at], input, aggregate, joins[at]);
    }
    const auto& [part, figures] = inputs.at(input);
    if (aggregate == "count") return FormulaValue{figures.get(aggregate), {}, {}};
    answer.approximate = answer.approximate || !figures.exact(aggregate);
    const auto value = figures.get(aggregate);
    if (!value && (part == nullptr || part->sum.count() == 0)) {
      return FormulaValue::empty(fmt::format("{} has no readings", input));
    }
    if (part->units.size() > 1) {
      return FormulaValue::empty(fmt::format("{} is of several units: {}", input,
                                             fmt::join(part->units, ", ")));
    }
    if (!value) {
      return FormulaValue::empty(fmt::format("{} has {}", input, why_none(figures, aggregate)));
    }
    auto unit = part->units.empty() ? std::string() : *part->units.begin();
    if (aggregate == "integral" && !unit.empty()) unit += ".s";
    return FormulaValue{value, {}, std::move(unit)};
  };
  std::set<std::string> units;
  for (const auto& [name, figure] : formulas.evaluate(look)) {
    answer.values[name] = figure.value;
    if (figure.value) {
      units.insert(figure.unit.value_or(""));
    } else {
      answer.notes.push_back(fmt::format("{}: {}", name, figure.reason));
    }
  }
  if (units.size() == 1) answer.unit = *units.begin();
  for (const auto& join : joins) {
    answer.notes.insert(answer.notes.end(), join.notes.begin(), join.notes.end());
  }
}

}  // namespace tidemark::answers
