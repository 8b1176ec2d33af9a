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
constexpr std::size_t kPanesFoldedMax = 200;
constexpr std::size_t kRevisionsPrunedMax = 20'000;
constexpr std::size_t kRangesAskedMax = 64;
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

SequenceRanges first_of(const SequenceRanges& all, std::size_t ranges_max) {
  SequenceRanges some;
  for (const auto& r : all.ranges()) {
    if (some.ranges().size() == ranges_max) break;
    some.add(r);
  }
  return some;
}

}  // namespace

SteadyTime Intake::due() const {
  if (replay_) return SteadyTime::min();
  return std::min(emitter_->due(), maintained_ + kMaintainEvery);
}

Result<std::vector<Reply>> Intake::commit() {
  const auto now = clock_.steady();
  const bool maintenance = now >= maintained_ + kMaintainEvery;
  if (!has_batch() && due() > now) return std::vector<Reply>{};
  begin();
  if (maintenance) maintain();
  if (maintenance || replay_) take_orders();
  for (auto* s : touched_) advance(*s);
  counters_.answers += emitter_->emit(now, clock_.wall(), kEmissionsPerCommitMax);
  for (auto* s : touched_) {
    auto& edge = *s->edge;
    store_->edges().save_sources(edge.row.id, edge.books);
    for (const auto i : s->changed) {
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
    edge.books.weigh();
  }
  touched_.clear();
  TIDE_TRY(store_->commit());
  ++counters_.commits;
  return replies;
}

Result<std::vector<Reply>> Intake::finish() {
  begin();
  for (const auto& e : edges_) {
    e->row.connected = false;
    touched_.insert(by_id_.at(e->row.id));
  }
  catalogue_->save_changed();
  return commit();
}

void Intake::advance(Session& s) {
  for (const auto index : s.edge->books.advance()) {
    const auto& source = s.edge->books.sources()[index];
    if (source.id == 0) store_->edges().save_sources(s.edge->row.id, s.edge->books);
    emitter_->advance(source.id, source.frontier);
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
        wire::encode(wire::Welcome{.now = clock_.wall(), .holdings = std::move(frames[0])}));
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
  const auto& all = catalogue_->all();
  for (std::size_t n = 0; n < std::min(kSeriesFoldedPerTurn, all.size()); ++n) {
    keep_within_horizons(*all[fold_next_++ % all.size()]);
  }
  if (now < slow_maintained_ + kSlowMaintainEvery) return;
  slow_maintained_ = now;
  emitter_->prune(clock_.wall() - options_.keep_revisions, kRevisionsPrunedMax);
  store_->small().bound_dead_letters();
  store_->alarms().clear_before(clock_.wall() - kAlarmShown);
  store_->alarms().forget_orders(clock_.wall() - kAlarmShown);
  remove_old_segments();
  for (auto& [name, s] : sessions_) {
    s->letter_bytes = 0;
    look_for_gaps(*s);
  }
}

void Intake::keep_within_horizons(Series& series) {
  const auto& edge = *by_id_.at(series.row.edge)->edge;
  const auto frontier = edge.books.sources()[series.source].frontier;
  if (frontier == kEventTimeMin) return;
  const auto& horizons = options_.horizons;
  for (std::size_t t = 0; t + 1 < reconcile::kTiers; ++t) {
    const auto tier = static_cast<reconcile::Tier>(t);
    store_->panes().fold(series.row.id, series.row.description.type, tier,
                         horizons.floor(tier, frontier), kPanesFoldedMax);
  }
  // Answers are shown as frozen for a while before they go.
  const auto gone = [&](reconcile::Tier tier) {
    const auto floor = horizons.floor(tier, frontier);
    return floor < kEventTimeMin + kFrozenShown ? kEventTimeMin : floor - kFrozenShown;
  };
  emitter_->forget(series.row.id, [&](const answers::View& v) { return gone(v.kept_as()); });
  const auto minutes = gone(reconcile::Tier::minute);
  if (minutes == kEventTimeMin) return;
  // A source's minutes are those of all series that ever belonged to it.
  for (const auto source : series.row.sources()) {
    const auto oldest = horizons.floor(reconcile::Tier::minute, emitter_->slowest(source));
    if (oldest < kEventTimeMin + kFrozenShown) continue;
    store_->manifests().forget_before(source, oldest - kFrozenShown);
  }
  store_->late().forget(series.row.id, minutes);
}

// Blocks below those that came, of an edge that is there and has sent nothing else for a while:
// they went missing between the gateway and here.
void Intake::look_for_gaps(Session& s) {
  const auto missing = s.edge->books.missing();
  const bool stuck = s.edge->row.connected && missing > 0 && missing == s.missing_at_look &&
                     s.blocks_taken == s.blocks_at_look;
  s.missing_at_look = missing;
  s.blocks_at_look = s.blocks_taken;
  if (!stuck) return;
  const auto* books = s.edge->books.find(s.edge->row.incarnation);
  if (books == nullptr) return;
  const auto gaps = first_of(books->missing(), kRangesAskedMax);
  if (gaps.empty()) return;
  s.wanted_blocks[s.edge->row.incarnation].add(gaps);
  touched_.insert(&s);
  log::info("asking again for blocks that do not come", "edge={} blocks={}", s.edge->row.name,
            gaps.count());
}

void Intake::remove_old_segments() {
  const auto folder = store::archive_folder(options_.data_dir);
  const auto end = store_->archive().end().segment();
  const auto oldest_kept = clock_.wall() - options_.keep_blocks;
  std::uint64_t keep = 0;
  const auto first = store_->small().meta("archive_first");
  for (auto s = std::max<std::uint64_t>(1, first); s < end; ++s) {
    struct stat st {};
    if (::stat(store::segment_path(folder, s).c_str(), &st) != 0) continue;
    const auto written = event_time(static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1'000'000'000);
    if (written >= oldest_kept) break;
    keep = s + 1;
  }
  if (keep == 0) return;
  store_->blocks().forget_before(store::ArchivePosition::at(keep, 0),
                                 clock_.wall() + kAheadMax);
  store_->small().set_meta("archive_first", keep);
  store_->archive().remove_before(keep);
}

}  // namespace tidemark::intake
