// Looks, in a thread of its own, which member of a group has which partition of a topic.
//
// Promise    owners() is what the brokers said last, kEvery ago at most while they answer: for
//            people. What a member itself may do, Member::holds() says.
// Threads    any. A thread and a client of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/result.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

class Admin;

class OwnerWatch {
 public:
  static constexpr std::chrono::milliseconds kEvery{2000};
  static Result<std::unique_ptr<OwnerWatch>> start(const Settings& settings, std::string group,
                                                   std::string topic);
  ~OwnerWatch();
  OwnerWatch(const OwnerWatch&) = delete;
  OwnerWatch& operator=(const OwnerWatch&) = delete;

  // Names of members (MemberOptions::name) by partition; empty: nobody has it. No partitions while
  // the brokers have not answered.
  [[nodiscard]] std::map<int, std::string> owners() const;

 private:
  OwnerWatch(Settings settings, std::string group, std::string topic,
             std::unique_ptr<Admin> admin);
  void run();

  const Settings settings_;
  const std::string group_;
  const std::string topic_;
  std::unique_ptr<Admin> admin_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopping_ = false;
  std::map<int, std::string> owners_;
  std::thread thread_;
};

}  // namespace tidemark::kafka
