#include <fmt/format.h>

#include <algorithm>

#include "common/model/events.h"
#include "edge/source/source.h"

namespace tidemark::source {
namespace {

// What makes two readings the same series: a value of another type or resolution in the same name
// is a series beside it, as its column could not hold both.
std::string identity(const SeriesDescription& d) {
  return fmt::format("{}\n{}\n{}\n{}:{}", d.source, d.device, d.metric,
                     static_cast<int>(d.type), static_cast<int>(d.exponent));
}

}  // namespace

Result<std::uint32_t> SeriesTable::intern(const SeriesDescription& description,
                                          std::string_view topic, std::string_view path) {
  const auto name = description.local_name();
  if (description.labels.size() > Dictionary::kLabelsMax) {
    return Error{Fault::bad_input,
                 fmt::format("too many labels: series '{}' has {}, at most {} fit", name,
                             description.labels.size(), Dictionary::kLabelsMax)};
  }
  for (const auto& [label, value] : description.labels) {
    const auto longest = std::max(label.size(), value.size());
    if (longest <= Dictionary::kNameBytesMax) continue;
    return Error{Fault::bad_input,
                 fmt::format("label is too long: '{}…' of series '{}' has {} B, at most {} B",
                             label.substr(0, 60), name, longest, Dictionary::kNameBytesMax)};
  }
  if (description.unit.size() > Dictionary::kNameBytesMax) {
    return Error{Fault::bad_input,
                 fmt::format("unit is too long: that of series '{}' has {} B, at most {} B", name,
                             description.unit.size(), Dictionary::kNameBytesMax)};
  }
  if (description.metric == kEventsMetric) {
    return Error{Fault::bad_input,
                 fmt::format("series name is the agent's own: '{}' of source '{}' would mix with "
                             "the events of detectors, which travel as '{}'; set 'metric_prefix', "
                             "or give it another name at the device",
                             name, description.source, kEventsMetric)};
  }
  const Way way{description.source, std::string(topic), std::string(path)};
  TIDE_TRY(owners_.check(name, way));
  auto key = identity(description);
  if (const auto known = by_name_.find(key); known != by_name_.end()) {
    owners_.take(name, way);
    auto& d = series_[known->second];
    auto next = description;
    next.poll_class = d.poll_class;
    next.device_stamped = d.device_stamped || description.device_stamped;
    if (next != d) {
      d = std::move(next);
      ++versions_[known->second];
    }
    return known->second;
  }
  for (const auto& part : {description.device, description.metric}) {
    if (part.empty()) {
      return Error{Fault::bad_input,
                   fmt::format("series name has an empty level: '{}'; check 'device' and the path "
                               "of source '{}'", name, description.source)};
    }
  }
  if (std::max(name.size(), description.source.size()) > Dictionary::kNameBytesMax) {
    return Error{Fault::bad_input,
                 fmt::format("series name is too long: {} B, at most {} B: {}…", name.size(),
                             Dictionary::kNameBytesMax, name.substr(0, 60))};
  }
  if (series_.size() - own_ >= kSeriesMax) {
    return Error{Fault::full,
                 fmt::format("too many series: '{}' would be number {}, at most {} a start; is "
                             "there a counter or an id in the topic or in a key of source '{}'?",
                             name, series_.size() - own_ + 1, kSeriesMax, description.source)};
  }
  const auto handle = add(description, std::move(key));
  owners_.take(name, way);
  return handle;
}

std::uint32_t SeriesTable::own(const SeriesDescription& description) {
  auto key = identity(description);
  if (const auto known = by_name_.find(key); known != by_name_.end()) return known->second;
  ++own_;
  return add(description, std::move(key));
}

std::uint32_t SeriesTable::add(const SeriesDescription& description, std::string key) {
  const auto handle = static_cast<std::uint32_t>(series_.size());
  series_.push_back(description);
  versions_.push_back(0);
  by_name_.emplace(std::move(key), handle);
  return handle;
}

}  // namespace tidemark::source
