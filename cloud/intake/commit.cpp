// The end of a batch: frontiers move, answers are written, everything is committed, edges are told;
// and the upkeep that happens between.
#include <sys/stat.h>

#include <utility>

#include "cloud/intake/intake.h"
#include "cloud/intake/session.h"
#include "common/base/log.h"

namespace tidemark::intake {
namespace {

constexpr auto kMaintainEvery = std::chrono::seconds(5);
constexpr auto kSlowMaintainEvery = std::chrono::seconds(60);
constexpr std::size_t kSeriesFoldedPerTurn = 200;
constexpr std::size_t kEdgesFoldedPerTurn = 100;
constexpr std::size_t kPanesFoldedMax = 200;
constexpr std::size_t kRevisionsPrunedMax = 20'000;
// Ranges, incarnations or hashes in one frame: 20 B each at most, and so within its bound.
constexpr std::size_t kPiecesMax = 16'384;
constexpr auto kFrozenShown = std::chrono::hours(24);
constexpr auto kAlarmShown = std::chrono::hours(24);

std::vector<wire::Holdings> holdings_of(const std::map<Incarnation, SequenceRanges>& blocks,
                                        const reconcile::EdgeBooks& books) {
  std::vector<wire::Holdings> all;
  for (const auto& [incarnation, ranges] : blocks) {
    const auto* known = books.find(incarnation);
    all.push_back({incarnation, ranges, known != nullptr ? known->seal_number() : 0});
  }
  return all;
}

// As many lists as it takes frames: edges take the union of what they hear.
std::vector<std::vector<wire::Holdings>> in_frames(std::vector<wire::Holdings> all) {
  std::vector<std::vector<wire::Holdings>> frames(1);
  std::size_t used = 0;
  for (auto& h : all) {
    const auto ranges = std::exchange(h.blocks, {}).ranges();
    std::size_t at = 0;
    do {
      if (used + 2 > kPiecesMax) {
        frames.emplace_back();
        used = 0;
      }
      auto& part = frames.back().emplace_back(h);
      for (++used; at < ranges.size() && used < kPiecesMax; ++at, ++used) {
        part.blocks.add(ranges[at]);
      }
    } while (at < ranges.size());
  }
  return frames;
}

// From where on answers and counts are kept that are shown with this tier's.
EventTime kept_from(const reconcile::Horizons& horizons, reconcile::Tier tier, EventTime frontier) {
  const auto floor = horizons.floor(tier, frontier);
  return floor < kEventTimeMin + kFrozenShown ? kEventTimeMin : floor - kFrozenShown;
}

}  // namespace

SteadyTime Intake::due() const {
  const bool more = replay_ || letter_order_ || !letters_due_.empty();
  if (more || store_->ordered().any_added()) return SteadyTime::min();
  return std::min({emitter_->due(), turns_->due(), maintained_ + kMaintainEvery});
}

Result<std::vector<Reply>> Intake::commit() {
  const auto now = clock_.steady();
  const bool maintenance = now >= maintained_ + kMaintainEvery;
  if (!has_batch() && due() > now) return std::vector<Reply>{};
  begin();
  if (maintenance) maintain();
  if (maintenance || replay_ || letter_order_ || orders_wait_) take_orders();
  take_letters();
  note_unordered();
  for (auto* s : touched_) advance(*s);
  order_panes();  // what the frontiers have passed, before it is answered
  const auto taken = counters_.readings - std::exchange(readings_committed_, counters_.readings);
  counters_.answers += emitter_->emit(now, clock_.wall(),
                                      kEmissionsPerCommitMax + taken / kReadingsOfAnEmission);
  for (auto* s : touched_) {
    auto& edge = *s->edge;
    store_->edges().save_sources(edge.row.id, edge.books);
    for (const auto i : s->changed) {
      look_at_counts(*s, i);
      store_->edges().save_incarnation(edge.row.id, i, edge.books.of(i));
    }
    store_->edges().save(edge.row, edge.books);
  }
  catalogue_->save_used();
  // Replies speak of starts that may leave memory with this batch.
  std::vector<Reply> replies;
  for (auto* s : touched_) {
    auto& edge = *s->edge;
    answer(*s, replies);
    for (const auto i : edge.books.fold()) store_->edges().forget_incarnation(edge.row.id, i);
    TIDE_TRY(store_->edges().let_starts_go(edge.row.id, edge.books));
    edge.books.weigh();
  }
  touched_.clear();
  backlog_in_batch_ = false;
  TIDE_TRY(store_->commit());
  ++counters_.commits;
  counters_.letters = store_->letters().counts();
  return replies;
}

Result<std::vector<Reply>> Intake::finish() {
  begin();
  for (const auto& e : edges_) {
    if (!options_.from_log) e->row.connected = false;
    touched_.insert(by_id_.at(e->row.id));
  }
  catalogue_->save_changed();
  return commit();
}

void Intake::advance(Session& s) {
  for (const auto i : s.changed) {
    const auto lost = s.edge->books.of(i).uncounted();
    if (s.edge->books.set_uncounted(i, lost)) {
      store_->edges().save_uncounted(s.edge->row.id, i, lost);
    }
    resolve_dropped(s, i);
  }
  for (const auto index : s.edge->books.advance()) {
    const auto& source = s.edge->books.sources()[index];
    if (source.id == 0) store_->edges().save_sources(s.edge->row.id, s.edge->books);
    emitter_->advance(source.id, source.frontier, clock_.steady());
  }
  look_at_given_up(s);
}

// A window finer than a minute is complete once it is sealed, unless its edge gave something up:
// what a seal counted late and nothing brings any more changes no count, but what is known.
void Intake::look_at_given_up(Session& s) {
  const auto& books = s.edge->books;
  const auto until = books.given_up_until();
  if (until <= s.given_up_until) return;
  const auto from = std::exchange(s.given_up_until, until);
  for (const auto& source : books.sources()) {
    if (source.id == 0) continue;
    const auto kept = options_.horizons.floor(reconcile::Tier::second, source.frontier);
    const auto first = std::max(from, kept), end = std::min(until, source.frontier);
    if (first >= end) continue;
    for (const auto minute : store_->manifests().lacking(source.id, first, end)) {
      emitter_->touch_minute(source.id, minute, answers::Cause::correction, clock_.steady());
    }
  }
}

void Intake::answer(Session& s, std::vector<Reply>& replies) {
  const auto& edge = *s.edge;
  const auto say = [&](wire::FrameType type, ByteVector payload) {
    replies.push_back({edge.row.name, type, std::move(payload), 0});
  };
  auto told = holdings_of(s.added, edge.books);
  if (s.greeted) {
    std::vector<wire::Holdings> held;
    for (const auto i : s.welcome) {
      const auto* books = edge.books.find(i);
      if (books != nullptr) held.push_back({i, books->received(), books->seal_number()});
    }
    auto frames = in_frames(std::move(held));
    say(wire::FrameType::welcome,
        wire::encode(wire::Welcome{.version = s.version,
                                   .now = clock_.wall(),
                                   .holdings = std::move(frames[0])}));
    for (std::size_t f = 1; f < frames.size(); ++f) {
      told.insert(told.end(), frames[f].begin(), frames[f].end());
    }
  }
  if (!told.empty() || !s.dictionaries.empty()) {
    for (auto& frame : in_frames(std::move(told))) {
      wire::Ack ack;
      ack.holdings = std::move(frame);
      ack.dictionaries = std::exchange(s.dictionaries, {});
      ack.ledger = edge.books.found();
      say(wire::FrameType::ack, wire::encode(ack));
    }
  }
  auto missing = in_frames(holdings_of(s.wanted_blocks, edge.books));
  for (auto hash = s.wanted.begin(); hash != s.wanted.end() || !missing.empty();) {
    wire::Request request;
    while (hash != s.wanted.end() && request.dictionaries.size() < kPiecesMax) {
      request.dictionaries.push_back(*hash++);
    }
    if (!missing.empty()) {
      request.missing = std::move(missing.back());
      missing.pop_back();
    }
    if (request.dictionaries.empty() && request.missing.empty()) continue;
    say(wire::FrameType::request, wire::encode(request));
  }
  if (s.refused_connection != 0) {
    replies.push_back({edge.row.name, wire::FrameType::refuse,
                       wire::encode(wire::Refuse{wire::Refusal::clone, s.refusal}),
                       std::exchange(s.refused_connection, 0)});
  }
  s.greeted = false;
  s.welcome.clear();
  s.added.clear();
  s.changed.clear();
  s.dictionaries.clear();
  s.wanted.clear();
  s.wanted_blocks.clear();
}

void Intake::maintain() {
  const auto now = clock_.steady();
  maintained_ = now;
  catalogue_->save_changed();
  emitter_->look_at_waived(clock_.wall());
  if (options_.partitions > 0) {
    emitter_->forget_merged([this](const answers::View& v, EventTime by) {
      return kept_from(options_.horizons, v.kept_as(), by);
    });
  }
  const auto& all = catalogue_->all();
  for (std::size_t n = 0; n < std::min(kSeriesFoldedPerTurn, all.size()); ++n) {
    keep_within_horizons(*all[fold_next_++ % all.size()]);
  }
  for (std::size_t n = 0; n < std::min(kEdgesFoldedPerTurn, edges_.size()); ++n) {
    fold_minutes(*edges_[fold_next_edge_++ % edges_.size()]);
  }
  if (now < slow_maintained_ + kSlowMaintainEvery) return;
  slow_maintained_ = now;
  emitter_->prune(clock_.wall() - options_.keep_revisions, kRevisionsPrunedMax);
  bound_letters();
  store_->alarms().clear_before(clock_.wall() - kAlarmShown);
  store_->orders().forget(clock_.wall() - kAlarmShown);
  remove_old_segments();
  for (auto& [name, s] : sessions_) {
    s->letter_bytes = 0;
    look_for_gaps(*s);
    look_for_dictionaries(*s);
    forget_unnamed(*s);
  }
}

void Intake::keep_within_horizons(Series& series) {
  const auto& edge = *by_id_.at(series.row.edge)->edge;
  const auto frontier = edge.books.sources()[series.source].frontier;
  const auto& horizons = options_.horizons;
  // Answers are shown as frozen for a while before they go; of a group also those of others.
  emitter_->forget(series.row.id, [&](const answers::View& v, EventTime by) {
    return kept_from(horizons, v.kept_as(), by);
  }, clock_.steady());
  if (frontier == kEventTimeMin) return;
  for (std::size_t t = 0; t + 1 < reconcile::kTiers; ++t) {
    const auto tier = static_cast<reconcile::Tier>(t);
    const auto& description = series.row.description;
    const auto unordered = store_->panes().fold(
        series.row.id, description.type, tier, horizons.floor(tier, frontier),
        store_->ordered().of(series.row.id, description), kPanesFoldedMax);
    for (const auto start : unordered) {
      store_->ordered().add_unordered({series.row.id, static_cast<reconcile::Tier>(t + 1), start,
                                       static_cast<int>(answers::Cause::late)});
    }
  }
  const auto minutes = kept_from(horizons, reconcile::Tier::minute, frontier);
  if (minutes != kEventTimeMin) store_->late().forget(series.row.id, minutes);
}

// A source's minutes are those of all series that ever belonged to it; a device that never answers
// has none, and is stated each minute all the same.
void Intake::fold_minutes(const Edge& edge) {
  const auto& horizons = options_.horizons;
  for (const auto& source : edge.books.sources()) {
    if (source.id == 0) continue;
    const auto slowest = emitter_->slowest(source.id).value_or(source.frontier);
    store_->manifests().fold(source.id, slowest,
                             {.minutes = kept_from(horizons, reconcile::Tier::minute, slowest),
                              .quarters = kept_from(horizons, reconcile::Tier::quarter, slowest),
                              .days = kept_from(horizons, reconcile::Tier::day, slowest)});
  }
}

void Intake::remove_old_segments() {
  const auto folder = store::archive_folder(options_.data_dir);
  const auto end = store_->archive().end().segment();
  const auto oldest_kept = clock_.wall() - options_.keep_blocks;
  std::uint64_t keep = 0;
  const auto first = store_->small().meta(store::kArchiveFirst);
  for (auto s = std::max<std::uint64_t>(1, first); s < end; ++s) {
    struct stat st {};
    if (::stat(store::segment_path(folder, s).c_str(), &st) != 0) continue;
    const auto written = event_time(static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1'000'000'000);
    if (written >= oldest_kept) break;
    keep = s + 1;
  }
  if (keep == 0) return;
  forget_archive_before(store::ArchivePosition::at(keep, 0));
  store_->small().set_meta(store::kArchiveFirst, keep);
  store_->archive().remove_before(keep);
}

void Intake::forget_archive_before(store::ArchivePosition at) {
  begin();
  store_->blocks().forget_before(at, clock_.wall() + kAheadMax);
  for (const auto& edge : edges_) catalogue_->forget_before(*edge, at);
}

}  // namespace tidemark::intake
