// The series of all edges, and what the columns of a block mean.
//
// Promise    what a series is called and labelled does not depend on the order of arrival: of the
//            dictionaries that describe it, the one counts that the edge used last, by (ordinal of
//            the start, incarnation, sequence). Dictionaries are each edge's own: no edge can
//            speak for another's hash.
// Bounds     kSeriesMax series an edge; what needs more is refused by Fault::full, with the bound
//            in words. kDictionaryBytesMax bytes of dictionaries an edge: those that no archived
//            block names any more go with the archive's segments. Where that is not enough those go
//            that were named longest ago, and with them what the archive holds of the edge up to
//            then: it is forgotten as by retention (on_forgotten). Of a dictionary that is gone its
//            rank stays while a series is called as it says.
// Threads    that of its Store. Series live for ever; pointers to them stay valid.
#pragma once

#include <functional>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "cloud/answers/judge.h"
#include "cloud/reconcile/clone_guard.h"
#include "cloud/reconcile/edge_books.h"
#include "cloud/reconcile/tiers.h"
#include "cloud/store/store.h"
#include "common/model/record.h"
#include "common/model/series.h"
#include "common/window/summary.h"

namespace tidemark::intake {

inline constexpr std::size_t kSeriesMax = 100'000;             // an edge holds 50,000 a start
inline constexpr std::size_t kDictionaryBytesMax = 64 << 20;  // an edge, over all its starts

struct Series {
  store::SeriesRow row;
  std::string full_name;
  reconcile::SourceIndex source = 0;  // in its edge's books
  reconcile::Tier finest = reconcile::Tier::minute;
  window::Parts parts;      // that views ask for, beyond what every pane has
  std::int64_t newest = 0;  // no reading was counted later than this, but for those of
  bool early = false;       // times to come: some are, or were, in quarantine
  bool changed = false;     // row is to be saved
};

// A series as one dictionary says it is: its readings travelled under this source's seals.
struct Bound {
  Series* series = nullptr;
  store::SourceId source = 0;
  bool thinned = false;
};

// A dictionary of an edge.
struct Binding {
  store::Said said;  // the newest block that named it
  std::vector<Bound> series;  // empty before it is used
  bool used = false;
  bool behind = false;   // some of its series are described by another one so far
  bool changed = false;  // is to be saved
  std::size_t bytes = 0;             // 0: they are gone
  store::ArchivePosition position;  // no archived block beyond it names it
};

// One edge as the intake holds it.
struct Edge {
  store::EdgeRow row;
  reconcile::EdgeBooks books;
  reconcile::CloneGuard guard;
  // By local name, type and exponent.
  std::unordered_map<std::string, Series*> series;
  std::unordered_map<DictionaryHash, Binding> dictionaries;
  std::size_t dictionary_bytes = 0;
  std::vector<answers::Aside> aside;  // the newest last
};

class Catalogue {
 public:
  explicit Catalogue(store::Store& store) : store_(store) {}
  // Series that are new to the cloud are told here, once their row exists.
  std::function<void(Edge&, Series&)> on_new;
  // A known series belongs to another source or poll class now.
  std::function<void(Edge&, Series&)> on_moved;
  // So many of its dictionaries went to make room, with what the archive has of the edge.
  std::function<void(Edge&, std::size_t)> on_forgotten = [](Edge&, std::size_t) {};
  // What its row says of it has changed, its source not.
  std::function<void(Series&)> on_described;

  Result<> load(const std::vector<std::unique_ptr<Edge>>& edges);
  // bad_input when it is no dictionary, or another one of the edge has its hash; full when there is
  // no room for it beside those that are in use now. `latest` as of BlockIndex::forget_before.
  Result<DictionaryHash> add_dictionary(Edge& edge, ByteSpan bytes, EventTime latest);
  // Blocks before this position are no longer archived.
  void forget_before(Edge& edge, store::ArchivePosition at);
  // Those of `hashes` that are not known.
  static std::vector<DictionaryHash> unknown(const Edge& edge,
                                             const std::vector<DictionaryHash>& hashes);
  // The block that is archived next names these.
  void note_archived(Edge& edge, const std::vector<DictionaryHash>& hashes);
  // The block's column indices as series; all dictionaries are known. Fault::full past a bound.
  Result<> bind(Edge& edge, const std::vector<DictionaryHash>& hashes, const BlockName& block,
                std::vector<Bound>& out);
  // The same of an archived block, which is known already; unavailable when a dictionary is gone.
  Result<> bind_known(Edge& edge, const std::vector<DictionaryHash>& hashes,
                      std::vector<Bound>& out);
  // An edge's window that reaches beyond one minute has come.
  void note_wide_sum(Series& series, Nanoseconds size);
  // Raw readings of these times have come, of which the edge may have left some out.
  void note_thinned(Series& series, std::int64_t time_min, std::int64_t time_max);
  // Series whose rows changed, to be written lazily.
  void note_changed(Series& series);
  void save_changed();
  // Which dictionaries were used last: with the batch that used them.
  void save_used();
  [[nodiscard]] Series* find(store::SeriesId id);
  [[nodiscard]] const std::vector<std::unique_ptr<Series>>& all() const { return all_; }

 private:
  Result<> use(Edge& edge, DictionaryHash hash, Binding& binding);
  Result<> describe(Edge& edge, DictionaryHash hash, Binding& binding);
  Result<Series*> series_of(Edge& edge, DictionaryHash hash, const SeriesDescription& description,
                            Binding& binding);
  static bool keep_for_ever(const SeriesDescription& said, SeriesDescription& known);
  bool stands(Edge& edge, const Series& series, DictionaryHash hash, const store::Said& said);
  Series* adopt(Edge& edge, store::SeriesRow row);
  void note_used(Edge& edge, DictionaryHash hash, Binding& binding);
  // Drops those of the edge that are named nowhere from here on, at least; how many.
  std::size_t drop_before(Edge& edge, store::ArchivePosition at);
  void make_room(Edge& edge, std::size_t bytes, EventTime latest);
  store::Store& store_;
  std::vector<std::unique_ptr<Series>> all_;
  std::unordered_map<store::SeriesId, Series*> by_id_;
  std::vector<Series*> changed_;
  struct Used {
    Edge* edge;
    DictionaryHash hash;
    Binding* binding;
  };
  std::vector<Used> used_;
};

}  // namespace tidemark::intake
