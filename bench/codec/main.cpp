// How small and how fast is the block codec against its peers? README.md says what is counted.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/codec/report.h"

namespace {

using namespace tidemark;
using namespace tidemark::bench;

struct Arguments {
  std::string data, pcodec;
  int passes = 5;
  bool json = false;
};

bool parse(int argc, char** argv, Arguments& a) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      a.json = true;
    } else if (i + 1 == argc) {
      return false;
    } else if (word == "--data") {
      a.data = argv[++i];
    } else if (word == "--pcodec") {
      a.pcodec = argv[++i];
    } else if (word == "--passes") {
      a.passes = static_cast<int>(std::strtol(argv[++i], nullptr, 10));
      if (a.passes < 1) return false;
    } else {
      return false;
    }
  }
  return true;
}

int fail(const Error& error) {
  std::fprintf(stderr, "bench_codec: %s\n", error.text().c_str());
  return 1;
}

std::vector<std::unique_ptr<Coder>> all_coders(const std::string& pcodec) {
  std::vector<std::unique_ptr<Coder>> coders;
  coders.push_back(zstd_coder(3));
  coders.push_back(gorilla_coder());
  for (const int level : {8, 12}) {
    if (auto coder = pcodec_coder(pcodec, level)) coders.push_back(std::move(coder));
  }
  for (auto& coder : our_coders()) coders.push_back(std::move(coder));
  return coders;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fprintf(stderr, "usage: bench_codec [--data FOLDER] [--pcodec LIBRARY] [--passes N] "
                         "[--json]\n");
    return 64;
  }
  std::vector<Set> sets;
  auto clocks = generated_clocks();
  if (!arguments.data.empty()) {
    auto read = read_sets(arguments.data);
    if (!read.ok()) return fail(read.error());
    sets = std::move(*read);
    auto clock = read_clock(arguments.data, "ppg-jitter");
    if (!clock.ok()) return fail(clock.error());
    if (!clock->empty()) clocks.push_back({"ppg-jitter's own", 1.7, std::move(*clock)});
  }
  for (auto& set : generated_sets()) sets.push_back(std::move(set));

  const auto coders = all_coders(arguments.pcodec);
  Results results;
  for (const auto& c : coders) results.coders.push_back(c->name());
  for (const std::size_t rows : {100U, 1000U, 10'000U}) {
    RowsResult result{rows, {}};
    for (const auto& set : sets) {
      result.sets.push_back({set.name, measure(set, rows, arguments.passes, coders)});
      if (::isatty(2) == 1) std::fprintf(stderr, "\r%zu rows, %-20s", rows, set.name.c_str());
    }
    results.rows.push_back(std::move(result));
  }
  if (::isatty(2) == 1) std::fprintf(stderr, "\r%40s\r", "");
  for (const auto& clock : clocks) {
    ClockResult result{clock.name, clock.bits_max, {}};
    for (const auto tier : {codec::Tier::fast, codec::Tier::standard, codec::Tier::dense}) {
      result.bits.push_back(clock_bits(clock, tier));
    }
    results.clocks.push_back(std::move(result));
  }
  results.short_columns = short_columns(codec::Tier::standard);
  results.skipping = skipping(codec::Tier::standard);
  const auto text = arguments.json ? as_json(results) : as_text(results);
  std::fputs(text.c_str(), stdout);
  return 0;
}
