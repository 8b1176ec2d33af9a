// A hundred thousand power cuts. What is done is noted after each hundred seeds in the file that
// TIDEMARK_POWER_CUTS_DONE names, so that a run that was stopped goes on where it was.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/base/disk.h"
#include "tests/crash/power_cuts.h"

namespace tidemark::test {
namespace {

constexpr std::uint64_t kSeeds = 2'500;
constexpr int kLives = 40;

TEST(PowerCutRelease, AHundredThousandLoseNothing) {
  const char* file = std::getenv("TIDEMARK_POWER_CUTS_DONE");
  ASSERT_NE(file, nullptr) << "set it to a file that outlives the run";
  std::uint64_t seed = 0;
  std::ifstream(file) >> seed;
  while (seed < kSeeds) {
    ++seed;
    PowerCuts cuts(100'000 + seed);
    cuts.bursts = seed % 3 == 0;
    cuts.cut_within = seed % 2 == 0 ? 1 + seed % 150 : 0;
    cuts.run(kLives);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    if (seed % 100 != 0) continue;
    ASSERT_TRUE(write_file(file, std::to_string(seed)).ok());
  }
  std::filesystem::remove(file);  // the next run begins anew
}

}  // namespace
}  // namespace tidemark::test
