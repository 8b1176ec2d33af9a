#include "common/kafka/admin.h"

#include <array>
#include <span>

#include "common/kafka/topics.h"

namespace tidemark::kafka {
namespace {

constexpr int kWithinMs = static_cast<int>(kWithin.count());

}  // namespace

Admin::Admin(Settings settings, Owned<rd_kafka_t> client)
    : settings_(std::move(settings)), client_(std::move(client)),
      queue_(rd_kafka_queue_new(client_.get())) {}

Result<Admin> Admin::open(const Settings& settings) {
  TIDE_ASSIGN(auto conf, make_conf(settings));
  TIDE_ASSIGN(auto client, make_client(RD_KAFKA_PRODUCER, std::move(conf)));
  return Admin(settings, std::move(client));
}

Owned<rd_kafka_AdminOptions_t> Admin::options(rd_kafka_admin_op_t operation) const {
  Owned<rd_kafka_AdminOptions_t> o(rd_kafka_AdminOptions_new(client_.get(), operation));
  std::array<char, 256> why{};
  TIDE_CHECK(rd_kafka_AdminOptions_set_request_timeout(o.get(), kWithinMs, why.data(),
                                                       why.size()) == RD_KAFKA_RESP_ERR_NO_ERROR,
             "a time limit is refused");
  return o;
}

Result<Owned<rd_kafka_event_t>> Admin::answer() {
  Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue_.get(), kWithinMs + 1000));
  if (!event) return error_of(RD_KAFKA_RESP_ERR__TIMED_OUT, settings_.brokers);
  const auto code = rd_kafka_event_error(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return error_of(code, settings_.brokers, rd_kafka_event_error_string(event.get()));
  }
  return event;
}

Result<std::optional<Shape>> Admin::shape(const std::string& topic) {
  const Owned<rd_kafka_topic_t> handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* raw = nullptr;
  const auto code = rd_kafka_metadata(client_.get(), 0, handle.get(), &raw, kWithinMs);
  const Owned<const rd_kafka_metadata_t> found(raw);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(code, settings_.brokers);
  if (found->topic_cnt != 1) return std::optional<Shape>{};
  const auto& t = found->topics[0];
  if (t.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
      t.err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
    return std::optional<Shape>{};
  }
  if (t.err != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(t.err, topic);
  Shape s{t.partition_cnt, 0};
  for (const auto& p : std::span(t.partitions, static_cast<std::size_t>(t.partition_cnt))) {
    s.replication = s.replication == 0 ? p.replica_cnt : std::min(s.replication, p.replica_cnt);
  }
  return std::optional(s);
}

Result<bool> Admin::create(const NewTopic& topic) {
  std::array<char, 256> why{};
  const Owned<rd_kafka_NewTopic_t> t(rd_kafka_NewTopic_new(
      topic.name.c_str(), topic.partitions, topic.replication, why.data(), why.size()));
  if (!t) return Error{Fault::bad_input, topic.name + ": " + why.data()};
  for (const auto& [key, value] : topic.settings) {
    rd_kafka_NewTopic_set_config(t.get(), key.c_str(), value.c_str());
  }
  std::array<rd_kafka_NewTopic_t*, 1> all{t.get()};
  rd_kafka_CreateTopics(client_.get(), all.data(), all.size(),
                        options(RD_KAFKA_ADMIN_OP_CREATETOPICS).get(), queue_.get());
  TIDE_ASSIGN(const auto event, answer());
  std::size_t n = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &n);
  if (n != 1) return Error{Fault::unavailable, topic.name + ": the broker's answer is empty"};
  const auto code = rd_kafka_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return false;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
  const auto* said = rd_kafka_topic_result_error_string(results[0]);
  return error_of(code, topic.name, said == nullptr ? "" : said);
}

Result<TopicSettings> Admin::settings_of(const std::string& topic) {
  const Owned<rd_kafka_ConfigResource_t> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  std::array<rd_kafka_ConfigResource_t*, 1> all{resource.get()};
  rd_kafka_DescribeConfigs(client_.get(), all.data(), all.size(),
                           options(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS).get(), queue_.get());
  TIDE_ASSIGN(const auto event, answer());
  std::size_t n = 0;
  const auto* resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &n);
  if (n != 1) return Error{Fault::unavailable, topic + ": the broker's answer is empty"};
  const auto code = rd_kafka_ConfigResource_error(resources[0]);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(code, topic);
  std::size_t entries = 0;
  const auto* list = rd_kafka_ConfigResource_configs(resources[0], &entries);
  TopicSettings out;
  for (const auto* entry : std::span(list, entries)) {
    const auto* value = rd_kafka_ConfigEntry_value(entry);
    out[rd_kafka_ConfigEntry_name(entry)] = value == nullptr ? "" : value;
  }
  return out;
}

Result<std::optional<std::string>> Admin::last_value(const std::string& topic,
                                                     std::string_view key) {
  TIDE_ASSIGN(auto conf, make_conf(settings_));
  TIDE_TRY(set(conf.get(), "group.id", "tidemark-reader"));  // named, never joined
  TIDE_TRY(set(conf.get(), "enable.auto.commit", "false"));
  TIDE_TRY(set(conf.get(), "enable.partition.eof", "true"));
  TIDE_TRY(set(conf.get(), "auto.offset.reset", "error"));
  TIDE_ASSIGN(const auto reader, make_client(RD_KAFKA_CONSUMER, std::move(conf)));
  const Owned<rd_kafka_topic_partition_list_t> partitions(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(partitions.get(), topic.c_str(), 0)->offset =
      RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_poll_set_consumer(reader.get());
  const auto assigned = rd_kafka_assign(reader.get(), partitions.get());
  if (assigned != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(assigned, topic);
  std::optional<std::string> found;
  for (;;) {
    const Owned<rd_kafka_message_t> m(rd_kafka_consumer_poll(reader.get(), kWithinMs));
    if (!m) return error_of(RD_KAFKA_RESP_ERR__TIMED_OUT, topic);
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return found;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return error_of(m->err, topic, rd_kafka_message_errstr(m.get()));
    }
    const std::string_view name(static_cast<const char*>(m->key), m->key_len);
    if (name == key) found.emplace(static_cast<const char*>(m->payload), m->len);
  }
}

Result<std::map<int, std::string>> Admin::owners(const std::string& group,
                                                 const std::string& topic) {
  TIDE_ASSIGN(const auto found, shape(topic));
  std::map<int, std::string> owners;
  for (int p = 0; found && p < found->partitions; ++p) owners[p];
  std::array<const char*, 1> names{group.c_str()};
  rd_kafka_DescribeConsumerGroups(client_.get(), names.data(), names.size(),
                                  options(RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS).get(),
                                  queue_.get());
  TIDE_ASSIGN(const auto event, answer());
  std::size_t n = 0;
  const auto** groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &n);
  if (n != 1) return Error{Fault::unavailable, group + ": the broker's answer is empty"};
  if (const auto* error = rd_kafka_ConsumerGroupDescription_error(groups[0]); error != nullptr) {
    return error_of(rd_kafka_error_code(error), group, rd_kafka_error_string(error));
  }
  for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); ++i) {
    const auto* member = rd_kafka_ConsumerGroupDescription_member(groups[0], i);
    const auto* list =
        rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member));
    if (list == nullptr) continue;
    for (const auto& p : std::span(list->elems, static_cast<std::size_t>(list->cnt))) {
      if (p.topic == topic) owners[p.partition] = rd_kafka_MemberDescription_client_id(member);
    }
  }
  return owners;
}

}  // namespace tidemark::kafka
