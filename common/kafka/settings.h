// How to reach a Kafka: what the configuration says, and the names of the topics.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark::kafka {

struct Settings {
  std::string brokers;              // "kafka1:9092,kafka2:9092"; empty: no Kafka
  std::string prefix = "tidemark";  // of every topic: "<prefix>.blocks.live"
  std::map<std::string, std::string> client;  // security.protocol, sasl.*, ssl.*: to librdkafka
  std::map<std::string, std::string> secret_files;  // sasl.password: the file that holds it

  [[nodiscard]] std::string live() const { return prefix + ".blocks.live"; }
  [[nodiscard]] std::string backlog() const { return prefix + ".blocks.backlog"; }
  [[nodiscard]] std::string dictionaries() const { return prefix + ".dictionaries"; }
  [[nodiscard]] std::string control() const { return prefix + ".control"; }
  [[nodiscard]] std::string partials() const { return prefix + ".partials"; }
  [[nodiscard]] std::string answers() const { return prefix + ".answers"; }
  [[nodiscard]] std::string history() const { return answers() + ".history"; }
  [[nodiscard]] std::string checkpoints() const { return prefix + ".checkpoints"; }
  [[nodiscard]] std::string events() const { return prefix + ".events"; }
  [[nodiscard]] std::string dead_letters() const { return prefix + ".deadletters"; }
  [[nodiscard]] std::string orders() const { return prefix + ".orders"; }
  [[nodiscard]] std::string registry() const { return prefix + ".registry"; }
};

// Fault::bad_input for a prefix that no topic may have, for a setting or value that librdkafka does
// not know, for one on which a promise rests (acks, idempotence, the queue's bounds), and for a
// secret that is not in a file. Files are not looked at: they are read when a client is made.
Result<> check(const Settings& settings);

// Where everything of an edge lies, in all topics that are keyed by edge: XXH3 of its name modulo
// the number of partitions. Of other things by what is said of them in FORMAT.md.
int partition_of(std::string_view name, int partitions);

}  // namespace tidemark::kafka
