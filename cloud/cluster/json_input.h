// Plain JSON readings of one topic, as what an edge would send of them (cloud/plain).
//
// Promise    blocks, seal, dead letters and how far each partition was read go together, or not at
//            all (plain_sink.h): after a crash nothing is repeated and nothing missing. What was
//            read and not yet said waits in memory, for `gather` at most while it is taken.
// Dead letters  a record that cannot be used lies among them under TOPIC/PARTITION/OFFSET, with the
//            reason, and the rest goes on; of one of more than kLetterBytesMax the bytes end there,
//            and the reason says how many it had. Of more than kLettersMax or kLettersBytesMax in
//            kLettersWithin one letter of a flush and partition says how many there are, where, and
//            why the first one.
// Partitions as the topic has them; when it grows or is made anew, it is opened anew.
// Bounds     kQueueBytes and kQueueRecords fetched ahead, where there is a backlog, and one fetch
//            more, some 400 B a record and its value; and those of cloud/plain.
// Threads    one; behind(), lost(), refused() and problem() from any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/cluster/plain_sink.h"
#include "cloud/intake/intake.h"
#include "cloud/plain/json_records.h"
#include "cloud/plain/plain_edge.h"
#include "cloud/plain/progress.h"
#include "cloud/query/reader.h"
#include "common/kafka/consumer.h"
#include "common/kafka/watch.h"

namespace tidemark::cluster {

struct JsonOptions {
  std::string topic;  // empty: there is none
  std::string edge = "json";
  plain::JsonFields fields = {};
  Nanoseconds lateness = std::chrono::seconds(5);
  Nanoseconds idle{};  // 0: silence is no word about time
  Nanoseconds gather = std::chrono::milliseconds(500);
  bool once = false;   // repeats are told by series, time and value
};

class JsonInput {
 public:
  static constexpr std::size_t kLettersMax = 1000;
  static constexpr std::chrono::minutes kLettersWithin{1};
  // A letter has to fit a record of the topic of dead letters.
  static constexpr std::size_t kLetterBytesMax = plain::JsonRecords::kRecordBytesMax;
  static constexpr std::size_t kLettersBytesMax = intake::kLetterBytesMax;
  static constexpr std::uint64_t kQueueBytes = 64 << 20;
  static constexpr std::uint64_t kQueueRecords = 60'000;

  using OpenReader = std::function<Result<std::unique_ptr<query::Reader>>()>;
  // Reaches nobody yet; looks at the topic `look_every`, `look_again` while it cannot be read.
  // `event`: an eventfd, written when records have come. `reader`: of what earlier starts had;
  // where there is none, dictionaries are made anew.
  static Result<std::unique_ptr<JsonInput>> open(JsonOptions options,
                                                 const kafka::Settings& settings,
                                                 Nanoseconds look_every, Nanoseconds look_again,
                                                 const Clock& clock, int event, OpenReader reader);

  // What has been fetched, and what is due goes to the sink; the bytes, 0 when there is nothing.
  // Begins where `intake` has noted.
  std::size_t take(intake::Intake& intake, PlainSink& sink);
  // Someone has forgotten dictionaries: all are said with the next flush, which is due.
  void say_dictionaries();
  // When something is due without new records.
  [[nodiscard]] SteadyTime due() const;
  [[nodiscard]] const std::string& edge() const { return options_.edge; }

  [[nodiscard]] std::uint64_t behind() const { return behind_.load(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(); }
  // Records, in all or part.
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(); }
  [[nodiscard]] std::string problem() const;

 private:
  struct Partition {
    std::string name;  // under which the position is noted
    std::int64_t next = 0;
    std::int64_t saved = 0;
  };
  struct Letter {
    int partition = 0;
    std::int64_t offset = 0;
    std::string reason;
    ByteVector bytes;
    std::int64_t last = 0;    // of those that it stands for
    std::uint64_t more = 0;   // beside the first
  };
  JsonInput(JsonOptions options, kafka::Settings settings, Nanoseconds look_every,
            Nanoseconds look_again, const Clock& clock, int event, OpenReader reader);
  Result<> watch();
  bool ready(intake::Intake& intake, PlainSink& sink);
  Result<> begin(intake::Intake& intake, int partitions);
  void open_edge(intake::Intake& intake);
  [[nodiscard]] Result<std::vector<SeriesDescription>> known_series() const;
  void on_record(const kafka::Record& record);
  void compare(Partition& p, const kafka::Record& record);
  void refuse(const kafka::Record& record, const std::string& reason);
  void flush(PlainSink& sink, EventTime until);
  void put_letters(PlainFlush& flush);
  EventTime estimate();
  [[nodiscard]] std::string key(std::string_view of) const;

  const JsonOptions options_;
  const kafka::Settings settings_;
  const Nanoseconds look_every_, look_again_;
  const Clock& clock_;
  const int event_;
  const OpenReader reader_;
  plain::JsonRecords records_;
  std::optional<plain::PlainEdge> edge_;
  std::optional<plain::Progress> progress_;
  std::shared_ptr<kafka::Watch> watch_;
  std::shared_ptr<kafka::Consumer> consumer_;
  mutable std::mutex mutex_;  // of the two pointers, where others look
  std::vector<Partition> partitions_;
  std::size_t bytes_ = 0;     // of this take()
  bool gathered_ = false;     // something waits to be said
  bool greeted_ = false;
  bool forgotten_ = false;    // dictionaries, by somebody
  bool waits_ = true;         // for the topic, or the sink
  SteadyTime flush_at_{};
  SteadyTime sealed_at_{};
  SteadyTime tries_again_{};
  std::vector<Letter> letters_;
  std::size_t letters_kept_ = 0;
  std::size_t letters_bytes_ = 0;  // of those and of letters_
  SteadyTime letters_since_{};
  std::atomic<std::uint64_t> behind_{0}, lost_{0}, refused_{0};
};

}  // namespace tidemark::cluster
