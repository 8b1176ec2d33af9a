// Fills the archive of a store that was restored from a checkpoint: its blocks are read from the
// topics again, from the start of retention up to where the checkpoint was, and go where they were.
//
// Promise    while it is under way a block that is asked for is waited for; one that is in no topic
//            any more is gone, as with an archive past its retention. What was filled in survives a
//            crash; the rest goes on from there.
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
  // Null where nothing is to be filled in. `holds`: whether the partition is this node's.
  static Result<std::unique_ptr<Refill>> open(const Place& place, intake::Intake& intake,
                                              std::function<bool()> holds);

  // A record of what is left: its size; 0: none has come just now, or nothing is left.
  std::size_t step();
  // With the batch: how far it is.
  void save();
  [[nodiscard]] bool done() const;

  // Names under which the store notes how far a topic ("live", "backlog") is filled in, and how far
  // it is to be.
  static std::string next_name(std::string_view topic);
  static std::string until_name(std::string_view topic);

 private:
  struct Topic {
    std::string word;
    std::uint64_t next = 0, until = 0, saved = 0;
    std::unique_ptr<kafka::Consumer> consumer;  // while something is left
    [[nodiscard]] bool done() const { return next >= until; }
  };
  Refill(intake::Intake& intake, int partition, std::function<bool()> holds)
      : intake_(intake), partition_(partition), holds_(std::move(holds)) {}
  Result<> fetch(store::ArchivePosition at);
  std::size_t step(Topic& topic);
  Result<> take(const kafka::Record& r);

  intake::Intake& intake_;
  const int partition_;
  const std::function<bool()> holds_;
  std::array<Topic, 2> topics_;
  store::ArchivePosition last_;  // that was looked at
  Result<> fault_;
};

}  // namespace tidemark::checkpoint
