// Dead letters: what could not be taken, with the reason, until it can be or a person decides.
//
// Promise    of what is kept, the bytes are as they came, and what of it is counted in the books of
//            its start is noted: so it can be taken later, or count as lost, once.
// Bounds     kLettersMax letters of kLetterBytesAllMax bytes are kept; what passes that is named by
//            past_bounds(), of the edge that has most, for the intake to let go of. What is closed
//            has no bytes any more; its row goes when kLettersMax numbers are newer.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/time.h"
#include "common/model/record.h"
#include "common/model/series.h"
#include "common/sqlite/database.h"

namespace tidemark::store {

// Kept in rows by number, from 1 on.
enum class LetterReason : std::uint8_t {
  dictionary_missing = 1,  // it names one that never came; it is taken by itself if that does
  unreadable = 2,          // it is corrupt, of an unknown format, or says what cannot be
  contradiction = 3,       // with what is here under its name, or with itself
  bound = 4,               // a bound of what is kept of its edge was reached
  second_box = 5,          // two boxes say they are its edge
  foreign = 6,             // a record that is of no edge, or of a type that is not known
};
inline constexpr std::size_t kLetterReasons = 6;
std::string_view to_string(LetterReason reason);
std::optional<LetterReason> letter_reason(std::string_view word);

enum class LetterState : std::uint8_t {
  kept = 0,
  taken = 1,      // after all
  dropped = 2,    // by a person
  discarded = 3,  // a bound was reached
};
std::string_view to_string(LetterState state);
std::optional<LetterState> letter_state(std::string_view word);

struct Letter {
  std::int64_t id = 0;
  std::string edge = {};    // of a record of no edge: where it lay
  std::string reason = {};  // in words
  EventTime at{};
  std::uint64_t size = 0;      // bytes, of which bytes() may be gone
  std::uint64_t readings = 0;  // that are in nothing else of its edge
  LetterReason why = LetterReason::unreadable;
  LetterState state = LetterState::kept;
  std::string frame = {};  // "block", "seal", "dictionary", …; empty: it is a remark without bytes
  Lane lane = Lane::live;
  BlockName block = {};  // of a block whose name could be read
  std::int64_t time_min = 0, time_max = 0;
  DictionaryHash wants = {};  // the first dictionary that it lacks
  bool booked = false;        // in the books of its start it is received, its readings are aside
  std::string origin = {};    // "topic/partition/offset" where it came by Kafka
  std::string outcome = {};   // why it is closed: by whom, or what came of it
  EventTime closed{};
  std::optional<int> partition = {};  // that has it, where a node has a store for each
  ByteVector bytes = {};      // of a block its record, of others the frame's payload
};

inline constexpr std::uint64_t kLettersMax = 10'000;
inline constexpr std::uint64_t kLetterBytesAllMax = 1 << 30;

class LetterRows {
 public:
  explicit LetterRows(sqlite::Database& database);
  std::int64_t add(const Letter& letter);
  std::optional<Letter> find(std::int64_t id);
  // The kept ones of that reason and edge, oldest first; of all without.
  std::vector<std::int64_t> kept(std::optional<LetterReason> why, const std::string& edge = {});
  // Dictionaries for want of which blocks of the edge are kept.
  std::vector<DictionaryHash> wanted(const std::string& edge);
  // It stays, for another reason than before.
  void stay(const Letter& letter);
  void close(const Letter& letter, LetterState state, const std::string& outcome, EventTime at);
  // Those that count in the books of their edge's starts and were not taken, without their bytes.
  void each_aside(const std::function<void(const Letter&)>& visit);
  // Kept ones that are too many, or too large together.
  std::vector<std::int64_t> past_bounds();
  void forget_closed();
  // Kept ones by reason, in its order.
  using Counts = std::array<std::uint64_t, kLetterReasons>;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t count(LetterReason why) const {
    return counts_[static_cast<std::size_t>(why) - 1];
  }

 private:
  std::uint64_t& counted(LetterReason why) { return counts_[static_cast<std::size_t>(why) - 1]; }
  sqlite::Database& database_;
  sqlite::Statement add_, find_, kept_, wanted_, stay_, close_, aside_, sizes_, newest_, forget_;
  Counts counts_{};
  std::uint64_t bytes_ = 0;  // of the kept ones
};

// Columns for read_letter(), in its order; `bytes` follows for read_whole_letter().
inline constexpr std::string_view kLetterColumns =
    "id,edge,reason,at,size,readings,why,state,frame,lane,incarnation,sequence,time_min,time_max,"
    "wants,booked,origin,outcome,closed";
Letter read_letter(const sqlite::Statement& row);
Letter read_whole_letter(const sqlite::Statement& row);

}  // namespace tidemark::store
