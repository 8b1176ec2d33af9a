#include "edge/pipeline/group_windows.h"

#include <algorithm>

namespace tidemark::pipeline {

void GroupWindows::Group::add(EventTime time, const Column& column, std::size_t value,
                              int exponent) {
  if (column.type == ValueType::text) return;
  one_.f64.assign(1, column.type == ValueType::f64
                         ? column.f64[value]
                         : decimal_to_double(column.i64[value], exponent));
  one_.quality.assign(1, column.quality_of(value));
  static_cast<void>(window.add(time, one_, 0));
}

GroupWindows::Group* GroupWindows::find(const LocalSeries& series, const WindowRule& rule) {
  const auto known = by_name_.find(series.name);
  if (known != by_name_.end()) return known->second;
  if (groups_.size() >= kGroupsMax) {
    ++refused_;
    return nullptr;
  }
  groups_.push_back(Group(RuleWindow(rule, ValueType::f64, 0, window::Upstream::none)));
  auto& group = groups_.back();
  group.window.expect_late();  // its series may be of several sources
  group.series = series;
  by_name_.emplace(series.name, &group);
  return &group;
}

void GroupWindows::flush(const std::vector<EventTime>& frontiers, LocalSink* sink) {
  std::vector<PartialRow> none;
  std::vector<window::LocalResult> results;
  for (auto& group : groups_) {
    auto frontier = kEventTimeMax;
    for (const auto line : group.lines) frontier = std::min(frontier, frontiers[line]);
    results.clear();
    group.window.flush(frontier, 0, none, results);
    if (sink != nullptr && !results.empty()) sink->windows(group.series, results);
  }
}

void GroupWindows::set_back(EventTime now, LocalSink* sink) {
  std::vector<PartialRow> none;
  std::vector<window::LocalResult> results;
  for (auto& group : groups_) {
    results.clear();
    group.window.set_back(now, 0, none, results);
    if (sink != nullptr && !results.empty()) sink->windows(group.series, results);
  }
}

std::uint64_t GroupWindows::late() const {
  std::uint64_t n = 0;
  for (const auto& group : groups_) n += group.window.late();
  return n;
}

}  // namespace tidemark::pipeline
