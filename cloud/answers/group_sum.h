// What a group holds in a window: the sum of its members, or of each of its inputs.
//
// Threads    one at a time.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "cloud/answers/answer.h"
#include "cloud/answers/view.h"
#include "common/window/mixed.h"

namespace tidemark::answers {

class GroupSum {
 public:
  // `inputs` by View::inputs_of(), of a view with figures.
  void add(const window::Summary& state, const SeriesDescription& series, std::uint32_t inputs = 1);
  // All that another one was given: in any order, to the bit.
  void merge(const GroupSum& other);
  [[nodiscard]] std::uint64_t count() const;

  void encode(ByteWriter& out) const;  // canonical: equal state, equal bytes
  static Result<GroupSum> decode(ByteReader& in);

  // values and texts.
  void fill(Answer& answer, const std::vector<std::string>& aggregates) const;
  // The figures of a view, with notes on what is empty and why; a unit if all have the same.
  // `joins`: what the view's joins hold, in their order.
  void fill(Answer& answer, const View& view, const Formulas& formulas,
            std::span<const JoinSum> joins = {}) const;
  // Of one input.
  [[nodiscard]] std::uint64_t count(std::size_t input) const {
    return input < parts_.size() ? parts_[input].sum.count() : 0;
  }

 private:
  struct Part {
    window::Mixed sum;
    std::set<std::string> units;
  };
  [[nodiscard]] FormulaValue look_at_join(const Join& join, const std::string& name,
                                          const std::string& aggregate, const JoinSum& sum) const;

  std::vector<Part> parts_;  // by input
};

}  // namespace tidemark::answers
