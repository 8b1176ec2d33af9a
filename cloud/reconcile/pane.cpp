#include "cloud/reconcile/pane.h"

#include <algorithm>
#include <tuple>

namespace tidemark::reconcile {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kWindowBytesMin = 12;  // smallest encoded EdgePartial, for length()

auto key_of(const EdgePartial& p) { return std::tuple(p.start, p.size, p.incarnation); }
}  // namespace

bool Pane::replace(EdgePartial partial) {
  const auto at = std::lower_bound(
      windows.begin(), windows.end(), partial,
      [](const EdgePartial& a, const EdgePartial& b) { return key_of(a) < key_of(b); });
  if (at == windows.end() || key_of(*at) != key_of(partial)) {
    windows.insert(at, std::move(partial));
    return true;
  }
  if (at->revision >= partial.revision) return false;
  *at = std::move(partial);
  return true;
}

std::uint64_t Pane::readings() const {
  auto n = rows.readings();
  for (const auto& w : windows) n += w.state.readings();
  return n;
}

void Pane::add_to(window::Partial& sum) const {
  sum.merge(rows);
  for (const auto& w : windows) sum.merge(w.state);
}

std::uint64_t Pane::add_certain(EventTime from, EventTime to, window::Partial& sum) const {
  auto unplaced = rows.count();
  for (const auto& w : windows) {
    const auto start = event_time(w.start);
    const auto end = start + Nanoseconds(w.size);
    if (start >= from && end <= to) {
      sum.merge(w.state);
    } else if (start < to && end > from) {
      unplaced += w.state.count();
    }
  }
  return unplaced;
}

void Pane::encode(ByteWriter& out) const {
  out.u8(kVersion);
  rows.encode(out);
  out.varint(windows.size());
  for (const auto& w : windows) {
    out.svarint(w.start);
    out.varint(static_cast<std::uint64_t>(w.size));
    out.fixed(w.incarnation.count);
    out.varint(w.revision);
    w.state.encode(out);
  }
}

Result<Pane> Pane::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.u8() != kVersion) return Error(Fault::unsupported, "pane of an unknown version");
  Pane pane;
  TIDE_ASSIGN(pane.rows, window::Partial::decode(in));
  const auto n = in.length(kWindowBytesMin);
  pane.windows.reserve(n);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    EdgePartial w;
    w.start = in.svarint();
    w.size = static_cast<std::int64_t>(in.varint());
    w.incarnation = Incarnation{in.fixed<std::uint64_t>()};
    w.revision = in.varint();
    TIDE_ASSIGN(w.state, window::Partial::decode(in));
    pane.windows.push_back(std::move(w));
  }
  if (!in.done()) return Error(Fault::corrupt, "pane: its bytes do not end where it does");
  return pane;
}

}  // namespace tidemark::reconcile
