// Figures that are made of others: increase(kwh) / sum(pieces).
//
//   formula := term { (+|-) term }          term := factor { (*|/) factor }
//   factor  := NUMBER | - factor | ( formula ) | min ( formula, … ) | max ( formula, … )
//            | AGGREGATE ( INPUT ) | unpaired ( JOIN ) | FIGURE
//
// INPUT is a named selection of series or a join of such (join.h), AGGREGATE one of common/window,
// FIGURE another formula of the view. Computed in doubles, from left to right, each step rounded
// once; the figures of inputs are rounded once from exact state.
//
// Empty      with a reason: an input without readings or without that figure, a division by zero, a
//            result that no double holds, units that cannot be added.
// Units      + - min max need one unit on all sides, a plain number fits every one; * and / join
//            them: kWh/{piece}. count has none.
// Bounds     kTextMax characters, kDepthMax levels of nesting, kFormulasMax formulas a view.
// Threads    evaluate() is const.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tidemark::answers {

struct FormulaValue {
  std::optional<double> value;
  std::string reason;               // why it is empty
  std::optional<std::string> unit;  // nothing: a plain number, which fits every unit

  static FormulaValue empty(std::string reason) { return {std::nullopt, std::move(reason), {}}; }
};

class Formulas {
 public:
  static constexpr std::size_t kTextMax = 1000;
  static constexpr std::size_t kDepthMax = 32;
  static constexpr std::size_t kFormulasMax = 32;
  // Of a join, beside the aggregates: readings that found no partner.
  static constexpr std::string_view kUnpaired = "unpaired";

  // By name. bad_input names the formula and what is wrong with it: where it does not parse, an
  // input or aggregate that is unknown, formulas that stand on each other in a circle.
  static Result<Formulas> parse(const std::map<std::string, std::string>& texts,
                                const std::vector<std::string>& inputs);

  // The figure of an input: (aggregate, input).
  using Look = std::function<FormulaValue(const std::string&, const std::string&)>;
  [[nodiscard]] std::map<std::string, FormulaValue> evaluate(const Look& look) const;
  // What is asked of inputs: (aggregate, input), each once.
  [[nodiscard]] std::set<std::pair<std::string, std::string>> asked() const;

  struct Node;  // of the tree

 private:
  std::map<std::string, std::shared_ptr<const Node>> formulas_;
  std::vector<std::string> order_;  // those that others stand on first
};

// A formula over values that come together: power / flow, where INPUT stands for the value itself
// and there are no aggregates.
class ValueFormula {
 public:
  // bad_input as above.
  static Result<ValueFormula> parse(std::string_view text, const std::vector<std::string>& inputs);
  // Those that it names, as indices into `inputs`.
  [[nodiscard]] const std::set<std::size_t>& inputs() const { return inputs_; }
  // Of finite values by index of their input. Nothing after a division by zero, or where a step has
  // a result that no double holds.
  [[nodiscard]] std::optional<double> of(std::span<const double> values) const;
  // The unit of what comes out, or why it is none; of units by index of their input.
  [[nodiscard]] FormulaValue unit(std::span<const std::string> units) const;

 private:
  std::shared_ptr<const Formulas::Node> tree_;
  std::vector<std::string> names_;  // of all inputs
  std::set<std::size_t> inputs_;
};

}  // namespace tidemark::answers
