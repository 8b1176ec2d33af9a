#include "tests/fuzz/plain_fuzz.h"

#include "cloud/plain/json_records.h"
#include "cloud/plain/plain_edge.h"
#include "common/base/check.h"

namespace tidemark::fuzz {

void plain_json(ByteSpan input) {
  plain::JsonRecords records({});
  if (!records.parse(input)) return;
  plain::PlainEdge edge({"json", "readings"}, {.incarnation = {1}});
  std::uint64_t taken = 0;
  for (const auto& r : records.readings()) {
    TIDE_CHECK(r.device.size() <= Dictionary::kNameBytesMax &&
                   r.metric.size() <= Dictionary::kNameBytesMax && !r.metric.empty(),
               "a name that no dictionary takes");
    taken += edge.take(r) ? 1 : 0;
  }
  std::uint64_t said = 0;
  for (const auto& frame : edge.flush(kEventTimeMin)) {
    if (frame.type == wire::FrameType::dictionary) {
      TIDE_CHECK(Dictionary::decode(frame.payload).ok(), "a dictionary that does not decode");
    }
    if (frame.type != wire::FrameType::block) continue;
    const auto record = wire::decode_block(frame.payload);
    TIDE_CHECK(record.ok(), "a block's frame that does not decode");
    const auto block = codec::decode(record->second.bytes);
    TIDE_CHECK(block.ok(), "a block that does not decode");
    said += readings_carried(*block);
  }
  TIDE_CHECK(said == taken, "readings that nobody took, or that are missing");
}

}  // namespace tidemark::fuzz
