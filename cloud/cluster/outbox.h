// What the node makes goes into topics (common/kafka/FORMAT.md) once it is committed: feeds of
// records, each with a position of its own.
//
// Promise    every committed answer, or dead letter, is in its topic, those of one feed and
//            partition in their order. After a crash the newest ones are said again.
// When full  a batch of each feed is on its way at most. While a broker does not take one, those
//            behind it wait in cloud.db, and the intake does not.
// Threads    one of its own, with a reader and, once there is something to say, a client of its
//            own; the rest from any.
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
  struct Batch {  // empty: there is nothing behind that position
    std::vector<Record> records = {};
    std::uint64_t to = 0;
    std::function<void()> gone = {};  // once the brokers have all of it
  };
  struct Feed {
    std::string name;  // under which its position is noted
    std::function<Result<Batch>(query::Reader&, std::uint64_t after)> next;
    std::uint64_t from = 0;  // says what comes after it
  };
  // Reaches nobody yet.
  Outbox(const kafka::Settings& settings, OpenReader open, std::vector<Feed> feeds);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // How far each feed is, by its name, where it has moved since the last call. One thread.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> moved();
  [[nodiscard]] std::string problem() const;  // empty: none

 private:
  struct State {
    explicit State(Feed f) : feed(std::move(f)), said(feed.from), told(feed.from) {}
    Feed feed;
    std::atomic<std::uint64_t> said;
    std::uint64_t told;
  };
  void run();
  // How many records went; 0: there are none.
  Result<std::size_t> turn(State& state);
  Result<> say(const std::vector<Record>& batch);

  const kafka::Settings settings_;
  OpenReader open_;
  std::deque<State> feeds_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<query::Reader> reader_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopping_ = false;
  std::string problem_;
  std::thread thread_;
};

// Into the topic of answers; of that of dead letters.
Outbox::Feed answers_feed(const kafka::Settings& settings, int partitions);
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

}  // namespace tidemark::cluster
