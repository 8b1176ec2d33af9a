// Plain readings of nodes of a group. Who owns the partition of their edge makes its blocks and
// says them there (common/kafka/FORMAT.md), in transactions of the partition's voice, and reads
// them back like what gateways say: so received set, archive, checkpoints and takeover are those of
// any edge.
//
// Promise    what was read of the readings' topic is noted in the transaction that says what was
//            made of it: who has the partition later goes on there, and repeats and loses nothing.
//            Dictionaries are there before a block that names them.
// Bounds     one flush is on its way at most, until it was read back: what PlainEdge and JsonInput
//            gather, in three copies; 10 MiB, and 100 MiB where all of it is texts and letters.
// Waits      while a transaction of it is open, who reads the partition waits behind that, as long
//            as the brokers have no coordinator for it: other edges of the partition, too.
// Threads    take() and takes() the intake's; the feed's that of an Outbox.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/cluster/outbox.h"
#include "cloud/cluster/plain_sink.h"
#include "common/kafka/settings.h"

namespace tidemark::cluster {

// As the type of a record says what no frame is.
inline constexpr std::string_view kNotedType = "noted";
inline constexpr std::string_view kRefusedType = "refused";
// All that is noted of plain readings bears a name that begins so; of a record nothing else is
// noted.
inline constexpr std::string_view kPlainNotes = "json ";

class PlainTopic final : public PlainSink {
 public:
  PlainTopic(kafka::Settings settings, std::string edge, int partition, int event);

  bool takes(intake::Intake& intake) override;
  void take(const plain::PlainEdge& edge, PlainFlush flush) override;
  // What the outbox says of it.
  [[nodiscard]] Outbox::Feed feed() const;
  // Called when there is something to say.
  std::function<void()> on_more;

 private:
  struct Queue {
    mutable std::mutex mutex;
    std::deque<std::vector<Outbox::Record>> transactions;
  };
  Outbox::Record record(std::string_view type, ByteVector value) const;

  const kafka::Settings settings_;
  const std::string edge_;
  const int partition_;
  const int event_;
  const std::string flush_name_;           // under which the number of a flush is noted
  std::uint64_t noted_ = 0;                // of the last one that was
  std::optional<std::uint64_t> said_;      // of the last one that this object was given
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
};

// Into the batch, what a record of one of these types says; false: it says nothing.
bool take_noted(intake::Intake& intake, ByteSpan value);

}  // namespace tidemark::cluster
