#include <algorithm>
#include <utility>

#include "cloud/store/rows.h"

namespace tidemark::store {

namespace {
constexpr std::int64_t kMinute = 60'000'000'000;
}

ManifestRows::ManifestRows(sqlite::Database& database, Changes& changes)
    : select_(database, "SELECT state FROM minutes WHERE source=? AND minute=?"),
      range_(database, "SELECT state,minute FROM minutes"
                       " WHERE source=? AND minute>=? AND minute<?"),
      first_(database, "SELECT minute FROM minutes WHERE source=? ORDER BY minute LIMIT 1"),
      upsert_(database, "INSERT INTO minutes VALUES(?,?,?)"
                        " ON CONFLICT DO UPDATE SET state=excluded.state"),
      changes_(changes),
      folded_(database),
      dropped_(database),
      folder_(database) {}

std::size_t ManifestRows::KeyHash::operator()(const Key& k) const {
  const auto h = (static_cast<std::uint64_t>(k.minute) ^ std::uint64_t{k.source} << 40) *
                 0x9E3779B97F4A7C15ULL;
  return static_cast<std::size_t>(h ^ (h >> 32));
}

ManifestRows::Entry& ManifestRows::load(const Key& key) {
  const auto [it, missing] = entries_.try_emplace(key);
  if (missing) {
    if (select_.start(key.source, key.minute).next()) {
      ByteReader in(select_.blob(0));
      it->second.manifest = reconcile::MinuteManifest::decode(in);
    }
    select_.rewind();
  }
  return it->second;
}

void ManifestRows::note_changed(const Key& key, Entry& entry) {
  if (std::exchange(entry.changed, true)) return;
  changed_.push_back(key);
}

void ManifestRows::tell(const Key& key) {
  const auto start = event_time(key.minute * kMinute);
  changes_.of_source(key.source, start, start + Nanoseconds(kMinute));
}

void ManifestRows::receive(SourceId source, Incarnation start, std::int64_t minute,
                           std::uint64_t readings) {
  const Key key{source, minute};
  auto& entry = load(key);
  entry.manifest.receive(start, readings);
  note_changed(key, entry);
  tell(key);
}

std::optional<ManifestRows::Stated> ManifestRows::state(SourceId source, Incarnation incarnation,
                                                        std::uint64_t seal_number,
                                                        const MinuteCounts& counts,
                                                        bool last_word) {
  const Key key{source, counts.minute};
  auto& entry = load(key);
  Stated stated;
  stated.before = entry.manifest.sum();
  if (!entry.manifest.state(incarnation, seal_number, counts, last_word)) return std::nullopt;
  stated.after = entry.manifest.sum();
  note_changed(key, entry);
  if (stated.before != stated.after) tell(key);  // an edge may say the same under a later number
  return stated;
}

bool ManifestRows::contradicts(SourceId source, Incarnation incarnation,
                               std::uint64_t seal_number, const MinuteCounts& counts) {
  return load({source, counts.minute}).manifest.contradicts(incarnation, seal_number, counts);
}

reconcile::ManifestSum ManifestRows::sum(SourceId source, EventTime from, EventTime to) {
  const auto first = minute_of(from);
  const auto end = minute_of(to - Nanoseconds(1)) + 1;
  reconcile::ManifestSum sum;
  if (from < folder_.folded_until(source)) sum = folded_.sum(source, from, to);
  dropped_.add_to(sum, source, from, to);
  if (end - first == 1) return sum += load({source, first}).manifest.sum();
  flush();
  range_.start(source, first, end);
  while (range_.next()) {
    ByteReader in(range_.blob(0));
    sum += reconcile::MinuteManifest::decode(in).sum();
  }
  return sum;
}

bool ManifestRows::drop(SourceId source, Incarnation start, Sequence next,
                        const DroppedCounts& dropped) {
  reconcile::DroppedSum reach;
  reach.add(dropped);
  const auto& stretch = *reach.of(dropped.why);
  changes_.of_source(source, stretch.from, stretch.until);
  return dropped_.add(source, start, next, dropped);
}

DroppedRows::Resolved ManifestRows::tell(DroppedRows::Resolved resolved) {
  for (const auto& [source, minutes] : resolved) {
    changes_.of_source(source, event_time(minutes.first * kMinute),
                       event_time((minutes.second + 1) * kMinute));
  }
  return resolved;
}

std::optional<EventTime> ManifestRows::first(SourceId source) {
  flush();
  std::optional<EventTime> first;
  if (first_.start(source).next()) first = event_time(first_.integer(0) * kMinute);
  first_.rewind();
  return first;
}

std::vector<EventTime> ManifestRows::lacking(SourceId source, EventTime from, EventTime to) {
  flush();
  std::vector<EventTime> minutes;
  range_.start(source, minute_of(from), minute_of(to - Nanoseconds(1)) + 1);
  while (range_.next()) {
    ByteReader in(range_.blob(0));
    const auto sum = reconcile::MinuteManifest::decode(in).sum();
    if (sum.lacking > 0) minutes.push_back(event_time(range_.integer(1) * kMinute));
  }
  return minutes;
}

void ManifestRows::flush() {
  std::sort(changed_.begin(), changed_.end());
  for (const auto& key : changed_) {
    auto& entry = entries_.at(key);
    scratch_.clear();
    ByteWriter out(scratch_);
    entry.manifest.encode(out);
    upsert_.run(key.source, key.minute, scratch_);
    entry.changed = false;
  }
  changed_.clear();
  if (entries_.size() > kEntriesMax) entries_.clear();
}

void ManifestRows::fold(SourceId source, EventTime proved, ManifestFolder::Floors floors) {
  if (proved < kEventTimeMin + ManifestFolder::kRestatedWithin) return;
  floors.minutes = std::min(floors.minutes, proved - ManifestFolder::kRestatedWithin);
  if (!folder_.due(source, floors)) return;
  flush();
  entries_.clear();
  const auto folded = folder_.fold(source, floors);
  changes_.of_source(source, folded.from, folded.to);
}

}  // namespace tidemark::store
