// Minutes of which an edge has no counts any more: windows there are complete only once all blocks
// that may hold their readings are here. And those of which nobody has any: of a start that its
// edge lost, and of what this cloud knew before it came back from a backup.
#include <algorithm>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "cloud/intake/time_pieces.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::intake {
// `known`: the seal that stood before. Who took a later one than that which said a count has it.
void Intake::take_dropped(Session& s, const Seal& seal, std::uint64_t known) {
  auto& books = s.edge->books;
  for (const auto& stated : seal.sources) {
    for (auto dropped : stated.dropped) {
      if (dropped.number <= known) continue;
      const auto index = books.source(stated.source, stated.poll_class).value();
      const auto& source = books.sources()[index];
      if (dropped.why == DroppedCounts::Why::cut) {
        // Of what it proved no power cut takes anything.
        const auto proved = books.of(seal.incarnation).proved(index);
        dropped.first = std::max(dropped.first, minute_of(proved));
      }
      dropped.first = std::max(dropped.first, -kMinuteMax);
      dropped.last = std::min(dropped.last, kMinuteMax);
      if (dropped.first > dropped.last) continue;
      if (store_->manifests().drop(source.id, seal.incarnation, seal.next, dropped)) {
        touch_minutes(source, dropped.first, dropped.last);
      }
    }
  }
}

void Intake::resolve_dropped(Session& s, Incarnation start) {
  auto& manifests = store_->manifests();
  const auto& books = s.edge->books.of(start);
  // It was not lost after all: from a log, its blocks may come long behind the next hello.
  const auto told = books.closing() ? books.closing()->durable_through : Sequence{};
  if (told != Sequence{} && told < books.whole_below()) {
    touch_resolved(s, manifests.found(start));
  }
  if (!manifests.any_dropped(start)) return;
  touch_resolved(s, manifests.resolve(start, books.whole_below()));
}

void Intake::touch_resolved(Session& s, const store::DroppedRows::Resolved& resolved) {
  const auto& books = s.edge->books;
  for (const auto& [id, minutes] : resolved) {
    const auto source = std::find_if(books.sources().begin(), books.sources().end(),
                                     [&, of = id](const auto& b) { return b.id == of; });
    if (source != books.sources().end()) touch_minutes(*source, minutes.first, minutes.second);
  }
}

void Intake::mark_source(Session& s, reconcile::SourceIndex index, Incarnation start,
                         EventTime from, EventTime until, DroppedCounts::Why why) {
  const auto& source = s.edge->books.sources()[index];
  auto& manifests = store_->manifests();
  if (until <= from || manifests.any_dropped(source.id, start, why)) return;
  DroppedCounts dropped{minute_of(from), minute_of(until), 0, 0, why};
  dropped.first = std::max(dropped.first, -kMinuteMax);
  dropped.last = std::min(dropped.last, kMinuteMax);
  log::warning("windows cannot be proved: nobody counts what an edge took",
               "edge={} source={} from={} until={} incarnation={:016x}", s.edge->row.name,
               source.name, format_utc(from), format_utc(until), start.count);
  manifests.drop(source.id, start, Sequence{}, dropped);
  touch_minutes(source, dropped.first, dropped.last);
}

// A start of which no seal came may have listened to any of the sources.
void Intake::mark_uncounted(Session& s, Incarnation start, EventTime until,
                            DroppedCounts::Why why) {
  auto& books = s.edge->books;
  store_->edges().save_sources(s.edge->row.id, books);
  const auto stated = books.of(start).stated();
  for (const auto index : stated) {
    mark_source(s, index, start, books.of(start).said_until(index), until, why);
  }
  if (!stated.empty()) return;
  for (reconcile::SourceIndex i = 0; i < books.sources().size(); ++i) {
    mark_source(s, i, start, books.sources()[i].frontier, until, why);
  }
}

void Intake::mark_forgotten(Session& s,
                            const std::vector<reconcile::EdgeBooks::Forgotten>& forgotten,
                            const wire::Hello& hello) {
  auto& manifests = store_->manifests();
  touch_resolved(s, manifests.found(hello.incarnation));
  for (const auto& c : hello.closings) touch_resolved(s, manifests.found(c.incarnation));
  // Until the edge says when its present start began.
  for (const auto& [start, missing, ended] : forgotten) {
    mark_uncounted(s, start, std::min(ended, clock_.wall()), DroppedCounts::Why::lost);
  }
}

// What an edge was told that the cloud has, it says no more.
void Intake::compare_told(Session& s, const Opening& opening) {
  auto& books = s.edge->books;
  for (const auto& told : opening.told) {
    unfold(s, told.incarnation);
    const auto* start = books.find(told.incarnation);
    if (start == nullptr || !start->closing() || start->seal_number() >= told.number) continue;
    mark_uncounted(s, told.incarnation, start->closing()->off_until,
                   DroppedCounts::Why::restored);
  }
}

void Intake::take_opening(Session& s, const Seal& seal) {
  const auto& opening = *seal.opening;
  if (opening.begun == kEventTimeMin) return;
  auto& books = s.edge->books;
  const auto begun = std::min(opening.begun, clock_.wall() + kAheadMax);
  for (const auto& source : books.sources()) {
    touch_resolved(s, store_->manifests().shorten(source.id, minute_of(begun)));
  }
  const auto mark_all = [&](Incarnation start, EventTime from, EventTime until,
                            DroppedCounts::Why why) {
    for (reconcile::SourceIndex i = 0; i < books.sources().size(); ++i) {
      mark_source(s, i, start, std::max(from, books.sources()[i].frontier), until, why);
    }
  };
  const bool known = opening.settled == Incarnation{} || books.folded(opening.settled) ||
                     books.find(opening.settled) != nullptr || books.gone().starts > 0;
  if (!known) mark_all(opening.settled, kEventTimeMin, begun, DroppedCounts::Why::restored);
  mark_all(seal.incarnation, opening.uncounted_from, opening.uncounted_until,
           DroppedCounts::Why::cut);
}

// Of what is proved and still kept by the minute.
void Intake::touch_minutes(const reconcile::SourceBooks& source, std::int64_t first,
                           std::int64_t last) {
  const auto kept = options_.horizons.floor(reconcile::Tier::minute, source.frontier);
  const auto from = std::max(event_time(first * kMinuteNs),
                             floor_to(kept, Nanoseconds(kMinuteNs)));
  const auto until = std::min(event_time((last + 1) * kMinuteNs), source.frontier);
  emitter_->touch_span(source.id, from, until, answers::Cause::correction, clock_.steady());
}

}  // namespace tidemark::intake
