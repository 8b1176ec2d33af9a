// The right to say what a partition's store has to say: its node's producer, in transactions that
// bear the partition's name, and what others have said before it.
//
// Promise    once take_voice() has returned, the brokers refuse every earlier owner of the
//            partition, and the store knows what was published since it noted that it was: nothing
//            that it emits goes back behind that.
// Faults     as of the store, and of settings that do not fit together. Whoever is refused by the
//            brokers tries again.
// Threads    the intake's, before anything is taken.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cloud/checkpoint/restore.h"
#include "cloud/intake/intake.h"
#include "common/kafka/producer.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {

using Voice = std::shared_ptr<kafka::Producer>;

// Under these the store notes, of the feed of answers: how far it is in the store (position) and
// in the topic (offset), and how far others' input was that is to be reached; and of the feed of
// partial answers the former, of that of events the latter.
inline constexpr std::string_view kPartialsSaid = "partials said";
struct VoiceNames {
  explicit VoiceNames(const std::string& layout);
  std::string said, offset, live, backlog, partials, partials_said, events_offset;
  std::string alone;  // the one node without a group began to speak when nobody had
};

// Empty: `stop` was asked. `answers`: they are published. `holds`: whether the partition is this
// node's just now. `wait`: is told why nothing goes on, and waits a little.
Result<Voice> take_voice(const checkpoint::Place& place, bool answers, intake::Intake& intake,
                         const std::function<bool()>& holds, const StopSignal& stop,
                         const std::function<void(const std::string&)>& wait);

// The one node without a group takes nothing over: its positions are of all partitions together.
// Why it must not publish, since others have, and its answers would begin anew behind theirs;
// empty: it may. Faults as of the brokers.
Result<std::string> others_spoke(const kafka::Settings& settings, const kafka::Layout& layout,
                                 intake::Intake& intake);

}  // namespace tidemark::cluster
