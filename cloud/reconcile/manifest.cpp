#include "cloud/reconcile/manifest.h"

#include <algorithm>
#include <utility>

namespace tidemark::reconcile {

namespace {
constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kMinuteMax = count_ns(kEventTimeMax) / kMinuteNs - 1;

EventTime start_of(std::int64_t minute) {
  return event_time(std::clamp(minute, -kMinuteMax, kMinuteMax) * kMinuteNs);
}

void join(std::optional<DroppedSum::Stretch>& all, const DroppedSum::Stretch& more) {
  if (!all) {
    all = more;
    return;
  }
  all->from = std::min(all->from, more.from);
  all->until = std::max(all->until, more.until);
  all->readings += more.readings;
}
}  // namespace

void DroppedSum::add(const DroppedCounts& dropped) {
  join(all_[static_cast<std::size_t>(dropped.why)],
       {start_of(dropped.first), start_of(dropped.last + 1), dropped.readings});
}

bool DroppedSum::unknown() const {
  return std::ranges::any_of(kUnknown, [this](Why why) { return of(why).has_value(); });
}

DroppedSum& DroppedSum::operator+=(const DroppedSum& o) {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (o.all_[i]) join(all_[i], *o.all_[i]);
  }
  return *this;
}

void DroppedSum::encode(ByteWriter& out) const {
  unsigned there = 0;
  for (std::size_t i = 0; i < all_.size(); ++i) there |= all_[i] ? 1U << i : 0U;
  out.u8(static_cast<std::uint8_t>(there));
  for (const auto& stretch : all_) {
    if (!stretch) continue;
    out.fixed(static_cast<std::uint64_t>(count_ns(stretch->from)));
    out.fixed(static_cast<std::uint64_t>(count_ns(stretch->until)));
    out.varint(stretch->readings);
  }
}

DroppedSum DroppedSum::decode(ByteReader& in) {
  DroppedSum sum;
  const unsigned there = in.u8();
  if (there >> sum.all_.size() != 0) in.fail();
  for (std::size_t i = 0; i < sum.all_.size() && in.ok(); ++i) {
    if ((there >> i & 1U) == 0) continue;
    auto& stretch = sum.all_[i].emplace();
    stretch.from = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
    stretch.until = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
    stretch.readings = in.varint();
  }
  return sum;
}

ManifestSum& ManifestSum::operator+=(const ManifestSum& o) {
  due += o.due;
  good += o.good;
  taken += o.taken;
  sent += o.sent;
  received += o.received;
  lacking += o.lacking;
  dropped += o.dropped;
  return *this;
}

bool MinuteManifest::state(Incarnation incarnation, std::uint64_t seal_number,
                           const MinuteCounts& counts, bool last_word) {
  for (auto& e : entries_) {
    if (e.incarnation != incarnation) continue;
    if (seal_number <= e.seal_number) return false;
    e.seal_number = seal_number;
    const auto before = std::exchange(e.counts, counts);
    if (last_word) {
      e.counts.due = std::max(counts.due, before.due);
      e.counts.good = std::max(counts.good, before.good);
      e.counts.taken = std::max(counts.taken, before.taken);
      e.counts.sent = std::max(counts.sent, before.sent);
    }
    return true;
  }
  entries_.push_back({incarnation, seal_number, counts});
  return true;
}

void MinuteManifest::receive(Incarnation incarnation, std::uint64_t readings) {
  auto e = std::find_if(entries_.begin(), entries_.end(),
                        [&](const Entry& have) { return have.incarnation == incarnation; });
  if (e == entries_.end()) e = entries_.insert(e, {incarnation, 0, {}});
  e->received += readings;
}

bool MinuteManifest::contradicts(Incarnation incarnation, std::uint64_t seal_number,
                                 const MinuteCounts& counts) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) {
    auto said = e.counts;
    said.minute = counts.minute;  // a row that was read back does not repeat its key
    return e.incarnation == incarnation && e.seal_number == seal_number && !(said == counts);
  });
}

ManifestSum MinuteManifest::sum() const {
  ManifestSum s;
  for (const auto& e : entries_) {
    s.due += e.counts.due;
    s.good += e.counts.good;
    s.taken += e.counts.taken;
    s.sent += e.counts.sent;
    s.received += e.received;
    s.lacking += e.counts.sent - std::min(e.counts.sent, e.received);
  }
  s.received += received_;
  s.lacking -= std::min(s.lacking, received_);
  return s;
}

void MinuteManifest::encode(ByteWriter& out) const {
  out.varint(received_);
  out.varint(entries_.size());
  for (const auto& e : entries_) {
    out.fixed(e.incarnation.count);
    out.varint(e.seal_number);
    out.varint(e.counts.due);
    out.varint(e.counts.good);
    out.varint(e.counts.taken);
    out.varint(e.counts.sent);
  }
  for (const auto& e : entries_) out.varint(e.received);
}

MinuteManifest MinuteManifest::decode(ByteReader& in) {
  MinuteManifest m;
  m.received_ = in.varint();
  const auto n = in.length(13);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    Entry e;
    e.incarnation = Incarnation{in.fixed<std::uint64_t>()};
    e.seal_number = in.varint();
    e.counts.due = in.varint();
    e.counts.good = in.varint();
    e.counts.taken = in.varint();
    e.counts.sent = in.varint();
    m.entries_.push_back(e);
  }
  if (in.left() == 0) return m;
  for (auto& e : m.entries_) e.received = in.varint();
  return m;
}

}  // namespace tidemark::reconcile
