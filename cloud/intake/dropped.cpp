// Minutes of which an edge has no counts any more: windows there are complete only once all blocks
// that may hold their readings are here.
#include <algorithm>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "cloud/intake/time_pieces.h"

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
        const auto minute = count_ns(floor_to(proved, Nanoseconds(kMinuteNs))) / kMinuteNs;
        dropped.first = std::max(dropped.first, minute);
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
  if (!manifests.any_dropped(start)) return;
  auto& books = s.edge->books;
  for (const auto& [id, minutes] : manifests.resolve(start, books.of(start).whole_below())) {
    const auto source = std::find_if(books.sources().begin(), books.sources().end(),
                                     [&, of = id](const auto& b) { return b.id == of; });
    if (source != books.sources().end()) touch_minutes(*source, minutes.first, minutes.second);
  }
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
