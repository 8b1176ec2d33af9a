// The series of all edges, and what the columns of a block mean.
//
// Threads    that of its Store. Series live for ever; pointers to them stay valid.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "cloud/reconcile/edge_books.h"
#include "cloud/reconcile/tiers.h"
#include "cloud/store/store.h"
#include "common/model/series.h"

namespace tidemark::intake {

struct Series {
  store::SeriesRow row;
  std::string full_name;
  reconcile::SourceIndex source = 0;  // in its edge's books
  reconcile::Tier finest = reconcile::Tier::minute;
  std::int64_t newest = 0;  // no reading was counted later than this
  bool changed = false;     // row is to be saved
};

// One edge as the intake holds it.
struct Edge {
  store::EdgeRow row;
  reconcile::EdgeBooks books;
  // By local name, type and exponent.
  std::unordered_map<std::string, Series*> series;
  std::unordered_map<DictionaryHash, std::vector<Series*>> bindings;
};

class Catalogue {
 public:
  explicit Catalogue(store::Store& store) : store_(store) {}
  // Series that are new to the cloud are told here, once their row exists.
  std::function<void(Edge&, Series&)> on_new;
  // A known series belongs to another source or poll class now.
  std::function<void(Edge&, Series&)> on_moved;

  Result<> load(const std::vector<std::unique_ptr<Edge>>& edges);
  // False when it was known. bad_input when it is no dictionary.
  Result<DictionaryPtr> add_dictionary(ByteSpan bytes);
  // Those of `hashes` that are not known.
  std::vector<DictionaryHash> unknown(const std::vector<DictionaryHash>& hashes) const;
  // The block's column indices as series; all dictionaries are known.
  void bind(Edge& edge, const std::vector<DictionaryHash>& hashes, std::vector<Series*>& out);
  // Series whose rows changed, for the batch; `all`: also those that wait to be written lazily.
  void note_changed(Series& series);
  void save_changed();
  [[nodiscard]] Series* find(store::SeriesId id);
  [[nodiscard]] const std::vector<std::unique_ptr<Series>>& all() const { return all_; }

 private:
  Series* series_of(Edge& edge, const SeriesDescription& description);
  Series* adopt(Edge& edge, store::SeriesRow row);
  store::Store& store_;
  std::unordered_map<DictionaryHash, DictionaryPtr> dictionaries_;
  std::vector<std::unique_ptr<Series>> all_;
  std::unordered_map<store::SeriesId, Series*> by_id_;
  std::vector<Series*> changed_;
};

}  // namespace tidemark::intake
