// Prints a table that ships with the codec; the README says which.
//   usage: bench_codec_train dense > common/codec/dense_prior.inc
//          bench_codec_train tans > common/codec/tans_tables.inc
#include <cstdio>
#include <string_view>

#include "bench/codec/train/dense.h"
#include "bench/codec/train/tans.h"

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what != "dense" && what != "tans") {
    std::fprintf(stderr, "usage: bench_codec_train dense|tans\n");
    return 64;
  }
  const auto text = what == "dense" ? tidemark::bench::dense_prior()
                                    : tidemark::bench::tans_tables();
  std::fputs(text.c_str(), stdout);
  return 0;
}
