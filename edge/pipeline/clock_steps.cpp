// What the pipeline does when the clock it stamps by is set.
#include "edge/pipeline/pipeline.h"

namespace tidemark::pipeline {

void Pipeline::observe(SteadyTime now) {
  if (!time_is_known()) return;
  const auto steps = stamper_.steps();
  const auto before = stamper_.now(now);
  stamper_.observe(clock_.wall(), now);
  if (stamper_.steps() == steps) return;
  clock_set(stamper_.now(now) - before, stamper_.now(now) - Progress::kMargin);
}

// Everything here that goes by event time has to follow: what only ever rises would wait until the
// clock has caught up, an hour or ten years.
void Pipeline::clock_set(Nanoseconds by, EventTime now) {
  std::vector<PartialRow> rows;
  for (std::uint32_t handle = 0; handle < series_.size(); ++handle) {
    series_[handle].route.clock_set(by, now, handle, rows);
  }
  if (!rows.empty() && !gathering_since_) gathering_since_ = clock_.steady();
  for (auto& row : rows) collector_.add_partial(std::move(row));
  if (by >= Nanoseconds{}) return;
  groups_.set_back(now, local_);
  for (auto& source : sources_) {
    source.progress.set_back(now);
    source.last_stamp = kEventTimeMin;  // stamps rise from here on, and are not squeezed behind it
  }
  // What was said of times that come again is taken back, or all that comes now would be late.
  if (now >= heard_until_) return;
  heard_until_ = now;
  manifest_.set_back(now);
}

}  // namespace tidemark::pipeline
