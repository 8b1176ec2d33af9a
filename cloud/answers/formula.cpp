#include "cloud/answers/formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "common/base/text.h"
#include "common/window/summary.h"

namespace tidemark::answers {

struct Formulas::Node {
  enum class Kind : std::uint8_t { number, figure, input, negate, add, subtract, multiply, divide,
                                   lowest, highest };
  Kind kind = Kind::number;
  double number = 0;
  std::string name;       // of an input or a figure
  std::size_t index = 0;  // of an input
  std::string aggregate;  // of an input; empty: its value
  std::vector<std::shared_ptr<const Node>> parts;
};

namespace {

using Node = Formulas::Node;
using Kind = Node::Kind;
using NodePtr = std::shared_ptr<const Node>;

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9') || c == '.'; }

NodePtr node(Kind kind, std::vector<NodePtr> parts) {
  auto n = std::make_shared<Node>();
  n->kind = kind;
  n->parts = std::move(parts);
  return n;
}

class Parser {
 public:
  // `figures` null: of values.
  Parser(std::string_view text, const std::vector<std::string>& inputs,
         const std::vector<std::string>* figures)
      : text_(text), inputs_(inputs), figures_(figures) {}

  Result<NodePtr> all() {
    TIDE_ASSIGN(auto tree, formula(0));
    if (peek() != 0) return wrong("an operator or the end");
    return tree;
  }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] Error wrong(std::string_view expected) const {
    return {Fault::bad_input, fmt::format("'{}': expected {} at '{}'", text_, expected,
                                          text_.substr(std::min(at_, text_.size())))};
  }

  Result<NodePtr> formula(std::size_t depth) {
    if (depth > Formulas::kDepthMax) return wrong("fewer levels of nesting");
    TIDE_ASSIGN(auto left, term(depth));
    while (peek() == '+' || peek() == '-') {
      const auto kind = text_[at_++] == '+' ? Kind::add : Kind::subtract;
      TIDE_ASSIGN(auto right, term(depth));
      left = node(kind, {std::move(left), std::move(right)});
    }
    return left;
  }
  Result<NodePtr> term(std::size_t depth) {
    TIDE_ASSIGN(auto left, factor(depth));
    while (peek() == '*' || peek() == '/') {
      const auto kind = text_[at_++] == '*' ? Kind::multiply : Kind::divide;
      TIDE_ASSIGN(auto right, factor(depth));
      left = node(kind, {std::move(left), std::move(right)});
    }
    return left;
  }
  Result<NodePtr> factor(std::size_t depth) {
    if (depth > Formulas::kDepthMax) return wrong("fewer levels of nesting");
    if (take('-')) {
      TIDE_ASSIGN(auto part, factor(depth + 1));
      return node(Kind::negate, {std::move(part)});
    }
    if (take('(')) {
      TIDE_ASSIGN(auto part, formula(depth + 1));
      if (!take(')')) return wrong("')'");
      return part;
    }
    const char c = peek();
    if ((c >= '0' && c <= '9') || c == '.') return number();
    if (!begins_name(c)) return wrong("a number, a figure, AGGREGATE(INPUT) or '('");
    return named(depth);
  }
  Result<NodePtr> number() {
    auto n = std::make_shared<Node>();
    const auto* begin = text_.data() + at_;
    const auto [end, code] = std::from_chars(begin, text_.data() + text_.size(), n->number);
    if (code != std::errc{} || !std::isfinite(n->number)) return wrong("a number");
    at_ += static_cast<std::size_t>(end - begin);
    return NodePtr(std::move(n));
  }
  std::string name() {
    const auto begin = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  Result<NodePtr> named(std::size_t depth) {
    const auto word = name();
    if (!take('(')) return figures_ != nullptr ? figure(word) : value(word);
    const auto before = at_;
    if (figures_ != nullptr && begins_name(peek())) {
      const auto input = name();
      const bool known = std::find(inputs_.begin(), inputs_.end(), input) != inputs_.end();
      if (known && take(')')) {
        if (word != Formulas::kUnpaired) TIDE_TRY(window::check_aggregate(word));
        return of_input(input, word == "avg" ? "mean" : word);
      }
      if (word != "min" && word != "max") {
        return known ? wrong("')'") : no_input(input);
      }
    }
    if (word != "min" && word != "max") return wrong(fmt::format("the input of {}", word));
    at_ = before;
    std::vector<NodePtr> parts;
    do {
      TIDE_ASSIGN(auto part, formula(depth + 1));
      parts.push_back(std::move(part));
    } while (take(','));
    if (!take(')')) return wrong("',' or ')'");
    return node(word == "min" ? Kind::lowest : Kind::highest, std::move(parts));
  }
  [[nodiscard]] Error no_input(const std::string& word) const {
    const auto near = nearest(word, inputs_);
    return {Fault::bad_input,
            fmt::format("'{}': no input '{}'{}; there are: {}", text_, word,
                        near.empty() ? "" : fmt::format(", did you mean '{}'?", near),
                        fmt::join(inputs_, ", "))};
  }
  NodePtr of_input(const std::string& input, std::string aggregate) {
    auto n = std::make_shared<Node>();
    n->kind = Kind::input;
    n->name = input;
    n->index = static_cast<std::size_t>(
        std::find(inputs_.begin(), inputs_.end(), input) - inputs_.begin());
    n->aggregate = std::move(aggregate);
    return n;
  }
  Result<NodePtr> value(const std::string& word) {
    if (std::find(inputs_.begin(), inputs_.end(), word) == inputs_.end()) return no_input(word);
    return of_input(word, "");
  }
  Result<NodePtr> figure(const std::string& word) {
    if (std::find(figures_->begin(), figures_->end(), word) != figures_->end()) {
      auto n = std::make_shared<Node>();
      n->kind = Kind::figure;
      n->name = word;
      return NodePtr(std::move(n));
    }
    if (std::find(inputs_.begin(), inputs_.end(), word) != inputs_.end()) {
      return Error(Fault::bad_input,
                   fmt::format("'{}': which figure of {}? Such as mean({})", text_, word, word));
    }
    return Error(Fault::bad_input, fmt::format("'{}': no figure '{}'", text_, word));
  }

  std::string_view text_;
  const std::vector<std::string>& inputs_;
  const std::vector<std::string>* figures_;
  std::size_t at_ = 0;
};

void each_leaf(const Node& n, const std::function<void(const Node&)>& visit) {
  if (n.kind == Kind::figure || n.kind == Kind::input) visit(n);
  for (const auto& p : n.parts) each_leaf(*p, visit);
}

std::string joined(const std::optional<std::string>& a, char by,
                   const std::optional<std::string>& b) {
  const auto left = a.value_or("");
  auto right = b.value_or("");
  if (right.empty()) return left;
  if (by == '/' && right.find_first_of("./") != std::string::npos) right = "(" + right + ")";
  if (left.empty()) return by == '/' ? "1/" + right : right;
  return left + by + right;
}

class Evaluation {
 public:
  Evaluation(const Formulas::Look& look, const std::map<std::string, FormulaValue>& figures)
      : look_(look), figures_(figures) {}

  FormulaValue of(const Node& n) const {
    if (n.kind == Kind::number) return {n.number, {}, {}};
    if (n.kind == Kind::input) return look_(n.aggregate, n.name);
    if (n.kind == Kind::figure) return figures_.at(n.name);
    auto all = of(*n.parts[0]);
    if (n.kind == Kind::negate && all.value) all.value = -*all.value;
    for (std::size_t i = 1; all.value && i < n.parts.size(); ++i) {
      auto next = of(*n.parts[i]);
      if (!next.value) return next;
      all = two(n.kind, all, next);
    }
    if (all.value && !std::isfinite(*all.value)) {
      return FormulaValue::empty("more than a number can hold");
    }
    return all;
  }

 private:
  static FormulaValue two(Kind kind, const FormulaValue& a, const FormulaValue& b) {
    const double x = *a.value, y = *b.value;
    switch (kind) {
      case Kind::multiply: return {x * y, {}, unit_of(a, '.', b)};
      case Kind::divide:
        if (y == 0) return FormulaValue::empty("division by zero");
        return {x / y, {}, unit_of(a, '/', b)};
      default: break;
    }
    if (a.unit && b.unit && *a.unit != *b.unit) {
      return FormulaValue::empty(fmt::format("'{}' and '{}' are two units", *a.unit, *b.unit));
    }
    const auto unit = a.unit ? a.unit : b.unit;
    switch (kind) {
      case Kind::add: return {x + y, {}, unit};
      case Kind::subtract: return {x - y, {}, unit};
      case Kind::lowest: return {std::min(x, y), {}, unit};
      default: return {std::max(x, y), {}, unit};
    }
  }
  static std::optional<std::string> unit_of(const FormulaValue& a, char by,
                                            const FormulaValue& b) {
    if (!a.unit && !b.unit) return std::nullopt;
    return joined(a.unit, by, b.unit);
  }
  const Formulas::Look& look_;
  const std::map<std::string, FormulaValue>& figures_;
};

}  // namespace

Result<Formulas> Formulas::parse(const std::map<std::string, std::string>& texts,
                                 const std::vector<std::string>& inputs) {
  if (texts.size() > kFormulasMax) {
    return Error(Fault::bad_input, fmt::format("more than {} formulas", kFormulasMax));
  }
  std::vector<std::string> names;
  for (const auto& [name, text] : texts) names.push_back(name);
  Formulas all;
  for (const auto& [name, text] : texts) {
    if (name.empty() || !begins_name(name[0]) || !std::all_of(name.begin(), name.end(), in_name)) {
      return Error(Fault::bad_input, fmt::format("'{}' is no name of a figure", name));
    }
    if (text.size() > kTextMax) {
      return Error(Fault::bad_input, fmt::format("{}: longer than {} characters", name, kTextMax));
    }
    auto tree = Parser(text, inputs, &names).all();
    if (!tree) return std::move(tree).error().within(name);
    all.formulas_[name] = std::move(tree).value();
  }
  // Those that stand on nothing first; who is left over stands on itself.
  while (all.order_.size() < names.size()) {
    const auto before = all.order_.size();
    for (const auto& name : names) {
      const auto done = [&](const std::string& n) {
        return std::find(all.order_.begin(), all.order_.end(), n) != all.order_.end();
      };
      bool ready = !done(name);
      each_leaf(*all.formulas_[name], [&](const Node& n) {
        if (n.kind == Kind::figure && !done(n.name)) ready = false;
      });
      if (ready) all.order_.push_back(name);
    }
    if (all.order_.size() != before) continue;
    std::erase_if(names, [&](const std::string& n) {
      return std::find(all.order_.begin(), all.order_.end(), n) != all.order_.end();
    });
    return Error(Fault::bad_input, fmt::format("figures stand on each other in a circle: {}",
                                               fmt::join(names, ", ")));
  }
  return all;
}

std::map<std::string, FormulaValue> Formulas::evaluate(const Look& look) const {
  std::map<std::string, FormulaValue> figures;
  const Evaluation evaluation(look, figures);
  for (const auto& name : order_) figures[name] = evaluation.of(*formulas_.at(name));
  return figures;
}

std::set<std::pair<std::string, std::string>> Formulas::asked() const {
  std::set<std::pair<std::string, std::string>> all;
  for (const auto& [name, tree] : formulas_) {
    each_leaf(*tree, [&](const Node& n) {
      if (n.kind == Kind::input) all.emplace(n.aggregate, n.name);
    });
  }
  return all;
}

Result<ValueFormula> ValueFormula::parse(std::string_view text,
                                         const std::vector<std::string>& inputs) {
  if (text.size() > Formulas::kTextMax) {
    return Error(Fault::bad_input, fmt::format("longer than {} characters", Formulas::kTextMax));
  }
  ValueFormula formula;
  formula.names_ = inputs;
  TIDE_ASSIGN(formula.tree_, Parser(text, inputs, nullptr).all());
  each_leaf(*formula.tree_, [&](const Node& n) { formula.inputs_.insert(n.index); });
  return formula;
}

namespace {

// NaN: no value.
double compute(const Node& n, std::span<const double> values) {
  if (n.kind == Kind::number) return n.number;
  if (n.kind == Kind::input) return values[n.index];
  auto all = compute(*n.parts[0], values);
  if (n.kind == Kind::negate) return -all;
  for (std::size_t i = 1; std::isfinite(all) && i < n.parts.size(); ++i) {
    const auto next = compute(*n.parts[i], values);
    if (!std::isfinite(next)) return next;
    switch (n.kind) {
      case Kind::add: all += next; break;
      case Kind::subtract: all -= next; break;
      case Kind::multiply: all *= next; break;
      case Kind::divide: all = next == 0 ? std::nan("") : all / next; break;
      case Kind::lowest: all = std::min(all, next); break;
      default: all = std::max(all, next);
    }
  }
  return all;
}

}  // namespace

std::optional<double> ValueFormula::of(std::span<const double> values) const {
  const auto value = compute(*tree_, values);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

FormulaValue ValueFormula::unit(std::span<const std::string> units) const {
  const std::map<std::string, FormulaValue> none;
  const Formulas::Look look = [&](const std::string&, const std::string& name) {
    // Any values do: only their units are looked at.
    const auto index = static_cast<std::size_t>(
        std::find(names_.begin(), names_.end(), name) - names_.begin());
    return FormulaValue{static_cast<double>(index) + 1.5, {},
                        index < units.size() ? units[index] : std::string()};
  };
  return Evaluation(look, none).of(*tree_);
}

}  // namespace tidemark::answers
