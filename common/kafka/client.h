// What the files of this folder share of librdkafka.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/kafka/settings.h"

namespace tidemark::kafka {

struct Destroy {
  void operator()(rd_kafka_t* p) const { rd_kafka_destroy(p); }
  void operator()(rd_kafka_conf_t* p) const { rd_kafka_conf_destroy(p); }
  void operator()(rd_kafka_topic_t* p) const { rd_kafka_topic_destroy(p); }
  void operator()(rd_kafka_queue_t* p) const { rd_kafka_queue_destroy(p); }
  void operator()(rd_kafka_event_t* p) const { rd_kafka_event_destroy(p); }
  void operator()(rd_kafka_error_t* p) const { rd_kafka_error_destroy(p); }
  void operator()(rd_kafka_message_t* p) const { rd_kafka_message_destroy(p); }
  void operator()(rd_kafka_headers_t* p) const { rd_kafka_headers_destroy(p); }
  void operator()(rd_kafka_AdminOptions_t* p) const { rd_kafka_AdminOptions_destroy(p); }
  void operator()(rd_kafka_NewTopic_t* p) const { rd_kafka_NewTopic_destroy(p); }
  void operator()(rd_kafka_ConfigResource_t* p) const { rd_kafka_ConfigResource_destroy(p); }
  void operator()(const rd_kafka_metadata_t* p) const { rd_kafka_metadata_destroy(p); }
  void operator()(const rd_kafka_group_list* p) const { rd_kafka_group_list_destroy(p); }
  void operator()(rd_kafka_topic_partition_list_t* p) const {
    rd_kafka_topic_partition_list_destroy(p);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, Destroy>;

// A configuration with the brokers, our name, what the user passes through, and our log. The
// caller adds what it rests on afterwards, so that its word is the last.
Result<Owned<rd_kafka_conf_t>> make_conf(const Settings& settings);
Result<> set(rd_kafka_conf_t* conf, const char* key, const std::string& value);
// Takes the configuration.
Result<Owned<rd_kafka_t>> make_client(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf);

// librdkafka says when it has lost a broker, and all of them when unused connections are closed;
// not when they are back. So a client's error of this kind says nothing about now: a Watch does.
bool is_about_connections(rd_kafka_resp_err_t code);

// What a caller can do about an error of a broker or of librdkafka, in words with the next step.
// `about` names the topic or the brokers.
Error error_of(rd_kafka_resp_err_t code, std::string_view about, std::string_view detail = "");

}  // namespace tidemark::kafka
