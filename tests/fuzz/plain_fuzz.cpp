#include "tests/fuzz/plain_fuzz.h"

#include <algorithm>
#include <bit>

#include "cloud/plain/json_records.h"
#include "cloud/plain/plain_edge.h"
#include "common/base/check.h"

namespace tidemark::fuzz {
namespace {

bool same(const plain::PlainReading& a, const plain::PlainReading& b) {
  return a.device == b.device && a.metric == b.metric && a.time == b.time && a.type == b.type &&
         std::bit_cast<std::uint64_t>(a.f64) == std::bit_cast<std::uint64_t>(b.f64) &&
         a.boolean == b.boolean && a.text == b.text;
}

// What is read in one pass is what the parser reads, to which an array is left.
void compare_with_parser(ByteSpan input, const std::vector<plain::PlainReading>& readings) {
  const auto text = as_text(input);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (text[first] != '{' || text.size() + 2 > plain::JsonRecords::kRecordBytesMax) return;
  const auto array = "[" + std::string(text) + "]";
  plain::JsonRecords parsed({});
  TIDE_CHECK(parsed.parse(as_bytes(array)).ok(), "a record that the parser does not read");
  TIDE_CHECK(std::ranges::equal(parsed.readings(), readings, same), "another reading");
}

}  // namespace

void plain_json(ByteSpan input) {
  plain::JsonRecords records({});
  if (!records.parse(input)) return;
  compare_with_parser(input, records.readings());
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
