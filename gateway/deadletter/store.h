// Frames that the gateway could not forward, kept with the reason until a person decides.
//
// Promise    a letter is durable when add() returns, so that the verdict goes to the edge only
//            after it.
// When full  past Options::bytes_max the oldest letters go, counted in discarded().
// Threads    one; the CLI may work on the same file from its own process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/sqlite/database.h"
#include "common/wire/frame.h"

namespace tidemark::gateway {

struct DeadLetter {
  std::int64_t id = 0;
  EventTime at{};
  std::string edge;
  std::string reason;
  wire::FrameType type{};
  std::uint64_t size = 0;
  bool retry = false;  // a person wants it tried again
  ByteVector payload;  // of the frame; left empty by list()
};

class DeadLetters {
 public:
  struct Options {
    Bytes bytes_max{64ULL << 20};
  };
  static Result<std::unique_ptr<DeadLetters>> open(const std::filesystem::path& path,
                                                   const Options& options, const Clock& clock);

  Result<> add(const std::string& edge, const std::string& reason, wire::FrameType type,
               ByteSpan payload);
  Result<std::vector<DeadLetter>> list(std::size_t limit);  // newest first, without payload
  Result<std::optional<DeadLetter>> get(std::int64_t id);
  Result<bool> drop(std::int64_t id);   // false: there is none
  Result<bool> retry(std::int64_t id);  // the daemon tries it within a few seconds
  Result<std::vector<DeadLetter>> to_retry(std::size_t limit);
  Result<> retry_failed(std::int64_t id, const std::string& reason);

  struct Totals {
    std::uint64_t letters = 0;
    std::uint64_t bytes = 0;
    std::uint64_t discarded = 0;  // since the file was made
  };
  Result<Totals> totals();

 private:
  DeadLetters(std::unique_ptr<sqlite::Database> db, const Options& options, const Clock& clock)
      : db_(std::move(db)), options_(options), clock_(clock) {}
  Result<std::vector<DeadLetter>> rows(sqlite::Statement query);
  Result<> make_room();

  std::unique_ptr<sqlite::Database> db_;
  Options options_;
  const Clock& clock_;
};

}  // namespace tidemark::gateway
