// What is said on one connection, without I/O: frames and time in, bytes out. The uplink makes one
// for each connection; Memory is what it knows from one to the next.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/time.h"
#include "common/tls/key.h"
#include "common/wire/frame.h"
#include "edge/ring/ring_buffer.h"
#include "edge/uplink/budget.h"
#include "edge/uplink/schedule.h"
#include "edge/uplink/uplink.h"

namespace tidemark::uplink {

struct Memory {
  std::set<DictionaryHash> dictionaries;      // the cloud has these
  std::map<Incarnation, std::uint64_t> seals;  // highest that the cloud has
  std::map<BlockName, std::uint64_t> unacknowledged;  // readings of blocks sent
  double rtt_ms = 0;
  std::uint64_t blocks_sent = 0;
  std::uint64_t readings_sent = 0;
  std::uint64_t blocks_acknowledged = 0;
  std::uint64_t readings_acknowledged = 0;
};

class Conversation {
 public:
  static constexpr Nanoseconds kWelcomeWithin = std::chrono::seconds(30);
  static constexpr Nanoseconds kPingEvery = std::chrono::seconds(10);
  // Below kSilenceMax; of a link that is metered or has nothing under way, since the last frame.
  static constexpr Nanoseconds kPingIdle = std::chrono::seconds(45);
  static constexpr Nanoseconds kSilenceMax = std::chrono::seconds(60);
  static constexpr Nanoseconds kSealAfterBlocks = std::chrono::seconds(1);
  static constexpr Nanoseconds kSealIdle = std::chrono::seconds(5);

  struct Parts {
    const Options& options;
    ring::RingBuffer& ring;
    SealSource& seals;
    const Clock& clock;
    Memory& memory;
    const Budget& budget;
  };
  // Says hello into `output`, which the caller empties.
  Conversation(Parts parts, const std::string& site, ByteVector& output);

  // Fault::denied: refused, see refusal(); bad_input: not our protocol; others: of the ring.
  Result<> on_frame(const wire::Frame& frame);
  // Appends what may and should be sent now. Fault::unavailable when the gateway has gone silent.
  Result<> fill();
  // The pipeline has appended blocks.
  void ring_changed() { schedule_.ring_changed(); }
  // When fill() has something to do again by itself.
  [[nodiscard]] Nanoseconds patience() const;

  [[nodiscard]] bool welcomed() const { return welcomed_; }
  [[nodiscard]] const std::optional<wire::Refuse>& refusal() const { return refusal_; }

  // Asks for a new certificate; the grant is in renewed() later.
  void renew(ByteSpan csr);
  [[nodiscard]] const std::optional<ByteVector>& renewed() const { return renewed_; }

 private:
  Result<> on_welcome(ByteSpan payload);
  Result<> on_ack(ByteSpan payload);
  Result<> on_request(ByteSpan payload);
  Result<> settle(const std::vector<wire::Holdings>& holdings);
  void queue_past_seals();
  void queue_seal(Seal seal);
  void open_with(Seal& seal);
  void fill_seals(SteadyTime now);
  void queue_seals(SteadyTime now);
  bool say_seals();
  bool seal_first(BlockName block);
  // True: something was said or settled, go on; false: nothing more for now.
  Result<bool> fill_block();
  bool send_dictionaries(ByteSpan block);
  bool send_dictionary(DictionaryHash hash);
  bool say_within_credit(wire::FrameType type, ByteSpan payload);
  void say(wire::FrameType type, ByteSpan payload);
  [[nodiscard]] std::uint64_t credit_left() const { return credit_ > said_ ? credit_ - said_ : 0; }
  [[nodiscard]] Room room() const;  // by credit and budget
  [[nodiscard]] SteadyTime ping_at() const;
  [[nodiscard]] Nanoseconds between_seals() const;

  Parts parts_;
  ByteVector& output_;
  Schedule schedule_;
  bool welcomed_ = false;
  std::optional<wire::Refuse> refusal_;
  std::optional<ByteVector> renewed_;
  std::uint64_t credit_ = 0;  // bytes in all
  std::uint64_t said_ = 0;    // of those
  std::set<DictionaryHash> dictionaries_;  // sent on this connection
  std::deque<DictionaryHash> dictionaries_wanted_;
  std::deque<Seal> seals_;                 // to be sent
  bool brief_seals_ = false;               // the cloud reads Seal::rest
  bool dropped_seals_ = false;             // and SourceSeal::dropped
  bool opening_due_ = false;               // it reads Seal::opening, and was not told so far
  bool held_back_ = false;                 // a seal that it would misread; told once
  std::uint64_t seal_sent_ = 0;            // of this incarnation
  std::size_t seal_bytes_ = 0;             // of the last one
  std::map<Incarnation, std::uint64_t> past_seals_sent_;
  bool blocks_since_seal_ = false;
  std::map<Incarnation, Sequence> sealed_before_;  // said on this connection of all below it
  SteadyTime begun_;
  SteadyTime heard_;
  SteadyTime pinged_;
  std::uint64_t pinged_after_ = 0;  // blocks sent
  SteadyTime sealed_;
};

}  // namespace tidemark::uplink
