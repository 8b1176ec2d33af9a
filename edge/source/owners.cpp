#include "edge/source/owners.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tidemark::source {

std::string text_of(const Way& way) {
  const auto source = fmt::format("source '{}'", way.source);
  if (way.topic.empty()) return source;
  return fmt::format("{} of topic '{}' of {}",
                     way.path.empty() ? "the value" : "$." + way.path, way.topic, source);
}

Result<> Owners::check(const std::string& series, const Way& way) {
  const auto known = owned_.find(series);
  if (known == owned_.end() || known->second.way == way) return {};
  auto& owned = known->second;
  if (!owned.denied || *owned.denied != way) owned.denied = std::make_unique<Way>(way);
  return Error{Fault::denied,
               fmt::format("two ways to one series: {} leads to '{}', which belongs to {}{}; set "
                           "'device' or 'metric_prefix' of one of them, or, if it takes the "
                           "other's place: tidemark series release {}",
                           text_of(way), series, text_of(owned.way),
                           owned.heard ? "" : " (silent since the agent's start)", series)};
}

void Owners::take(const std::string& series, const Way& way) {
  const auto known = owned_.find(series);
  if (known != owned_.end()) {
    known->second.heard = true;
    return;
  }
  add(series, way).heard = true;
  changed(series);
}

bool Owners::has(const std::string& series, const Way& way) const {
  const auto* owner = way_of(series);
  return owner != nullptr && *owner == way;
}

const Way* Owners::way_of(const std::string& series) const {
  const auto known = owned_.find(series);
  return known == owned_.end() ? nullptr : &known->second.way;
}

void Owners::load(OwnedSeries owned) {
  const auto known = owned_.find(owned.series);
  if (owned.way.source.empty()) {
    if (known != owned_.end()) owned_.erase(known);
  } else if (known != owned_.end()) {
    known->second.way = std::move(owned.way);
  } else {
    add(owned.series, owned.way);
  }
}

void Owners::keep_if(
    const std::function<bool(const std::string& series, const Way& way)>& stands) {
  ++version_;
  for (auto at = owned_.begin(); at != owned_.end();) {
    auto& [series, owned] = *at;
    if (owned.denied && !stands(series, *owned.denied)) owned.denied.reset();
    if (stands(series, owned.way)) {
      ++at;
      continue;
    }
    changed(series);
    at = owned_.erase(at);
  }
}

Result<Owners::Released> Owners::release(const std::string& series) {
  const auto known = owned_.find(series);
  if (known == owned_.end()) {
    return Error{Fault::bad_input, fmt::format("series '{}' belongs to nobody", series)};
  }
  ++version_;
  changed(series);
  auto& owned = known->second;
  Released released{.was = text_of(owned.way), .now = ""};
  if (const auto next = std::move(owned.denied)) {
    released.now = text_of(*next);
    owned.way = std::move(*next);
    owned.heard = true;
  } else {
    owned_.erase(known);
  }
  return released;
}

Owners::Owned& Owners::add(const std::string& series, const Way& way) {
  make_room();
  auto& owned = owned_[series];
  owned.way = way;
  owned.number = next_++;
  return owned;
}

void Owners::make_room() {
  if (owned_.size() < kMax) return;
  if (silent_.empty()) {
    for (const auto* entry : oldest_first(true)) silent_.push_back(entry->first);
    std::reverse(silent_.begin(), silent_.end());
  }
  while (!silent_.empty()) {
    const auto known = owned_.find(silent_.back());
    silent_.pop_back();
    if (known == owned_.end() || known->second.heard) continue;
    changed(known->first);
    owned_.erase(known);
    return;
  }
}

std::vector<OwnedSeries> Owners::take_changed() {
  std::vector<OwnedSeries> out;
  for (auto& series : std::exchange(changed_, {})) {
    const auto known = owned_.find(series);
    out.push_back({std::move(series), known == owned_.end() ? Way{} : known->second.way});
  }
  return out;
}

// Of all names, or of those that this start has not heard.
std::vector<const Owners::ByName::value_type*> Owners::oldest_first(bool silent) const {
  std::vector<const ByName::value_type*> out;
  for (const auto& entry : owned_) {
    if (!silent || !entry.second.heard) out.push_back(&entry);
  }
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return a->second.number < b->second.number;
  });
  return out;
}

std::vector<OwnedSeries> Owners::all() const {
  std::vector<OwnedSeries> out;
  for (const auto* entry : oldest_first(false)) out.push_back({entry->first, entry->second.way});
  return out;
}

}  // namespace tidemark::source
