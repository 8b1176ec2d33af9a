// Reconciliation: how fast, and how right when a fleet comes back. README.md says what lines mean.
//
//   tidemark-bench-reconcile speed FOLDER [RUNS [WORD]]
//   tidemark-bench-reconcile groups FOLDER
//   tidemark-bench-reconcile isolation FOLDER
//   tidemark-bench-reconcile fleet FOLDER [HOURS [EDGES [OFFLINE [QUIET_SECONDS
//                                         [PANE_VIEW_SECONDS]]]]]
//
// FOLDER may be written, and is best on a tmpfs.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "bench/reconcile/fleet.h"
#include "bench/reconcile/groups.h"
#include "bench/reconcile/speed.h"

int main(int argc, char** argv) {
  using namespace tidemark::bench;
  const std::string_view what = argc > 2 ? argv[1] : "";
  if (what != "speed" && what != "fleet" && what != "isolation" && what != "groups") {
    std::fprintf(stderr, "usage: tidemark-bench-reconcile speed FOLDER [RUNS [WORD]]\n"
                         "       tidemark-bench-reconcile groups FOLDER\n"
                         "       tidemark-bench-reconcile isolation|fleet FOLDER [HOURS [EDGES "
                         "[OFFLINE [QUIET_SECONDS [PANE_VIEW_SECONDS]]]]]\n");
    return 64;
  }
  const auto folder = std::filesystem::path(argv[2]) / "bench-reconcile";
  if (what == "speed") {
    const auto runs = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1;
    return run_speed(folder, argc > 4 ? argv[4] : "", static_cast<unsigned>(runs)) ? 0 : 70;
  }
  if (what == "groups") return run_groups(folder) ? 0 : 70;
  FleetOptions o;
  unsigned* const numbers[] = {&o.hours, &o.edges, &o.offline, &o.quiet_s, &o.pane_view_s};
  for (int i = 3; i < argc && i < 8; ++i) {
    *numbers[i - 3] = static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10));
  }
  if (what == "isolation") return run_isolation(folder, o) ? 0 : 70;
  return run_fleet(folder, o) ? 0 : 70;
}
