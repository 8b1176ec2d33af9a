// `tidemark edge clock`, `edge clock set TIME`, `edge clock release BOOT --ended TIME`: what the
// agent believes about the time, and what a person can tell it.
#pragma once

#include <memory>

#include "common/cli/command.h"

namespace tidemark::edge {

class ClockWords {
 public:
  // Adds `clock` below `edge`; it lives as long as this object.
  ClockWords(cli::Command& edge, cli::Output& out);
  ~ClockWords();
  ClockWords(const ClockWords&) = delete;
  ClockWords& operator=(const ClockWords&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::edge
