#include "cloud/intake/intake.h"

#include <fmt/format.h>

#include <utility>

#include "cloud/intake/reasons.h"
#include "cloud/intake/session.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/codec/codec.h"

namespace tidemark::intake {
namespace {

constexpr std::size_t kEdgesMax = 100'000;
constexpr std::size_t kEvictedRangesMax = 16'384;  // of one seal
// Panes and windows reach beyond the readings in them: as near to the ends of time no sum of times
// overflows.
constexpr Nanoseconds kFromTheEndsOfTime = std::chrono::hours(24 * 400);

bool within_time(const codec::Summary& s) {
  return event_time(s.time_min) > kEventTimeMin + kFromTheEndsOfTime &&
         event_time(s.time_max) < kEventTimeMax - kFromTheEndsOfTime;
}

answers::Cause cause_of(Lane lane, bool given_up) {
  if (given_up) return answers::Cause::resent;
  return lane == Lane::backlog ? answers::Cause::backfill : answers::Cause::late;
}

}  // namespace

Intake::Intake(const Clock& clock, Options options)
    : clock_(clock), options_(std::move(options)) {}
Intake::~Intake() = default;

Result<std::unique_ptr<Intake>> Intake::open(Disk& disk, const Clock& clock, Options options) {
  std::unique_ptr<Intake> intake(new Intake(clock, std::move(options)));
  TIDE_ASSIGN(intake->store_, store::Store::open(disk, intake->options_.data_dir));
  TIDE_TRY(intake->load());
  return intake;
}

Result<> Intake::load() {
  store_->begin();
  for (auto& row : store_->edges().all()) {
    row.connected = false;  // until it says hello again
    auto edge = std::make_unique<Edge>();
    edge->row = std::move(row);
    TIDE_TRY(store_->edges().load_books(edge->row.id, edge->books));
    for (const auto i : edge->books.fold()) store_->edges().forget_incarnation(edge->row.id, i);
    edge->books.weigh();
    edge->guard.restore(edge->row.incarnation);
    for (const auto i : store_->edges().refused(edge->row.id)) edge->guard.refuse(i);
    for (const auto i : store_->edges().accepted(edge->row.id)) edge->guard.accept(i);
    store_->edges().save(edge->row, edge->books);
    auto session = std::make_unique<Session>();
    session->edge = edge.get();
    by_id_[edge->row.id] = session.get();
    sessions_[edge->row.name] = std::move(session);
    edges_.push_back(std::move(edge));
  }
  catalogue_ = std::make_unique<Catalogue>(*store_);
  TIDE_TRY(catalogue_->load(edges_));
  TIDE_TRY(start_views());
  for (std::size_t t = 0; t < reconcile::kTiers; ++t) {
    store_->small().set_meta(fmt::format("horizon_{}", t),
                             static_cast<std::uint64_t>(options_.horizons.age[t].count()));
  }
  return store_->commit();
}

Result<> Intake::start_views() {
  emitter_ = std::make_unique<answers::Emitter>(
      *store_, options_.views, options_.horizons,
      [this](const store::SeriesRow& series, const answers::Answer& answer,
             const answers::Basis& basis, std::vector<answers::Missing>& missing) {
        name_missing(*by_id_.at(series.edge)->edge, series, answer, basis, missing);
      },
      [this](const store::SeriesRow& series, EventTime from, EventTime to) {
        return by_id_.at(series.edge)->edge->books.off().meeting(from, to);
      },
      [this](const store::SeriesRow& series, EventTime at) {
        return by_id_.at(series.edge)->edge->books.gave_up(at);
      });
  TIDE_TRY(emitter_->load());
  const auto adopt = [this](Edge& edge, Series& series) {
    series.finest = emitter_->finest(series.full_name);
    emitter_->add_series(series.row, series.full_name,
                         edge.books.sources()[series.source].frontier, clock_.steady());
  };
  for (const auto& series : catalogue_->all()) {
    adopt(*by_id_.at(series->row.edge)->edge, *series);
  }
  catalogue_->on_new = adopt;
  catalogue_->on_moved = [this](Edge& edge, Series& series) {
    emitter_->move_series(series.row, edge.books.sources()[series.source].frontier);
  };
  catalogue_->on_described = [this](Series& series) { emitter_->describe(series.row); };
  placer_ = std::make_unique<Placer>(*store_, *catalogue_, *emitter_, options_.horizons);
  return {};
}

bool Intake::has_batch() const { return store_->in_batch(); }

void Intake::begin() {
  if (!store_->in_batch()) store_->begin();
}

Intake::Session& Intake::session_of(const std::string& name) {
  auto& session = sessions_[name];
  if (!session) {
    auto edge = std::make_unique<Edge>();
    edge->row.name = name;
    edge->row.id = store_->edges().add(name);
    session = std::make_unique<Session>();
    session->edge = edge.get();
    by_id_[edge->row.id] = session.get();
    edges_.push_back(std::move(edge));
    log::info("new edge", "edge={}", name);
  }
  return *session;
}

void Intake::take(const std::string& name, std::uint64_t session, const wire::Frame& frame) {
  if (name.empty() || name.size() > Dictionary::kNameBytesMax ||
      (!sessions_.contains(name) && sessions_.size() >= kEdgesMax)) {
    log::warning("frame of no edge that can be admitted", "bytes={}", frame.payload.size());
    return;
  }
  begin();
  ++counters_.frames;
  auto& s = session_of(name);
  touched_.insert(&s);
  s.edge->row.seen = clock_.wall();
  switch (frame.type) {
    case wire::FrameType::hello: take_hello(s, session, frame); break;
    case wire::FrameType::dictionary: take_dictionary(s, frame); break;
    case wire::FrameType::seal: take_seal(s, frame); break;
    case wire::FrameType::block: {
      auto block = wire::decode_block(frame.payload);
      if (!block) return refuse_frame(s, frame, block.error());
      take_block(s, block->first, std::move(block->second));
      break;
    }
    case wire::FrameType::bye:
      if (session == s.connection) s.edge->row.connected = false;
      break;
    default:
      refuse_frame(s, frame, Error(Fault::bad_input, "a frame that no edge sends to the cloud"));
  }
}

void Intake::refuse_frame(Session& s, const wire::Frame& frame, const Error& error) {
  log::warning("frame refused", "edge={} type={} error={}", s.edge->row.name,
               static_cast<int>(frame.type), error.text());
  keep_letter(s, error.text(), frame.payload, 0);
}

void Intake::take_hello(Session& s, std::uint64_t session, const wire::Frame& frame) {
  auto hello = wire::decode_hello(frame.payload);
  if (!hello) return refuse_frame(s, frame, hello.error());
  if (!admit(s, session, *hello)) return;
  auto& row = s.edge->row;
  row.site = hello->site;
  row.program_version = hello->program_version;
  row.incarnation = hello->incarnation;
  row.ordinal = hello->start_ordinal;
  row.connected = true;
  s.connection = session;
  s.greeted = true;
  s.welcome.insert(hello->incarnation);
  s.changed.insert(hello->incarnation);
  std::vector<reconcile::OffTimes::Span> off;
  const auto forgotten =
      s.edge->books.hello(hello->incarnation, hello->start_ordinal, hello->closings, off);
  for (const auto& span : off) store_->edges().add_off(row.id, span);
  for (const auto& c : hello->closings) {
    s.welcome.insert(c.incarnation);
    if (s.edge->books.find(c.incarnation) != nullptr) s.changed.insert(c.incarnation);
  }
  for (const auto& [incarnation, missing] : forgotten) {
    s.changed.insert(incarnation);
    if (missing.empty()) continue;
    s.wanted_blocks[incarnation].add(missing);
    log::warning("edge no longer waits for an earlier start of which blocks are missing",
                 "edge={} incarnation={:016x} blocks={}", row.name, incarnation.count,
                 missing.count());
  }
}

void Intake::take_dictionary(Session& s, const wire::Frame& frame) {
  const auto added = catalogue_->add_dictionary(*s.edge, frame.payload);
  if (!added) {
    alarm(s, added.error().fault() == Fault::full ? store::AlarmKind::bound
                                                  : store::AlarmKind::dictionary_conflict,
          added.error().text());
    return refuse_frame(s, frame, added.error());
  }
  s.dictionaries.push_back(*added);
  s.wanted.erase(*added);
  auto parked = std::move(s.parked);
  s.parked.clear();
  parked_bytes_ -= std::exchange(s.parked_bytes, 0);
  for (auto& p : parked) take_block(s, p.lane, std::move(p.record));
  if (s.parked.empty()) {
    for (const auto& [incarnation, ranges] : s.dropped) s.wanted_blocks[incarnation].add(ranges);
    s.dropped.clear();
  }
}

void Intake::take_block(Session& s, Lane lane, BlockRecord record) {
  auto& edge = *s.edge;
  ++counters_.blocks;
  if (refuses(s, record.name.incarnation)) return;
  unfold(s, record.name.incarnation);
  const auto* books = edge.books.find(record.name.incarnation);
  if (books != nullptr && books->has(record.name.sequence)) {
    ++counters_.duplicates;
    const auto known = store_->blocks().hash_of(edge.row.id, record.name);
    if (known && *known != xxh3(record.bytes)) {
      alarm(s, store::AlarmKind::block_conflict,
            fmt::format("two blocks are called {:016x}/{}; the second is kept aside",
                        record.name.incarnation.count, record.name.sequence.count));
      keep_letter(s, "another block has this name already", record.bytes, 0);
    }
    s.added[record.name.incarnation].add(record.name.sequence);
    return;
  }
  if (!edge.books.room_for(record.name.incarnation, record.name.sequence)) {
    return put_off(s, fmt::format("more than {} gaps between blocks and blocks without a seal; "
                                  "what comes out of order waits at the edge",
                                  reconcile::kWeightMax));
  }
  if (books != nullptr && books->received_any(record.replaces)) {
    return dead_letter(s, record, "it replaces blocks that are here: two agents of one name?");
  }
  auto block = codec::decode(record.bytes);
  if (!block) return dead_letter(s, record, block.error().text());
  const auto unknown = Catalogue::unknown(edge, block->dictionaries);
  if (!unknown.empty()) return park(s, lane, std::move(record), unknown);
  if (readings_carried(*block) != record.readings) {
    return dead_letter(s, record, fmt::format("it carries {} readings and says {}",
                                              readings_carried(*block), record.readings));
  }
  if (!within_time(codec::summary(*block))) {
    return dead_letter(s, record, "a time in it lies at the end of time");
  }
  std::vector<window::Partial> partials;
  for (const auto& p : block->partials) {
    ByteReader in(p.state);
    auto state = window::Partial::decode(in);
    if (!state || !in.done() || p.size <= 0) {
      return dead_letter(s, record, "a window in it does not decode");
    }
    partials.push_back(std::move(state).value());
  }
  place_block(s, lane, record, *block, partials);
}

void Intake::place_block(Session& s, Lane lane, const BlockRecord& record, const Block& block,
                         const std::vector<window::Partial>& partials) {
  auto& edge = *s.edge;
  std::vector<Bound> series;
  if (const auto bound = catalogue_->bind(edge, block.dictionaries, record.name, series); !bound) {
    alarm(s, store::AlarmKind::bound, bound.error().text());
    return dead_letter(s, record, bound.error().text());
  }
  bool sound = true;
  for (const auto& g : block.groups) {
    for (const auto& c : g.columns) sound = sound && c.series < series.size();
  }
  for (std::size_t i = 0; i < partials.size(); ++i) {
    const auto& p = block.partials[i];
    sound = sound && p.series < series.size() &&
            series[p.series].series->row.description.type == partials[i].type();
  }
  if (!sound) return dead_letter(s, record, "a column names a series that its dictionaries lack");
  const auto latest = clock_.wall() + kAheadMax;
  if (auto fits = placer_->check({edge, record.name, block, series, partials, {}, {}, latest});
      !fits) {
    alarm(s, store::AlarmKind::bound, fits.error().text());
    return dead_letter(s, record, fits.error().text());
  }
  auto& books = edge.books.of(record.name.incarnation);
  const auto at = store_->archive().append(edge.row.name, record);
  store_->blocks().add(edge.row.id, record.name, xxh3(record.bytes), at, record.readings);
  const auto cause = cause_of(lane, books.was_given_up(record.name.sequence));
  const auto placed = placer_->place(
      {edge, record.name, block, series, partials, at, cause, latest}, clock_.steady());
  if (placed.quarantined > 0) {
    alarm(s, store::AlarmKind::clock,
          fmt::format("{} readings of a block are of times to come; they are in quarantine "
                      "(tidemark cloud late), and its other sources go on", placed.quarantined));
  }
  books.receive(record.name.sequence, record.readings, placed, record.replaces);
  counters_.readings += record.readings;
  ++s.blocks_taken;
  s.added[record.name.incarnation].add(record.name.sequence);
  s.changed.insert(record.name.incarnation);
}

void Intake::dead_letter(Session& s, const BlockRecord& record, const std::string& reason) {
  auto& edge = *s.edge;
  log::error("block cannot be read, it is kept aside",
             "edge={} incarnation={:016x} sequence={} reason={}", edge.row.name,
             record.name.incarnation.count, record.name.sequence.count, reason);
  keep_letter(s, reason, record.bytes, record.readings);
  store_->blocks().add(edge.row.id, record.name, xxh3(record.bytes), store_->archive().end(),
                       record.readings);
  reconcile::Placed placed;
  placed.quarantined = record.readings;
  auto& books = edge.books.of(record.name.incarnation);
  // What it replaces never comes; unless it did, which is why this one is kept aside.
  const auto replaces = books.received_any(record.replaces) ? SequenceRanges{} : record.replaces;
  books.receive(record.name.sequence, record.readings, placed, replaces);
  s.added[record.name.incarnation].add(record.name.sequence);
  s.changed.insert(record.name.incarnation);
}

void Intake::park(Session& s, Lane lane, BlockRecord record,
                  const std::vector<DictionaryHash>& unknown) {
  s.wanted.insert(unknown.begin(), unknown.end());
  ++counters_.parked;
  if (s.parked_bytes + record.bytes.size() > kParkedBytesMax ||
      parked_bytes_ + record.bytes.size() > kParkedBytesAllMax) {
    s.dropped[record.name.incarnation].add(record.name.sequence);
    return;
  }
  s.parked_bytes += record.bytes.size();
  parked_bytes_ += record.bytes.size();
  s.parked.push_back({lane, std::move(record)});
}

void Intake::take_seal(Session& s, const wire::Frame& frame) {
  auto seal = Seal::decode(frame.payload);
  if (!seal) return refuse_frame(s, frame, seal.error());
  auto& edge = *s.edge;
  if (refuses(s, seal->incarnation)) return;
  unfold(s, seal->incarnation);
  if (!edge.books.room_for(seal->incarnation, Sequence{1})) {
    return put_off(s, "a seal of a start that no hello named, and too many are open");
  }
  if (seal->evicted.ranges().size() > kEvictedRangesMax) {
    const auto text = fmt::format("a seal names {} evicted ranges, at most {} are taken",
                                  seal->evicted.ranges().size(), kEvictedRangesMax);
    alarm(s, store::AlarmKind::bound, text);
    return refuse_frame(s, frame, Error(Fault::full, text));
  }
  if (edge.books.of(seal->incarnation).contradicts(*seal)) {
    const auto text = fmt::format("two seals of start {:016x} have number {}; the second is kept "
                                  "aside", seal->incarnation.count, seal->number);
    alarm(s, store::AlarmKind::seal_conflict, text);
    return refuse_frame(s, frame, Error(Fault::bad_input, text));
  }
  // Of times to come an edge can state nothing, and a frontier never goes back: a clock that jumped
  // to 2080 for a minute would make all that follows late, for ever (semantics D14).
  const auto latest = clock_.wall() + kAheadMax;
  for (auto& stated : seal->sources) stated.sealed_until = std::min(stated.sealed_until, latest);
  std::erase_if(seal->sources, [&](const SourceSeal& stated) {
    const auto known = edge.books.source(stated.source, stated.poll_class);
    if (!known) alarm(s, store::AlarmKind::bound, known.error().text());
    return !known.ok();
  });
  edge.books.seal(*seal, [&](Incarnation i, SequenceRange r) {
    return store_->blocks().readings_in(edge.row.id, i, r);
  });
  store_->edges().save_sources(edge.row.id, edge.books);
  take_minutes(s, *seal);
  for (const auto& stated : seal->sources) {
    const auto index = edge.books.source(stated.source, stated.poll_class).value();
    emitter_->stated(edge.books.sources()[index].id, stated.sealed_until);
  }
  s.changed.insert(seal->incarnation);
  s.added[seal->incarnation];  // its number is acknowledged
}

void Intake::take_minutes(Session& s, const Seal& seal) {
  auto& edge = *s.edge;
  for (const auto& stated : seal.sources) {
    auto& source =
        edge.books.sources()[edge.books.source(stated.source, stated.poll_class).value()];
    for (const auto& counts : stated.minutes) {
      auto& manifest = store_->manifests().change(source.id, counts.minute);
      if (manifest.contradicts(seal.incarnation, seal.number, counts)) {
        alarm(s, store::AlarmKind::seal_conflict,
              fmt::format("two seals with number {} count minute {} of '{}' differently; the first "
                          "one stands", seal.number,
                          format_utc(event_time(counts.minute * 60'000'000'000)), stated.source));
        continue;
      }
      const auto before = manifest.sum();
      if (!manifest.state(seal.incarnation, seal.number, counts)) continue;
      const auto after = manifest.sum();
      source.due += after.due - before.due;
      source.good += after.good - before.good;
      source.taken += after.taken - before.taken;
      source.changed = true;
      const auto minute = event_time(counts.minute * 60'000'000'000);
      const bool amended = after.sent != before.sent || after.due != before.due ||
                           after.good != before.good;
      if (amended && minute < source.frontier) {
        emitter_->touch_minute(source.id, minute, answers::Cause::correction, clock_.steady());
      }
    }
  }
}

bool Intake::full() const {
  return store_->panes().changed() + store_->manifests().changed() > kTouchedMax;
}

std::size_t Intake::starts_in_memory(const std::string& edge) const {
  const auto it = sessions_.find(edge);
  return it == sessions_.end() ? 0 : it->second->edge->books.starts();
}

Ledger Intake::ledger() const {
  Ledger sum;
  for (const auto& e : edges_) sum += e->books.ledger();
  return sum;
}

}  // namespace tidemark::intake
