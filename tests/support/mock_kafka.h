// librdkafka's own mock cluster: brokers in this process that speak the real protocol on loopback.
#pragma once

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <map>
#include <string>
#include <vector>

#include "common/kafka/settings.h"

namespace tidemark::test {

struct MockRecord {
  std::string key;
  std::string value;
  int partition = 0;
  std::map<std::string, std::string> headers;
};

class MockKafka {
 public:
  static constexpr int kPartitions = 4;

  explicit MockKafka(int brokers = 1)
      : owner_(rd_kafka_new(RD_KAFKA_PRODUCER, nullptr, nullptr, 0)),
        cluster_(rd_kafka_mock_cluster_new(owner_, brokers)) {
    settings.brokers = rd_kafka_mock_cluster_bootstraps(cluster_);
    for (const auto& t : topics()) {
      EXPECT_EQ(rd_kafka_mock_topic_create(cluster_, t.c_str(), kPartitions, 1),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
  }
  ~MockKafka() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(owner_);
  }
  MockKafka(const MockKafka&) = delete;
  MockKafka& operator=(const MockKafka&) = delete;

  [[nodiscard]] std::vector<std::string> topics() const {
    return {settings.live(),    settings.backlog(), settings.dictionaries(),
            settings.control(), settings.answers(), settings.history(),
            settings.events(),  settings.dead_letters(), settings.checkpoints(),
            settings.partials(), settings.orders()};
  }
  // A topic of somebody else's.
  void make(const std::string& topic) {
    EXPECT_EQ(rd_kafka_mock_topic_create(cluster_, topic.c_str(), kPartitions, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  // A topic is said not to be there; these brokers would make one that is asked for.
  void have(const std::string& topic, bool there) {
    rd_kafka_mock_topic_set_error(cluster_, topic.c_str(),
                                  there ? RD_KAFKA_RESP_ERR_NO_ERROR
                                        : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  }
  // The next `n` produce requests are answered so, and do nothing.
  void refuse_produce(rd_kafka_resp_err_t with, std::size_t n = 1) {
    constexpr std::int16_t kProduce = 0;  // of the protocol
    refuse(kProduce, with, n);
  }
  // The next heartbeat of a member of a group is answered so.
  void refuse_heartbeat(rd_kafka_resp_err_t with) {
    constexpr std::int16_t kHeartbeat = 12;
    refuse(kHeartbeat, with, 1);
  }
  // The next `n` ends of a transaction are answered so.
  void refuse_end_of_transaction(rd_kafka_resp_err_t with, std::size_t n = 1) {
    constexpr std::int16_t kEndTxn = 26;
    refuse(kEndTxn, with, n);
  }
  void delay_end_of_transaction(std::chrono::milliseconds by, std::size_t n) {
    constexpr std::int16_t kEndTxn = 26;
    for (std::size_t i = 0; i < n; ++i) {
      rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, kEndTxn, 1,
                                                   RD_KAFKA_RESP_ERR_NO_ERROR,
                                                   static_cast<int>(by.count()));
    }
  }
  // The next `n` who ask for a coordinator are answered so.
  void refuse_coordinator(rd_kafka_resp_err_t with, std::size_t n) {
    constexpr std::int16_t kFindCoordinator = 10;
    refuse(kFindCoordinator, with, n);
  }
  // The next `n` who ask for a producer's number are answered so.
  void refuse_producer_id(rd_kafka_resp_err_t with, std::size_t n) {
    constexpr std::int16_t kInitProducerId = 22;
    refuse(kInitProducerId, with, n);
  }
  // From now on it answers after a minute; its connections stay open.
  void stand_still(int broker) {
    constexpr int kMs = 60'000;
    rd_kafka_mock_broker_set_rtt(cluster_, broker, kMs);
  }
  // The next JoinGroup that it gets is answered after a minute.
  void stand_still_at_join(int broker) {
    constexpr std::int16_t kJoinGroup = 11;
    constexpr int kMs = 60'000;
    rd_kafka_mock_broker_push_request_error_rtts(cluster_, broker, kJoinGroup, 1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, kMs);
  }
  // Who leads a group, and all partitions of a topic.
  void coordinate(const std::string& group, int broker) {
    rd_kafka_mock_coordinator_set(cluster_, "group", group.c_str(), broker);
  }
  void lead(const std::string& topic, int broker) {
    for (int p = 0; p < kPartitions; ++p) {
      rd_kafka_mock_partition_set_leader(cluster_, topic.c_str(), p, broker);
    }
  }
  void be_there(bool there) {
    if (there) {
      rd_kafka_mock_broker_set_up(cluster_, 1);
    } else {
      rd_kafka_mock_broker_set_down(cluster_, 1);
    }
  }

  // All that lies in a topic, each partition from its start.
  std::vector<MockRecord> read(const std::string& topic) {
    auto* conf = rd_kafka_conf_new();
    for (const auto& [key, value] :
         std::map<std::string, std::string>{{"bootstrap.servers", settings.brokers},
                                            {"group.id", "reader"},
                                            {"enable.partition.eof", "true"}}) {
      EXPECT_EQ(rd_kafka_conf_set(conf, key.c_str(), value.c_str(), nullptr, 0),
                RD_KAFKA_CONF_OK);
    }
    auto* reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(reader);
    auto* all = rd_kafka_topic_partition_list_new(kPartitions);
    for (int p = 0; p < kPartitions; ++p) {
      rd_kafka_topic_partition_list_add(all, topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(reader, all);
    rd_kafka_topic_partition_list_destroy(all);
    std::vector<MockRecord> out;
    for (int ended = 0; ended < kPartitions;) {
      auto* m = rd_kafka_consumer_poll(reader, 10'000);
      if (m == nullptr) {
        ADD_FAILURE() << topic << " does not end";
        break;
      }
      if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ended;
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) out.push_back(record_of(m));
      rd_kafka_message_destroy(m);
    }
    rd_kafka_destroy(reader);
    return out;
  }

  kafka::Settings settings;

 private:
  void refuse(std::int16_t request, rd_kafka_resp_err_t with, std::size_t n) {
    const std::vector<rd_kafka_resp_err_t> errors(n, with);
    rd_kafka_mock_push_request_errors_array(cluster_, request, errors.size(), errors.data());
  }
  static MockRecord record_of(const rd_kafka_message_t* m) {
    MockRecord r{{static_cast<const char*>(m->key), m->key_len},
                 {static_cast<const char*>(m->payload), m->len},
                 m->partition,
                 {}};
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return r;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                            RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      r.headers[name] = std::string(static_cast<const char*>(value), size);
    }
    return r;
  }

  rd_kafka_t* owner_;
  rd_kafka_mock_cluster_t* cluster_;
};

}  // namespace tidemark::test
