// Tables that ship are those that their recipe makes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "bench/codec/train/dense.h"

namespace tidemark::bench {
namespace {

TEST(CodecTrain, MakesTheDensePriorThatIsCheckedIn) {
  std::ifstream in(std::string(TIDEMARK_SOURCE) + "/common/codec/dense_prior.inc");
  const std::string checked_in(std::istreambuf_iterator<char>(in), {});
  EXPECT_TRUE(dense_prior() == checked_in)
      << "run: bench_codec_train dense > common/codec/dense_prior.inc";
}

}  // namespace
}  // namespace tidemark::bench
