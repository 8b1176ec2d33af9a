#include "tests/fuzz/targets.h"

#include "tests/fuzz/codec_fuzz.h"
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/wire_fuzz.h"

namespace tidemark::fuzz {

std::span<const Target> targets() {
  static constexpr Target kTargets[] = {
      {"codec", codec}, {"dictionary", dictionary}, {"record", record},
      {"seal", seal},   {"partial", partial},       {"wire", wire},
  };
  return kTargets;
}

}  // namespace tidemark::fuzz
