// Prints a table that ships with the codec; the README says which.
//   usage: bench_codec_train dense > common/codec/dense_prior.inc
#include <cstdio>
#include <string_view>

#include "bench/codec/train/dense.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::string_view(argv[1]) != "dense") {
    std::fprintf(stderr, "usage: bench_codec_train dense\n");
    return 64;
  }
  std::fputs(tidemark::bench::dense_prior().c_str(), stdout);
  return 0;
}
