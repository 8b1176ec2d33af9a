#include "cloud/reconcile/clone_guard.h"

#include <algorithm>
#include <utility>

namespace tidemark::reconcile {

bool CloneGuard::refuses(Incarnation i) const {
  return std::find(refused_.begin(), refused_.end(), i) != refused_.end();
}

void CloneGuard::refuse(Incarnation i) {
  std::erase(accepted_, i);
  if (refuses(i)) return;
  refused_.push_back(i);
  if (refused_.size() > kRefusedMax) refused_.erase(refused_.begin());
  std::erase_if(greetings_, [&](const Greeting& g) { return g.incarnation == i; });
}

void CloneGuard::accept(Incarnation i) {
  std::erase(refused_, i);
  std::erase(accepted_, i);
  accepted_.push_back(i);
  if (accepted_.size() > kRefusedMax) accepted_.erase(accepted_.begin());
  for (auto& g : greetings_) g.returns = 0;
}

void CloneGuard::restore(Incarnation last) {
  if (last == Incarnation{}) return;
  last_ = last;
  greetings_.push_back({last});
}

CloneGuard::Outcome CloneGuard::hello(Incarnation current, const std::vector<Closing>& closings) {
  Outcome outcome;
  if (refuses(current)) {
    outcome.welcome = false;
    return outcome;
  }
  outcome.was_accepted = std::erase(accepted_, current) > 0;
  if (outcome.was_accepted) {
    for (const auto& c : closings) {
      if (std::erase(refused_, c.incarnation) > 0) outcome.forgiven.push_back(c.incarnation);
    }
  }
  const bool of_refused = std::any_of(closings.begin(), closings.end(), [&](const Closing& c) {
    return refuses(c.incarnation);
  });
  if (of_refused) {
    refuse(current);
    outcome.welcome = false;
    outcome.refused = current;
    return outcome;
  }
  const auto named = [&](Incarnation i) {
    return std::any_of(closings.begin(), closings.end(),
                       [&](const Closing& c) { return c.incarnation == i; });
  };
  const auto index_of = [&](Incarnation i) {
    return std::find_if(greetings_.begin(), greetings_.end(),
                        [&](const Greeting& g) { return g.incarnation == i; }) -
           greetings_.begin();
  };
  const auto end = static_cast<std::ptrdiff_t>(greetings_.size());
  const auto before = std::exchange(last_, current);
  const auto own = index_of(current);
  const bool back = own != end && before != current &&
                    (named(before) || (index_of(before) != end && index_of(before) > own));
  // It takes the place of the starts that it descends from.
  Greeting greeting{current, own == end ? 0 : greetings_[static_cast<std::size_t>(own)].returns};
  if (back) ++greeting.returns;
  auto place = own;
  for (std::ptrdiff_t i = end; i-- > 0;) {
    const auto& g = greetings_[static_cast<std::size_t>(i)];
    if (g.incarnation != current && !named(g.incarnation)) continue;
    place = i;
    greetings_.erase(greetings_.begin() + i);
  }
  greetings_.insert(greetings_.begin() + std::min<std::ptrdiff_t>(
                                             place, static_cast<std::ptrdiff_t>(greetings_.size())),
                    greeting);
  if (greetings_.size() > kGreetingsMax) greetings_.erase(greetings_.begin());
  if (greeting.returns < kReturnsMax) return outcome;
  // A copy that was made of a running box names that one's start among its own.
  const auto second = named(before) ? current : before;
  last_ = second == current ? before : current;
  refuse(second);
  for (auto& g : greetings_) g.returns = 0;
  outcome.welcome = second != current;
  outcome.refused = second;
  return outcome;
}

}  // namespace tidemark::reconcile
