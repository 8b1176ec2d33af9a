// tidemark: the one command that people type. See front.h.
#include "common/cli/front.h"

int main(int argc, char** argv) {
  tidemark::cli::StandardOutput output;
  tidemark::cli::Front front(tidemark::cli::Programs::beside_this_one(), output);
  return front.run({argv + 1, argv + argc});
}
