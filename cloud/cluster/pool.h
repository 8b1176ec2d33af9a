// The partitions that this node has as a member of its group: opened when they are its, closed when
// they go.
//
// Promise    a partition's store is written by nobody here once the member was told to drop it.
//            Answers of a partition can be read while its store is open (readers()).
// Bounds     three threads, a store and five clients of the brokers for each partition, one more
//            where it has dead letters or publishes, and while a checkpoint is written; what is
//            fetched ahead is shared out among all partitions that the topics have.
// Faults     of one partition (a full disk, a corrupt store) are the node's: run() ends with it, so
//            that the group gives all it has to others.
// Threads    run() is one; the rest from any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cloud/cluster/partition.h"
#include "cloud/query/parts.h"
#include "common/kafka/member.h"
#include "common/kafka/owner_watch.h"

namespace tidemark::cluster {

struct PoolOptions {
  KafkaListenerOptions listener;  // of each partition: without `partition`, `holds`, `reader`
  std::string group;
  std::string name;  // of this node, and of no other
  std::chrono::milliseconds session{10'000};
  std::filesystem::path data_dir;
  intake::Options intake;  // of each partition: without data_dir
  Nanoseconds checkpoint_every = std::chrono::minutes(1);  // 0: none are written
  // The brokers are asked who is a member, and has what; librdkafka's mock brokers do not know.
  bool asks_owners = true;
};

class Pool final : private kafka::MemberEvents {
 public:
  // Reaches nobody yet. bad_input where a node without a group has left its store.
  static Result<std::unique_ptr<Pool>> open(PoolOptions options, Disk& disk, const Clock& clock);
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Until stop is asked: then every partition is committed and handed back. `turned` is called
  // several times a second.
  Result<> run(const StopSignal& stop, const std::function<void()>& turned);

  [[nodiscard]] std::shared_ptr<query::Parts> readers() const { return readers_; }
  [[nodiscard]] intake::Counters counters() const;  // of all that were ever here
  [[nodiscard]] Condition condition() const;        // of all that are here

 private:
  Pool(PoolOptions options, Disk& disk, const Clock& clock);
  void taken(const std::vector<int>& partitions) override;
  void dropped(const std::vector<int>& partitions, bool lost) override;
  [[nodiscard]] std::int64_t position(int partition) const override;
  std::unique_ptr<Partition> start(int number);
  // Partitions that ended as another node's, and are this one's all the same.
  void open_again();
  void tell();
  void keep_sums(intake::Counters counters);  // of a partition that goes; under mutex_
  [[nodiscard]] std::optional<Error> fault() const;

  const PoolOptions options_;
  Disk& disk_;
  const Clock& clock_;
  const std::shared_ptr<query::Parts> readers_;
  std::unique_ptr<kafka::Member> member_;
  std::unique_ptr<kafka::OwnerWatch> owners_;
  mutable std::mutex mutex_;  // of what follows
  std::map<int, std::unique_ptr<Partition>> partitions_;
  intake::Counters gone_;  // of those that were here
};

}  // namespace tidemark::cluster
