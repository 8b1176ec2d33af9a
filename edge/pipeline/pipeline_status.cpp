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
  s.recorder = recorder_.usage();
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
    out.push_back({table_.at(static_cast<std::uint32_t>(h)), series_[h].readings,
                   event_time(series_[h].last)});
  }
  return out;
}

}  // namespace tidemark::pipeline
