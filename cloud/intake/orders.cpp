// What persons decided, in the words of the command line: `accept EDGE INCARNATION`. Orders lie in
// cloud.db, where the command wrote them or the log brought them, and are taken between batches.
#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::intake {
namespace {

Result<Incarnation> incarnation_of(std::string_view text) {
  Incarnation i;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), i.count, 16);
  if (code == std::errc{} && end == text.data() + text.size() && i.count != 0) return i;
  return Error(Fault::bad_input, fmt::format("'{}' is no incarnation, expected 16 hexadecimal "
                                             "digits as `tidemark cloud status` shows them", text));
}

}  // namespace

void Intake::take_order(const store::Order& order) {
  begin();
  if (!store_->orders().add(order.name, order.words, order.by, order.at)) return;
  orders_wait_ = true;
  orders_moved_ = true;
}

void Intake::take_outcome(const store::Outcome& outcome) {
  begin();
  store_->orders().know(outcome.name, outcome.text, outcome.at);
  orders_moved_ = true;
}

std::optional<store::InputPosition> Intake::next_order() {
  if (replay_) return std::nullopt;  // as the first time, it goes on beside live data
  if (!std::exchange(orders_moved_, false)) return next_order_;
  next_order_.reset();
  for (const auto& order : store_->orders().open()) {
    if (order.name.empty() || homeless_orders_.contains(order.id)) continue;
    next_order_ = order.obeyed_at;
    break;
  }
  return next_order_;
}

// What was obeyed before was right: whom it is about has not come here yet, where retention took
// the records from before the order. It waits for that, and holds nothing back.
void Intake::take_orders() {
  bool wait = false;
  const auto open = store_->orders().open();
  counters_.orders_waiting = open.size();
  for (const auto& order : open) {
    const bool of_log = !order.name.empty();
    wait = wait || (of_log && !may_obey(order));
    if (of_log && wait) continue;  // they keep their order
    const bool homeless = homeless_orders_.contains(order.id);
    if (homeless && !names_moved_) continue;
    const auto outcome = obey(order);
    if (outcome && !*outcome) return;  // one at a time
    if (!outcome && order.obeyed_at && outcome.error().fault() == Fault::bad_input) {
      orders_moved_ = homeless_orders_.insert(order.id).second || orders_moved_;
      continue;
    }
    homeless_orders_.erase(order.id);
    const auto text = outcome ? "ok: " + **outcome : "error: " + outcome.error().text();
    log::info("order", "words={} by={} outcome={}", order.words, order.by, text);
    store_->orders().close(order, text, read_.to);
    orders_moved_ = true;
    ++counters_.orders;
    --counters_.orders_waiting;
  }
  names_moved_ = false;
  orders_wait_ = wait || !homeless_orders_.empty();
}

// A store that reads the log again obeys where others did; what nobody obeyed yet is about what is
// known by now.
bool Intake::may_obey(const store::Order& order) const {
  if (!order.obeyed_at) return read_.caught_up;
  return (read_.live_ended || read_.to.live >= order.obeyed_at->live) &&
         (read_.backlog_ended || read_.to.backlog >= order.obeyed_at->backlog);
}

// As a restart would: what is pending lies in rows, and windows that no view had before are filled
// from panes. Readings go into finer panes from here on where a view is finer.
Result<std::string> Intake::change_views() {
  if (!options_.read_views) {
    return Error(Fault::unsupported, "this node reads its views when it starts only");
  }
  TIDE_ASSIGN(auto now, options_.read_views());
  options_.views = std::move(now.views);
  options_.relabels = std::move(now.relabels);
  emitter_->write_pending();
  TIDE_TRY(start_views());
  std::string names;
  for (const auto& v : options_.views) names += (names.empty() ? "" : ", ") + v.name;
  return "views in force: " + names;
}

Result<std::optional<std::string>> Intake::obey(const store::Order& order) {
  const auto& words = order.words;
  const auto parts = split(words, ' ');
  if (parts[0] == "replay" || parts[0] == "backfill") return replay(order.id, parts);
  if (parts[0] == "letter") return obey_letters(order.id, parts);
  auto outcome = words == "views"                               ? change_views()
                 : parts[0] == "swap" || parts[0] == "unswap"   ? swap_meter(parts, order.at)
                 : parts[0] == "waive" || parts[0] == "retire" ? waive(parts, order.at)
                 : parts[0] == "unwaive"                         ? end_waiver(parts, order.at)
                                                 : decide(words, parts, order.at);
  if (!outcome) return std::move(outcome).error();
  return std::optional<std::string>(std::move(outcome).value());
}

Result<std::string> Intake::decide(const std::string& words,
                                   const std::vector<std::string_view>& parts, EventTime at) {
  if (parts.size() != 3 || (parts[0] != "accept" && parts[0] != "refuse")) {
    return Error(Fault::bad_input, fmt::format("no order '{}'", words));
  }
  const auto session = sessions_.find(std::string(parts[1]));
  if (session == sessions_.end()) {
    return Error(Fault::bad_input, fmt::format("no edge is called '{}'", parts[1]));
  }
  TIDE_ASSIGN(const auto incarnation, incarnation_of(parts[2]));
  auto& edge = *session->second->edge;
  if (parts[0] == "refuse") {
    edge.guard.refuse(incarnation);
    store_->edges().refuse(edge.row.id, incarnation, at);
    store_->edges().forget_accepted(edge.row.id, incarnation);
  } else {
    edge.guard.accept(incarnation);
    store_->edges().accept(edge.row.id, incarnation, at);
    store_->edges().forget_refused(edge.row.id, incarnation);
  }
  store_->alarms().clear(edge.row.id, store::AlarmKind::clone);
  return fmt::format("start {:016x} of {} is {}", incarnation.count, edge.row.name,
                     parts[0] == "accept" ? "accepted: it is welcome at its next hello"
                                          : "refused, and its later starts with it");
}

}  // namespace tidemark::intake
