#include "common/kafka/records.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "common/base/hash.h"
#include "common/model/seal.h"

namespace tidemark::kafka {
namespace {

using wire::FrameType;

constexpr std::array<std::pair<FrameType, std::string_view>, 8> kTypes{{
    {FrameType::hello, "hello"},
    {FrameType::block, "block"},
    {FrameType::seal, "seal"},
    {FrameType::dictionary, "dictionary"},
    {FrameType::bye, "bye"},
    {FrameType::ack, "ack"},
    {FrameType::request, "request"},
    {FrameType::refuse, "refuse"},
}};

std::uint64_t parse(std::string_view text, int base) {
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n, base);
  return n;
}

}  // namespace

std::string_view name_of(FrameType type) {
  for (const auto& [known, name] : kTypes) {
    if (known == type) return name;
  }
  return "";
}

std::optional<FrameType> type_of(std::string_view name) {
  for (const auto& [type, known] : kTypes) {
    if (known == name) return type;
  }
  return std::nullopt;
}

std::string_view name_of(Lane lane) {
  if (lane == Lane::alarm) return "alarm";
  return lane == Lane::live ? "live" : "backlog";
}

Lane lane_of(std::string_view name) {
  if (name == "alarm") return Lane::alarm;
  return name == "backlog" ? Lane::backlog : Lane::live;
}

std::string hex_of(std::uint64_t n) { return fmt::format("{:016x}", n); }
std::uint64_t number_of(std::string_view text) { return parse(text, 10); }
std::uint64_t number_of_hex(std::string_view text) { return parse(text, 16); }

Result<FrameRecord> record_of(const Settings& settings, const Sender& sender, FrameType type,
                              ByteSpan payload) {
  FrameRecord r;
  r.topic = settings.live();
  r.key = sender.edge;
  r.name.type = type;
  r.headers = {{"type", std::string(name_of(type))}, {"session", hex_of(sender.session)}};
  if (!sender.gateway.empty()) r.headers.push_back({"gateway", std::string(sender.gateway)});
  if (type == FrameType::block) {
    ByteReader in(payload);
    const auto lane = static_cast<Lane>(in.u8());
    r.name.incarnation = {in.fixed<std::uint64_t>()};
    r.name.number = in.fixed<std::uint64_t>();
    if (!in.ok()) return Error{Fault::bad_input, "block: shorter than its name"};
    if (lane == Lane::backlog) r.topic = settings.backlog();
    r.headers.push_back({"lane", std::string(name_of(lane))});
    r.headers.push_back({"sequence", std::to_string(r.name.number)});
    payload = payload.subspan(1);  // the lane is how it travels, not part of the block
  } else if (type == FrameType::seal) {
    TIDE_ASSIGN(const auto seal, Seal::decode(payload));
    r.name.incarnation = seal.incarnation;
    r.name.number = seal.number;
    r.name.last = !seal.more;
    r.headers.push_back({"number", std::to_string(seal.number)});
  } else if (type == FrameType::dictionary) {
    r.name.number = xxh3(payload);
    r.topic = settings.dictionaries();
    r.key += '\0' + hex_of(r.name.number);
    r.headers.clear();  // one record for whoever sends it: the topic keeps the last of each key
  }
  if (type == FrameType::block || type == FrameType::seal) {
    r.headers.push_back({"incarnation", hex_of(r.name.incarnation.count)});
    const auto ordinal = sender.ordinals.find(r.name.incarnation);
    if (ordinal != sender.ordinals.end()) {
      r.headers.push_back({"ordinal", std::to_string(ordinal->second)});
    }
  }
  r.value.assign(payload.begin(), payload.end());
  return r;
}

}  // namespace tidemark::kafka
