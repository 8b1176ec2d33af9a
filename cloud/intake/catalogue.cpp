#include "cloud/intake/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

namespace tidemark::intake {
namespace {

std::string identity_of(const SeriesDescription& d) {
  return fmt::format("{}\n{}\n{}", d.local_name(), static_cast<int>(d.type),
                     static_cast<int>(d.exponent));
}

}  // namespace

Result<> Catalogue::load(const std::vector<std::unique_ptr<Edge>>& edges) {
  std::unordered_map<store::EdgeId, Edge*> by_id;
  for (const auto& e : edges) by_id[e->row.id] = e.get();
  store_.dictionaries().each(store_.archive().end(), [&](const store::DictionaryRow& row) {
    const auto edge = by_id.find(row.edge);
    if (edge == by_id.end()) return;
    auto& binding = edge->second->dictionaries[row.hash];
    binding.said = row.said;
    binding.bytes = row.bytes;
    binding.position = row.position;
    edge->second->dictionary_bytes += row.bytes;
  });
  TIDE_ASSIGN(auto rows, store_.series().all());
  const auto early = store_.late().early();
  for (auto& row : rows) {
    const auto edge = by_id.find(row.edge);
    if (edge == by_id.end()) return Error(Fault::corrupt, "cloud.db: a series without its edge");
    auto* series = adopt(*edge->second, std::move(row));
    // The row is written lazily; nothing can lie beyond the end of the newest pane.
    const auto starts = store_.panes().newest(series->row.id);
    series->newest = std::max(series->row.last, starts);
    series->early = early.contains(series->row.id);
  }
  return {};
}

Result<DictionaryHash> Catalogue::add_dictionary(Edge& edge, ByteSpan bytes, EventTime latest) {
  TIDE_ASSIGN(const auto decoded, Dictionary::decode(bytes));
  const auto hash = decoded.hash();
  const auto known = edge.dictionaries.find(hash);
  if (known != edge.dictionaries.end() && known->second.bytes > 0) {
    TIDE_ASSIGN(const auto there, store_.dictionaries().bytes(edge.row.id, hash));
    if (!std::equal(there.begin(), there.end(), bytes.begin(), bytes.end())) {
      return Error(Fault::bad_input, fmt::format("another dictionary of this edge has the hash "
                                                 "{:016x} already", hash.count));
    }
    return hash;
  }
  make_room(edge, bytes.size(), latest);
  if (edge.dictionary_bytes + bytes.size() > kDictionaryBytesMax) {
    return Error(Fault::full, fmt::format("dictionaries of this edge that are in use now would "
                                          "pass {} B", kDictionaryBytesMax));
  }
  edge.dictionary_bytes += bytes.size();
  auto& binding = edge.dictionaries[hash];
  binding.bytes = bytes.size();
  binding.position = store_.archive().end();
  store_.dictionaries().add(edge.row.id, hash, bytes, binding.position);
  return hash;
}

// What archived blocks name goes only together with them, oldest first, and a quarter at a time.
void Catalogue::make_room(Edge& edge, std::size_t bytes, EventTime latest) {
  if (edge.dictionary_bytes + bytes <= kDictionaryBytesMax) return;
  std::vector<std::pair<std::uint64_t, std::size_t>> oldest;
  for (const auto& [hash, binding] : edge.dictionaries) {
    if (binding.bytes > 0 && !binding.changed) {
      oldest.emplace_back(binding.position.value, binding.bytes);
    }
  }
  std::sort(oldest.begin(), oldest.end());
  auto left = edge.dictionary_bytes + bytes;
  store::ArchivePosition at{};
  for (const auto& [position, size] : oldest) {
    if (left <= kDictionaryBytesMax / 4 * 3) break;
    left -= size;
    at = {position + 1};
  }
  const auto dropped = drop_before(edge, at);
  if (dropped == 0) return;
  store_.blocks().forget_of_edge(edge.row.id, at, latest);
  on_forgotten(edge, dropped);
}

void Catalogue::forget_before(Edge& edge, store::ArchivePosition at) { drop_before(edge, at); }

std::size_t Catalogue::drop_before(Edge& edge, store::ArchivePosition at) {
  std::unordered_set<DictionaryHash> said;
  for (const auto& [name, series] : edge.series) said.insert(series->row.said_in);
  std::size_t dropped = 0;
  for (auto it = edge.dictionaries.begin(); it != edge.dictionaries.end();) {
    auto& [hash, binding] = *it;
    const bool stays = binding.changed || (binding.bytes > 0 && binding.position.value >= at.value);
    const bool named = said.contains(hash);
    if (stays || (binding.bytes == 0 && named)) {
      ++it;
      continue;
    }
    dropped += binding.bytes > 0 ? 1 : 0;
    edge.dictionary_bytes -= std::exchange(binding.bytes, 0);
    store_.dictionaries().drop(edge.row.id, hash, !named);
    if (!named) {
      it = edge.dictionaries.erase(it);
      continue;
    }
    binding.series = {};
    binding.used = false;
    ++it;
  }
  return dropped;
}

void Catalogue::note_used(Edge& edge, DictionaryHash hash, Binding& binding) {
  if (std::exchange(binding.changed, true)) return;
  used_.push_back({&edge, hash, &binding});
}

void Catalogue::note_archived(Edge& edge, const std::vector<DictionaryHash>& hashes) {
  for (const auto hash : hashes) {
    auto& binding = edge.dictionaries.at(hash);
    binding.position = store_.archive().end();
    note_used(edge, hash, binding);
  }
}

std::vector<DictionaryHash> Catalogue::unknown(const Edge& edge,
                                               const std::vector<DictionaryHash>& hashes) {
  std::vector<DictionaryHash> missing;
  for (const auto h : hashes) {
    const auto at = edge.dictionaries.find(h);
    if (at == edge.dictionaries.end() || at->second.bytes == 0) missing.push_back(h);
  }
  return missing;
}

Result<> Catalogue::bind_known(Edge& edge, const std::vector<DictionaryHash>& hashes,
                               std::vector<Bound>& out) {
  out.clear();
  for (const auto hash : hashes) {
    const auto at = edge.dictionaries.find(hash);
    if (at == edge.dictionaries.end() || at->second.bytes == 0) {
      return Error(Fault::unavailable,
                   fmt::format("dictionary {:016x} of an archived block is gone", hash.count));
    }
    auto& binding = at->second;
    if (!binding.used) TIDE_TRY(use(edge, hash, binding));
    out.insert(out.end(), binding.series.begin(), binding.series.end());
  }
  return {};
}

Result<> Catalogue::bind(Edge& edge, const std::vector<DictionaryHash>& hashes,
                         const BlockName& block, std::vector<Bound>& out) {
  const auto* books = edge.books.find(block.incarnation);
  const store::Said said{books != nullptr ? books->ordinal() : 0, block.incarnation,
                         block.sequence};
  TIDE_TRY(bind_known(edge, hashes, out));
  for (const auto hash : hashes) {
    auto& binding = edge.dictionaries.at(hash);
    if (said <= binding.said) continue;
    binding.said = said;
    note_used(edge, hash, binding);
    if (binding.behind) TIDE_TRY(describe(edge, hash, binding));
  }
  return {};
}

// Finds or makes the series of a dictionary that is used for the first time since the start.
Result<> Catalogue::use(Edge& edge, DictionaryHash hash, Binding& binding) {
  TIDE_ASSIGN(const auto bytes, store_.dictionaries().bytes(edge.row.id, hash));
  TIDE_ASSIGN(const auto dictionary, Dictionary::decode(bytes));
  binding.series.clear();
  for (const auto& d : dictionary.series()) {
    TIDE_ASSIGN(auto* series, series_of(edge, hash, d, binding));
    TIDE_ASSIGN(const auto source, edge.books.source(d.source, d.poll_class));
    binding.series.push_back({series, edge.books.sources()[source].id, d.deadband.has_value()});
  }
  binding.used = true;
  return {};
}

// Whether the words that describe the series stand against those of this dictionary.
bool Catalogue::stands(Edge& edge, const Series& series, DictionaryHash hash,
                       const store::Said& said) {
  if (series.row.said_in == hash) return true;
  const auto other = edge.dictionaries.find(series.row.said_in);
  return other != edge.dictionaries.end() && other->second.said > said;
}

// Whatever was said last: readings with times of their own can be repeats for ever, and of those
// that were thinned the widest deadband counts. Whether that changed anything.
bool Catalogue::keep_for_ever(const SeriesDescription& said, SeriesDescription& known) {
  const auto stamped = known.device_stamped || said.device_stamped;
  const auto deadband = std::max(known.deadband, said.deadband);
  const bool changed = stamped != known.device_stamped || deadband != known.deadband;
  known.device_stamped = stamped;
  known.deadband = deadband;
  return changed;
}

// The words of this dictionary stand for those of its series that an older one describes so far.
Result<> Catalogue::describe(Edge& edge, DictionaryHash hash, Binding& binding) {
  const auto late = [&](const Bound& b) { return !stands(edge, *b.series, hash, binding.said); };
  if (std::none_of(binding.series.begin(), binding.series.end(), late)) return {};
  TIDE_ASSIGN(const auto bytes, store_.dictionaries().bytes(edge.row.id, hash));
  TIDE_ASSIGN(const auto dictionary, Dictionary::decode(bytes));
  binding.behind = false;
  for (std::size_t i = 0; i < binding.series.size(); ++i) {
    auto& series = *binding.series[i].series;
    if (!late(binding.series[i])) {
      binding.behind = binding.behind || series.row.said_in != hash;
      continue;
    }
    const auto other = edge.dictionaries.find(series.row.said_in);
    if (other != edge.dictionaries.end()) other->second.behind = true;
    series.row.said_in = hash;
    const auto& d = dictionary.series()[i];
    const auto earlier_words = std::exchange(series.row.description, d);
    keep_for_ever(earlier_words, series.row.description);
    const auto before = std::exchange(series.row.source, binding.series[i].source);
    series.source = edge.books.source(d.source, d.poll_class).value();
    store_.series().save_description(series.row);
    if (before == series.row.source) {
      on_described(series);
      continue;
    }
    auto& earlier = series.row.earlier;
    std::erase(earlier, series.row.source);
    earlier.push_back(before);
    store_.series().add_source(series.row.id, before);
    on_moved(edge, series);
  }
  return {};
}

Result<Series*> Catalogue::series_of(Edge& edge, DictionaryHash hash, const SeriesDescription& d,
                                     Binding& binding) {
  TIDE_ASSIGN(const auto source, edge.books.source(d.source, d.poll_class));
  auto& sources = edge.books.sources();
  if (sources[source].device_stamped != d.device_stamped && d.device_stamped) {
    sources[source].device_stamped = true;
    sources[source].changed = true;
  }
  if (sources[source].id == 0) store_.edges().save_sources(edge.row.id, edge.books);
  if (const auto it = edge.series.find(identity_of(d)); it != edge.series.end()) {
    auto& known = *it->second;
    if (known.row.said_in != hash) binding.behind = true;
    if (keep_for_ever(d, known.row.description)) {
      store_.series().save_description(known.row);
      on_described(known);
    }
    return &known;
  }
  if (edge.series.size() >= kSeriesMax) {
    return Error(Fault::full, fmt::format("'{}' would be series number {} of this edge, at most {} "
                                          "are kept; is there a counter or an id in its name?",
                                          d.local_name(), edge.series.size() + 1, kSeriesMax));
  }
  store::SeriesRow row;
  row.edge = edge.row.id;
  row.source = sources[source].id;
  row.description = d;
  row.said_in = hash;
  row.first = std::numeric_limits<std::int64_t>::max();
  row.last = std::numeric_limits<std::int64_t>::min();
  row.id = store_.series().add(row);
  auto* series = adopt(edge, std::move(row));
  on_new(edge, *series);
  return series;
}

Series* Catalogue::adopt(Edge& edge, store::SeriesRow row) {
  auto series = std::make_unique<Series>();
  series->row = std::move(row);
  const auto& d = series->row.description;
  series->full_name = edge.row.name + "/" + d.local_name();
  series->source = edge.books.source(d.source, d.poll_class).value();  // it has its row
  series->newest = std::numeric_limits<std::int64_t>::min();
  auto* raw = series.get();
  edge.series[identity_of(d)] = raw;
  by_id_[raw->row.id] = raw;
  all_.push_back(std::move(series));
  return raw;
}

void Catalogue::note_wide_sum(Series& series, Nanoseconds size) {
  if (size <= series.row.widest_sum) return;
  series.row.widest_sum = size;
  store_.series().save_description(series.row);
  on_described(series);
}

void Catalogue::note_thinned(Series& series, std::int64_t time_min, std::int64_t time_max) {
  if (!series.row.thinned.extend(time_min, time_max)) return;
  store_.series().save_description(series.row);
  on_described(series);
}

void Catalogue::note_changed(Series& series) {
  if (series.changed) return;
  series.changed = true;
  changed_.push_back(&series);
}

void Catalogue::save_changed() {
  for (auto* s : changed_) {
    store_.series().save(s->row);
    s->changed = false;
  }
  changed_.clear();
}

void Catalogue::save_used() {
  for (const auto& [edge, hash, binding] : used_) {
    store_.dictionaries().save(edge->row.id, hash, binding->said, binding->position);
    binding->changed = false;
  }
  used_.clear();
}

Series* Catalogue::find(store::SeriesId id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

}  // namespace tidemark::intake
