// Every CPU writes the same bytes, and not more of them than before: hashes of what the generated
// signals become, in all tiers and block sizes, and bounds of their sizes, kept under tests/golden.
// tests/golden/on-arm runs this under qemu.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "bench/codec/series.h"
#include "common/base/hash.h"
#include "common/codec/codec.h"

namespace tidemark::bench {
namespace {

constexpr const char* kFile = TIDEMARK_SOURCE "/tests/golden/codec_bytes.txt";
constexpr const char* kBounds = TIDEMARK_SOURCE "/tests/golden/codec_bytes_max.txt";
constexpr std::size_t kValues = 20'000;  // of each recording

Column column_of(const Recording& recording, std::size_t at, std::size_t rows) {
  Column c;
  c.type = recording.integers ? ValueType::i64 : ValueType::f64;
  for (std::size_t i = at; i < at + rows; ++i) {
    if (recording.integers) {
      c.i64.push_back(static_cast<std::int64_t>(recording.bits[i]));
    } else {
      c.f64.push_back(std::bit_cast<double>(recording.bits[i]));
    }
  }
  return c;
}

// The signals as they are, and as doubles that were computed: decimals with rounding errors, and
// a product that no mode but the bits fits.
std::vector<Recording> recordings() {
  std::vector<Recording> all;
  for (auto& set : generated_sets()) {
    for (auto& r : set.recordings) {
      r.bits.resize(kValues);
      if (r.integers) {
        Recording decimal{r.name + " / 10", false, {}}, sum{r.name + " * 0.1", false, {}};
        for (const auto b : r.bits) {
          const auto v = static_cast<double>(static_cast<std::int64_t>(b));
          decimal.bits.push_back(std::bit_cast<std::uint64_t>(v / 10));
          sum.bits.push_back(std::bit_cast<std::uint64_t>(v * 0.1 + 1e-3));
        }
        all.push_back(std::move(decimal));
        all.push_back(std::move(sum));
      }
      all.push_back(std::move(r));
    }
  }
  return all;
}

struct Written {
  std::string what;
  std::uint64_t hash;
  std::size_t bytes;
};

Written of_signal(const Recording& r, codec::Tier tier, std::size_t rows) {
  ByteVector all;
  codec::Memory memory;
  for (std::size_t at = 0; at + rows <= r.bits.size(); at += rows) {
    const auto bytes = codec::encode_values(column_of(r, at, rows), tier, &memory);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return {std::to_string(rows) + " rows, " + r.name, xxh3(all), all.size()};
}

std::vector<Written> write_all() {
  std::vector<Written> all;
  const auto signals = recordings();
  const auto clocks = generated_clocks();
  for (const auto tier : {codec::Tier::fast, codec::Tier::standard, codec::Tier::dense}) {
    const auto begin = all.size();
    for (const std::size_t rows : {5U, 100U, 1000U, 10'000U}) {
      for (const auto& r : signals) all.push_back(of_signal(r, tier, rows));
    }
    for (const auto& clock : clocks) {
      const auto bytes = codec::encode_times(std::span(clock.times).first(5000), tier);
      all.push_back({"clock " + clock.name, xxh3(bytes), bytes.size()});
    }
    for (auto i = begin; i < all.size(); ++i) {
      all[i].what.insert(0, "tier " + std::to_string(static_cast<int>(tier)) + ", ");
    }
  }
  return all;
}
const std::vector<Written>& written() {
  static const auto all = write_all();
  return all;
}

std::string hashes() {
  std::ostringstream out;
  for (const auto& w : written()) {
    out << w.what << ": " << std::hex << w.hash << std::dec << ", " << w.bytes << " bytes\n";
  }
  return out.str();
}

TEST(CodecBytes, AreTheSameOnEveryMachine) {
  const auto now = hashes();
  if (std::getenv("TIDEMARK_WRITE_GOLDEN") != nullptr) std::ofstream(kFile) << now;
  std::ifstream in(kFile);
  const std::string golden(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(now, golden);
}

// Nothing writes this file: who lets a case grow raises its bound by hand, and says why.
TEST(CodecBytes, AreNotMoreThanTheirBounds) {
  std::map<std::string, std::size_t> bounds;
  std::ifstream in(kBounds);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    const auto colon = line.rfind(": ");
    ASSERT_NE(colon, std::string::npos) << line;
    bounds[line.substr(0, colon)] = std::stoul(line.substr(colon + 2));
  }
  for (const auto& w : written()) {
    const auto bound = bounds.find(w.what);
    ASSERT_NE(bound, bounds.end()) << "no bound for " << w.what;
    EXPECT_LE(w.bytes, bound->second) << w.what;
  }
  EXPECT_EQ(bounds.size(), written().size());
}

}  // namespace
}  // namespace tidemark::bench
