#include "tests/fuzz/targets.h"

#include "tests/fuzz/codec_fuzz.h"
#include "tests/fuzz/codec_parts_fuzz.h"
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/payload_fuzz.h"
#include "tests/fuzz/plain_fuzz.h"
#include "tests/fuzz/tdm_fuzz.h"
#include "tests/fuzz/wire_fuzz.h"

namespace tidemark::fuzz {

std::span<const Target> targets() {
  static constexpr Target kTargets[] = {
      {"codec", codec},
      {"codec_block", codec_block},
      {"codec_values", codec_values},
      {"codec_times", codec_times},
      {"residuals_fast", residuals_fast},
      {"residuals_standard", residuals_standard},
      {"residuals_dense", residuals_dense},
      {"residuals_written", residuals_written},
      {"dictionary", dictionary},
      {"record", record},
      {"seal", seal},
      {"partial", partial},
      {"wire", wire},
      {"sparkplug", sparkplug},
      {"influx", influx},
      {"csv", csv},
      {"json", json},
      {"packed", packed},
      {"publish", publish},
      {"plain_json", plain_json},
      {"tdm", tdm},
  };
  return kTargets;
}

}  // namespace tidemark::fuzz
