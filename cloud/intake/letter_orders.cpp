// What persons decide about dead letters: `letter retry WHICH BY`, `letter drop WHICH BY REASON`.
// WHICH is the number of one, the word for a reason, or `all`.
#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "cloud/store/orders.h"

namespace tidemark::intake {
namespace {

constexpr std::size_t kLettersATurn = 100;
constexpr std::size_t kTextMax = 500;  // of a name or a reason

std::string outcome_of(const LetterOrder& o) {
  auto text = o.drop ? fmt::format("{} dropped, {} readings are lost", o.done, o.readings)
                     : fmt::format("{} taken, with {} readings", o.done, o.readings);
  if (o.stayed > 0) text += fmt::format("; {} stay: {}", o.stayed, o.why);
  return text;
}

}  // namespace

Result<LetterOrder> Intake::letter_order(std::int64_t order,
                                         const std::vector<std::string_view>& words) {
  LetterOrder o;
  o.order = order;
  o.drop = words.size() == 5 && words[1] == "drop";
  if (!o.drop && (words.size() != 4 || words[1] != "retry")) {
    return Error(Fault::bad_input, "expected: letter retry WHICH BY, or letter drop WHICH BY "
                                   "REASON");
  }
  if (o.drop) {
    const auto by = store::from_order_word(words[3]);
    const auto reason = store::from_order_word(words[4]);
    if (by.empty() || reason.empty() || by.size() > kTextMax || reason.size() > kTextMax) {
      return Error(Fault::bad_input, fmt::format("who says it and why are needed, each of at most "
                                                 "{} characters", kTextMax));
    }
    o.outcome = fmt::format("{}: {}", by, reason);
  }
  const auto which = words[2];
  const auto why = store::letter_reason(which);
  if (why || which == "all") {
    o.letters = store_->letters().kept(why);
    return o;
  }
  std::int64_t id = 0;
  const auto [end, code] = std::from_chars(which.data(), which.data() + which.size(), id);
  if (code != std::errc{} || end != which.data() + which.size() || !store_->letters().find(id)) {
    return Error(Fault::bad_input, fmt::format("no dead letter '{}'", which));
  }
  o.letters = {id};
  return o;
}

Result<std::optional<std::string>> Intake::obey_letters(
    std::int64_t order, const std::vector<std::string_view>& words) {
  if (!letter_order_ || letter_order_->order != order) {
    TIDE_ASSIGN(letter_order_, letter_order(order, words));
  }
  auto& o = *letter_order_;
  for (std::size_t n = 0; n < kLettersATurn && o.next < o.letters.size(); ++n) {
    if (n > 0 && full()) break;
    auto letter = store_->letters().find(o.letters[o.next++]);
    if (!letter) continue;
    if (o.drop && letter->state != store::LetterState::kept) {
      ++o.stayed;
      o.why = fmt::format("it is {}: {}", store::to_string(letter->state), letter->outcome);
      continue;
    }
    if (o.drop && letter->frame == "seal" && take_letter(*letter, answers::Cause::operated).ok()) {
      ++o.stayed;
      o.why = "it is a seal, which counts what is lost: it is taken";
      continue;
    }
    if (o.drop) {
      drop_letter(*letter, store::LetterState::dropped, o.outcome);
      o.readings += letter->booked ? letter->readings : 0;
    } else if (const auto taken = take_letter(*letter, answers::Cause::operated); !taken) {
      ++o.stayed;
      o.why = taken.error().text();
      continue;
    } else {
      o.readings += letter->readings;
    }
    ++o.done;
  }
  if (o.next < o.letters.size()) return std::optional<std::string>{};
  const auto done = *std::exchange(letter_order_, std::nullopt);
  if (done.letters.size() == 1 && done.stayed == 1) return Error(Fault::bad_input, done.why);
  return std::optional<std::string>(outcome_of(done));
}

}  // namespace tidemark::intake
