#include "cloud/reconcile/manifest.h"

#include <algorithm>

namespace tidemark::reconcile {

ManifestSum& ManifestSum::operator+=(const ManifestSum& o) {
  due += o.due;
  good += o.good;
  taken += o.taken;
  sent += o.sent;
  received += o.received;
  lacking += o.lacking;
  return *this;
}

bool MinuteManifest::state(Incarnation incarnation, std::uint64_t seal_number,
                           const MinuteCounts& counts) {
  for (auto& e : entries_) {
    if (e.incarnation != incarnation) continue;
    if (seal_number <= e.seal_number) return false;
    e.seal_number = seal_number;
    e.counts = counts;
    return true;
  }
  entries_.push_back({incarnation, seal_number, counts});
  return true;
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
  }
  s.received = received_;
  s.lacking = s.sent - std::min(s.sent, s.received);
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
  return m;
}

}  // namespace tidemark::reconcile
