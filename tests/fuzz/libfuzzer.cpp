// The entry that libFuzzer calls; the build names the target (README.md).
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  for (const auto& target : tidemark::fuzz::targets()) {
    if (std::string_view(target.name) == TIDEMARK_FUZZ_TARGET) target.fuzz_one({bytes, size});
  }
  return 0;
}
