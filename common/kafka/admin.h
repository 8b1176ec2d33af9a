// Single questions and orders to the brokers, each waited for.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/kafka/client.h"

namespace tidemark::kafka {

using TopicSettings = std::map<std::string, std::string>;

struct NewTopic {
  std::string name;
  int partitions = 1;
  int replication = 1;
  TopicSettings settings;
};
struct Shape {
  int partitions = 0;
  int replication = 0;  // the least of its partitions
};

class Admin {
 public:
  static Result<Admin> open(const Settings& settings);
  // Empty: there is no such topic.
  Result<std::optional<Shape>> shape(const std::string& topic);
  // False: it was there already.
  Result<bool> create(const NewTopic& topic);
  Result<TopicSettings> settings_of(const std::string& topic);
  // The last value under a key in partition 0 of a topic; empty when there is none.
  Result<std::optional<std::string>> last_value(const std::string& topic, std::string_view key);
  // Names of a group's members by partition of the topic; empty: nobody has it.
  Result<std::map<int, std::string>> owners(const std::string& group, const std::string& topic);

 private:
  Admin(Settings settings, Owned<rd_kafka_t> client);
  Result<Owned<rd_kafka_event_t>> answer();
  [[nodiscard]] Owned<rd_kafka_AdminOptions_t> options(rd_kafka_admin_op_t operation) const;

  Settings settings_;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> queue_;
};

}  // namespace tidemark::kafka
