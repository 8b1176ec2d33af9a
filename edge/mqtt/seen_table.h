// The last messages that were taken, to know a broker's repetition (DUP flag) across a kill -9.
//
// Why a file  an entry may be flushed and gone from the journal while its PUBACK never left; after
//             the restart the broker repeats the message and the journal alone could not tell.
// Why sound   it is written by the decoder, in the journal's order, and a record carries the time
//             of its entry (steady clock, strictly rising in one boot). An entry that is decoded
//             again after a restart is compared only with records of *earlier* entries: never with
//             itself and never with one that came after it.
// Bound       kRecords; brokers have at most some tens of messages in flight to one client.
// When lost   (another boot, another journal, damage) it begins empty: a repetition then counts
//             twice unless its readings are device-stamped. It never drops a message that is new.
// File        one page of header and the records, shared mapping, next to the journal on tmpfs.
// Threads     one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark::mqtt {

class SeenTable {
 public:
  static constexpr std::size_t kRecords = 1024;

  // `boot` names this boot of the machine, `journal` the journal file: see "When lost".
  static Result<std::unique_ptr<SeenTable>> open(const std::filesystem::path& file,
                                                 std::string_view boot, std::uint64_t journal);
  ~SeenTable();
  SeenTable(const SeenTable&) = delete;
  SeenTable& operator=(const SeenTable&) = delete;

  // A message with this fingerprint was taken before `steady`.
  [[nodiscard]] bool saw_before(std::uint64_t fingerprint, std::int64_t steady) const;
  // Safe from kill -9 on return. Replaces the oldest; a record that is there already stays one.
  void remember(std::uint64_t fingerprint, std::int64_t steady);
  void clear();

 private:
  struct Record {
    std::int64_t steady;  // 0: empty
    std::uint64_t fingerprint;
  };
  struct Header {
    char magic[8];
    std::uint64_t boot;  // hash
    std::uint64_t journal;
    std::uint64_t check;  // XXH3 of the 24 bytes before
  };
  static constexpr std::size_t kBytes = 4096 + kRecords * sizeof(Record);

  explicit SeenTable(void* mapping) : mapping_(mapping) {}
  [[nodiscard]] Record* records() const;

  void* mapping_;
  std::size_t next_ = 0;
  std::int64_t newest_ = 0;
};

}  // namespace tidemark::mqtt
