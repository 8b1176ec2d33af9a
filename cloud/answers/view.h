// Views: named questions that are answered all the time. From [[view]] in cloud.toml and views.d.
#pragma once

#include <string>
#include <vector>

#include "cloud/answers/formula.h"
#include "cloud/answers/grid.h"
#include "cloud/answers/join.h"
#include "cloud/answers/selection.h"
#include "cloud/reconcile/tiers.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/window/summary.h"

namespace tidemark::config {
class Section;
}

namespace tidemark::answers {

struct ViewWindow {
  std::string type;        // tumbling | hopping | sliding | session | calendar
  Nanoseconds size{};      // of a calendar: of its longest window
  Nanoseconds every{};     // hopping: distance between starts; sliding: between ends
  CalendarOptions calendar{};
  Nanoseconds gap{};       // session: so long without a reading ends it
};
struct ViewEmit {
  Nanoseconds early{};     // 0: nothing before the seal
  Nanoseconds revision_interval{};
  double complete = 0;     // answered before the seal when so large a share is here; 0: not
  // Windows that overlap are computed when somebody asks, or, if so, answered like others.
  bool subscribed = false;
};
struct View {
  std::string name;
  Selection select;
  std::vector<std::string> group_by;
  std::vector<std::string> aggregates;
  // Instead of aggregates of a group: formulas over named parts of it.
  std::map<std::string, Selection> inputs;    // at most kInputsMax
  std::map<std::string, std::string> joins;   // of inputs (join.h); figures name them like inputs
  std::map<std::string, std::string> figures;
  ViewWindow window;
  ViewEmit emit;

  // Windows that overlap.
  [[nodiscard]] bool hopping() const {
    return window.type == "hopping" || window.type == "sliding";
  }
  [[nodiscard]] bool by_session() const { return window.type == "session"; }
  // Whether the node answers it all the time.
  [[nodiscard]] bool emitted() const { return !hopping() || emit.subscribed; }
  static constexpr int kOverlapMax = 120;  // windows that hold one time, of a view that is emitted
  static constexpr std::size_t kInputsMax = 16;
  static constexpr std::size_t kJoinsMax = 8;
  [[nodiscard]] bool has_figures() const { return !figures.empty(); }
  // Empty where the view has no figures, or wrong ones.
  [[nodiscard]] Formulas formulas() const;
  // In order of their names; none where one is wrong.
  [[nodiscard]] std::vector<Join> parsed_joins() const;
  // What is asked of the join of that name.
  [[nodiscard]] window::Parts parts_of_join(const std::string& join) const;
  // The aggregates that its answers are made of, but for those of joins.
  [[nodiscard]] std::vector<std::string> needed() const;
  // A bit for each input, in order of their names, that the series belongs to.
  [[nodiscard]] std::uint32_t inputs_of(const std::string& full_name, const Labels& labels) const;
  // Whether the view is about the series.
  [[nodiscard]] bool selects(const std::string& full_name, const Labels& labels,
                             ValueType type) const;
  // Whether its answers are about single series, not about groups of them.
  [[nodiscard]] bool by_series() const;
  // Answers for groups that are put together from what partitions say of them: sessions end where
  // nobody goes on, and pairs are made of single readings.
  [[nodiscard]] bool over_partitions() const;
  [[nodiscard]] bool by_calendar() const { return window.type == "calendar"; }
  // A calendar that this machine cannot make, because its zone is
  // not there, has UTC's windows.
  [[nodiscard]] Grid grid() const;
  // The finest panes that its windows are made of.
  [[nodiscard]] reconcile::Tier finest() const;
  // The coarsest tier whose panes fill its windows: behind its horizon they are frozen.
  [[nodiscard]] reconcile::Tier kept_as() const;
  // What its answers depend on: another definition makes it another view of the same name.
  [[nodiscard]] ByteVector definition() const;
  static Result<View> from_definition(ByteSpan bytes);
  // By which others know it; never 0.
  [[nodiscard]] std::uint64_t hash() const;
};

// View::hash() of what definition() gave.
[[nodiscard]] std::uint64_t hash_of_definition(ByteSpan bytes);

// What a configuration asks: its views and the labels that they go by.
struct Definitions {
  std::vector<View> views;  // in force
  std::vector<Relabel> relabels;
};

// What is answered where no aggregates are named: those that every pane has.
std::vector<std::string> all_aggregates();
// "minute": one-minute windows of every series, all aggregates. There unless a view of that name
// is.
View built_in_view();
// The views in force: those configured, the built-in one in front if its name is free. bad_input
// when two share a name.
Result<std::vector<View>> views_in_force(std::vector<View> configured);

void describe(config::Section& s, ViewWindow& w);
void describe(config::Section& s, ViewEmit& e);
void describe(config::Section& s, View& v);
void describe(config::Section& s, Relabel& r);
// `select` and `labels`.
void describe_selection(config::Section& s, Selection& selection);

}  // namespace tidemark::answers
