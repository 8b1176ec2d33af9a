// tidemark gateway topics: init, check.
#pragma once

#include <cstdint>
#include <functional>

#include "common/base/result.h"
#include "common/cli/command.h"
#include "common/kafka/topics.h"
#include "gateway/cli/gateway_files.h"

namespace tidemark::gateway {

class TopicsWords {
 public:
  using Action = std::function<Result<int>(Files&)>;
  // Declares the words; `act` gives a command the options that all words have, and its files.
  TopicsWords(cli::Command& topics, cli::Output& out, const bool& json,
              const std::function<void(cli::Command&, Action)>& act);
  TopicsWords(const TopicsWords&) = delete;  // the words point here
  TopicsWords& operator=(const TopicsWords&) = delete;

 private:
  Result<int> init(const kafka::Settings& settings);
  Result<int> check(const kafka::Settings& settings);

  cli::Output& out_;
  const bool& json_;
  kafka::Layout layout_;
  std::uint64_t partitions_;
  std::uint64_t replication_;
};

}  // namespace tidemark::gateway
