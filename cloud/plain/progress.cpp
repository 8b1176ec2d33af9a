#include "cloud/plain/progress.h"

#include <algorithm>
#include <utility>

namespace tidemark::plain {

EventTime Progress::estimate(const std::function<bool(std::size_t)>& read_to_its_end,
                             SteadyTime now, EventTime wall) {
  auto newest = kEventTimeMin;
  auto behind = kEventTimeMax;
  for (std::size_t p = 0; p < newest_.size(); ++p) {
    newest = std::max(newest, newest_[p]);
    if (!read_to_its_end(p)) behind = std::min(behind, newest_[p]);
  }
  const bool all_read = behind == kEventTimeMax;
  if (const auto seen = std::min({newest, behind, wall}); seen != kEventTimeMin) {
    until_ = std::max(until_, seen - options_.lateness);
  }
  if (std::exchange(heard_any_, false) || !all_read) {
    heard_ = now;
    quiet_from_ = until_;
  }
  if (options_.idle > Nanoseconds{} && now >= heard_ + options_.idle &&
      quiet_from_ != kEventTimeMin) {
    until_ = std::max(until_, std::min(quiet_from_ + (now - heard_), wall - options_.lateness));
  }
  return until_;
}

}  // namespace tidemark::plain
