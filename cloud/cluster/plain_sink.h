// Where a flush of plain readings goes: to the intake of the one node that has all partitions, or,
// of nodes of a group, into the edge's partition of the log, where whoever owns that reads it as it
// does what gateways say (plain_topic.h).
//
// Promise    a flush is there as a whole or not at all.
// Threads    that of the intake.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cloud/intake/intake.h"
#include "cloud/plain/plain_edge.h"

namespace tidemark::cluster {

struct PlainFlush {
  struct Letter {
    std::string from;  // "topic/partition/offset"
    std::string reason;
    ByteVector bytes;
  };
  std::vector<wire::Frame> frames;  // of the edge, in the order in which they are said
  std::vector<Letter> letters;
  // What is noted with it: how far the readings were read, what the next frames are called.
  std::vector<std::pair<std::string, std::uint64_t>> notes;
};

class PlainSink {
 public:
  virtual ~PlainSink() = default;
  // Whether it takes another one just now: all that it took before is noted in `intake`. The
  // listener's event is written when that may have changed.
  virtual bool takes(intake::Intake& intake) = 0;
  virtual void take(const plain::PlainEdge& edge, PlainFlush flush) = 0;
};

// Into the running batch. Where the intake has forgotten a dictionary of the frames, all are said
// again at once: nobody else could, and a block that is committed while it waits in memory would be
// missing for good after a crash.
class IntakeSink final : public PlainSink {
 public:
  IntakeSink(intake::Intake& intake, const std::string& name) : intake_(intake), name_(name) {}
  bool takes(intake::Intake& /*intake*/) override { return true; }
  void take(const plain::PlainEdge& edge, PlainFlush flush) override;

 private:
  intake::Intake& intake_;
  const std::string& name_;  // of the edge
};

// The edge is always connected in the same way.
inline constexpr std::uint64_t kPlainSession = 1;

}  // namespace tidemark::cluster
