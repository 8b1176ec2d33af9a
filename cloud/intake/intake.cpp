#include "cloud/intake/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/answers/relabels.h"
#include "cloud/intake/raw.h"
#include "cloud/intake/reasons.h"
#include "cloud/intake/session.h"
#include "cloud/intake/time_pieces.h"
#include "common/base/hash.h"
#include "common/base/log.h"

namespace tidemark::intake {
namespace {

using Why = store::LetterReason;

constexpr std::size_t kEdgesMax = 100'000;
constexpr std::size_t kEvictedRangesMax = 16'384;  // of one seal

// Names the sources that the seal speaks of without their names.
void name_rest(reconcile::EdgeBooks& books, Seal& seal) {
  // An older one, that comes late, knew fewer sources than its successors named meanwhile.
  if (!seal.rest || seal.more || seal.number < books.of(seal.incarnation).seal_number()) return;
  std::set<reconcile::SourceIndex> named;
  for (const auto& stated : seal.sources) {
    if (const auto known = books.source(stated.source, stated.poll_class)) named.insert(*known);
  }
  for (const auto index : books.of(seal.incarnation).stated()) {
    if (named.contains(index)) continue;
    const auto& source = books.sources()[index];
    seal.sources.push_back({source.name, source.poll_class, source.device_stamped, *seal.rest, {}});
  }
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
    row.connected = row.connected && options_.from_log;  // else until it says hello again
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
    session->given_up_until = edge->books.given_up_until();
    by_id_[edge->row.id] = session.get();
    sessions_[edge->row.name] = std::move(session);
    edges_.push_back(std::move(edge));
  }
  catalogue_ = std::make_unique<Catalogue>(*store_);
  TIDE_TRY(catalogue_->load(edges_));
  load_letters();
  turns_ = std::make_unique<OrderTurns>(store_->ordered(), [this](store::SeriesId id) {
    const auto& series = *catalogue_->find(id);
    return by_id_.at(series.row.edge)->edge->books.sources()[series.source].frontier;
  });
  TIDE_TRY(start_views());
  for (std::size_t t = 0; t < options_.horizons.age.size(); ++t) {
    store_->small().set_meta(fmt::format("horizon_{}", t),
                             static_cast<std::uint64_t>(options_.horizons.age[t].count()));
  }
  return store_->commit();
}

Result<> Intake::start_views() {
  const auto position = emitter_ ? emitter_->position() : 0;
  emitter_ = std::make_unique<answers::Emitter>(
      *store_, options_.views, options_.horizons,
      [this](const store::SeriesRow& series, answers::Answer& answer,
             const answers::Basis& basis, std::vector<answers::Missing>& missing) {
        auto& s = *by_id_.at(series.edge);
        if (s.in_parts.empty() && counts_contradict(*s.edge, answer, basis)) {
          note_counts(s, series, answer, basis);
        }
        name_missing(*s.edge, series, answer, basis, missing);
      },
      [this](const store::SeriesRow& series, EventTime from, EventTime to) {
        return by_id_.at(series.edge)->edge->books.off().meeting(from, to);
      },
      [this](const store::SeriesRow& series, EventTime from, EventTime to, answers::Basis& basis) {
        const auto& edge = *by_id_.at(series.edge)->edge;
        basis.none_given_up = !edge.books.gave_up(from);
        basis.uncounted = edge.books.uncounted(from, to);
        // Else what lies aside is in the counts of its seals.
        if (basis.estimated) basis.uncounted += answers::count_aside(edge.aside, from, to);
      },
      [this](std::span<const store::SeriesRow* const> series, EventTime from, EventTime to,
             std::vector<std::vector<answers::Sample>>& samples) {
        return read_raw(series, from, to, samples);
      },
      options_.partitions);
  emitter_->on_bound = [this](const store::SeriesRow& series, const std::string& text) {
    alarm(*by_id_.at(series.edge), store::AlarmKind::bound, text);
  };
  TIDE_TRY(emitter_->load(clock_.wall()));
  emitter_->number_behind(position);
  emitter_->hold_published(holds_published_);
  answers::save_relabels(store_->database(), options_.relabels);
  const auto adopt = [this](Edge& edge, Series& series) {
    const auto labels = labels_of(series);
    describe_panes(series, labels);
    apply_rule(series);
    emitter_->add_series(series.row, series.full_name, labels,
                         edge.books.sources()[series.source].frontier, clock_.steady());
  };
  for (const auto& series : catalogue_->all()) {
    adopt(*by_id_.at(series->row.edge)->edge, *series);
  }
  emitter_->note_loaded();
  emitter_->look_at_waived(clock_.wall());
  for (const auto& waiver : store_->waivers().all(true)) {
    const auto session = by_id_.find(waiver.edge);
    if (session != by_id_.end()) tell_words(*session->second->edge, waiver.source);
  }
  catalogue_->on_new = [this, adopt](Edge& edge, Series& series) {
    adopt(edge, series);
    tell_words(edge, series.row.description.source);
    names_moved_ = true;
  };
  const auto describe = [this](Series& series) {
    const auto labels = labels_of(series);
    describe_panes(series, labels);
    emitter_->describe(series.row, labels, clock_.steady());
  };
  catalogue_->on_moved = [this, describe](Edge& edge, Series& series) {
    emitter_->move_series(series.row, edge.books.sources()[series.source].frontier,
                          clock_.steady());
    describe(series);
    tell_words(edge, series.row.description.source);
  };
  catalogue_->on_described = describe;
  catalogue_->on_forgotten = [this](Edge& edge, std::size_t dictionaries) {
    alarm(*by_id_.at(edge.row.id), store::AlarmKind::bound,
          fmt::format("dictionaries of this edge pass {} B: the {} named longest ago are gone, and "
                      "blocks of until then can no longer be read again; do its series come in "
                      "another order at every start?", kDictionaryBytesMax, dictionaries));
  };
  placer_ = std::make_unique<Placer>(*store_, *catalogue_, *emitter_, options_.horizons);
  emitter_->write_pending();  // what groups lost or won is found again after a crash
  return {};
}

// Edge by edge: a block is of one.
Result<std::uint64_t> Intake::read_raw(std::span<const store::SeriesRow* const> rows,
                                       EventTime from, EventTime to,
                                       std::vector<std::vector<answers::Sample>>& samples) {
  struct OfEdge {
    std::vector<const Series*> series;
    std::vector<std::vector<answers::Sample>*> samples;
  };
  std::map<store::EdgeId, OfEdge> edges;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& edge = edges[rows[i]->edge];
    edge.series.push_back(catalogue_->find(rows[i]->id));
    edge.samples.push_back(&samples[i]);
  }
  std::uint64_t blocks = 0;
  for (const auto& [id, of] : edges) {
    TIDE_ASSIGN(const auto looked, intake::read_raw(*store_, *catalogue_, *by_id_.at(id)->edge,
                                                    of.series, from, to, of.samples));
    blocks += looked;
  }
  return blocks;
}

// What the views that select it need of its panes.
void Intake::describe_panes(Series& series, const answers::Labels& labels) const {
  series.finest = emitter_->finest(series.full_name, labels);
  series.parts = emitter_->parts(series.full_name, labels, series.row.description.type);
}

answers::Labels Intake::labels_of(const Series& series) const {
  const auto& edge = by_id_.at(series.row.edge)->edge->row;
  return answers::labels_of(edge.name, edge.site, series.row.description, options_.relabels);
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
    names_moved_ = true;
    // Blocks of a start that was refused come behind its edge's first word.
    if (!homeless_orders_.empty()) take_orders();
  }
  return *session;
}

void Intake::take(const std::string& name, std::uint64_t session, const wire::Frame& frame,
                  const Origin& origin) {
  if (name.empty() || name.size() > Dictionary::kNameBytesMax ||
      (!sessions_.contains(name) && sessions_.size() >= kEdgesMax)) {
    log::warning("frame of no edge that can be admitted", "bytes={}", frame.payload.size());
    return;
  }
  begin();
  ++counters_.frames;
  origin_ = origin;
  auto& s = session_of(name);
  touched_.insert(&s);
  s.edge->row.seen = clock_.wall();
  // A connection from before this object goes on.
  const bool goes_on = options_.from_log && frame.type != wire::FrameType::hello;
  if (s.connection == 0 && goes_on) s.connection = session;
  const bool says_more =
      frame.type != wire::FrameType::hello && frame.type != wire::FrameType::bye;
  if (says_more && !s.edge->row.away.empty() && session != 0 && session == s.connection) {
    s.edge->row.connected = true;  // its gateway had only stood still
    s.edge->row.away.clear();
  }
  switch (frame.type) {
    case wire::FrameType::hello: take_hello(s, session, frame); break;
    case wire::FrameType::dictionary: take_dictionary(s, frame); break;
    case wire::FrameType::seal:
    case wire::FrameType::block: take_numbered(s, session, frame); break;
    case wire::FrameType::bye:
      if (session == s.connection) {
        s.edge->row.connected = false;
        s.edge->row.away.clear();
      }
      break;
    default:
      refuse_frame(s, frame, Why::unreadable, "a frame that no edge sends to the cloud");
  }
  origin_ = {};
}

void Intake::take_numbered(Session& s, std::uint64_t session, const wire::Frame& frame) {
  if (frame.type == wire::FrameType::seal) return take_seal(s, session, frame);
  auto block = wire::decode_block(frame.payload);
  if (!block) return refuse_frame(s, frame, Why::unreadable, block.error().text());
  if (named(s, block->second.name.incarnation, frame)) {
    take_block(s, block->first, std::move(block->second));
  }
}

void Intake::refuse_frame(Session& s, const wire::Frame& frame, store::LetterReason why,
                          const std::string& text) {
  log::warning("frame refused", "edge={} type={} error={}", s.edge->row.name,
               static_cast<int>(frame.type), text);
  keep_letter(s, letter_of(frame, why, text));
}

void Intake::take_dictionary(Session& s, const wire::Frame& frame) {
  const auto added = catalogue_->add_dictionary(*s.edge, frame.payload,
                                                  clock_.wall() + kAheadMax);
  if (!added) {
    const bool full = added.error().fault() == Fault::full;
    alarm(s, full ? store::AlarmKind::bound : store::AlarmKind::dictionary_conflict,
          added.error().text());
    return refuse_frame(s, frame, full ? Why::bound : Why::contradiction, added.error().text());
  }
  note_dictionary(s, *added);
}

void Intake::note_dictionary(Session& s, DictionaryHash hash) {
  s.dictionaries.push_back(hash);
  s.wanted.erase(hash);
  s.asks.erase(hash);
  take_parked(s);
  want_letters(s.edge->row.name);
}

void Intake::take_seal(Session& s, std::uint64_t session, const wire::Frame& frame) {
  auto seal = Seal::decode(frame.payload);
  if (!seal) return refuse_frame(s, frame, Why::unreadable, seal.error().text());
  auto& edge = *s.edge;
  if (!named(s, seal->incarnation, frame)) return;
  if (refuses(s, seal->incarnation)) {
    if (options_.from_log) keep_letter(s, letter_of(frame, Why::second_box, kSecondBox));
    return;
  }
  // What ended was another connection, whose hello came late: two gateways have no common order.
  const bool another = session != 0 && session != s.connection;
  const auto ordinal = edge.books.of(seal->incarnation).ordinal();
  if (another && !edge.row.connected && ordinal >= edge.row.ordinal) {
    edge.row.incarnation = seal->incarnation;
    edge.row.ordinal = ordinal;
    edge.row.connected = true;
    edge.row.away.clear();
    s.connection = session;
  }
  unfold(s, seal->incarnation);
  if (seal->evicted.ranges().size() > kEvictedRangesMax) {
    const auto text = fmt::format("a seal names {} evicted ranges, at most {} are taken",
                                  seal->evicted.ranges().size(), kEvictedRangesMax);
    alarm(s, store::AlarmKind::bound, text);
    return refuse_frame(s, frame, Why::bound, text);
  }
  name_rest(edge.books, *seal);
  auto& books = edge.books.of(seal->incarnation);
  if (books.contradicts(*seal)) {
    const auto text = fmt::format("two seals of start {:016x} have number {}; the second is kept "
                                  "aside", seal->incarnation.count, seal->number);
    alarm(s, store::AlarmKind::seal_conflict, text);
    return refuse_frame(s, frame, Why::contradiction, text);
  }
  books.know(*seal);
  const bool opens = seal->opening && session == s.connection;
  if (opens) compare_told(s, *seal->opening);
  // Of times to come an edge can state nothing, and a frontier never goes back: a clock that jumped
  // to 2080 for a minute would make all that follows late, for ever (semantics D14).
  const auto latest = clock_.wall() + kAheadMax;
  for (auto& stated : seal->sources) stated.sealed_until = std::min(stated.sealed_until, latest);
  std::erase_if(seal->sources, [&](const SourceSeal& stated) {
    const auto known = edge.books.source(stated.source, stated.poll_class);
    if (!known) alarm(s, store::AlarmKind::bound, known.error().text());
    return !known.ok();
  });
  auto now = clock_.wall();
  for (const auto& stated : seal->sources) now = std::max(now, stated.sealed_until);
  const auto known = books.seal_number();
  const bool taken = edge.books.seal(*seal, [&](Incarnation i, SequenceRange r) {
    return store_->blocks().readings_in(edge.row.id, i, r);
  }, now);
  store_->edges().save_sources(edge.row.id, edge.books);
  if (opens) take_opening(s, *seal);
  take_minutes(s, *seal);
  s.changed.insert(seal->incarnation);
  s.added[seal->incarnation];  // its number is acknowledged
  if (seal->more) {
    s.in_parts.insert(seal->incarnation);
  } else if (taken) {
    s.in_parts.erase(seal->incarnation);
  }
  if (!taken || seal->more) return;
  take_dropped(s, *seal, known);
  for (const auto& stated : seal->sources) {
    const auto index = edge.books.source(stated.source, stated.poll_class).value();
    emitter_->stated(edge.books.sources()[index].id, stated.sealed_until);
  }
}

void Intake::take_minutes(Session& s, const Seal& seal) {
  auto& edge = *s.edge;
  const auto far = count_ns(clock_.wall() + kAheadMax + kCountedAheadMax) / kMinuteNs;
  const bool closed = edge.books.of(seal.incarnation).closed();
  for (const auto& stated : seal.sources) {
    auto& source =
        edge.books.sources()[edge.books.source(stated.source, stated.poll_class).value()];
    for (const auto& counts : stated.minutes) {
      if (counts.minute >= far || counts.minute < -kMinuteMax) continue;
      const auto minute = event_time(counts.minute * kMinuteNs);
      auto& manifests = store_->manifests();
      if (!closed && manifests.contradicts(source.id, seal.incarnation, seal.number, counts)) {
        alarm(s, store::AlarmKind::seal_conflict,
              fmt::format("two seals with number {} count minute {} of '{}' differently; the first "
                          "one stands", seal.number, format_utc(minute), stated.source));
        continue;
      }
      const auto stated_now =
          manifests.state(source.id, seal.incarnation, seal.number, counts, closed);
      if (!stated_now) continue;
      const auto& [before, after] = *stated_now;
      source.due += after.due - before.due;
      source.good += after.good - before.good;
      source.taken += after.taken - before.taken;
      source.changed = true;
      const bool amended = after.sent != before.sent || after.due != before.due ||
                           after.good != before.good;
      if (amended && minute < source.frontier) {
        emitter_->touch_minute(source.id, minute, answers::Cause::correction, clock_.steady());
      }
    }
  }
}

void Intake::introduce(const std::string& name, Incarnation start, std::uint64_t ordinal) {
  const auto at = sessions_.find(name);
  if (at != sessions_.end()) {
    const auto& edge = *at->second->edge;
    const bool known = edge.books.find(start) != nullptr || edge.books.folded(start);
    if (known || edge.guard.refuses(start)) return;
    if (!edge.books.room_for(start, Sequence{1})) return;
  }
  if (at == sessions_.end() && sessions_.size() >= kEdgesMax) return;
  begin();
  auto& s = session_of(name);
  s.edge->books.of(start).set_ordinal(ordinal);
  s.changed.insert(start);
  touched_.insert(&s);
}

Result<> Intake::take_partial(ByteSpan record, std::uint64_t number) {
  begin();
  if (answers::PartialRecord::lies_elsewhere(record)) return {};
  TIDE_ASSIGN(const auto partial, answers::PartialRecord::decode(record));
  return emitter_->take(partial, number, clock_.steady());
}

void Intake::note(const std::string& name, std::uint64_t value) {
  begin();
  store_->small().set_meta(name, value);
}

std::uint64_t Intake::noted(const std::string& name) { return store_->small().meta(name); }

Result<> Intake::save_notes() {
  begin();
  return store_->commit();
}

void Intake::note_published(const answers::Answer& answer) {
  begin();
  emitter_->note_published(answer);
}

void Intake::hold_published(bool hold) {
  holds_published_ = hold;
  emitter_->hold_published(hold);
}

std::uint64_t Intake::settle_unsaid(std::uint64_t said, std::uint64_t partials_said) {
  begin();
  return emitter_->settle_unsaid(said, partials_said);
}

void Intake::on_hole(std::function<Result<>(store::ArchivePosition)> fetch) {
  store_->archive().on_hole(std::move(fetch));
}

Result<store::ArchivePosition> Intake::fill_archive(const std::string& edge,
                                                    const BlockRecord& record) {
  const auto it = sessions_.find(edge);
  if (it == sessions_.end()) return store::ArchivePosition{};
  const auto at = store_->blocks().position_of(it->second->edge->row.id, record.name,
                                               xxh3(record.bytes));
  if (!at) return store::ArchivePosition{};
  TIDE_TRY(store_->archive().fill(*at, edge, record));
  return *at;
}

bool Intake::full() const {
  const auto most = backlog_in_batch_ ? kTouchedByBacklogMax : kTouchedMax;
  return store_->panes().changed() + store_->manifests().changed() > most;
}

std::size_t Intake::starts_in_memory(const std::string& edge) const {
  const auto it = sessions_.find(edge);
  return it == sessions_.end() ? 0 : it->second->edge->books.starts();
}

std::optional<Ledger> Intake::found(const std::string& edge) const {
  const auto it = sessions_.find(edge);
  if (it == sessions_.end()) return std::nullopt;
  return it->second->edge->books.found();
}

std::vector<std::string> Intake::connected() const {
  std::vector<std::string> names;
  for (const auto& e : edges_) {
    if (e->row.connected) names.push_back(e->row.name);
  }
  return names;
}

Ledger Intake::ledger() const {
  Ledger sum;
  for (const auto& e : edges_) sum += e->books.ledger();
  return sum;
}

}  // namespace tidemark::intake
