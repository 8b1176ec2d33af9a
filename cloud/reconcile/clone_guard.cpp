#include "cloud/reconcile/clone_guard.h"

#include <algorithm>
#include <utility>

namespace tidemark::reconcile {

bool CloneGuard::refuses(Incarnation i) const {
  return std::find(refused_.begin(), refused_.end(), i) != refused_.end();
}

void CloneGuard::refuse(Incarnation i) {
  if (refuses(i)) return;
  refused_.push_back(i);
  if (refused_.size() > kRefusedMax) refused_.erase(refused_.begin());
  std::erase_if(greetings_, [&](const Greeting& g) { return g.incarnation == i; });
}

void CloneGuard::accept(Incarnation i) {
  std::erase(refused_, i);
  for (auto& g : greetings_) g.returns = 0;
}

void CloneGuard::restore(Incarnation last) {
  if (last == Incarnation{}) return;
  last_ = last;
  greetings_.push_back({last});
}

CloneGuard::Outcome CloneGuard::hello(Incarnation current, const std::vector<Closing>& closings) {
  if (refuses(current)) return {.welcome = false, .refused = {}};
  const bool of_refused = std::any_of(closings.begin(), closings.end(), [&](const Closing& c) {
    return refuses(c.incarnation);
  });
  if (of_refused) {
    refuse(current);
    return {.welcome = false, .refused = current};
  }
  const auto known = std::find_if(greetings_.begin(), greetings_.end(), [&](const Greeting& g) {
    return g.incarnation == current;
  });
  const auto before = std::exchange(last_, current);
  if (known == greetings_.end()) {
    greetings_.push_back({current});
    if (greetings_.size() > kGreetingsMax) greetings_.erase(greetings_.begin());
    return {};
  }
  if (before == current || ++known->returns < kReturnsMax) return {};
  const auto other = std::find_if(greetings_.begin(), greetings_.end(), [&](const Greeting& g) {
    return g.incarnation == before;
  });
  if (other == greetings_.end()) return {};
  const auto second = other > known ? before : current;
  last_ = second == current ? before : current;
  refuse(second);
  for (auto& g : greetings_) g.returns = 0;
  return {.welcome = second != current, .refused = second};
}

}  // namespace tidemark::reconcile
