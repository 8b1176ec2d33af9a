#include "cloud/reconcile/pane.h"

#include <algorithm>
#include <tuple>

namespace tidemark::reconcile {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kExtrasVersion = 2;  // the same, and the extras behind it
constexpr std::size_t kWindowBytesMin = 12;  // smallest encoded EdgePartial, for length()

auto key_of(const EdgePartial& p) { return std::tuple(p.start, p.size, p.incarnation); }
}  // namespace

void Pane::want(const window::Parts& parts, const window::OrderedOptions& options) {
  if (!parts.any()) return;
  if (!extras) extras = std::make_unique<window::Extras>();
  extras->want(parts, rows.type(), options);
}

void Pane::add(std::span<const std::int64_t> times, const Column& column, std::size_t first) {
  const auto values = rows.count();
  rows.add(times, column, first);
  if (!extras || column.type != rows.type()) return;
  if (rows.count() - values == times.size()) {
    extras->add(column, first, times.size());
    return;
  }
  for (std::size_t i = 0; i < times.size(); ++i) extras->add(column, first + i);
}

void Pane::add(std::int64_t time, const Column& column, std::size_t value) {
  rows.add(time, column, value);
  if (extras && column.type == rows.type()) extras->add(column, value);
}

void Pane::join(const Pane& other) {
  rows.merge(other.rows);
  if (!other.extras) return;
  if (!extras) extras = std::make_unique<window::Extras>();
  extras->merge(*other.extras, rows.type(), {});
}

bool Pane::take(const Pane& finer, const window::OrderedOptions& options) {
  finer.add_to(rows);
  bool good = true;
  if (finer.extras) {
    if (!extras) extras = std::make_unique<window::Extras>();
    good = extras->merge(*finer.extras, rows.type(), options);
  }
  if (!extras || !extras->runs) return good;
  auto& runs = *extras->runs;
  const auto in_order = finer.extras && finer.extras->runs ? finer.extras->runs->count() : 0;
  good = good && in_order == finer.rows.count();
  const bool serves = runs.serve(options, runs.has_states());
  for (const auto& w : finer.windows) {
    if (w.state.count() == 0) continue;
    good = serves && runs.insert(window::Ordered::of(w.state, options), options) && good;
  }
  return good;
}

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

void Pane::add_to(window::Summary& sum, const window::OrderedOptions& options) const {
  sum.add(rows, extras.get(), options);
  for (const auto& w : windows) sum.add_sum(w.state, options);
}

std::uint64_t Pane::add_certain(EventTime from, EventTime to, window::Summary& sum,
                                const window::OrderedOptions& options) const {
  auto unplaced = rows.count();
  for (const auto& w : windows) {
    const auto start = event_time(w.start);
    const auto end = start + Nanoseconds(w.size);
    if (start >= from && end <= to) {
      sum.add_sum(w.state, options);
    } else if (start < to && end > from) {
      unplaced += w.state.count();
    }
  }
  return unplaced;
}

std::optional<Pane::Ends> Pane::ends() const {
  std::optional<Ends> all;
  const auto type = rows.type();
  const auto take = [&](const window::Partial& p) {
    if (p.count() == 0) return;
    const auto first = window::sample_of(p.first());
    const auto last = window::sample_of(p.last());
    if (!all) all = Ends{first, last};
    if (window::comes_before(type, first, all->first)) all->first = first;
    if (window::comes_before(type, all->last, last)) all->last = last;
  };
  take(rows);
  for (const auto& w : windows) take(w.state);
  return all;
}

bool Pane::covers(const window::Parts& parts, const window::OrderedOptions& options) const {
  const auto values = rows.count();
  if (!parts.any() || values == 0) return true;
  if (!extras) return false;
  const auto& e = *extras;
  return (!parts.ordered ||
          (e.runs && e.runs->serve(options, parts.states) && e.runs->count() == values)) &&
         (!parts.sketch || (e.sketch && e.sketch->count() == values)) &&
         (!parts.distinct || (e.distinct && e.distinct->added() == values));
}

bool Before::take(EventTime start, const Pane& pane, EventTime t) {
  const auto ends = pane.ends();
  if (!ends) return false;
  if (event_time(ends->last.time) >= t) {
    if (event_time(ends->first.time) < t && (!unsure_from || start < *unsure_from)) {
      unsure_from = start;
    }
    return false;
  }
  if (!sample || window::comes_before(pane.rows.type(), *sample, ends->last)) sample = ends->last;
  return true;
}

void Pane::encode(ByteWriter& out) const {
  out.u8(extras ? kExtrasVersion : kVersion);
  rows.encode(out);
  out.varint(windows.size());
  for (const auto& w : windows) {
    out.svarint(w.start);
    out.varint(static_cast<std::uint64_t>(w.size));
    out.fixed(w.incarnation.count);
    out.varint(w.revision);
    w.state.encode(out);
  }
  if (extras) extras->encode(out);
}

Result<Pane> Pane::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  const auto version = in.u8();
  if (version != kVersion && version != kExtrasVersion) {
    return Error(Fault::unsupported, "pane of an unknown version");
  }
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
  if (version == kExtrasVersion) {
    pane.extras =
        std::make_unique<window::Extras>(window::Extras::decode(in, pane.rows.type()));
  }
  if (!in.done()) return Error(Fault::corrupt, "pane: its bytes do not end where it does");
  return pane;
}

}  // namespace tidemark::reconcile
