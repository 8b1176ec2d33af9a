// What the node makes goes into topics (common/kafka/FORMAT.md) once it is committed: feeds of
// records, each with a position of its own.
//
// Promise    every committed answer, event or dead letter is in its topic, those of one feed and
//            partition in their order. After a crash the newest ones are said again.
// Owner      with a producer of transactions (voice.h) a batch is there as a whole or not at all,
//            and who is no longer the partition's owner says nothing more: silenced().
// When full  a batch of each feed is on its way at most. While a broker does not take one, those
//            behind it wait in cloud.db, and the intake does not.
// Threads    one of its own, with a reader and, once there is something to say, a client of its
//            own, unless it was given one; the rest from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/cluster/said_events.h"
#include "cloud/cluster/voice.h"
#include "cloud/query/reader.h"
#include "common/kafka/producer.h"

namespace tidemark::cluster {

class Outbox {
 public:
  using OpenReader = std::function<Result<std::unique_ptr<query::Reader>>()>;
  struct Record {
    std::string topic;
    int partition = 0;
    std::string key;
    ByteVector value;
    std::vector<kafka::Header> headers = {};
  };
  struct Batch {
    std::vector<Record> records = {};
    std::uint64_t to = 0;     // 0: there is nothing behind that position
    std::uint64_t waits = 0;  // positions up to the newest, where that is known
    std::function<void()> gone = {};  // once the brokers have all of it
  };
  struct Feed {
    std::string name;  // under which its position is noted; empty: it is not
    std::function<Result<Batch>(query::Reader&, std::uint64_t after)> next;
    std::uint64_t from = 0;  // says what comes after it
    // Of one whose records of a batch are for one partition of the first one's topic, and of other
    // topics: under which the offset in the former is noted; empty: it is not.
    std::string offset_name = {};
  };
  struct Options {
    kafka::Settings settings;
    OpenReader open;
    std::vector<Feed> feeds;
    Voice voice = nullptr;  // empty: whoever speaks is heard
    std::function<bool()> holds = nullptr;  // whether it may speak just now; empty: always
  };
  // Reaches nobody yet.
  explicit Outbox(Options options);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // There is something to say; without it that is found by a look every now and then.
  void wake();
  // How far feeds are, by names, where they have moved since the last call. One thread.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> moved();
  [[nodiscard]] std::string problem() const;  // empty: none
  [[nodiscard]] std::uint64_t waiting() const { return waiting_.load(); }  // Batch::waits, of all
  [[nodiscard]] bool silenced() const { return silenced_.load(); }

 private:
  struct State {
    explicit State(Feed f) : feed(std::move(f)), said(feed.from), told(feed.from) {}
    Feed feed;
    std::uint64_t said;        // changed under mutex_
    std::uint64_t offset = 0;  // likewise; 0: it has said nothing yet
    std::uint64_t told;
    std::uint64_t waits = 0;
  };
  void run();
  // How many records it has looked at; 0: there are none.
  Result<std::size_t> turn(State& state);
  // The offset behind the last of those that go where the first goes.
  Result<std::uint64_t> say(const std::vector<Record>& batch);
  Result<std::uint64_t> say_at_once(const std::vector<Record>& batch);
  Error refused_if_denied(const Error& by_the_brokers);
  void tell(const std::string& why);  // the problem; empty: none
  [[nodiscard]] bool stopping() const;

  const Options options_;
  std::deque<State> feeds_;
  std::shared_ptr<kafka::Producer> producer_;
  std::unique_ptr<query::Reader> reader_;
  bool refused_ = false;  // for good: the thread's
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<bool> silenced_{false};
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopping_ = false;
  bool more_ = false;  // since the last turn began
  std::string problem_;
  std::thread thread_;
};

// How far a partition of the input was read when what is said was committed, at least.
struct InputPosition {
  std::int64_t live = 0, backlog = 0;
  std::optional<std::int64_t> partials = std::nullopt;  // where groups are put together from them
};

struct AnswersOf {
  int partitions = 0;
  std::function<InputPosition(int partition)> input;
  // The store is of this partition: of groups it says those that it puts together from all.
  std::optional<int> only = std::nullopt;
};

// Into the topic of answers and that of their history; of events, but for those that are `said`
// (null: none); of dead letters.
Outbox::Feed answers_feed(const kafka::Settings& settings, AnswersOf of);
Outbox::Feed events_feed(const kafka::Settings& settings, int partitions,
                         std::shared_ptr<const SaidEvents> said);
Outbox::Feed letters_feed(const kafka::Settings& settings, int partitions);
// How far the owner of a partition has read it.
struct ReadState {
  std::atomic<bool> live{false};  // what was there at the start
  std::atomic<bool> all{false};
};
// What the store of partition `own` says of groups, once live data was read; `run`: of no other
// owner, nor of another time of this one.
Outbox::Feed partials_feed(const kafka::Settings& settings, int partitions, int own,
                           std::uint64_t run, std::shared_ptr<const ReadState> read);
// What came of orders that the store of partition `own` had from the log, back into their topic.
Outbox::Feed outcomes_feed(const kafka::Settings& settings, int own);

}  // namespace tidemark::cluster
