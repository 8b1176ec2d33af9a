// Fills the archive of a store that was restored from a checkpoint: its blocks are read from the
// topics again, from the start of retention up to where the checkpoint was, and go where they were.
//
// Promise    while it is under way a block that is asked for is waited for. What was filled in
//            survives a crash; the rest goes on from there. At its end the blocks before the first
//            one that the topics still have are forgotten, as past the archive's retention.
// Threads    the intake's.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/intake/intake.h"
#include "cloud/checkpoint/restore.h"
#include "common/kafka/consumer.h"

namespace tidemark::checkpoint {

class Refill {
 public:
  // Null where nothing is to be filled in. `holds`: whether the partition is this node's just now;
  // who waits for a block waits for that, too, until `stop`.
  static Result<std::unique_ptr<Refill>> open(const Place& place, intake::Intake& intake,
                                              std::function<bool()> holds, const StopSignal& stop);

  // A record of what is left: its size; 0: none has come just now, or nothing is left.
  std::size_t step();
  // With the batch: how far it is.
  void save();
  [[nodiscard]] bool done() const;

  // Names under which the store notes how far a topic ("live", "backlog") is filled in, and how far
  // it is to be.
  static std::string next_name(std::string_view topic);
  static std::string until_name(std::string_view topic);
  // The lowest position that was filled in; 0: none yet.
  static constexpr std::string_view kFirstName = "refill first";

 private:
  struct Topic {
    std::string word;
    std::uint64_t next = 0, until = 0, saved = 0;
    std::unique_ptr<kafka::Consumer> consumer;  // while something is left
    [[nodiscard]] bool done() const { return next >= until; }
  };
  Refill(intake::Intake& intake, int partition, std::function<bool()> holds,
         const StopSignal& stop)
      : intake_(intake), partition_(partition), holds_(std::move(holds)), stop_(stop) {}
  Result<> fetch(store::ArchivePosition at);
  std::size_t step(Topic& topic);
  void take(const kafka::Record& r);

  intake::Intake& intake_;
  const int partition_;
  const std::function<bool()> holds_;
  const StopSignal& stop_;
  std::array<Topic, 2> topics_;
  store::ArchivePosition last_;  // that was looked at
  std::uint64_t first_ = 0;      // kFirstName
  bool ended_ = false;           // what is gone for good has been forgotten
};

}  // namespace tidemark::checkpoint
