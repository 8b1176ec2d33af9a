#include "edge/pipeline/event_json.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/model/events.h"

namespace tidemark::pipeline {
namespace {

std::string json_of(const LocalSeries& series, const filter::Event& e, std::uint64_t id,
                    std::uint64_t skipped, const std::string& unit, const std::string& text) {
  auto out = fmt::format(
      R"({{"v":1,"type":"event","id":{},"series":{},"time":"{}","cause":"{}","state":"{}",)"
      R"("value":{},"expected":{},"score":{},"unit":{},"text":{})",
      id, json_quote(series.name), format_utc(e.time), filter::to_string(e.cause),
      e.raised ? "raised" : "cleared", json_number(e.value), json_number(e.expected),
      json_number(e.score), json_quote(unit), json_quote(text));
  if (skipped > 0) out += fmt::format(R"(,"skipped":{})", skipped);
  return out + '}';
}

}  // namespace

std::string event_json(const LocalSeries& series, const filter::Event& e, std::uint64_t id,
                       std::uint64_t skipped) {
  auto out = json_of(series, e, id, skipped, series.unit, e.text());
  if (out.size() > kEventBytesMax) out = json_of(series, e, id, skipped, series.unit, "");
  if (out.size() > kEventBytesMax) out = json_of(series, e, id, skipped, "", "");
  return out;
}

}  // namespace tidemark::pipeline
