#include "tests/fuzz/payload_fuzz.h"

#include <algorithm>

#include "common/base/check.h"
#include "edge/payload/text_payload.h"
#include "edge/sparkplug/session.h"

namespace tidemark::fuzz {
namespace {

void check(const payload::Payload& from) {
  for (const auto& leaf : from.leaves) {
    TIDE_CHECK(leaf.record < from.records.size(), "a leaf of no record");
    TIDE_CHECK(std::size_t{leaf.first} + leaf.count <= from.values.size(),
               "a leaf of no value");
    TIDE_CHECK(std::size_t{leaf.path_begin} + leaf.path_size <= from.paths.size(),
               "a leaf of no path");
  }
}

}  // namespace

void sparkplug(ByteSpan input) {
  using sparkplug::MessageKind;
  sparkplug::Session session;
  std::int64_t now = 0;
  while (input.size() > 3) {
    const auto kind = static_cast<MessageKind>(input[0] % 7);
    const auto length = std::min<std::size_t>(input[1] | input[2] << 8, input.size() - 3);
    const auto payload = sparkplug::parse(input.subspan(3, length));
    input = input.subspan(3 + length);
    if (!payload) continue;
    const bool of_device = kind >= MessageKind::dbirth && kind <= MessageKind::ddeath;
    const auto said = session.take({kind, "g", "n", of_device ? "d" : ""}, *payload, ++now);
    TIDE_CHECK(said.readings.size() <= payload->metrics.size(), "readings that nobody sent");
    for (const auto& r : said.readings) {
      TIDE_CHECK(!r.name.empty() && count_ns(r.time) >= 0, "a reading without name or time");
    }
  }
}

void influx(ByteSpan input) {
  payload::LineParser parser;
  payload::Payload out;
  if (parser.parse(input, payload::TimeUnit::automatic, out)) check(out);
}

void csv(ByteSpan input) {
  if (input.empty()) return;
  std::vector<std::string> columns;
  if (input[0] % 2 == 1) columns = {"time", "a", "b"};
  payload::CsvParser parser(columns);
  payload::Payload out;
  if (parser.parse(input.subspan(1), {}, out)) check(out);
}

}  // namespace tidemark::fuzz
