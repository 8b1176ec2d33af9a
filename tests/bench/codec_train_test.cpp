// Tables that ship are those that their recipe makes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "bench/codec/train/dense.h"
#include "bench/codec/train/tans.h"

namespace tidemark::bench {
namespace {

std::string checked_in(const char* name) {
  std::ifstream in(std::string(TIDEMARK_SOURCE) + "/common/codec/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(CodecTrain, MakesTheTansTablesThatAreCheckedIn) {
  EXPECT_TRUE(tans_tables() == checked_in("tans_tables.inc"))
      << "run: bench_codec_train tans > common/codec/tans_tables.inc";
}

TEST(CodecTrain, MakesTheDensePriorThatIsCheckedIn) {
  EXPECT_TRUE(dense_prior() == checked_in("dense_prior.inc"))
      << "run: bench_codec_train dense > common/codec/dense_prior.inc";
}

}  // namespace
}  // namespace tidemark::bench
