#include "tests/fuzz/wire_fuzz.h"

#include "common/wire/enroll.h"
#include "common/wire/frame.h"

namespace tidemark::fuzz {
namespace {

// What decodes must encode to the same bytes: one message has one form.
template <typename Decode>
void round_trip(ByteSpan input, Decode decode) {
  if (const auto m = decode(input)) {
    const auto again = wire::encode(*m);
    TIDE_CHECK(std::equal(again.begin(), again.end(), input.begin(), input.end()),
               "a message has two forms");
  }
}

void stream(ByteSpan input) {
  wire::FrameReader reader(wire::kStrangerPayloadMax);
  for (std::size_t at = 0; at < input.size();) {
    const auto piece = std::min<std::size_t>(1 + input[at] % 13, input.size() - at);
    reader.feed(input.subspan(at, piece));
    at += piece;
    for (;;) {
      auto frame = reader.next();
      if (!frame) return;
      if (!frame->has_value()) break;
      TIDE_CHECK((*frame)->payload.size() <= wire::kStrangerPayloadMax, "a frame past its bound");
    }
  }
}

}  // namespace

void wire(ByteSpan input) {
  if (input.empty()) return;
  const auto rest = input.subspan(1);
  switch (input[0] % 13) {
    case 0: return stream(rest);
    case 1: return round_trip(rest, wire::decode_hello);
    case 2: return round_trip(rest, wire::decode_welcome);
    case 3: return round_trip(rest, wire::decode_ack);
    case 4: return round_trip(rest, wire::decode_credit);
    case 5: return round_trip(rest, wire::decode_request);
    case 6: return round_trip(rest, wire::decode_refuse);
    case 7: return void(wire::decode_block(rest));
    case 8: return void(Seal::decode(rest));
    case 9: return round_trip(rest, wire::decode_enroll_hello);
    case 10: return round_trip(rest, wire::decode_enroll_challenge);
    case 11: return round_trip(rest, wire::decode_enroll_request);
    default: return round_trip(rest, wire::decode_enroll_grant);
  }
}

}  // namespace tidemark::fuzz
