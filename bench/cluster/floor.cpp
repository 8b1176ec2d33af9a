// The floor: what the same windows cost by hand, on librdkafka and nothing else. It drops what is
// late, checks nothing and keeps no state.
//
//   tidemark-cluster-floor BROKERS json|packed TOPIC ANSWERS BOUND_MS
//
// Reads TOPIC (load.cpp says what is in it) to its end; a window of a device is answered when its
// partition has come BOUND_MS beyond it. Prints how many readings it took.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kPartitions = 4;
constexpr std::int64_t kWindowMs = 10'000;
constexpr std::size_t kBatch = 1000;
constexpr std::size_t kDevicesMax = 2000;

[[noreturn]] void fail(const char* what) {
  fmt::print(stderr, "tidemark-cluster-floor: {}\n", what);
  std::exit(1);
}

struct Sum {
  std::uint64_t count = 0;
  double sum = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  void add(double v) {
    ++count;
    sum += v;
    min = std::min(min, v);
    max = std::max(max, v);
  }
};

rd_kafka_t* client(rd_kafka_type_t type, const std::string& brokers) {
  auto* conf = rd_kafka_conf_new();
  std::array<char, 256> why{};
  const auto set = [&](const char* name, const char* value) {
    if (rd_kafka_conf_set(conf, name, value, why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      fail(why.data());
    }
  };
  set("bootstrap.servers", brokers.c_str());
  if (type == RD_KAFKA_CONSUMER) {
    set("group.id", "floor");
    set("auto.offset.reset", "earliest");
    set("enable.auto.commit", "false");
    set("enable.partition.eof", "true");
  } else {
    set("enable.idempotence", "true");
    set("linger.ms", "50");
  }
  auto* made = rd_kafka_new(type, conf, why.data(), why.size());
  if (made == nullptr) fail(why.data());
  return made;
}

// Windows of the devices of one partition.
class Windows {
 public:
  Windows(rd_kafka_t* producer, rd_kafka_topic_t* answers, int partition, std::int64_t bound)
      : producer_(producer), answers_(answers), partition_(partition), bound_(bound) {}

  void add(std::size_t device, std::int64_t time, double value) {
    newest_ = std::max(newest_, time);
    const auto start = time - time % kWindowMs;
    if (start + kWindowMs <= closed_) return;  // late
    if (start != last_start_) {
      auto& all = open_[start];
      if (all.empty()) all.resize(kDevicesMax);
      last_ = all.data();
      last_start_ = start;
    }
    last_[device].add(value);
  }
  void advance() {
    const auto until = newest_ - bound_;
    while (!open_.empty() && open_.begin()->first + kWindowMs <= until) {
      const auto& [start, all] = *open_.begin();
      for (std::size_t d = 0; d < all.size(); ++d) {
        if (all[d].count > 0) say(d, start, all[d]);
      }
      closed_ = start + kWindowMs;
      open_.erase(open_.begin());
      last_start_ = -1;
    }
  }

 private:
  void say(std::size_t device, std::int64_t start, const Sum& s) {
    const auto name = fmt::format("dev-{:04}", device);
    auto text = fmt::format(
        R"({{"device":"{}","start":{},"count":{},"min":{},"max":{},"avg":{}}})", name, start,
        s.count, s.min, s.max, s.sum / static_cast<double>(s.count));
    while (rd_kafka_produce(answers_, partition_, RD_KAFKA_MSG_F_COPY, text.data(), text.size(),
                            name.data(), name.size(), nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("an answer is not taken");
      rd_kafka_poll(producer_, 10);
    }
  }

  rd_kafka_t* producer_;
  rd_kafka_topic_t* answers_;
  int partition_;
  std::int64_t bound_;
  std::int64_t newest_ = 0;
  std::int64_t closed_ = 0;
  std::map<std::int64_t, std::vector<Sum>> open_;
  std::int64_t last_start_ = -1;
  Sum* last_ = nullptr;
};

template <typename T>
T number_after(std::string_view text, std::string_view key) {
  T n{};
  const auto at = text.find(key);
  if (at == std::string_view::npos) fail("a record without a field");
  std::from_chars(text.data() + at + key.size(), text.data() + text.size(), n);
  return n;
}

std::uint64_t add_json(std::string_view text, Windows& windows) {
  windows.add(number_after<std::size_t>(text, R"("device":"dev-)"),
              number_after<std::int64_t>(text, R"("ts":)"), number_after<double>(text, R"("v":)"));
  return 1;
}

template <typename T>
T fixed(const char* at) {
  T n;
  std::memcpy(&n, at, sizeof n);
  return n;
}

std::uint64_t add_packed(std::string_view bytes, Windows& windows) {
  const auto device = fixed<std::uint32_t>(bytes.data());
  const std::size_t count = fixed<std::uint32_t>(bytes.data() + 4);
  const auto base = fixed<std::int64_t>(bytes.data() + 8);
  const auto* times = bytes.data() + 16;
  const auto* values = times + 4 * count;
  for (std::size_t i = 0; i < count; ++i) {
    windows.add(device, base + fixed<std::int32_t>(times + 4 * i), fixed<double>(values + 8 * i));
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const bool json = std::string_view(argv[2]) == "json";
  const auto bound = std::strtoll(argv[5], nullptr, 10);
  auto* producer = client(RD_KAFKA_PRODUCER, argv[1]);
  auto* answers = rd_kafka_topic_new(producer, argv[4], nullptr);
  auto* consumer = client(RD_KAFKA_CONSUMER, argv[1]);
  rd_kafka_poll_set_consumer(consumer);
  auto* list = rd_kafka_topic_partition_list_new(kPartitions);
  std::vector<Windows> windows;
  for (int p = 0; p < kPartitions; ++p) {
    rd_kafka_topic_partition_list_add(list, argv[3], p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    windows.emplace_back(producer, answers, p, bound);
  }
  rd_kafka_assign(consumer, list);
  auto* queue = rd_kafka_queue_get_consumer(consumer);
  std::array<rd_kafka_message_t*, kBatch> batch{};
  std::uint64_t taken = 0;
  for (int ended = 0; ended < kPartitions;) {
    const auto n = rd_kafka_consume_batch_queue(queue, 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < n; ++i) {
      auto* m = batch[static_cast<std::size_t>(i)];
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const std::string_view value(static_cast<const char*>(m->payload), m->len);
        auto& of_partition = windows[static_cast<std::size_t>(m->partition)];
        taken += json ? add_json(value, of_partition) : add_packed(value, of_partition);
        of_partition.advance();
      } else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        ++ended;
      } else {
        fail(rd_kafka_message_errstr(m));
      }
      rd_kafka_message_destroy(m);
    }
    rd_kafka_poll(producer, 0);
  }
  if (rd_kafka_flush(producer, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("answers are not taken");
  fmt::print("{}\n", taken);
  std::fflush(stdout);
  std::_Exit(0);  // the client's threads end with it
}
