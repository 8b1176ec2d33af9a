// What a day costs of an edge whose sources say nothing: every seal of it goes through the real
// conversation, gateway session and cloud node, by a clock that the test moves, and every byte is
// counted that would be on the wire, both ways.
//
// Counted    frames, as they are; of each burst (what one side says at one time) a TLS record and a
//            segment. Not counted: handshakes, one a connection; bench/chain.py measures the same
//            over real sockets and says less, since kernels send fewer acknowledgements.
#include <gtest/gtest.h>

#include "edge/pipeline/pipeline.h"
#include "edge/uplink/conversation.h"
#include "gateway/session/session.h"
#include "tests/cloud/edge_double.h"
#include "tests/edge/fake_ring.h"

namespace tidemark::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kSources = 20;
constexpr std::uint64_t kDayMost = 1'000'000;  // bytes
// Header, nonce and tag of AES-GCM in TLS 1.2, which is what edges speak (common/tls).
constexpr std::uint64_t kRecord = 5 + 8 + 16, kRecordMost = 16'384;
constexpr std::uint64_t kSegment = 20 + 20 + 12, kSegmentMost = 1'448;  // IPv4, TCP, timestamps

std::uint64_t pieces(std::uint64_t bytes, std::uint64_t most) { return (bytes + most - 1) / most; }

class Day final : private uplink::SealSource, private gateway::Surroundings {
 public:
  Day() {
    options_.edge = "press-07";
    options_.incarnation = {0x5f3a9c0012bb7e41};
    options_.version = "0.1.0";
    for (std::size_t i = 0; i < kSources; ++i) {
      manifest_.line("line" + std::to_string(i), "", false);
    }
    gateway::Surroundings& around = *this;
    session_.emplace(1, options_.edge, "plant7", gateway::Limits{}, around, clock().steady());
    conversation_.emplace(
        uplink::Conversation::Parts{options_, ring_, *this, clock(), memory_, budget_}, "plant7",
        from_edge_);
    // What was taken before it went quiet.
    for (std::size_t line = 0; line < kSources; ++line) manifest_.taken(line, clock().wall(), 1000);
    manifest_.ledger().local += 1000 * kSources;
  }
  void pass(Nanoseconds time) {
    for (Nanoseconds t{}; t < time; t += 1s) {
      clock().advance(1s);
      if (clock().steady() >= sealed_ + pipeline::Pipeline::kIdleSeal) state();
      ASSERT_TRUE(conversation_->fill().ok());
      say_to_gateway();
      session_->on_tick(clock().steady());
      for (const auto& reply : node_.commit()) {
        ByteVector frame;
        wire::append_frame(frame, reply.type, reply.payload);
        session_->on_cloud(frame, clock().steady());
      }
      say_to_edge();
      ASSERT_FALSE(session_->closed()) << session_->close_reason();
    }
  }
  std::uint64_t bytes = 0;
  std::uint64_t bursts = 0;
  [[nodiscard]] std::uint64_t stated() const { return manifest_.number(); }
  [[nodiscard]] std::uint64_t acknowledged() { return memory_.seals[options_.incarnation]; }
  std::vector<query::SourceState> sources() {
    return query::Reader::open(node_.folder.path).value()->edges().value().at(0).sources;
  }
  [[nodiscard]] EventTime sealed_until() const { return sealed_until_; }

 private:
  ManualClock& clock() { return node_.clock; }
  void state() {
    sealed_ = clock().steady();
    sealed_until_ = clock().wall();
    manifest_.state(ring_.next_sequence(), std::vector<EventTime>(kSources, sealed_until_),
                    ClockState::synchronised, {});
  }
  // With the acknowledgement of its segments, each by itself.
  void count(std::uint64_t payload) {
    const auto sealed = payload + pieces(payload, kRecordMost) * kRecord;
    bytes += sealed + 2 * pieces(sealed, kSegmentMost) * kSegment;
    ++bursts;
  }
  static void feed(ByteVector& bytes, const std::function<void(const wire::Frame&)>& take) {
    wire::FrameReader reader(wire::kFramePayloadMax);
    reader.feed(std::exchange(bytes, {}));
    while (const auto frame = reader.next().value()) take(*frame);
  }
  void say_to_gateway() {
    if (from_edge_.empty()) return;
    count(from_edge_.size());
    feed(from_edge_, [&](const auto& frame) { session_->on_frame(frame, clock().steady()); });
  }
  void say_to_edge() {
    if (session_->output().empty()) return;
    count(session_->output().size());
    feed(session_->output(),
         [&](const auto& frame) { EXPECT_TRUE(conversation_->on_frame(frame).ok()); });
  }

  std::optional<Seal> seal_since(std::uint64_t acknowledged, std::uint64_t sent,
                                 bool brief) override {
    if (manifest_.number() <= sent) return std::nullopt;
    return manifest_.since(acknowledged, brief);
  }
  void cloud_ledger(const Ledger& /*ledger*/) override {}
  [[nodiscard]] bool cloud_up() const override { return true; }
  bool forward(const std::string& edge, std::uint64_t session, ByteSpan bytes_of) override {
    ByteVector copy(bytes_of.begin(), bytes_of.end());
    feed(copy, [&](const auto& frame) { node_.intake->take(edge, session, frame); });
    return true;
  }
  Result<> dead_letter(const std::string& /*edge*/, const std::string& reason,
                       wire::FrameType /*type*/, ByteSpan /*payload*/) override {
    ADD_FAILURE() << reason;
    return {};
  }
  Result<ByteVector> renew(const std::string& /*edge*/, const std::string& /*site*/,
                           ByteSpan /*request*/) override {
    return Error{Fault::denied, "not today"};
  }

  Node node_;
  uplink::Options options_;
  FakeRing ring_{Incarnation{0x5f3a9c0012bb7e41}};
  pipeline::Manifest manifest_{Incarnation{0x5f3a9c0012bb7e41}};
  uplink::Memory memory_;
  uplink::Budget budget_{Bytes{0}, {}};
  ByteVector from_edge_;
  std::optional<gateway::Session> session_;
  std::optional<uplink::Conversation> conversation_;
  SteadyTime sealed_{};
  EventTime sealed_until_{};
};

TEST(IdleDay, TwentySourcesThatSayNothingCostAMegabyteAtMost) {
  Day day;
  day.pass(60s);
  day.bytes = day.bursts = 0;
  const auto before = day.stated();
  day.pass(24h);
  EXPECT_LE(day.bytes, kDayMost);
  RecordProperty("bytes", static_cast<int>(day.bytes));
  // It is a day in which something was said: how far each source is, twice a minute, and heard.
  EXPECT_EQ(day.stated() - before, 2880u);
  EXPECT_GE(day.bursts, 2 * 2880u);
  EXPECT_GE(day.acknowledged() + 1, day.stated());
  const auto sources = day.sources();
  ASSERT_EQ(sources.size(), kSources);
  for (const auto& s : sources) EXPECT_GE(s.frontier, day.sealed_until() - 60s) << s.name;
}

}  // namespace
}  // namespace tidemark::test
