// The topics that Tidemark needs, how each must be set, and what is recorded of them.
//
// Promise    init() makes what is missing and changes nothing that is there. check() names
//            everything that would let acknowledged blocks be lost, reordered or refused.
// Layout     is recorded once, in the registry topic under the key "layout": an edge's partition
//            follows from the number of partitions, so that this number is fixed for good.
// Threads    any; each call has a client of its own and waits for brokers, kWithin at most a step.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

inline constexpr int kPartitionsMax = 10'000;
inline constexpr std::size_t kRecordBytesMax = 2 << 20;  // the largest frame is 1 MiB
inline constexpr std::chrono::milliseconds kWithin{10'000};

struct Layout {
  std::string id;  // of these topics; others that are made anew under their names have another
  int partitions = 12;
  int replication = 3;
  int min_insync = 2;
  Nanoseconds retention = std::chrono::hours(24 * 90);  // of blocks, after they were appended
  bool dev = false;  // one broker is enough; never for data that matter
  friend bool operator==(const Layout&, const Layout&) = default;

  [[nodiscard]] std::string text() const;  // the record's JSON
  static Result<Layout> parse(std::string_view text);  // Fault::corrupt, unsupported
};

struct TopicFinding {
  std::string topic;
  std::string text;  // what is so, what it must be, what to do
};
struct TopicFacts {
  std::string topic;
  int partitions = 0;
  int replication = 0;  // the least of its partitions
};
struct TopicsState {
  std::optional<Layout> layout;
  std::vector<TopicFacts> topics;  // that are there
  std::vector<TopicFinding> findings;
};

// Names of topics that were made; `layout.id` is not looked at. Fault::bad_input when another
// layout is recorded; unavailable, denied: of the brokers.
Result<std::vector<std::string>> init_topics(const Settings& settings, Layout layout);
Result<TopicsState> check_topics(const Settings& settings);
// Of a topic that somebody else made. Fault::bad_input: there is none of that name.
Result<int> partitions_of(const Settings& settings, const std::string& topic);
// The recorded layout if check_topics() found nothing, else what it found: bad_input.
Result<Layout> good_layout(const Settings& settings);

}  // namespace tidemark::kafka
