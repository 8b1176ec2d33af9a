// Orders that make panes anew from the archive, day by day, a few with each batch: `replay GLOB
// FROM TO` brings readings of the late ledger and of quarantine back, `backfill VIEW FROM TO` gives
// a view the panes that it needs. What cannot be done stays as it is, and the outcome says why.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/intake/intake.h"
#include "cloud/intake/rebuilder.h"
#include "cloud/intake/session.h"
#include "cloud/store/orders.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::intake {
namespace {

constexpr std::uint64_t kBlocksATurn = 500;  // some 50 ms
// Windows that may wait before more are reopened: one day of a view of seconds comes on top.
constexpr std::size_t kWaitingMax = 10'000;

std::string outcome_of(const Replay& r) {
  std::string text;
  if (r.backfill) {
    text = fmt::format("{} days of {} series are filled from the archive", r.days, r.series.size());
  } else if (r.series.empty()) {
    return "nothing of these series and times waits in the late ledger or in quarantine";
  }
  if (!r.backfill || r.returned > 0) {
    text += fmt::format("{}{} readings of {} series are back in their windows",
                        text.empty() ? "" : "; ", r.returned, r.series.size());
  }
  if (r.stayed > 0) text += fmt::format("; {} stay where they are", r.stayed);
  if (r.failed > 0) text += fmt::format("; {} days stay as they are", r.failed);
  return r.why.empty() ? text : text + ": " + r.why;
}

}  // namespace

Result<Replay> Intake::replay_of(std::int64_t order,
                                 const std::vector<std::string_view>& words) const {
  Replay r;
  r.order = order;
  r.backfill = words[0] == "backfill";
  const auto from = words.size() == 4 ? store::order_time(words[2]) : std::nullopt;
  const auto to = from ? store::order_time(words[3]) : std::nullopt;
  if (!to) {
    return Error(Fault::bad_input, "expected: replay GLOB FROM TO, or backfill VIEW FROM TO, times "
                                   "in ns");
  }
  r.from = *from;
  r.to = *to;
  const auto name = store::from_order_word(words[1]);
  if (!r.backfill) {
    TIDE_ASSIGN(r.select, answers::Selection::parse(name));
    return r;
  }
  const auto view = std::find_if(options_.views.begin(), options_.views.end(),
                                 [&](const answers::View& v) { return v.name == name; });
  if (view == options_.views.end()) {
    return Error(Fault::bad_input, fmt::format("no view '{}' is in force", name));
  }
  r.select = view->select;
  return r;
}

std::optional<std::pair<Series*, EventTime>> Intake::next_of_ledger(Replay& r) {
  while (const auto line = store_->late().next_waiting(r.after)) {
    r.after = *line;
    auto* series = catalogue_->find(line->series);
    if (series == nullptr || line->start < r.from || line->start >= r.to ||
        !r.select.matches(series->full_name, labels_of(*series))) {
      continue;
    }
    const auto day = floor_to(line->start, Rebuilder::kDay);
    r.after.start = day + Rebuilder::kDay - Nanoseconds(1);  // lines of one day are one
    return std::pair(series, day);
  }
  return std::nullopt;
}

std::optional<std::pair<Series*, EventTime>> Intake::next_of_view(Replay& r) {
  for (; r.series_next < catalogue_->all().size(); ++r.series_next, r.day_next = kEventTimeMin) {
    auto* series = catalogue_->all()[r.series_next].get();
    const auto& row = series->row;
    if (row.readings == 0 || !r.select.matches(series->full_name, labels_of(*series))) {
      continue;
    }
    const auto first = std::max(r.from, event_time(row.first));
    const auto day = std::max(r.day_next, floor_to(first, Rebuilder::kDay));
    if (day >= r.to || day > event_time(row.last)) continue;
    r.day_next = day + Rebuilder::kDay;
    return std::pair(series, day);
  }
  return std::nullopt;
}

Result<std::optional<std::string>> Intake::replay(std::int64_t order,
                                                  const std::vector<std::string_view>& words) {
  if (!replay_ || replay_->order != order) {
    TIDE_ASSIGN(replay_, replay_of(order, words));
  }
  std::uint64_t blocks = 0;
  while (blocks < kBlocksATurn) {
    if (emitter_->waiting() > kWaitingMax) return std::optional<std::string>{};
    const auto next = replay_->backfill ? next_of_view(*replay_) : next_of_ledger(*replay_);
    if (!next) {
      const auto done = *std::exchange(replay_, std::nullopt);
      const bool nothing = done.returned == 0 && done.days == 0;
      if (nothing && !done.why.empty()) return Error(Fault::unavailable, outcome_of(done));
      return std::optional<std::string>(outcome_of(done));
    }
    blocks += 1 + replay_day(*next->first, next->second, *replay_);
  }
  return std::optional<std::string>{};
}

std::uint64_t Intake::replay_day(Series& series, EventTime day, Replay& r) {
  auto& session = *by_id_.at(series.row.edge);
  const auto waiting = store_->late().waiting(series.row.id, day, day + Rebuilder::kDay);
  r.series.insert(series.row.id);
  const auto rebuilt =
      Rebuilder(*store_, *catalogue_, options_.horizons)
          .day(*session.edge, series, day, clock_.wall());
  if (!rebuilt) {
    log::warning("panes stay as they are", "series={} day={} late={} reason={}",
                 series.full_name, format_utc(day), waiting.all(), rebuilt.error().text());
    r.stayed += waiting.all();
    r.failed += 1;
    r.why = rebuilt.error().text();
    return 1;
  }
  const auto early = std::min(waiting.early, rebuilt->returned);
  bring_back(session, rebuilt->returned - early, false, rebuilt->by_start);
  bring_back(session, early, true, rebuilt->by_start);
  r.returned += rebuilt->returned;
  r.stayed += rebuilt->stayed;
  if (rebuilt->stayed > 0) r.why = "their sums reach over a midnight (UTC) and fit no pane";
  r.days += r.backfill || rebuilt->returned > 0 ? 1 : 0;
  emitter_->reopen(series.row.id, day, day + Rebuilder::kDay, clock_.steady());
  // What the next day begins with.
  if (series.parts.ordered) {
    const auto last = store_->panes().before(series.row.id, day + Rebuilder::kDay).sample;
    if (last) {
      emitter_->touch_following(series.row.id, event_time(last->time), answers::Cause::operated,
                                clock_.steady());
    }
  }
  return rebuilt->blocks;
}

// Of one day and series nobody wrote down whose readings were late; the edge's sum is exact.
void Intake::bring_back(Session& s, std::uint64_t readings, bool from_quarantine,
                        const std::map<Incarnation, std::uint64_t>& by_start) {
  if (readings == 0) return;
  const auto take = [&](Incarnation i, std::uint64_t most) {
    unfold(s, i);
    const auto back = s.edge->books.of(i).bring_back(std::min(readings, most), from_quarantine);
    readings -= back;
    if (back > 0) s.changed.insert(i);
  };
  for (const auto& [incarnation, sent] : by_start) take(incarnation, sent);
  if (readings > 0) {
    for (const auto i : s.edge->books.all_starts()) {
      if (readings > 0) take(i, readings);
    }
  }
  if (readings > 0) {
    log::error("fewer readings were counted as set aside than came back",
               "edge={} readings={}", s.edge->row.name, readings);
  }
  touched_.insert(&s);
}

}  // namespace tidemark::intake
