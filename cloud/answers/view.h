// Views: named questions that are answered all the time. From [[view]] in cloud.toml and views.d.
#pragma once

#include <string>
#include <vector>

#include "cloud/answers/grid.h"
#include "cloud/reconcile/tiers.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::config {
class Section;
}

namespace tidemark::answers {

struct ViewWindow {
  std::string type;        // tumbling | hopping | calendar
  Nanoseconds size{};      // of a calendar: of its longest window
  Nanoseconds every{};     // hopping: distance between starts
  CalendarOptions calendar{};
};
struct ViewEmit {
  Nanoseconds early{};     // 0: nothing before the seal
  Nanoseconds revision_interval{};
  double complete = 0;     // answered before the seal when so large a share is here; 0: not
};
struct View {
  std::string name;
  std::string select;
  std::vector<std::string> group_by;
  std::vector<std::string> aggregates;
  ViewWindow window;
  ViewEmit emit;

  [[nodiscard]] bool hopping() const { return window.type == "hopping"; }
  [[nodiscard]] bool by_calendar() const { return window.type == "calendar"; }
  // Of a view that is not hopping. A calendar that this machine cannot make, because its zone is
  // not there, has UTC's windows.
  [[nodiscard]] Grid grid() const;
  // The finest panes that its windows are made of.
  [[nodiscard]] reconcile::Tier finest() const;
  // The coarsest tier whose panes fill its windows: behind its horizon they are frozen.
  [[nodiscard]] reconcile::Tier kept_as() const;
  // What its answers depend on: another definition makes it another view of the same name.
  [[nodiscard]] ByteVector definition() const;
  static Result<View> from_definition(ByteSpan bytes);
};

// Every aggregate of common/window.
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

}  // namespace tidemark::answers
