// What the intake holds of one edge between its frames and their commit.
#pragma once

#include <map>
#include <set>

#include "cloud/intake/intake.h"

namespace tidemark::intake {

struct Intake::Session {
  Edge* edge = nullptr;
  std::uint64_t connection = 0;

  // Since the last commit.
  bool greeted = false;
  std::string refusal;                      // for refused_connection
  std::uint64_t refused_connection = 0;
  std::set<Incarnation> welcome;            // whose holdings the hello asks for
  std::map<Incarnation, SequenceRanges> added;
  std::set<Incarnation> changed;            // books to be saved
  std::vector<DictionaryHash> dictionaries;
  std::set<DictionaryHash> wanted;
  std::map<Incarnation, SequenceRanges> wanted_blocks;

  struct Parked {
    Lane lane;
    BlockRecord record;
  };
  std::vector<Parked> parked;
  std::size_t parked_bytes = 0;
  std::map<Incarnation, SequenceRanges> dropped;  // were parked past the bound

  std::size_t letter_bytes = 0;  // dead letters of this minute

  // For gaps that do not fill.
  std::uint64_t blocks_taken = 0;
  std::uint64_t blocks_at_look = 0;
  std::uint64_t missing_at_look = 0;
};

}  // namespace tidemark::intake
