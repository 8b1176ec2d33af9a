// The corpus, and seeded changes of it, through every target: what a fuzzer found once stays found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "common/base/disk.h"
#include "common/base/random.h"
#include "tests/fuzz/targets.h"

namespace tidemark::fuzz {

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

class Fuzz : public testing::TestWithParam<Target> {};

std::vector<ByteVector> corpus(const std::string& name) {
  std::vector<std::filesystem::path> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::string(TIDEMARK_SOURCE "/tests/fuzz/corpus/") + name, none)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<ByteVector> inputs;
  for (const auto& path : paths) {
    const auto content = read_file(path, 1 << 20);
    EXPECT_TRUE(content.ok()) << path;
    if (content.ok()) inputs.emplace_back(content->begin(), content->end());
  }
  return inputs;
}

TEST_P(Fuzz, CorpusAndItsChangesDoNoHarm) {
  const auto inputs = corpus(GetParam().name);
  ASSERT_FALSE(inputs.empty()) << "no corpus for " << GetParam().name;
  SeededRandom random(1);
  GetParam().fuzz_one({});
  for (const auto& input : inputs) {
    GetParam().fuzz_one(input);
    for (int round = 0; round < 100 && !input.empty(); ++round) {
      auto changed = input;
      for (auto n = 1 + random.below(4); n > 0; --n) {
        const auto at = random.below(changed.size());
        switch (random.below(4)) {
          case 0: changed.resize(at + 1); break;
          case 1: changed[at] = 0xff; break;
          case 2: changed.insert(changed.begin() + static_cast<long>(at), changed[at]); break;
          default: changed[at] = static_cast<std::uint8_t>(random.next());
        }
      }
      GetParam().fuzz_one(changed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz,
                         testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& p) { return std::string(p.param.name); });

}  // namespace
}  // namespace tidemark::fuzz
