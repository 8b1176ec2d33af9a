#include "cloud/intake/event_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/model/events.h"

namespace tidemark::intake {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kWordBytesMax = 32;
constexpr std::size_t kQuotedMax = 60;
constexpr std::size_t kAddedMax = 1024;  // what is put behind it

Result<std::string> word(const Json& said, const char* key, std::size_t longest) {
  const auto at = said.find(key);
  if (at == said.end() || !at->is_string()) {
    return Error(Fault::bad_input, fmt::format("it has no text '{}'", key));
  }
  auto text = at->get<std::string>();
  if (text.empty() || text.size() > longest) {
    return Error(Fault::bad_input, fmt::format("'{}' has {} B, not 1 to {}", key, text.size(),
                                               longest));
  }
  return text;
}

}  // namespace

Result<store::Event> event_of(std::string_view text, const EventOrigin& origin) {
  if (text.size() > kEventBytesMax) {
    return Error(Fault::bad_input, fmt::format("it has {} B, at most {} are taken", text.size(),
                                               kEventBytesMax));
  }
  auto said = Json::parse(text, nullptr, false);
  if (!said.is_object()) return Error(Fault::bad_input, "it is no JSON object");
  store::Event e;
  e.edge = origin.edge;
  e.time = origin.time;
  TIDE_ASSIGN(e.series, word(said, "series", kEventBytesMax));
  if (!e.series.starts_with(e.edge + "/")) {
    return Error(Fault::bad_input, fmt::format("'{}' is no series of this edge",
                                               e.series.substr(0, kQuotedMax)));
  }
  TIDE_ASSIGN(e.cause, word(said, "cause", kWordBytesMax));
  TIDE_ASSIGN(e.state, word(said, "state", kWordBytesMax));
  if (e.state != "raised" && e.state != "cleared") {
    return Error(Fault::bad_input, "'state' is neither raised nor cleared");
  }
  if (const auto id = said.find("id"); id != said.end() && id->is_number_unsigned()) {
    e.number = id->get<std::uint64_t>();
  } else {
    said.erase("id");
  }
  said.erase("partition");  // which one it is, a node says
  said["time"] = format_utc(origin.time);
  said["edge"] = origin.edge;
  said["site"] = origin.site;
  said["known_at"] = format_utc(origin.known_at);
  // What is no UTF-8 may be in the site, which a hello says.
  e.json = said.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (e.json.size() > kEventBytesMax + kAddedMax) {
    return Error(Fault::bad_input, fmt::format("written out it has {} B", e.json.size()));
  }
  return e;
}

}  // namespace tidemark::intake
