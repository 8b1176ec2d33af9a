// Blocks: whether one is new and can be taken; then into the archive and its readings into panes,
// else aside, or it waits.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/intake/event_text.h"
#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/codec/codec.h"
#include "common/model/events.h"

namespace tidemark::intake {
namespace {

using Why = store::LetterReason;

// Panes and windows reach beyond the readings in them: as near to the ends of time no sum of times
// overflows.
constexpr Nanoseconds kFromTheEndsOfTime = std::chrono::hours(24 * 400);

// What a block of an agent holds is half of it at most (edge/pipeline/collector.h).
constexpr std::uint64_t kEventsOfBlockMax = 4'000;

bool within_time(const codec::Summary& s) {
  return event_time(s.time_min) > kEventTimeMin + kFromTheEndsOfTime &&
         event_time(s.time_max) < kEventTimeMax - kFromTheEndsOfTime;
}

answers::Cause cause_of(Lane lane, bool given_up) {
  if (given_up) return answers::Cause::resent;
  return lane == Lane::backlog ? answers::Cause::backfill : answers::Cause::late;
}

}  // namespace

void Intake::take_block(Session& s, Lane lane, BlockRecord record) {
  auto& edge = *s.edge;
  ++counters_.blocks;
  if (refuses(s, record.name.incarnation)) {
    if (options_.from_log) keep_letter(s, letter_of(lane, record, Why::second_box, kSecondBox));
    return;
  }
  unfold(s, record.name.incarnation);
  note_way(s, lane, record.name);
  const auto* books = edge.books.find(record.name.incarnation);
  if (books != nullptr && books->has(record.name.sequence)) {
    ++counters_.duplicates;
    const auto known = store_->blocks().hash_of(edge.row.id, record.name);
    if (known && *known != xxh3(record.bytes)) {
      alarm(s, store::AlarmKind::block_conflict,
            fmt::format("two blocks are called {:016x}/{}; the second is kept aside",
                        record.name.incarnation.count, record.name.sequence.count));
      auto letter = letter_of(lane, record, Why::contradiction,
                              "another block has this name already");
      letter.readings = 0;  // those of the name are counted already
      keep_letter(s, std::move(letter));
    }
    s.added[record.name.incarnation].add(record.name.sequence);
    return;
  }
  if (!edge.books.room_for(record.name.incarnation, record.name.sequence)) {
    const auto text = fmt::format("more than {} gaps between blocks and blocks without a seal; "
                                  "what comes out of order waits at the edge",
                                  reconcile::kWeightMax);
    put_off(s, text);
    if (options_.from_log) keep_letter(s, letter_of(lane, record, Why::bound, text));
    return;
  }
  const auto opened = open_block(s, record);
  if (const auto* refusal = std::get_if<Refusal>(&opened)) {
    const bool waits = !refusal->unknown.empty() && !given_up(s, refusal->unknown);
    if (waits) return park(s, lane, std::move(record), refusal->unknown);
    return dead_letter(s, lane, record, *refusal);
  }
  const bool again = books != nullptr && books->was_given_up(record.name.sequence);
  place_block(s, lane, record, std::get<Opened>(opened), cause_of(lane, again), false);
}

std::variant<Intake::Opened, Intake::Refusal> Intake::open_block(Session& s,
                                                                 const BlockRecord& record) {
  auto& edge = *s.edge;
  const auto* books = edge.books.find(record.name.incarnation);
  if (books != nullptr && books->received_any(record.replaces)) {
    return Refusal{Why::contradiction, "it replaces blocks that are here: two agents of one name?"};
  }
  auto decoded = codec::decode(record.bytes);
  if (!decoded) return Refusal{Why::unreadable, decoded.error().text()};
  Opened opened{std::move(decoded).value(), {}, {}};
  const auto& block = opened.block;
  if (auto unknown = Catalogue::unknown(edge, block.dictionaries); !unknown.empty()) {
    auto text = fmt::format("its dictionary {:016x} did not come, though it was asked for",
                            unknown.front().count);
    return Refusal{Why::dictionary_missing, std::move(text), std::move(unknown)};
  }
  if (readings_carried(block) != record.readings) {
    return Refusal{Why::unreadable, fmt::format("it carries {} readings and says {}",
                                                readings_carried(block), record.readings)};
  }
  if (!within_time(codec::summary(block))) {
    return Refusal{Why::unreadable, "a time in it lies at the end of time"};
  }
  for (const auto& p : block.partials) {
    ByteReader in(p.state);
    auto state = window::Partial::decode(in);
    if (!state || !in.done() || p.size <= 0) {
      return Refusal{Why::unreadable, "a window in it does not decode"};
    }
    opened.partials.push_back(std::move(state).value());
  }
  const auto full = [&](const Error& error) {
    alarm(s, store::AlarmKind::bound, error.text());
    return Refusal{Why::bound, error.text()};
  };
  auto& series = opened.series;
  if (const auto bound = catalogue_->bind(edge, block.dictionaries, record.name, series); !bound) {
    return full(bound.error());
  }
  bool sound = true;
  for (const auto& g : block.groups) {
    for (const auto& c : g.columns) sound = sound && c.series < series.size();
  }
  for (std::size_t i = 0; i < opened.partials.size(); ++i) {
    const auto& p = block.partials[i];
    sound = sound && p.series < series.size() &&
            series[p.series].series->row.description.type == opened.partials[i].type();
  }
  if (!sound) {
    return Refusal{Why::unreadable, "a column names a series that its dictionaries lack"};
  }
  const auto latest = clock_.wall() + kAheadMax;
  if (auto fits = placer_->check({edge, record.name, block, series, opened.partials, {}, {},
                                  latest});
      !fits) {
    return full(fits.error());
  }
  return opened;
}

void Intake::place_block(Session& s, Lane lane, const BlockRecord& record, const Opened& opened,
                         answers::Cause cause, bool aside) {
  auto& edge = *s.edge;
  const auto& [block, partials, series] = opened;
  const auto latest = clock_.wall() + kAheadMax;
  auto& books = edge.books.of(record.name.incarnation);
  backlog_in_batch_ = backlog_in_batch_ || lane == Lane::backlog;
  catalogue_->note_archived(edge, block.dictionaries);
  const auto at = store_->archive().append(edge.row.name, record);
  if (aside) store_->blocks().forget(edge.row.id, record.name);
  store_->blocks().add(edge.row.id, record.name, xxh3(record.bytes), at, record.readings);
  const auto compared = placer_->compared();
  const auto placed = placer_->place(
      {edge, record.name, block, series, partials, at, cause, latest}, clock_.steady());
  if (placed.quarantined > 0) {
    alarm(s, store::AlarmKind::clock,
          fmt::format("{} readings of a block are of times to come; they are in quarantine "
                      "(tidemark cloud late), and its other sources go on", placed.quarantined));
  }
  for (const auto& b : series) {
    if (!b.thinned) continue;
    catalogue_->note_thinned(*b.series, record.time_min,
                             std::min(record.time_max, count_ns(latest)));
  }
  if (aside) {
    books.settle_aside(placed);
  } else {
    books.receive(record.name.sequence, record.readings, placed, record.replaces);
  }
  take_events(s, opened);
  counters_.readings += record.readings;
  counters_.blocks_compared += placer_->compared() - compared;
  ++s.blocks_taken;
  s.added[record.name.incarnation].add(record.name.sequence);
  s.changed.insert(record.name.incarnation);
}

// They are copies: no reading is counted, and one that cannot be read holds nothing else up.
void Intake::take_events(Session& s, const Opened& opened) {
  const auto& edge = *s.edge;
  std::uint64_t taken = 0, refused = 0, beyond = 0;
  std::string why;
  for (const auto& group : opened.block.groups) {
    if (!group.copy) continue;
    for (const auto& column : group.columns) {
      if (!is_events(opened.series[column.series].series->row.description)) continue;
      std::size_t value = 0;
      for (std::size_t row = 0; row < group.times.size() && value < column.text.size(); ++row) {
        if (!column.present.empty() && !column.present[row]) continue;
        if (taken + refused >= kEventsOfBlockMax) {
          ++beyond;
          continue;
        }
        const auto event = event_of(column.text[value++], {edge.row.name, edge.row.site,
                                                           event_time(group.times[row]),
                                                           clock_.wall()});
        if (event) {
          store_->events().add(*event);
          ++taken;
        } else {
          why = event.error().text();
          ++refused;
        }
      }
    }
  }
  counters_.events += taken;
  if (refused > 0) {
    alarm(s, store::AlarmKind::event,
          fmt::format("{} of the events in a block are not taken, the last one since {}; is its "
                      "agent newer than this node?", refused, why));
  }
  if (beyond > 0) {
    alarm(s, store::AlarmKind::event,
          fmt::format("{} of the events in a block are not taken: it has more than {}", beyond,
                      kEventsOfBlockMax));
  }
}

void Intake::dead_letter(Session& s, Lane lane, const BlockRecord& record,
                         const Refusal& refusal) {
  auto& edge = *s.edge;
  auto letter = letter_of(lane, record, refusal.why, refusal.text);
  if (!options_.from_log && s.letter_bytes + letter.bytes.size() > kLetterBytesMax) {
    return put_off(s, fmt::format("dead letters of this edge pass {} MiB in a minute; what comes "
                                  "beyond waits at the edge", kLetterBytesMax >> 20));
  }
  log::error("block cannot be read, it is kept aside",
             "edge={} incarnation={:016x} sequence={} reason={}", edge.row.name,
             record.name.incarnation.count, record.name.sequence.count, refusal.text);
  letter.booked = true;
  if (!refusal.unknown.empty()) letter.wants = refusal.unknown.front();
  reconcile::Placed placed;
  (keep_letter(s, std::move(letter)) ? placed.quarantined : placed.dropped) = record.readings;
  store_->blocks().add(edge.row.id, record.name, xxh3(record.bytes),
                       store_->archive().append(edge.row.name, record), record.readings);
  auto& books = edge.books.of(record.name.incarnation);
  // What it replaces never comes; unless it did, which is why this one is kept aside.
  const auto replaces = books.received_any(record.replaces) ? SequenceRanges{} : record.replaces;
  books.receive(record.name.sequence, record.readings, placed, replaces);
  books.give_up(std::min(event_time(record.time_max), clock_.wall() + kAheadMax) + Nanoseconds(1));
  s.added[record.name.incarnation].add(record.name.sequence);
  s.changed.insert(record.name.incarnation);
}

void Intake::park(Session& s, Lane lane, BlockRecord record,
                  const std::vector<DictionaryHash>& unknown) {
  s.wanted.insert(unknown.begin(), unknown.end());
  ++counters_.parked;
  if (s.parked_bytes + record.bytes.size() > kParkedBytesMax ||
      parked_bytes_ + record.bytes.size() > kParkedBytesAllMax) {
    // Of Kafka its record is passed over, and its edge was told that it is here.
    if (options_.from_log) {
      const auto text = fmt::format("blocks that wait for a dictionary pass {} B", kParkedBytesMax);
      put_off(s, text);
      keep_letter(s, letter_of(lane, record, Why::bound, text));
      return;
    }
    s.dropped[record.name.incarnation].add(record.name.sequence);
    return;
  }
  s.parked_bytes += record.bytes.size();
  parked_bytes_ += record.bytes.size();
  s.parked.push_back({lane, std::move(record), unknown, origin()});
}

}  // namespace tidemark::intake
