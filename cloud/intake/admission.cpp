// Edges come and go; and what they are not let in with: a second box's frames, what would pass a
// bound, what contradicts what is here. Each is kept aside or comes again, and is told.
#include <fmt/format.h>

#include <utility>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/log.h"

namespace tidemark::intake {
namespace {
constexpr std::size_t kContradictionsKnown = 1024;  // of an edge, so that each is told once
}

void Intake::alarm(Session& s, store::AlarmKind kind, const std::string& text) {
  ++counters_.alarms;
  log::error("alarm", "edge={} kind={} text={}", s.edge->row.name, store::to_string(kind), text);
  store_->alarms().raise(s.edge->row.id, kind, text, clock_.wall());
}

void Intake::note_counts(Session& s, const store::SeriesRow& series, answers::Answer& answer,
                         const answers::Basis& basis) {
  answer.estimated = true;
  answer.lost = 0;
  // A seal that counts more of it may come behind a later one; what no seal of the start counts is
  // seen by look_at_counts().
  if (basis.manifest.lacking == 0) return;
  if (s.contradicted.size() >= kContradictionsKnown) s.contradicted.clear();
  if (!s.contradicted.insert({series.source, answer.start}).second) return;
  const auto text = fmt::format("from {} to {} the seals of '{}' count {} readings, and all blocks "
                                "that they speak of hold {}", format_utc(answer.start),
                                format_utc(answer.end), series.description.source,
                                basis.manifest.sent, basis.manifest.received);
  alarm(s, store::AlarmKind::count_conflict, text);
  remark(s, store::LetterReason::contradiction, text);
}

void Intake::look_at_counts(Session& s, Incarnation i) {
  const auto more = s.edge->books.of(i).beyond_seal();
  if (more == 0) return;
  if (s.starts_contradicted.size() >= kContradictionsKnown) s.starts_contradicted.clear();
  if (!s.starts_contradicted.insert(i).second) return;
  const auto text = fmt::format("the blocks of start {:016x} hold {} readings more than its seals "
                                "count; what came stands", i.count, more);
  alarm(s, store::AlarmKind::count_conflict, text);
  remark(s, store::LetterReason::contradiction, text);
}

void Intake::put_off(Session& s, const std::string& why) {
  ++counters_.put_off;
  alarm(s, store::AlarmKind::bound, why);
}

bool Intake::refuses(const Session& s, Incarnation i) {
  if (!s.edge->guard.refuses_any() || !s.edge->guard.refuses(i)) return false;
  ++counters_.refused;
  return true;
}

bool Intake::admit(Session& s, std::uint64_t session, const wire::Hello& hello) {
  auto& edge = *s.edge;
  const auto outcome = edge.guard.hello(hello.incarnation, hello.closings);
  if (outcome.was_accepted) store_->edges().forget_accepted(edge.row.id, hello.incarnation);
  for (const auto i : outcome.forgiven) store_->edges().forget_refused(edge.row.id, i);
  if (outcome.refused) {
    store_->edges().refuse(edge.row.id, *outcome.refused, clock_.wall());
    store_->edges().forget_accepted(edge.row.id, *outcome.refused);
    alarm(s, store::AlarmKind::clone,
          fmt::format("two boxes say they are this edge; start {:016x} is refused until you "
                      "decide: tidemark cloud edge accept|refuse {} INCARNATION",
                      outcome.refused->count, edge.row.name));
  }
  if (outcome.welcome) {
    for (const auto& c : hello.closings) unfold(s, c.incarnation);
    unfold(s, hello.incarnation);
    if (edge.books.room_for(hello.incarnation, hello.closings)) return true;
    const auto text = fmt::format("more than {} starts of this edge are open; is its agent "
                                  "restarting without end?", reconcile::kStartsOpenMax);
    put_off(s, text);
    if (options_.from_log) remark(s, store::LetterReason::bound, text);
    return false;
  }
  ++counters_.refused;
  s.refused_connection = session;
  s.refusal = fmt::format("another box says it is {}; this start, {:016x}, waits for a decision at "
                          "the cloud: tidemark cloud edge accept {} {:016x}", edge.row.name,
                          hello.incarnation.count, edge.row.name, hello.incarnation.count);
  return false;
}

void Intake::unfold(Session& s, Incarnation i) {
  if (!s.edge->books.folded(i)) return;
  const auto read = store_->edges().load_incarnation(s.edge->row.id, i, s.edge->books);
  TIDE_CHECK(read.ok(), "the books of a start in cloud.db decode");
}

void Intake::take_hello(Session& s, std::uint64_t session, const wire::Frame& frame) {
  auto hello = wire::decode_hello(frame.payload);
  if (!hello) {
    return refuse_frame(s, frame, store::LetterReason::unreadable, hello.error().text());
  }
  if (!admit(s, session, *hello)) return;
  auto& row = s.edge->row;
  if (std::exchange(row.site, hello->site) != hello->site) {  // a label of all of its series
    for (const auto& [name, series] : s.edge->series) catalogue_->on_described(*series);
  }
  row.program_version = hello->program_version;
  row.incarnation = hello->incarnation;
  row.ordinal = hello->start_ordinal;
  row.connected = true;
  row.away.clear();
  s.connection = session;
  s.greeted = true;
  s.version = std::min(hello->version_max, wire::kVersionMax);
  s.welcome.insert(hello->incarnation);
  s.changed.insert(hello->incarnation);
  std::vector<reconcile::OffTimes::Span> off;
  const auto forgotten =
      s.edge->books.hello(hello->incarnation, hello->start_ordinal, hello->closings, off,
                          clock_.wall());
  for (const auto& span : off) store_->edges().add_off(row.id, span);
  if (!off.empty()) store_->edges().bound_off(row.id);
  for (const auto& c : hello->closings) {
    s.welcome.insert(c.incarnation);
    if (s.edge->books.find(c.incarnation) != nullptr) s.changed.insert(c.incarnation);
  }
  mark_forgotten(s, forgotten, *hello);
  for (const auto& [incarnation, missing, ended] : forgotten) {
    s.changed.insert(incarnation);
    if (missing.empty()) continue;
    s.wanted_blocks[incarnation].add(missing);
    log::warning("edge no longer waits for an earlier start of which blocks are missing",
                 "edge={} incarnation={:016x} blocks={}", row.name, incarnation.count,
                 missing.count());
  }
  s.backlog_to = {0, 0};
  s.live_from = UINT64_MAX;
  if (store_->letters().count(store::LetterReason::dictionary_missing) > 0) {
    for (const auto hash : store_->letters().wanted(row.name)) s.wanted.insert(hash);
  }
  take_unnamed(s);
}

void Intake::lose(const std::string& name, std::uint64_t session, const std::string& why) {
  const auto at = sessions_.find(name);
  if (at == sessions_.end()) return;
  auto& s = *at->second;
  if (session != s.connection || !s.edge->row.connected) return;
  log::warning("edge is away without a word", "edge={} reason={}", name, why);
  begin();
  s.edge->row.connected = false;
  s.edge->row.away = why;
  touched_.insert(&s);
}

}  // namespace tidemark::intake
