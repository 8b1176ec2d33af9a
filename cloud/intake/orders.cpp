// What persons decided, in the words of the command line: `accept EDGE INCARNATION`. Orders lie in
// cloud.db, where the command wrote them, and are taken between batches.
#include <fmt/format.h>

#include <charconv>

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

void Intake::take_orders() {
  for (const auto& order : store_->alarms().open_orders()) {
    const auto outcome = obey(order.id, order.words);
    if (outcome && !*outcome) return;  // one at a time
    const auto text = outcome ? "ok: " + **outcome : "error: " + outcome.error().text();
    log::info("order", "words={} outcome={}", order.words, text);
    store_->alarms().close_order(order.id, text);
  }
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

Result<std::optional<std::string>> Intake::obey(std::int64_t order, const std::string& words) {
  const auto parts = split(words, ' ');
  if (parts[0] == "replay" || parts[0] == "backfill") return replay(order, parts);
  if (parts[0] == "letter") return obey_letters(order, parts);
  auto outcome = words == "views"                                 ? change_views()
                 : parts[0] == "swap" || parts[0] == "unswap"   ? swap_meter(parts)
                 : parts[0] == "waive" || parts[0] == "retire" ? waive(parts)
                 : parts[0] == "unwaive"                         ? end_waiver(parts)
                                                                 : decide(words, parts);
  if (!outcome) return std::move(outcome).error();
  return std::optional<std::string>(std::move(outcome).value());
}

Result<std::string> Intake::decide(const std::string& words,
                                   const std::vector<std::string_view>& parts) {
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
    store_->edges().refuse(edge.row.id, incarnation, clock_.wall());
    store_->edges().forget_accepted(edge.row.id, incarnation);
  } else {
    edge.guard.accept(incarnation);
    store_->edges().accept(edge.row.id, incarnation, clock_.wall());
    store_->edges().forget_refused(edge.row.id, incarnation);
  }
  store_->alarms().clear(edge.row.id, store::AlarmKind::clone);
  return fmt::format("start {:016x} of {} is {}", incarnation.count, edge.row.name,
                     parts[0] == "accept" ? "accepted: it is welcome at its next hello"
                                          : "refused, and its later starts with it");
}

}  // namespace tidemark::intake
