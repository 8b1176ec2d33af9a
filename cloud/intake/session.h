// What the intake holds of one edge between its frames and their commit.
#pragma once

#include <map>
#include <set>

#include "cloud/intake/intake.h"

namespace tidemark::intake {

inline constexpr std::size_t kLettersATurn = 100;  // taken or dropped in a batch, at most
inline constexpr auto kSecondBox = "of a second box that says it is this edge";

struct Intake::Session {
  Edge* edge = nullptr;
  std::uint64_t connection = 0;

  // Since the last commit.
  bool greeted = false;
  std::uint8_t version = 1;                 // that both understand, told by the welcome
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
    std::vector<DictionaryHash> unknown;
    std::string origin;
  };
  std::vector<Parked> parked;
  std::size_t parked_bytes = 0;
  std::map<Incarnation, SequenceRanges> dropped;  // were parked past the bound
  std::map<DictionaryHash, unsigned> asks;        // looks at which blocks waited for it

  // Blocks and seals of starts that no hello has named so far.
  struct Unnamed {
    wire::Frame frame;
    std::string origin;
  };
  std::vector<Unnamed> unnamed;
  std::size_t unnamed_bytes = 0;
  unsigned unnamed_looks = 0;

  std::size_t letter_bytes = 0;  // dead letters of this minute

  EventTime given_up_until = kEventTimeMin;  // of its books, as sealed windows know it

  // Starts of whose newest seal the last part is to come: its minutes count what it may bring.
  std::set<Incarnation> in_parts;
  // Counts that were told to contradict the blocks: starts, and windows of a source.
  std::set<Incarnation> starts_contradicted;
  std::set<std::pair<store::SourceId, EventTime>> contradicted;

  // For gaps that do not fill: those at the last look; how far the backlog has come on this
  // connection (ordinal of the start, sequence), and from where on what is new.
  std::uint64_t blocks_taken = 0;
  std::uint64_t blocks_at_look = 0;
  std::map<Incarnation, SequenceRanges> missing_at_look;
  std::pair<std::uint64_t, std::uint64_t> backlog_to{0, 0};
  std::uint64_t live_from = UINT64_MAX;
};

// As they are kept aside; edge, time and origin are the intake's to say.
store::Letter letter_of(const wire::Frame& frame, store::LetterReason why, std::string text);
store::Letter letter_of(Lane lane, const BlockRecord& record, store::LetterReason why,
                        std::string text);

}  // namespace tidemark::intake
