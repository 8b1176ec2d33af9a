#include "common/kafka/client.h"

#include <array>

#include "common/base/disk.h"
#include "common/base/log.h"

namespace tidemark::kafka {
namespace {

constexpr int kSyslogError = 3;

void on_log(const rd_kafka_t* /*client*/, int level, const char* facility, const char* text) {
  if (level <= kSyslogError) {
    log::warning("Kafka client", "facility={} text={}", facility, text);
  } else {
    log::info("Kafka client", "facility={} text={}", facility, text);
  }
}

}  // namespace

Result<> set(rd_kafka_conf_t* conf, const char* key, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, key, value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK) {
    return {};
  }
  return Error{Fault::bad_input, std::string(key) + ": " + why.data()};
}

Result<Owned<rd_kafka_conf_t>> make_conf(const Settings& settings) {
  Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  TIDE_TRY(set(conf.get(), "client.id", "tidemark"));
  TIDE_TRY(set(conf.get(), "log_level", "4"));
  TIDE_TRY(set(conf.get(), "log.connection.close", "false"));
  // A broker that is back is found within seconds.
  TIDE_TRY(set(conf.get(), "reconnect.backoff.max.ms", "2000"));
  // One that stands still, with its connections open, is given up so soon: until then nothing
  // asks who leads its partitions now. Brokers need 9 s to see that, unless they are set otherwise.
  TIDE_TRY(set(conf.get(), "socket.timeout.ms", "10000"));
  // Who leads a partition is asked without waiting for that: then only what was under way waits.
  TIDE_TRY(set(conf.get(), "topic.metadata.refresh.interval.ms", "1000"));
  // A topic that was only just made is no error for long.
  TIDE_TRY(set(conf.get(), "topic.metadata.propagation.max.ms", "5000"));
  for (const auto& [key, value] : settings.client) TIDE_TRY(set(conf.get(), key.c_str(), value));
  for (const auto& [key, file] : settings.secret_files) {
    TIDE_ASSIGN(const auto secret, read_secret(file));
    TIDE_TRY(set(conf.get(), key.c_str(), secret));
  }
  TIDE_TRY(set(conf.get(), "bootstrap.servers", settings.brokers));
  TIDE_TRY(set(conf.get(), "allow.auto.create.topics", "false"));
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  return conf;
}

Result<Owned<rd_kafka_t>> make_client(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf) {
  std::array<char, 512> why{};
  Owned<rd_kafka_t> client(rd_kafka_new(type, conf.get(), why.data(), why.size()));
  if (!client) return Error{Fault::bad_input, std::string("Kafka client: ") + why.data()};
  (void)conf.release();
  return client;
}

bool is_about_connections(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
         code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__RESOLVE;
}

Error error_of(rd_kafka_resp_err_t code, std::string_view about, std::string_view detail) {
  const auto text = [&](std::string_view next) {
    std::string t(about);
    t += ": ";
    t += detail.empty() ? std::string_view(rd_kafka_err2str(code)) : detail;
    if (!next.empty()) t += "; " + std::string(next);
    return t;
  };
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {Fault::bad_input, text("make it: tidemark gateway topics init")};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return {Fault::bad_input, text("raise max.message.bytes of the topic; what it must be says: "
                                     "tidemark gateway topics check")};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return {Fault::denied, text("give this user the right (an ACL): DESCRIBE and WRITE on the "
                                  "topics and, where nodes of a group publish, on transactional "
                                  "ids that begin with the prefix; IDEMPOTENT_WRITE on the "
                                  "cluster")};
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__SSL:
      return {Fault::denied, text("correct the security settings of cloud.kafka.client")};
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
      return {Fault::bad_input, text("start more brokers, or say --replication N; --dev is for one "
                                     "broker and data that do not matter")};
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return {Fault::full, text("")};
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return {Fault::unavailable, text("is the broker up, and the address right?")};
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      return {Fault::unavailable, text("fewer brokers than min.insync.replicas are in sync")};
    default: return {Fault::unavailable, text("")};
  }
}

}  // namespace tidemark::kafka
