#include "common/kafka/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "common/base/log.h"
#include "common/kafka/client.h"

namespace tidemark::kafka {
namespace {

constexpr std::array<std::uint8_t, 8> kOne{1};  // an eventfd's
constexpr std::uint64_t kQueueKbMin = 1024;
constexpr std::uint64_t kQueueBytesOfAll = 64 << 20;  // consumers of a partition each
constexpr int kAskedWithinMs = 100;
constexpr auto kAskAgain = std::chrono::seconds(1);
constexpr std::size_t kAtOnce = 500;  // records of one look at the queue

std::string_view text_of(const void* bytes, std::size_t size) {
  return {static_cast<const char*>(bytes), bytes == nullptr ? 0 : size};
}

class RdConsumer final : public Consumer {
 public:
  explicit RdConsumer(ConsumerOptions options) : options_(std::move(options)) {
    for (const auto from : options_.from) {
      const bool read = from != ConsumerOptions::kNotRead;
      partitions_.push_back({from, read && !options_.tail ? from : -1, !read});
    }
  }
  ~RdConsumer() override {
    queue_.reset();
    if (client_) rd_kafka_consumer_close(client_.get());
  }
  RdConsumer(const RdConsumer&) = delete;
  RdConsumer& operator=(const RdConsumer&) = delete;

  Result<> start(const Settings& settings) {
    TIDE_ASSIGN(auto conf, make_conf(settings));
    // The library (2.0.2) counts what was fetched of all partitions together.
    const auto kilobytes = std::max(kQueueKbMin, options_.queue_bytes_max / 1024);
    TIDE_TRY(set(conf.get(), "group.id", "tidemark-reader"));  // named, never joined
    TIDE_TRY(set(conf.get(), "enable.auto.commit", "false"));
    TIDE_TRY(set(conf.get(), "enable.auto.offset.store", "false"));
    TIDE_TRY(set(conf.get(), "enable.partition.eof", "true"));
    TIDE_TRY(set(conf.get(), "isolation.level", "read_committed"));
    TIDE_TRY(set(conf.get(), "auto.offset.reset", options_.tail ? "latest" : "earliest"));
    TIDE_TRY(set(conf.get(), "queued.max.messages.kbytes", std::to_string(kilobytes)));
    // Else the client never asks where partitions begin, which oldest_of() says.
    if (!settings.client.contains("statistics.interval.ms")) {
      TIDE_TRY(set(conf.get(), "statistics.interval.ms", "10000"));
    }
    TIDE_TRY(set(conf.get(), "queued.min.messages", std::to_string(options_.queue_records_max)));
    TIDE_TRY(set(conf.get(), "fetch.message.max.bytes",
                 std::to_string(options_.fetch_bytes_of_partition)));
    if (!settings.client.contains("fetch.wait.max.ms")) {
      TIDE_TRY(set(conf.get(), "fetch.wait.max.ms", "100"));
    }
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_error_cb(conf.get(), on_error);
    TIDE_ASSIGN(client_, make_client(RD_KAFKA_CONSUMER, std::move(conf)));
    rd_kafka_poll_set_consumer(client_.get());
    queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
    if (options_.event >= 0) {
      rd_kafka_queue_io_event_enable(queue_.get(), options_.event, kOne.data(), kOne.size());
    }
    const int n = static_cast<int>(partitions_.size());
    const Owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(n));
    for (int p = 0; p < n; ++p) {
      if (options_.from[static_cast<std::size_t>(p)] == ConsumerOptions::kNotRead) continue;
      rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), p)->offset =
          options_.tail ? RD_KAFKA_OFFSET_END : options_.from[static_cast<std::size_t>(p)];
    }
    const auto assigned = rd_kafka_assign(client_.get(), list.get());
    if (assigned != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(assigned, options_.topic);
    return {};
  }

  bool poll(const std::function<void(const Record&)>& take) override {
    for (;;) {
      rd_kafka_message_t* raw = nullptr;
      if (rd_kafka_consume_batch_queue(queue_.get(), 0, &raw, 1) != 1) return false;
      const Owned<rd_kafka_message_t> m(raw);
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        hand_out(*m, take);
        return true;
      }
      not_taken(*m);
    }
  }

  std::size_t poll_many(std::size_t most,
                        const std::function<void(const Record&)>& take) override {
    if (options_.queue_records_low > 0) look_at_queue();
    std::array<rd_kafka_message_t*, kAtOnce> raw{};
    std::size_t taken = 0;
    while (taken < most) {
      const auto got = rd_kafka_consume_batch_queue(queue_.get(), 0, raw.data(),
                                                    std::min(most - taken, raw.size()));
      if (got <= 0) break;
      works();
      for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
        const Owned<rd_kafka_message_t> m(raw[i]);
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          take(begun(*m));
          ++taken;
        } else {
          not_taken(*m);
        }
      }
    }
    return taken;
  }

  [[nodiscard]] bool read_to_its_end(int partition) const override {
    const auto p = static_cast<std::size_t>(partition);
    if (options_.from[p] == ConsumerOptions::kNotRead) return true;
    const auto end = ends_of(partition).second;
    return end >= 0 && partitions_[p].next >= end;
  }
  [[nodiscard]] std::int64_t next_of(int partition) const override {
    return partitions_[static_cast<std::size_t>(partition)].next;
  }
  [[nodiscard]] std::int64_t oldest_of(int partition) const override {
    return std::max<std::int64_t>(0, ends_of(partition).first);
  }

  [[nodiscard]] bool at_end() const override {
    return std::ranges::all_of(partitions_, [](const Partition& p) { return p.ended; });
  }

  Result<Extent> extent_of(int partition, std::chrono::milliseconds within) override {
    Extent extent;
    const auto code = rd_kafka_query_watermark_offsets(client_.get(), options_.topic.c_str(),
                                                       partition, &extent.oldest, &extent.end,
                                                       static_cast<int>(within.count()));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(code, options_.topic);
    return extent;
  }

  [[nodiscard]] std::uint64_t behind() const override {
    std::uint64_t sum = 0;
    for (std::size_t p = 0; p < partitions_.size(); ++p) {
      if (partitions_[p].next < 0) continue;  // nothing has come of it yet
      const auto end = ends_of(static_cast<int>(p)).second;
      sum += static_cast<std::uint64_t>(std::max<std::int64_t>(0, end - partitions_[p].next));
    }
    return sum;
  }

  [[nodiscard]] std::string problem() const override {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  struct Partition {
    std::int64_t from = 0;
    std::int64_t next = 0;  // to be polled; -1: not known
    bool ended = false;     // once
  };

  // The threads of the library (2.0.2) that fetch sleep while the queue is full. A request through
  // them wakes them; what its answer says is of no interest. Where there was none in time, as of a
  // partition that nobody leads, the library's own look each second has to do for a while.
  void look_at_queue() {
    const bool low = rd_kafka_queue_length(queue_.get()) < options_.queue_records_low;
    const auto now = std::chrono::steady_clock::now();
    if (!std::exchange(was_low_, low) && low && now >= asks_from_) {
      const Owned<rd_kafka_topic_partition_list_t> ends(rd_kafka_topic_partition_list_new(0));
      for (std::size_t p = 0; p < partitions_.size(); ++p) {
        if (options_.from[p] == ConsumerOptions::kNotRead) continue;
        rd_kafka_topic_partition_list_add(ends.get(), options_.topic.c_str(),
                                          static_cast<int>(p))->offset = RD_KAFKA_OFFSET_END;
      }
      const auto code = rd_kafka_offsets_for_times(client_.get(), ends.get(), kAskedWithinMs);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) asks_from_ = now + kAskAgain;
    }
  }
  // As the last answer of a broker said; negative: none did.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> ends_of(int partition) const {
    std::int64_t low = -1;
    std::int64_t high = -1;
    const auto code = rd_kafka_get_watermark_offsets(client_.get(), options_.topic.c_str(),
                                                     partition, &low, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return {-1, -1};
    return {low, high};
  }
  Record begun(const rd_kafka_message_t& m) {
    partitions_[static_cast<std::size_t>(m.partition)].next = m.offset + 1;
    Record r;
    r.partition = m.partition;
    r.offset = m.offset;
    rd_kafka_timestamp_type_t kind{};
    const auto ms = std::max<std::int64_t>(0, rd_kafka_message_timestamp(&m, &kind));
    r.appended = event_time(ms * 1'000'000);
    r.key = text_of(m.key, m.key_len);
    r.value = {static_cast<const std::uint8_t*>(m.payload), m.payload == nullptr ? 0 : m.len};
    return r;
  }
  void hand_out(const rd_kafka_message_t& m, const std::function<void(const Record&)>& take) {
    works();
    auto r = begun(m);
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* name = nullptr;
      const void* value = nullptr;
      std::size_t size = 0;
      for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                              RD_KAFKA_RESP_ERR_NO_ERROR;
           ++i) {
        r.headers.emplace_back(name, text_of(value, size));
      }
    }
    take(r);
  }
  void not_taken(const rd_kafka_message_t& m) {
    if (m.err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      return said(m.err, rd_kafka_message_errstr(&m));
    }
    works();
    auto& p = partitions_[static_cast<std::size_t>(m.partition)];
    p.next = m.offset;
    p.ended = true;
  }
  static void on_error(rd_kafka_t* /*client*/, int code, const char* why, void* opaque) {
    const auto error = static_cast<rd_kafka_resp_err_t>(code);
    if (!is_about_connections(error)) static_cast<RdConsumer*>(opaque)->said(error, why);
  }
  void said(rd_kafka_resp_err_t code, const char* why) {
    const std::lock_guard lock(mutex_);
    auto text = error_of(code, options_.topic, why == nullptr ? "" : why).text();
    if (text == problem_) return;
    problem_ = std::move(text);
    log::warning("Kafka", "error={}", problem_);
  }
  void works() {
    const std::lock_guard lock(mutex_);
    problem_.clear();
  }

  ConsumerOptions options_;
  std::vector<Partition> partitions_;
  bool was_low_ = true;  // the queue
  std::chrono::steady_clock::time_point asks_from_{};
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> queue_;
  mutable std::mutex mutex_;
  std::string problem_;
};

}  // namespace

std::vector<std::int64_t> ConsumerOptions::none_of(int partitions) {
  std::vector<std::int64_t> from(static_cast<std::size_t>(partitions));
  std::ranges::fill(from, kNotRead);
  return from;
}

ConsumerOptions ConsumerOptions::of_one(std::string topic, int partitions, int partition,
                                        std::int64_t from) {
  ConsumerOptions options;
  options.topic = std::move(topic);
  options.from = none_of(partitions);
  options.from[static_cast<std::size_t>(partition)] = from;
  options.queue_bytes_max = kQueueBytesOfAll / static_cast<std::uint64_t>(partitions);
  return options;
}

std::string_view Record::header(std::string_view name) const {
  for (const auto& [known, text] : headers) {
    if (known == name) return text;
  }
  return {};
}

Result<std::unique_ptr<Consumer>> Consumer::open(const Settings& settings,
                                                 ConsumerOptions options) {
  auto consumer = std::make_unique<RdConsumer>(std::move(options));
  TIDE_TRY(consumer->start(settings));
  return std::unique_ptr<Consumer>(std::move(consumer));
}

}  // namespace tidemark::kafka
