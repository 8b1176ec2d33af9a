// One topic as the node reads it: records in, frames for the intake out, and how far it is.
//
// Promise    positions() names, for each partition, the first record that a node must take again
//            that finds the intake as the next commit leaves it. Records that are gone, and topics
//            that begin anew, are told.
// Threads    one; behind(), lost(), taken() and position() from any.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/intake/gateways.h"
#include "cloud/intake/intake.h"
#include "common/kafka/consumer.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {

class KafkaInput {
 public:
  enum class Kind : std::uint8_t { live, backlog, dictionaries, partials, orders };
  // Reads on where `intake` was committed, and tells `gateways` whose records come. `only`: this
  // partition alone. `event`: an eventfd, written when records have come.
  static Result<std::unique_ptr<KafkaInput>> open(Kind kind, const kafka::Settings& settings,
                                                  const kafka::Layout& layout,
                                                  std::optional<int> only, intake::Intake& intake,
                                                  intake::Gateways& gateways, int event);

  // One record into the batch: its size, 0 when there is none.
  std::size_t take(intake::Intake& intake);
  // Takes records of a partition up to what is there now; false when that cannot be reached within
  // kCatchUp.
  bool catch_up(intake::Intake& intake, int partition);
  static constexpr std::chrono::milliseconds kCatchUp{5000};

  // The last record taken waits in the intake, in memory alone.
  void hold();
  // Nothing that was taken waits any more.
  void release();
  void save(intake::Intake& intake);  // positions, with the batch

  [[nodiscard]] std::vector<int> held() const;  // partitions
  [[nodiscard]] bool at_end() const { return consumer_->at_end(); }
  [[nodiscard]] std::uint64_t behind() const { return behind_.load(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(); }
  // How far a partition was taken, with the batch at hand: beyond what is saved of it while a block
  // waits, since answers are made of what came behind that.
  [[nodiscard]] std::int64_t taken(int partition) const {
    return partitions_[static_cast<std::size_t>(partition)].taken.load();
  }
  // With what has been taken since.
  [[nodiscard]] std::int64_t next(int partition) const {
    return partitions_[static_cast<std::size_t>(partition)].next;
  }
  // The end of a partition as its leader says it now, and whether all before an offset was taken,
  // or is no record.
  Result<std::int64_t> end_now(int partition);
  [[nodiscard]] bool has_passed(int partition, std::int64_t offset) const {
    return consumer_->next_of(partition) >= offset;
  }
  // From here on the plain readings of that edge are read without this topic: that others note
  // something of them here is told, and not taken.
  void plain_is_ours(std::string edge) { noted_by_us_ = std::move(edge); }
  [[nodiscard]] bool others_note() const { return others_note_.load(); }
  // All that is there of a partition was taken, whatever of it is gone.
  [[nodiscard]] bool read_to_its_end(int partition) const {
    return consumer_->read_to_its_end(partition);
  }
  // The sum over its partitions of what is saved.
  [[nodiscard]] std::int64_t position() const { return position_.load(); }
  [[nodiscard]] std::string problem() const { return consumer_->problem(); }

 private:
  struct Partition {
    std::string name;  // under which the position is noted
    std::int64_t next = 0;
    std::int64_t saved = 0;
    std::atomic<std::int64_t> taken{0};
    std::optional<std::int64_t> held;
  };
  KafkaInput(Kind kind, std::string topic, intake::Gateways& gateways);
  void on_record(intake::Intake& intake, const kafka::Record& r);
  Result<> on_order(intake::Intake& intake, const kafka::Record& r) const;
  void compare(Partition& p, const kafka::Record& r);
  [[nodiscard]] std::int64_t oldest_before(const Partition& p, const kafka::Record& r) const;

  Kind kind_;
  std::string topic_;
  intake::Gateways& gateways_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::deque<Partition> partitions_;
  int last_partition_ = 0;
  std::int64_t last_offset_ = 0;
  std::string noted_by_us_;  // an edge's plain readings; empty: none
  std::atomic<bool> others_note_{false};
  std::atomic<std::uint64_t> behind_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::int64_t> position_{0};
};

}  // namespace tidemark::cluster
