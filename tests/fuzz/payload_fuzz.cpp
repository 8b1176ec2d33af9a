#include "tests/fuzz/payload_fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "common/base/check.h"
#include "edge/mqtt/publish_reader.h"
#include "edge/payload/message_shape.h"
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

bool equal(const payload::Value& a, const payload::Value& b) {
  return a.kind == b.kind && a.text == b.text && a.at == b.at && a.boolean == b.boolean &&
         std::bit_cast<std::uint64_t>(a.number) == std::bit_cast<std::uint64_t>(b.number);
}
// What a message's shape reads is what the parser reads.
void check_same(const payload::Payload& by_shape, const payload::Payload& parsed) {
  TIDE_CHECK(by_shape.leaves.size() == parsed.leaves.size() &&
                 by_shape.records.size() == parsed.records.size() && parsed.refused.empty(),
             "a shape reads other parts than the parser");
  for (std::size_t i = 0; i < parsed.leaves.size(); ++i) {
    const auto &a = by_shape.leaves[i], &b = parsed.leaves[i];
    TIDE_CHECK(by_shape.path(a) == parsed.path(b) && a.count == 1 && b.count == 1 && !b.array &&
                   equal(by_shape.values[a.first], parsed.values[b.first]),
               "a shape reads another value than the parser");
  }
  for (std::size_t i = 0; i < parsed.records.size(); ++i) {
    const auto &a = by_shape.records[i], &b = parsed.records[i];
    TIDE_CHECK(a.time == b.time && a.interval == b.interval && a.fault == b.fault,
               "a shape reads another time than the parser");
  }
}

// Two lengths of bytes: the first part of as many as its first two bytes say.
std::pair<ByteSpan, ByteSpan> two_parts(ByteSpan input) {
  const auto rest = input.subspan(2);
  const auto n = std::min<std::size_t>(input[0] | input[1] << 8, rest.size());
  return {rest.first(n), rest.subspan(n)};
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
  if (parser.parse(input, TimeUnit::automatic, out)) check(out);
}

void csv(ByteSpan input) {
  if (input.empty()) return;
  std::vector<std::string> columns;
  if (input[0] % 2 == 1) columns = {"time", "a", "b"};
  payload::CsvParser parser(columns);
  payload::Payload out;
  if (parser.parse(input.subspan(1), {}, out)) check(out);
}

void json(ByteSpan input) {
  if (input.size() < 2) return;
  const auto [first, second] = two_parts(input);
  payload::JsonParser parser, again;
  payload::Payload out, by_shape, parsed;
  if (!parser.parse(first, {}, out)) return;
  check(out);
  const auto shape = payload::MessageShape::of(first, out);
  for (const auto message : {first, second}) {
    if (!shape || !shape->read(message, {}, by_shape)) continue;
    check(by_shape);
    TIDE_CHECK(again.parse(message, {}, parsed).ok(), "a shape reads what the parser refuses");
    check_same(by_shape, parsed);
  }
}

void packed(ByteSpan input) {
  const auto samples = payload::parse_packed(input);
  if (!samples) return;
  TIDE_CHECK(payload::is_packed(input), "samples of what is none");
  for (const auto& channel : samples->f64) {
    TIDE_CHECK(channel.size() == samples->samples, "a channel of other samples");
  }
  for (const auto& channel : samples->i64) {
    TIDE_CHECK(channel.size() == samples->samples, "a channel of other samples");
  }
}

// The stream comes in pieces, and after it zeros for what a large message waits for.
void publish(ByteSpan input) {
  constexpr std::size_t kFiller = 150'000;
  if (input.size() < 2) return;
  const auto piece = std::size_t{input[0]} * 16 + 1;
  ByteVector stream(input.begin() + 2, input.end());
  if ((input[1] & 1) != 0) stream.resize(stream.size() + kFiller);
  int ends[2];
  TIDE_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0, "socketpair");
  std::size_t told = 0;
  mqtt::PublishReader reader(
      [&](const mqtt::Delivery& d) {
        TIDE_CHECK(!d.topic.empty() && d.payload.size() <= d.size, "a message of nothing");
        return ++told < 1000;
      },
      1024);
  reader.begin();
  const auto step = (input[1] & 1) != 0 ? std::max<std::size_t>(piece, 16'384) : piece;
  bool goes_on = true;
  for (std::size_t at = 0; goes_on && at < stream.size();) {
    const auto n = ::send(ends[1], stream.data() + at, std::min(step, stream.size() - at), 0);
    at += n > 0 ? static_cast<std::size_t>(n) : 0;
    for (bool more = true; more && goes_on;) {
      const auto turn = reader.read(ends[0]);
      goes_on = turn.ok() && !turn->other && !turn->refused;
      more = goes_on && turn->bytes > 0;
    }
    if (n <= 0) break;
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace tidemark::fuzz
