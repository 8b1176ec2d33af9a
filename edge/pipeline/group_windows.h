// Windows over a group of series: all that one rule selects of a device, of a source, or in all.
//
// Values are added as doubles, so that series of several types and resolutions fit together; texts
// are left out. A group's frontier is that of the slowest of its lines.
// Bound: kGroupsMax groups; series of further ones have no window (counted in refused()).
// Threads: one at a time; the pipeline holds its lock.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "edge/pipeline/local_sink.h"
#include "edge/pipeline/rule_window.h"

namespace tidemark::pipeline {

class GroupWindows {
 public:
  static constexpr std::size_t kGroupsMax = 1024;

  struct Group {
    LocalSeries series;
    RuleWindow window;
    std::set<std::size_t> lines;  // of the manifest
    void add(EventTime time, const Column& column, std::size_t value, int exponent);

   private:
    friend class GroupWindows;
    explicit Group(RuleWindow w) : window(std::move(w)) {}
    Column one_;
  };

  // The group of this name, made from `rule` at the first call; nullptr beyond the bound. The
  // pointer stays good.
  Group* find(const LocalSeries& series, const WindowRule& rule);
  void flush(const std::vector<EventTime>& frontiers, LocalSink* sink);
  void set_back(EventTime now, LocalSink* sink);  // RuleWindow::set_back
  [[nodiscard]] bool empty() const { return groups_.empty(); }
  [[nodiscard]] std::uint64_t late() const;
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  std::deque<Group> groups_;
  std::map<std::string, Group*> by_name_;
  std::uint64_t refused_ = 0;
};

}  // namespace tidemark::pipeline
