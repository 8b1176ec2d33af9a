#include <algorithm>

#include "common/model/events.h"
#include "edge/pipeline/pipeline.h"

namespace tidemark::pipeline {

Status Pipeline::status() const {
  const std::lock_guard lock(mutex_);
  Status s;
  auto edge = past_;
  edge += const_cast<Manifest&>(manifest_).ledger();
  s.ledger = edge;
  s.ledger.answered = cloud_.answered;
  s.ledger.late_ledger = cloud_.late_ledger;
  s.ledger.lost = cloud_.lost;
  s.ledger.duplicate = edge.duplicate + cloud_.duplicate;
  s.ledger.quarantined = edge.quarantined + cloud_.quarantined;
  s.ledger.evicted = edge.evicted - std::min(edge.evicted, cloud_.evicted);
  const auto placed = s.ledger.answered + s.ledger.thinned + s.ledger.duplicate + s.ledger.local +
                      s.ledger.late_ledger + s.ledger.quarantined + s.ledger.evicted +
                      s.ledger.lost;
  s.ledger.pending = s.ledger.taken > placed ? s.ledger.taken - placed : 0;
  for (const auto& source : sources_) {
    const auto totals = manifest_.totals(source.entry.name);
    SourceCounts c{source.entry.name, 0, totals.due, totals.good, totals.taken, source.refused};
    for (std::size_t h = 0; h < series_.size(); ++h) {
      if (is_events(table_.at(static_cast<std::uint32_t>(h)))) continue;
      if (lines_[series_[h].line].source == static_cast<std::size_t>(&source - sources_.data())) {
        ++c.series;
      }
    }
    s.sources.push_back(std::move(c));
  }
  s.clock = stamper_.state();
  s.clock_offset = stamper_.offset();
  s.clock_steps = stamper_.steps();
  s.rejected_messages = rejected_messages_;
  s.compacted = compaction_.counts();
  s.error = error_;
  s.ways_error = ways_error_.empty() && ways_ != nullptr ? ways_->damage() : ways_error_;
  s.recorder = recorder_.usage();
  s.events_sent = event_pace_.sent();
  s.events_skipped = event_pace_.skipped();
  s.windows_late = groups_.late();
  for (const auto& state : series_) {
    s.windows_late += state.route.late();
    s.windows_unsure += state.route.unsure();
  }
  s.tier = tier_choice_.tier();
  s.tier_why = tier_choice_.why();
  s.packing_share = tier_choice_.cpu_share();
  return s;
}

std::vector<SeriesCounts> Pipeline::series() const {
  const std::lock_guard lock(mutex_);
  std::vector<SeriesCounts> out;
  for (std::size_t h = 0; h < series_.size(); ++h) {
    const auto& d = table_.at(static_cast<std::uint32_t>(h));
    if (is_events(d)) continue;  // people ask about sensors
    const auto* way = table_.owners().way_of(d.local_name());
    out.push_back({d, way != nullptr ? text_of(*way) : std::string(), series_[h].readings,
                   event_time(series_[h].last)});
  }
  return out;
}

Result<Pipeline::Released> Pipeline::release(const std::string& series) {
  const std::lock_guard lock(mutex_);
  Released out;
  TIDE_ASSIGN(out.ways, table_.owners().release(series));
  for (std::size_t h = 0; h < series_.size(); ++h) {
    const auto& d = table_.at(static_cast<std::uint32_t>(h));
    if (series_[h].readings == 0 || d.local_name() != series) continue;
    out.last = std::max(out.last.value_or(kEventTimeMin), event_time(series_[h].last));
  }
  if (auto kept = keep_ways(); !kept) {
    return std::move(kept).error().within("released, but a restart may not know of it");
  }
  return out;
}

}  // namespace tidemark::pipeline
