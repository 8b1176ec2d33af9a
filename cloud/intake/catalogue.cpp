#include "cloud/intake/catalogue.h"

#include <fmt/format.h>

#include <limits>
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
  Result<> outcome;
  store_.small().each_dictionary([&](ByteSpan bytes) {
    auto dictionary = Dictionary::decode(bytes);
    if (!dictionary) {
      outcome = std::move(dictionary).error().within("cloud.db: dictionaries");
      return;
    }
    const auto hash = dictionary->hash();
    dictionaries_[hash] = std::make_shared<const Dictionary>(std::move(dictionary).value());
  });
  TIDE_TRY(std::move(outcome));
  TIDE_ASSIGN(auto rows, store_.series().all());
  for (auto& row : rows) {
    const auto edge = by_id.find(row.edge);
    if (edge == by_id.end()) return Error(Fault::corrupt, "cloud.db: a series without its edge");
    auto* series = adopt(*edge->second, std::move(row));
    // The row is written lazily; nothing can lie beyond the end of the newest pane.
    const auto starts = store_.panes().newest(series->row.id);
    series->newest = std::max(series->row.last, starts);
  }
  return {};
}

Result<DictionaryPtr> Catalogue::add_dictionary(ByteSpan bytes) {
  TIDE_ASSIGN(auto decoded, Dictionary::decode(bytes));
  auto& known = dictionaries_[decoded.hash()];
  if (!known) {
    store_.small().add_dictionary(decoded.hash(), bytes);
    known = std::make_shared<const Dictionary>(std::move(decoded));
  }
  return known;
}

std::vector<DictionaryHash> Catalogue::unknown(const std::vector<DictionaryHash>& hashes) const {
  std::vector<DictionaryHash> missing;
  for (const auto h : hashes) {
    if (!dictionaries_.contains(h)) missing.push_back(h);
  }
  return missing;
}

void Catalogue::bind(Edge& edge, const std::vector<DictionaryHash>& hashes,
                     std::vector<Series*>& out) {
  out.clear();
  for (const auto hash : hashes) {
    auto [it, missing] = edge.bindings.try_emplace(hash);
    if (missing) {
      for (const auto& d : dictionaries_.at(hash)->series()) {
        it->second.push_back(series_of(edge, d));
      }
    }
    out.insert(out.end(), it->second.begin(), it->second.end());
  }
}

Series* Catalogue::series_of(Edge& edge, const SeriesDescription& d) {
  const auto source = edge.books.source(d.source, d.poll_class);
  auto& sources = edge.books.sources();
  if (sources[source].device_stamped != d.device_stamped && d.device_stamped) {
    sources[source].device_stamped = true;
    sources[source].changed = true;
  }
  if (sources[source].id == 0) store_.edges().save_sources(edge.row.id, edge.books);
  const auto it = edge.series.find(identity_of(d));
  if (it != edge.series.end()) {
    auto& known = *it->second;
    if (!(known.row.description == d)) {  // the newest words about it stand
      known.row.description = d;
      known.source = source;
      const auto before = std::exchange(known.row.source, sources[source].id);
      note_changed(known);
      if (known.row.source != before) on_moved(edge, known);
    }
    return &known;
  }
  store::SeriesRow row;
  row.edge = edge.row.id;
  row.source = sources[source].id;
  row.description = d;
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
  series->source = edge.books.source(d.source, d.poll_class);
  series->newest = std::numeric_limits<std::int64_t>::min();
  auto* raw = series.get();
  edge.series[identity_of(d)] = raw;
  by_id_[raw->row.id] = raw;
  all_.push_back(std::move(series));
  return raw;
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

Series* Catalogue::find(store::SeriesId id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

}  // namespace tidemark::intake
