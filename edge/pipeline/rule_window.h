// The window of a rule for one series, or for a group of them: carriers for the cloud where the
// rule forwards windows, and results for the machine's own people.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/model/series.h"
#include "edge/window/local_window.h"
#include "edge/window/series_window.h"

namespace tidemark::pipeline {

enum class WindowType : std::uint8_t { tumbling, hopping, sliding, session, count };
std::string_view to_string(WindowType type);

enum class GroupBy : std::uint8_t { series, device, source, rule };

struct WindowRule {
  WindowType type = WindowType::tumbling;
  Nanoseconds size{};
  Nanoseconds hop{};
  Nanoseconds gap{};
  std::uint64_t count = 0;
  // 0: kLatePanes panes (RuleWindow::expect_late()), or one window of the other kinds.
  Nanoseconds lateness{};
  Nanoseconds carrier = std::chrono::seconds(1);  // pane that carries where the window cannot
  GroupBy group = GroupBy::series;
  std::string name = "group";  // of a group: edge/device/name, edge/source/name, edge/all/name
  std::shared_ptr<const window::Wanted> wanted = nullptr;  // aggregates
  Nanoseconds max_hold = std::chrono::hours(1);
  double rollover = 0;     // of counters, in the unit of the series; 0: none

  static constexpr int kLatePanes = 8;
  [[nodiscard]] bool aligned() const { return type <= WindowType::hopping; }
  [[nodiscard]] Result<> check() const;  // Fault::bad_input
};

class RuleWindow {
 public:
  // `rule` passed its check(). Without rule.wanted there are carriers only.
  RuleWindow(const WindowRule& rule, ValueType type, int exponent, window::Upstream upstream);

  // Readings may come as late as the rule says from now on: their time is their device's. Until
  // then it is that of their arrival, which rises, and few panes need to be kept.
  void expect_late();
  // Whether a carrier took it; false as well when there is none.
  bool add(EventTime time, const Column& column, std::size_t value);
  void flush(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& rows,
             std::vector<window::LocalResult>& results);
  // The clock was set back to `now`. Where times that come again would find their windows over,
  // what is held is told as far as it went, and results begin anew: a later one of the same time
  // replaces the earlier. Carriers go on, as a pane that left cannot take more (series_window.h).
  void set_back(EventTime now, std::uint32_t handle, std::vector<PartialRow>& rows,
                std::vector<window::LocalResult>& results);
  void fetch() const {
    if (panes_) panes_->fetch();
  }
  [[nodiscard]] std::uint64_t late() const;
  // A time in the minute in which the carrying pane of `at` starts. No division for panes of which
  // each lies in one minute.
  [[nodiscard]] EventTime counted_at(EventTime at) const {
    return across_minutes_ == Nanoseconds{} ? at : floor_to(at, across_minutes_);
  }

 private:
  bool carries_;
  std::size_t late_panes_ = 0;
  Nanoseconds across_minutes_{};  // width of carrying panes that may; else 0
  std::optional<window::SeriesWindow> panes_;
  // Makes the results in place of panes that carry, once the clock was set back.
  std::unique_ptr<window::SeriesWindow> results_;
  std::unique_ptr<window::LocalWindow> local_;
  std::uint64_t late_before_ = 0;  // of those that were made anew
};

}  // namespace tidemark::pipeline
