// Membership of a consumer group: which partitions of a topic are this process's to work on. It
// reads no records; that is a Consumer's work.
//
// Promise    between taken() and dropped() nobody else of the group has the partition, as long as
//            holds() says yes. A process that stands still loses its partitions without a word;
//            holds() says no from before that moment until the brokers have confirmed anew that it
//            is a member: it is a lease, renewed by commits that only a member can make.
// Joining    is put off while a former process of the same name is counted beside others, or the
//            brokers do not say, for 3.5 sessions at most; for 12 s, or a session, where those that
//            answer have named no such group. problem() says so.
// Order      cooperative-sticky: partitions that stay are not touched when nodes come and go, and
//            one that moves is taken() only after its owner's dropped() has returned, or after the
//            session of an owner that is silent.
// Bounds     turn() is called, and dropped() returns, within two sessions: so long the others wait.
// Threads    turn() and leave() from one, which the events come on; the rest from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

struct MemberOptions {
  std::string group;
  std::string topic;  // whose partitions are shared out
  std::string name;   // of this node, and of no other
  // Of silence, after which the brokers give its partitions to others. Theirs to allow: 6 s to
  // 30 min unless they are set otherwise.
  std::chrono::milliseconds session{10'000};
  bool asks = true;  // who is counted; librdkafka's mock brokers cannot say
};

class MemberEvents {
 public:
  virtual ~MemberEvents() = default;
  virtual void taken(const std::vector<int>& partitions) = 0;
  // Nothing more is done for them when it returns. `lost`: others may have them already.
  virtual void dropped(const std::vector<int>& partitions, bool lost) = 0;
  // How far a partition is worked off, as a hint for Kafka's own tools.
  [[nodiscard]] virtual std::int64_t position(int partition) const = 0;
};

class Member {
 public:
  // Reaches nobody yet. Fault::bad_input for settings that do not fit together. The events outlive
  // it.
  static Result<std::unique_ptr<Member>> open(const Settings& settings, MemberOptions options,
                                              MemberEvents& events, const Clock& clock);
  virtual ~Member() = default;  // leaves

  // Until something happened, or so long.
  virtual void turn(std::chrono::milliseconds most) = 0;
  // Drops what it has, so that others get it at once.
  virtual void leave() = 0;
  [[nodiscard]] virtual bool holds() const = 0;
  [[nodiscard]] virtual std::string problem() const = 0;  // empty: none
};

}  // namespace tidemark::kafka
