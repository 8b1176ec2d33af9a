// Power cuts on a simulated disk that loses, keeps and tears what was not synced: 6,000 of them in
// each run. The same test is built with two mutants of the ring (power.cmake), and must report what
// they lose.
#include <gtest/gtest.h>

#include "tests/crash/power_cuts.h"

namespace tidemark::ring {
namespace {

using test::PowerCuts;
using test::SimDisk;

TEST(PowerCut, AtRandomMomentsLosesNothingThatWasSynced) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    PowerCuts cuts(seed);
    cuts.run(50);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(PowerCut, InBurstsThatFillTheRing) {
  int replacements = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    PowerCuts cuts(500 + seed);
    cuts.bursts = true;
    cuts.cut_within = seed % 2 == 0 ? 20 + seed * 3 : 0;
    cuts.run(20);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    replacements += cuts.replacements;
  }
  EXPECT_GT(replacements, 300) << "blocks that gave way to others";
}

// So long that the catalogue is committed in the middle of them, and what it then says is laps old
// when the power goes. With short lives only its commit at a start and at a proper end is proved.
TEST(PowerCut, InLongLivesThatOutliveTheCataloguesCommits) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    PowerCuts cuts(4000 + seed);
    cuts.bursts = true;
    cuts.steps_max = 1'500;
    cuts.run(8);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(PowerCut, InTheMiddleOfAnyOperationOpeningIncluded) {
  int in_open = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    PowerCuts cuts(3000 + seed);
    cuts.cut_within = 1 + seed * 2;
    cuts.run(30);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    in_open += cuts.cuts_in_open;
  }
  EXPECT_GT(in_open, 100);
}

TEST(PowerCut, AfterAnOperationThatFailedOnce) {
  int seen = 0;
  for (std::uint64_t n = 1; n <= 60; ++n) {
    PowerCuts cuts(1000 + n);
    cuts.fail_at = n;
    cuts.fail = SimDisk::Fail::once;
    cuts.run(12);
    ASSERT_FALSE(HasFatalFailure()) << "operation " << n;
    seen += cuts.faults_seen;
  }
  EXPECT_LT(seen, 60 * 12) << "one fault is mostly mended by writing elsewhere";
}

TEST(PowerCut, OfADiskThatFailsForEver) {
  int seen = 0;
  for (std::uint64_t n = 1; n <= 60; ++n) {
    PowerCuts cuts(2000 + n);
    cuts.fail_at = n;
    cuts.fail = SimDisk::Fail::for_ever;
    cuts.run(12);
    ASSERT_FALSE(HasFatalFailure()) << "operation " << n;
    seen += cuts.faults_seen;
  }
  EXPECT_GT(seen, 100);
}

}  // namespace
}  // namespace tidemark::ring
