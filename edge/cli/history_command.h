// `tidemark series history` and `tidemark event list|ack|shelve|explain`: what the machine itself
// remembers. They read history.db, so that they work without a link, and without the agent; a
// running agent is asked to commit first, so that they show all.
#pragma once

#include <memory>

#include "common/cli/command.h"

namespace tidemark::edge {

class HistoryWords {
 public:
  // Adds the words below `series` and `event`; they live as long as this object.
  HistoryWords(cli::Command& series, cli::Command& event, cli::Output& out);
  ~HistoryWords();
  HistoryWords(const HistoryWords&) = delete;
  HistoryWords& operator=(const HistoryWords&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::edge
