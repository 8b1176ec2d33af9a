// What could not be used, kept so that somebody can look at it: malformed messages, readings whose
// time cannot be true, entries of a source that is no longer configured.
//
// Bound      the newest kItemsMax items, kExcerptBytes of each payload; older ones go, the counts
//            by reason (its words before the first colon) stay.
// Durable    committed lazily, by a look() a second after the last time: it is for people, the
//            ledger has the counts.
// Threads    any.
// Files      quarantine.db (SQLite) in the agent's data folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace tidemark::quarantine {

// What a reason is counted under: the words before the first colon, where the details begin.
std::string_view kind_of(std::string_view reason);

struct Item {
  EventTime time{};      // of arrival
  std::string reason;    // what, why, what to do next
  std::string source;
  std::string topic;
  std::string excerpt;   // the payload's first bytes
  std::uint64_t readings = 0;
};

class Quarantine {
 public:
  static constexpr std::size_t kItemsMax = 1000;
  static constexpr std::size_t kExcerptBytes = 512;
  static constexpr std::size_t kReasonsMax = 100;  // further reasons are counted as "other"

  static Result<std::unique_ptr<Quarantine>> open(const std::filesystem::path& folder);
  virtual ~Quarantine() = default;

  // A fault of the store is logged; the count is kept all the same.
  virtual void add(std::string_view reason, std::string_view source, ByteSpan topic,
                   ByteSpan payload, std::uint64_t readings, EventTime arrived) = 0;
  // To be called about once a second, when all that was added will not be added again: commits
  // what waits, if it is time.
  virtual void look() = 0;
  virtual std::vector<Item> newest(std::size_t limit) = 0;
  struct Count {
    std::string reason;
    std::uint64_t items = 0;
    std::uint64_t readings = 0;
  };
  virtual std::vector<Count> counts() = 0;  // since the store was made
};

}  // namespace tidemark::quarantine
