#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/base/disk.h"
#include "common/base/random.h"
#include "common/wire/enroll.h"
#include "common/wire/frame.h"
#include "tests/fuzz/wire_fuzz.h"

namespace tidemark::wire {
namespace {

Hello hello() {
  Hello m;
  m.edge = "press-07";
  m.site = "plant7";
  m.program_version = "0.1.0";
  m.incarnation = {0x1122334455667788};
  m.start_ordinal = 3;
  m.closings = {{{1}, 1, {900}, event_time(5), event_time(9)},
                {{2}, 2, {0}, kEventTimeMin, event_time(-1)}};
  return m;
}
std::vector<Holdings> holdings() {
  return {{{7}, {{1, 3}, {9, 9}}, 2}, {{8}, {}, 0}};
}
BlockRecord record() {
  BlockRecord r;
  r.name = {{7}, {4}};
  r.time_min = -5;
  r.time_max = 5;
  r.readings = 12;
  r.alarm = true;
  r.bytes.assign(300, 0x5a);
  return r;
}

struct Message {
  const char* name;
  ByteVector payload;
  std::function<bool(ByteSpan)> decodes;
};
void PrintTo(const Message& m, std::ostream* os) { *os << m.name; }

template <typename M, typename Decode>
Message message(const char* name, const M& m, Decode decode) {
  return {name, encode(m), [=](ByteSpan b) {
            const auto r = decode(b);
            return r.ok() && encode(r.value()) == encode(m);
          }};
}

std::vector<Message> messages() {
  return {
      message("hello", hello(), decode_hello),
      message("welcome", Welcome{1, event_time(99), holdings()}, decode_welcome),
      message("ack", Ack{holdings(), {{1}, {2}}, {9, 9}}, decode_ack),
      message("credit", Credit{1 << 22}, decode_credit),
      message("request", Request{{{3}}, holdings()}, decode_request),
      message("refuse", Refuse{Refusal::clone, "another one"}, decode_refuse),
      {"block", encode_block(Lane::backlog, record()),
       [](ByteSpan b) {
         const auto r = decode_block(b);
         return r.ok() && r->first == Lane::backlog && r->second == record();
       }},
      message("enroll_hello", EnrollHello{"t1", "press-07"}, decode_enroll_hello),
      message("enroll_challenge", EnrollChallenge{{1, 2}}, decode_enroll_challenge),
      message("enroll_request", EnrollRequest{{1, 2, 3}, {4}}, decode_enroll_request),
      message("enroll_grant", EnrollGrant{"a", "b", {1, 2, 3}}, decode_enroll_grant),
  };
}

class EveryMessage : public testing::TestWithParam<Message> {};
INSTANTIATE_TEST_SUITE_P(Wire, EveryMessage, testing::ValuesIn(messages()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(EveryMessage, ComesBackTheSame) { EXPECT_TRUE(GetParam().decodes(GetParam().payload)); }

TEST_P(EveryMessage, IsRefusedWhenCutAnywhere) {
  const ByteSpan whole(GetParam().payload);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(GetParam().decodes(whole.first(n))) << n << " of " << whole.size();
  }
}

TEST_P(EveryMessage, IsRefusedWithABytesLeftOver) {
  auto longer = GetParam().payload;
  longer.push_back(0);
  EXPECT_FALSE(GetParam().decodes(longer));
}

TEST(Wire, EverySingleBitFlipOfABlockIsRefused) {
  const auto whole = encode_block(Lane::live, record());
  for (std::size_t bit = 8; bit < whole.size() * 8; ++bit) {  // the lane is not part of the block
    auto flipped = whole;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(decode_block(flipped)) << bit;
  }
}

TEST(Wire, TextsPastTheirBoundAreRefused) {
  auto h = hello();
  h.edge = std::string(257, 'e');
  EXPECT_FALSE(decode_hello(encode(h)));
  h.edge = std::string(256, 'e');
  EXPECT_TRUE(decode_hello(encode(h)));
  EXPECT_EQ(decode_refuse(encode(Refuse{Refusal::quota, std::string(5000, 'x')}))->text.size(),
            1024u);
}

TEST(FrameReader, FindsFramesInPiecesOfAnySize) {
  ByteVector stream;
  append_frame(stream, FrameType::ping, ByteVector(8, 1));
  append_frame(stream, FrameType::bye, {});
  append_frame(stream, FrameType::block, ByteVector(3000, 2));
  for (std::size_t piece = 1; piece < 40; ++piece) {
    FrameReader reader(kFramePayloadMax);
    std::vector<std::size_t> sizes;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(ByteSpan(stream).subspan(at, std::min(piece, stream.size() - at)));
      for (;;) {
        auto frame = reader.next();
        ASSERT_TRUE(frame);
        if (!frame->has_value()) break;
        sizes.push_back((*frame)->payload.size());
      }
    }
    EXPECT_THAT(sizes, testing::ElementsAre(8, 0, 3000)) << piece;
  }
}

struct BadHeader {
  const char* name;
  std::size_t at;
  std::uint8_t value;
};
class BadHeaders : public testing::TestWithParam<BadHeader> {};
INSTANTIATE_TEST_SUITE_P(Wire, BadHeaders,
                         testing::Values(BadHeader{"length", 2, 0xff}, BadHeader{"type", 4, 0},
                                         BadHeader{"version", 5, 2}, BadHeader{"zero", 7, 1}),
                         [](const auto& row) { return std::string(row.param.name); });
TEST_P(BadHeaders, EndTheStream) {
  ByteVector stream;
  append_frame(stream, FrameType::ping, ByteVector(8, 1));
  stream[GetParam().at] = GetParam().value;
  FrameReader reader(kFramePayloadMax);
  reader.feed(stream);
  EXPECT_FALSE(reader.next());
}

TEST(FrameReader, AStrangerMaySayLittle) {
  for (const std::size_t size : {kStrangerPayloadMax, kStrangerPayloadMax + 1}) {
    ByteVector stream;
    append_frame(stream, FrameType::hello, ByteVector(size, 0));
    FrameReader reader(kStrangerPayloadMax);
    reader.feed(ByteSpan(stream).first(kHeaderBytes));  // known before the payload is there
    EXPECT_EQ(reader.next().ok(), size == kStrangerPayloadMax);
  }
}

TEST(Wire, TheExampleInTheFormatPageIsWhatWeWrite) {
  const auto page = read_file(TIDEMARK_WIRE_FORMAT, 1 << 20);
  ASSERT_TRUE(page) << page.error().text();
  auto at = page->find("```hex\n") + 7;
  std::string hex;
  for (; (*page)[at] != '`'; ++at) {
    if ((*page)[at] != ' ' && (*page)[at] != '\n') hex += (*page)[at];
  }
  ByteVector frame;
  append_frame(frame, FrameType::ack, encode(Ack{{{{7}, {{1, 3}}, 2}}, {{0xdeadbeef}}, {9, 9}}));
  EXPECT_EQ(hex, to_hex(frame));
}

TEST(WireFuzz, DamagedMessagesNeverDoHarm) {
  SeededRandom random(4);
  for (const auto& m : messages()) {
    for (int round = 0; round < 3000; ++round) {
      ByteVector input{static_cast<std::uint8_t>(random.below(13))};
      input.insert(input.end(), m.payload.begin(), m.payload.end());
      for (auto n = random.below(4); n > 0; --n) {
        input[random.below(input.size())] = static_cast<std::uint8_t>(random.next());
      }
      input.resize(1 + random.below(input.size()));
      fuzz::wire(input);
    }
  }
}

}  // namespace
}  // namespace tidemark::wire
