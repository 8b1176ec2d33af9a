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

constexpr std::size_t kTextMax = 500;  // of a name or a reason

std::string outcome_of(const LetterOrder& o) {
  auto text = o.drop ? fmt::format("{} dropped, {} readings are lost", o.done, o.readings)
                     : fmt::format("{} taken, with {} readings", o.done, o.readings);
  if (o.stayed > 0) text += fmt::format("; {} stay: {}", o.stayed, o.why);
  return text;
}

// What holds readings of a start of which there are no books here cannot be booked as lost, and
// would be a hole in the start once it is known.
Result<> may_drop(const Edge& edge, const store::Letter& letter) {
  const auto start = letter.block.incarnation;
  if (letter.frame != "block" || start.count == 0 || letter.readings == 0) return {};
  if (edge.books.find(start) != nullptr || edge.guard.refuses(start)) return {};
  return Error(Fault::unavailable, letter.booked ? "of its start only the sums are left"
                                                 : "no hello has named its start");
}

// The newest that was there when the order was given: of those behind it nobody spoke.
std::int64_t newest_before(sqlite::Database& database, std::int64_t order) {
  sqlite::Statement newest(database, "SELECT MAX(id) FROM deadletters"
                                     " WHERE at<=(SELECT at FROM orders WHERE id=?)");
  return newest.start(order).next() ? newest.integer(0) : 0;
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
    const auto newest = newest_before(store_->database(), order);
    std::erase_if(o.letters, [&](std::int64_t id) { return id > newest; });
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
  const auto drop = [&](store::Letter& letter) -> Result<> {
    if (letter.state != store::LetterState::kept) {
      return Error(Fault::bad_input, fmt::format("it is {}: {}", store::to_string(letter.state),
                                                 letter.outcome));
    }
    if (letter.frame == "seal" && take_letter(letter, answers::Cause::operated).ok()) {
      return Error(Fault::bad_input, "it is a seal, which counts what is lost: it is taken");
    }
    if (const auto at = sessions_.find(letter.edge); at != sessions_.end()) {
      unfold(*at->second, letter.block.incarnation);
      TIDE_TRY(may_drop(*at->second->edge, letter));
    }
    drop_letter(letter, store::LetterState::dropped, o.outcome);
    return {};
  };
  for (std::size_t n = 0; n < kLettersATurn && o.next < o.letters.size(); ++n) {
    if (n > 0 && full()) break;
    auto letter = store_->letters().find(o.letters[o.next++]);
    if (!letter) continue;
    const auto obeyed = o.drop ? drop(*letter) : take_letter(*letter, answers::Cause::operated);
    if (!obeyed) {
      ++o.stayed;
      o.why = obeyed.error().text();
      continue;
    }
    if (!o.drop || letter->booked) o.readings += letter->readings;
    ++o.done;
  }
  if (o.next < o.letters.size()) return std::optional<std::string>{};
  const auto done = *std::exchange(letter_order_, std::nullopt);
  if (done.letters.size() == 1 && done.stayed == 1) return Error(Fault::bad_input, done.why);
  return std::optional<std::string>(outcome_of(done));
}

}  // namespace tidemark::intake
