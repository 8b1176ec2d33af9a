#include "edge/pipeline/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/model/events.h"

namespace tidemark::pipeline {
namespace {

constexpr auto kLookAtRing = std::chrono::milliseconds(20);
constexpr auto kPause = std::chrono::milliseconds(100);
constexpr std::size_t kEntriesALock = 64;
constexpr std::size_t kFetchedAhead = 2;  // columns
const std::vector<Rule> kNoRules;
constexpr auto kOffTimeMax = std::chrono::hours(Minutes::kHoursKept - 1);

std::uint64_t value_bits(const Column& c, std::size_t at) {
  switch (c.type) {
    case ValueType::f64: return std::bit_cast<std::uint64_t>(c.f64[at]);
    case ValueType::text: return xxh3(as_bytes(c.text[at]));
    default: return static_cast<std::uint64_t>(c.i64[at]);
  }
}

std::string value_json(const Column& c, std::size_t at, const SeriesDescription& d) {
  switch (c.type) {
    case ValueType::f64: return json_number(c.f64[at]);
    case ValueType::text: return json_quote(c.text[at]);
    case ValueType::boolean: return c.i64[at] != 0 ? "true" : "false";
    case ValueType::i64: return json_number(decimal_to_double(c.i64[at], d.exponent));
  }
  return "null";
}

std::string_view quality_name(Quality q) {
  switch (q) {
    case Quality::good: return "good";
    case Quality::uncertain: return "uncertain";
    case Quality::bad_range: return "bad: out of range";
    case Quality::bad_sentinel: return "bad: not available";
    case Quality::bad_device: return "bad: device fault";
    case Quality::bad_type: return "bad: wrong type";
  }
  return "bad";
}

}  // namespace

Pipeline::Pipeline(Options options, std::vector<SourceEntry> sources, journal::Journal& journal,
                   ring::RingBuffer& ring, quarantine::Quarantine& quarantine, TapHub& tap,
                   Clock& clock, LocalSink* local, untimed::Untimed* untimed,
                   source::WaysFile* ways)
    : options_(std::move(options)),
      journal_(journal),
      ring_(ring),
      quarantine_(quarantine),
      tap_(tap),
      clock_(clock),
      ways_(ways),
      stamper_(options_.plausible_from),
      manifest_(options_.incarnation),
      recorder_(options_.recorder_memory),
      local_(local),
      tier_choice_(options_.tier),
      past_(ring.recovered().ledger),
      compaction_(options_.edge, options_.rules,
                  [&ring](DictionaryHash hash) { return ring.dictionary(hash); }),
      untimed_(untimed),
      started_(clock.steady()) {
  book_.label(options_.labels);
  book_.thin([this](const SeriesDescription& series) {
    return deadband_of(options_.rules, options_.edge, series);
  });
  if (ways_ != nullptr) ways_->read(table_.owners());
  set_sources(std::move(sources));
  if (time_is_known()) stamper_.observe(clock_.wall(), clock_.steady());
  collector_.bound(ring_.flush_max());
  context_.bound(ring_.flush_max());
}

void Pipeline::add_source(SourceEntry entry) {
  book_.label(entry.name, entry.labels);
  auto* source = entry.source;
  const Progress progress(source->device_stamped(), source->lateness());
  const auto [known, fresh] = source_by_name_.try_emplace(entry.name, sources_.size());
  source_by_id_[entry.id] = known->second;
  if (fresh) {
    sources_.push_back({std::move(entry), {}, progress});
  } else {
    sources_[known->second].entry = std::move(entry);
    sources_[known->second].progress.bound(progress);
  }
  auto& state = sources_[known->second];
  // Lines exist from the start, so that a source that is never heard is stated as such.
  for (const auto& s : source->schedules()) line_of(state, s.poll_class);
  if (source->schedules().empty()) line_of(state, "");
}

void Pipeline::set_sources(std::vector<SourceEntry> sources) {
  const std::lock_guard lock(mutex_);
  source_by_id_.clear();
  for (auto& s : sources_) s.entry.source = nullptr;  // may be gone when this returns
  std::map<std::string, const source::Decoder*, std::less<>> decoders;
  for (auto& entry : sources) {
    if (entry.source == nullptr) {
      decoders.try_emplace(entry.name, nullptr);
      continue;
    }
    decoders[entry.name] = &entry.source->decoder();
    add_source(std::move(entry));
  }
  table_.owners().keep_if([&](const std::string& series, const source::Way& way) {
    const auto known = decoders.find(way.source);
    return known != decoders.end() &&
           (known->second == nullptr || known->second->leads(way, series));
  });
  static_cast<void>(keep_ways());  // what went is tried again, with what comes
}

bool Pipeline::has_read(journal::Position end) const {
  const std::lock_guard lock(mutex_);
  return journal_.used().count == 0 ||
         (position_.journal == end.journal && position_.offset >= end.offset);
}

std::size_t Pipeline::line_of(SourceState& source, const std::string& poll_class) {
  const auto known = source.lines.find(poll_class);
  if (known != source.lines.end()) return known->second;
  const auto line = manifest_.line(source.entry.name, poll_class,
                                   source.entry.source->device_stamped());
  if (line == lines_.size()) {
    lines_.push_back({static_cast<std::size_t>(&source - sources_.data())});
  }
  source.lines[poll_class] = line;
  return line;
}

void Pipeline::run(const std::function<void()>& flushed) {
  start_reading();
  bool off_stated = false;
  bool drained = false;  // stopping, and the journal has no more
  auto observed = clock_.steady();
  last_flush_ = observed;
  while (true) {
    const auto now = clock_.steady();
    const bool stopping = stopping_.load();
    std::unique_lock lock(mutex_);
    if (now - observed >= std::chrono::seconds(1) || stamper_.state() == ClockState::unknown) {
      observe(now);
      // Not what will be decoded again if the agent ends before its flush.
      if (!gathering_since_ && !unwritten_) quarantine_.look();
      observed = now;
    }
    const bool clock_known = stamper_.state() != ClockState::unknown;
    if (clock_known && !off_stated) {
      begin_off_time();
      off_stated = true;
    }
    const bool flushing = flush_due(now) || (stopping && drained && gathering_since_);
    if (flushing || sync_due(now)) {
      // A block may leave before it is durable (semantics A1), and nobody waits for the medium.
      bool done = !flushing || flush();
      const bool syncing = done && sync_due(now);
      lock.unlock();
      if (done && flushing) {
        quarantine_.look();
        flushed();
      }
      if (syncing) {
        done = sync_out();
        lock.lock();
        done = done && make_room();
        lock.unlock();
      }
      if (!done && stopping) return;
      if (!done) pause();
      continue;
    }
    if (options_.ring_holds_back && !unwritten_ && now - ring_looked_at_ >= kLookAtRing) {
      // What was acknowledged meanwhile is durable, and what was not in time is to be written.
      ring_looked_at_ = now;
      note_synced(ring_.sync());
    }
    const bool held_up = (unwritten_ || sync_failed_) && (collector_.full() || context_.full());
    const auto wait = stopping ? std::chrono::milliseconds(0) : patience(now);
    lock.unlock();
    if (!clock_known && untimed_ != nullptr) {
      // Undecoded, until there is a time to stamp them with (semantics D13).
      put_aside();
      if (stopping && !aside_ && journal_.used().count == 0) return;
      continue;
    }
    if (!clock_known || held_up) {
      // Entries wait in the journal, or until the ring takes what was gathered.
      if (stopping) return;
      pause();
      continue;
    }
    if (untimed_ != nullptr && untimed_waits_.load()) {
      lock.lock();
      take_untimed();
      if (untimed_waits_.load()) continue;
      lock.unlock();
    }
    auto item = journal_.next(wait);
    lock.lock();
    if (!item) {
      heard_until_ = std::max(heard_until_, stamper_.now(now) - Progress::kMargin);
      if (stopping && !gathering_since_ && !unwritten_ && !unsynced_since_) return;
      drained = stopping;
      continue;
    }
    // What next() hands out must be taken: it does not come again.
    for (std::size_t n = 1; item; ++n) {
      take(item->first);
      position_ = item->second;
      if (collector_.full() || context_.full() || n == kEntriesALock) break;
      item = journal_.next(std::chrono::milliseconds(0));
    }
  }
}

void Pipeline::pause() {
  std::unique_lock lock(pause_mutex_);
  pause_over_.wait_for(lock, kPause, [&] { return stopping_.load(); });
}

void Pipeline::stop() {
  const std::lock_guard lock(pause_mutex_);
  stopping_.store(true);
  pause_over_.notify_all();
}

void Pipeline::begin_off_time() {
  if (ring_.recovered().past.empty()) return;
  const auto& closing = ring_.recovered().past.back().closing;
  const auto until = stamper_.now(started_);
  off_ = {std::max({closing.off_from, options_.plausible_from, until - kOffTimeMax}), until};
  gathering_since_ = clock_.steady();
}

// What was due while nobody asked. So much with each flush as finds room in the smallest ring.
void Pipeline::state_off_time() {
  constexpr std::uint64_t kMinuteBytes = 16;
  std::vector<std::pair<std::size_t, Nanoseconds>> scheduled;  // line, period
  for (auto& source : sources_) {
    if (source.entry.source == nullptr) continue;
    for (const auto& schedule : source.entry.source->schedules()) {
      if (schedule.period.count() <= 0) continue;
      scheduled.emplace_back(line_of(source, schedule.poll_class), schedule.period);
    }
  }
  const auto room = ring_.flush_max() / 4 / kMinuteBytes;
  auto minutes = std::max<std::size_t>(1, room / std::max<std::size_t>(1, scheduled.size()));
  while (off_->at < off_->until && minutes-- > 0) {
    const auto at = off_->at;
    const auto end = std::min(floor_to(at, std::chrono::minutes(1)) + std::chrono::minutes(1),
                              off_->until);
    for (const auto& [line, period] : scheduled) {
      const auto due = (count_ns(end) - 1) / period.count() - (count_ns(at) - 1) / period.count();
      if (due > 0) manifest_.expected(line, at, static_cast<std::uint64_t>(due), 0);
    }
    off_->at = end;
  }
  if (off_->at >= off_->until) off_.reset();
}

void Pipeline::take(const journal::Entry& entry) {
  const auto arrival = other_boot_ ? event_time(entry.steady + other_boot_->count())
                                   : stamper_.stamp(entry.arrived, entry.steady);
  heard_until_ = std::max(heard_until_, arrival - Progress::kMargin);
  if (!gathering_since_) gathering_since_ = clock_.steady();
  const auto known = source_by_id_.find(entry.source);
  if (known == source_by_id_.end()) {
    ++rejected_messages_;
    quarantine_.add("its source is not in the configuration, or failing", "", entry.topic,
                    entry.payload, 0, arrival);
    return;
  }
  auto& source = sources_[known->second];
  decoded_.clear();
  source.entry.source->decoder().decode(entry, table_, decoded_);
  for (const auto& e : decoded_.expected) {
    manifest_.expected(line_of(source, e.poll_class), arrival - e.ago, 1, e.good ? 1 : 0);
  }
  const auto refusals_before = refusals_;
  for (const auto& r : decoded_.rejected) {
    if (r.readings > 0) {
      manifest_.taken(line_of(source, decoded_.poll_class), arrival, r.readings);
      manifest_.ledger().quarantined += r.readings;
    }
    count_refused(source, r.reason);
    quarantine_.add(r.reason, source.entry.name, entry.topic,
                    source.entry.source->decoder().sent(entry), r.readings, arrival);
  }
  for (std::size_t g = 0; g < decoded_.groups.size(); ++g) {
    const auto origin = g >= decoded_.away_from         ? Origin::away
                        : g >= decoded_.historical_from ? Origin::historical
                                                        : Origin::measured;
    take_group(source, decoded_.groups[g], entry, arrival, origin);
  }
  if (refusals_ != refusals_before) ++rejected_messages_;
}

std::optional<std::int64_t> Pipeline::row_time(SourceState& source, const Group& group,
                                               std::size_t row, const journal::Entry& entry,
                                               EventTime arrival) {
  if (group.times[row] == source::Decoded::kArrival) {
    // Strictly rising within the source, so that edge stamps name a reading; a clock that was set
    // back is followed (clock_set).
    auto t = arrival;
    if (t <= source.last_stamp && source.last_stamp - t < std::chrono::seconds(1)) {
      t = source.last_stamp + Nanoseconds(1);
    }
    source.last_stamp = t;
    return count_ns(t);
  }
  const auto t = event_time(group.times[row]);
  if (t <= arrival + options_.skew && t >= options_.plausible_from) return group.times[row];
  refuse_row(source, group, row, entry, arrival);
  return std::nullopt;
}

void Pipeline::count_refused(SourceState& source, std::string_view reason) {
  auto kind = quarantine::kind_of(reason);
  const bool room = source.refused.size() < SourceCounts::kReasonsMax;
  auto known = source.refused.find(kind);
  if (known == source.refused.end()) {
    known = source.refused.try_emplace(room ? std::string(kind) : "other").first;
  }
  ++known->second;
  ++refusals_;
}

// A row whose time cannot be true.
void Pipeline::refuse_row(SourceState& source, const Group& group, std::size_t row,
                          const journal::Entry& entry, EventTime arrival) {
  const auto t = event_time(group.times[row]);
  std::string reason;
  if (t > arrival + options_.skew)
    reason = "its time is ahead of the clock by more than uplink.skew";
  if (t < options_.plausible_from) {
    reason = "its time is before all that is plausible: is the device's clock set? Before " +
             format_utc(options_.plausible_from);
  }
  std::uint64_t readings = 0;
  for (const auto& c : group.columns) {
    if (!c.present.empty() && !c.present[row]) continue;
    ++readings;
    manifest_.taken(series_state(c.series).line, arrival, 1);
  }
  manifest_.ledger().quarantined += readings;
  count_refused(source, reason);
  quarantine_.add(fmt::format("{}: {} at {}", reason,
                              table_.at(group.columns[0].series).local_name(), format_utc(t)),
                  source.entry.name, entry.topic, source.entry.source->decoder().sent(entry),
                  readings, arrival);
}

// No earlier start took a reading of a later time.
std::int64_t Pipeline::heard_before() const {
  if (ring_.recovered().start_ordinal <= 1) return count_ns(kEventTimeMin);
  return count_ns(stamper_.now(started_) + options_.skew);
}

Pipeline::SeriesState& Pipeline::series_state(std::uint32_t handle) {
  while (series_.size() <= handle) {
    const auto h = static_cast<std::uint32_t>(series_.size());
    const auto& d = table_.at(h);
    const auto line = line_of(sources_[source_by_name_.at(d.source)], d.poll_class);
    // People's rules are about what is measured: "**" would put events into windows.
    series_.push_back({line, Route(d, options_.edge, is_events(d) ? kNoRules : options_.rules, line,
                                   h, {groups_, recorder_, local_, &shared_memory_, heard_before(),
                                       &raised_}),
                       0, 0});
    if (series_.back().route.has_windows()) windowed_.push_back(h);
    if (series_.back().route.track()) recorded_.push_back(h);
  }
  return series_[handle];
}

// What is historical was measured at some other time: it moves nobody's progress, and is the last
// reading of nothing. Nor does the end of one device move the progress of those that go on: their
// clock may be hours behind its arrival, and all that they say from then on would be late.
void Pipeline::take_group(SourceState& source, const Group& group, const journal::Entry& entry,
                          EventTime arrival, Origin origin) {
  const bool historical = origin == Origin::historical;
  const auto columns = group.columns.size();
  auto& [next, value_at, keep, quality] = row_;
  next.assign(columns, 0);
  value_at.assign(columns, 0);
  keep.assign(columns, false);
  quality.assign(columns, Quality::good);
  for (std::size_t row = 0; row < group.times.size(); ++row) {
    for (std::size_t c = 0; c < columns; ++c) {
      const auto& present = group.columns[c].present;
      value_at[c] = next[c];
      if (present.empty() || present[row]) ++next[c];
    }
    const auto time = row_time(source, group, row, entry, arrival);
    if (!time) continue;
    if (origin == Origin::measured) source.progress.reading(event_time(*time), arrival);
    bool any = false;
    for (std::size_t c = 0; c < columns; ++c) {
      const auto& column = group.columns[c];
      if (c + kFetchedAhead < columns) fetch(group.columns[c + kFetchedAhead].series);
      keep[c] = false;
      if (!column.present.empty() && !column.present[row]) continue;
      auto& state = series_state(column.series);
      const auto at = event_time(*time);
      ++state.readings;
      if (!historical) state.last = *time;
      manifest_.taken(state.line, at, 1);
      const bool repeats = group.times[row] != source::Decoded::kArrival;
      const auto outcome = state.route.take(*time, column, value_at[c],
                                            value_bits(column, value_at[c]),
                                            {.repeats = repeats, .historical = historical});
      quality[c] = outcome.quality;
      alarm_ = alarm_ || outcome.alarm;
      switch (outcome.way) {
        case Route::Way::duplicate: ++manifest_.ledger().duplicate; break;
        case Route::Way::thinned: ++manifest_.ledger().thinned; break;
        case Route::Way::local: ++manifest_.ledger().local; break;
        case Route::Way::window:  // the cloud knows of a pane where it starts
          manifest_.sent(state.line, state.route.counted_at(at), 1);
          break;
        case Route::Way::raw:
          manifest_.sent(state.line, at, 1);
          keep[c] = any = true;
          break;
      }
      if (tap_.listening(TapKind::readings)) {
        const auto& d = table_.at(column.series);
        const auto name = options_.edge + "/" + d.local_name();
        tap_.publish(
            TapKind::readings, name,
            fmt::format(R"({{"v":1,"series":{},"time":"{}","value":{},"unit":{},"quality":"{}"}})",
                        json_quote(name), format_utc(at),
                        value_json(column, value_at[c], d), json_quote(d.unit),
                        quality_name(outcome.quality)));
      }
    }
    if (any) collector_.add_row(group, row, *time, value_at, keep, quality);
    if (!recorder_.due().empty()) gather_context();
    if (!raised_.empty()) gather_events();
  }
}

void Pipeline::fetch(std::uint32_t handle) const {
  if (handle < series_.size()) series_[handle].route.fetch();
}

// What the flight recorder hands out, as rows that are copies.
void Pipeline::gather_context() {
  for (const auto& due : recorder_.due()) {
    const auto handle = recorded_[due.track];
    context_row_.copy = true;
    auto& column = context_row_.columns.emplace_back();
    column.series = handle;
    column.type = table_.at(handle).type;
    if (column.type == ValueType::f64) {
      column.f64 = {std::bit_cast<double>(due.reading.bits)};
    } else {
      column.i64 = {static_cast<std::int64_t>(due.reading.bits)};
    }
    context_.add_row(context_row_, 0, due.reading.time, {0}, {true}, {due.reading.quality});
    context_row_.columns.clear();
  }
  recorder_.due().clear();
}

std::optional<Seal> Pipeline::seal_since(std::uint64_t acknowledged, std::uint64_t sent,
                                         bool brief) {
  const std::lock_guard lock(mutex_);
  if (manifest_.number() <= sent || unwritten_) return std::nullopt;
  return manifest_.since(acknowledged, brief);
}

void Pipeline::cloud_ledger(const Ledger& ledger) {
  const std::lock_guard lock(mutex_);
  cloud_ = ledger;
}

}  // namespace tidemark::pipeline
