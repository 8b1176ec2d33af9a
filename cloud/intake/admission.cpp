// What an edge is not let in with: a second box's frames, what would pass a bound, what contradicts
// what is here. Each is kept aside or comes again, and is told.
#include <fmt/format.h>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/log.h"

namespace tidemark::intake {

void Intake::keep_letter(Session& s, const std::string& reason, ByteSpan bytes,
                         std::uint64_t readings) {
  ++counters_.dead_letters;
  s.letter_bytes += bytes.size();
  // One edge must not fill the disk with them: the reason and the count are always kept.
  if (s.letter_bytes > kLetterBytesMax) bytes = {};
  store_->small().add_dead_letter(s.edge->row.name, reason, clock_.wall(), bytes, readings);
}

void Intake::alarm(Session& s, store::AlarmKind kind, const std::string& text) {
  ++counters_.alarms;
  log::error("alarm", "edge={} kind={} text={}", s.edge->row.name, store::to_string(kind), text);
  store_->alarms().raise(s.edge->row.id, kind, text, clock_.wall());
}

void Intake::put_off(Session& s, const std::string& why) {
  ++counters_.put_off;
  alarm(s, store::AlarmKind::bound, why);
}

bool Intake::refuses(Session& s, Incarnation i) {
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
    put_off(s, fmt::format("more than {} starts of this edge are open, or {} in all; is its agent "
                           "restarting without end?", reconcile::kStartsOpenMax,
                           reconcile::kStartsMax));
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

}  // namespace tidemark::intake
