// An offline fleet comes back: are its answers right, and do the others notice?
#pragma once

#include <filesystem>

namespace tidemark::bench {

struct FleetOptions {
  unsigned edges = 100;
  unsigned sources = 10;     // of an edge, one series each, 10 Hz
  unsigned offline = 5;      // edges that come back
  unsigned hours = 72;       // of event time that they were away
  unsigned quiet_s = 130;    // of wall time before they do
  unsigned warm_minutes = 20;  // of event time that the others sent before, for full caches
  unsigned pane_view_s = 15;  // a view of so many seconds, on panes of 1 s, is kept; 0: none
  unsigned copies = 3;       // of each block that is sent then, in any order
};

// Prints what was measured; false when an answer is wrong or a reading has no place.
bool run_fleet(const std::filesystem::path& folder, const FleetOptions& options);
// The live fleet without and with an edge that says nothing and one whose clock is in 2100, each
// for quiet_s: the delays of the others.
bool run_isolation(const std::filesystem::path& folder, const FleetOptions& options);

}  // namespace tidemark::bench
