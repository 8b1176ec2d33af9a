// One session's way into Kafka, without I/O: frames in, records out, outcomes in, answers out.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/kafka/records.h"
#include "common/kafka/settings.h"
#include "common/wire/frame.h"

namespace tidemark::gateway {

// What a record says, so that its outcome can be answered.
struct Produced {
  std::uint64_t session = 0;
  kafka::FrameName frame;
};

class KafkaSession {
 public:
  KafkaSession(std::uint64_t id, std::string edge, std::string gateway,
               const kafka::Settings& settings);

  // The record of a frame; nothing when it waits for a dictionary. Fault::bad_input for a frame
  // that the gateway's session would not have let through.
  Result<std::optional<kafka::FrameRecord>> take(wire::FrameType type, ByteSpan payload);
  // A record of this session was delivered. What may go now, oldest first.
  std::vector<kafka::FrameRecord> delivered(const kafka::FrameName& frame);
  // True for the first time: the edge is to be refused.
  bool fail();

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const std::string& edge() const { return edge_; }
  // What became due to be answered since the last call.
  [[nodiscard]] bool welcomed();
  [[nodiscard]] std::optional<wire::Ack> acknowledgement();

 private:
  void greet(ByteSpan payload);

  std::uint64_t id_;
  std::string edge_;
  std::string gateway_;
  const kafka::Settings& settings_;
  std::map<Incarnation, std::uint64_t> ordinals_;  // as the hello said
  std::set<std::uint64_t> dictionaries_;           // that are on their way
  std::deque<kafka::FrameRecord> held_;            // until those have arrived
  std::map<Incarnation, wire::Holdings> holdings_;
  std::vector<DictionaryHash> has_;
  bool welcome_ = false;
  bool failed_ = false;
};

}  // namespace tidemark::gateway
