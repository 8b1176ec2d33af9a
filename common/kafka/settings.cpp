#include "common/kafka/settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "common/base/hash.h"
#include "common/kafka/client.h"

namespace tidemark::kafka {
namespace {

// Settings on which promises rest: ours, with the reason.
constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kOurs{{
    {"bootstrap.servers", "say brokers"},
    {"metadata.broker.list", "say brokers"},
    {"acks", "always all: an edge lets go of what is acknowledged"},
    {"request.required.acks", "always all: an edge lets go of what is acknowledged"},
    {"enable.idempotence", "always on: blocks keep their order"},
    {"enable.gapless.guarantee", "edges send again what is missing"},
    {"transactional.id", "nodes of a group have one for each partition"},
    {"partitioner", "an edge's partition is the hash of its name"},
    {"max.in.flight", "an idempotent producer's"},
    {"max.in.flight.requests.per.connection", "an idempotent producer's"},
    {"queue.buffering.max.messages", "quota.in_flight bounds the queue"},
    {"queue.buffering.max.kbytes", "quota.in_flight bounds the queue"},
    {"message.max.bytes", "the largest frame decides"},
    {"message.timeout.ms", "a session's patience decides"},
    {"delivery.timeout.ms", "a session's patience decides"},
    {"allow.auto.create.topics", "topics are made by: tidemark gateway topics init"},
    {"group.id", "positions lie in the node's own database"},
    {"enable.auto.commit", "positions lie in the node's own database"},
    {"enable.auto.offset.store", "positions lie in the node's own database"},
    {"auto.offset.reset", "what is missing is told, never passed over"},
    {"enable.partition.eof", "the node's own"},
    {"ssl.key.pem", "say ssl.key.location: a configuration is no place for a key"},
}};
// Settings that `config show` must not print.
constexpr std::array<std::string_view, 4> kSecrets{
    "sasl.password", "ssl.key.password", "ssl.keystore.password",
    "sasl.oauthbearer.client.secret"};

bool names_topic(std::string_view prefix) {
  constexpr std::size_t kLongest = 200;  // Kafka takes 249 with what follows it
  return !prefix.empty() && prefix.size() <= kLongest && prefix.front() != '.' &&
         std::ranges::all_of(prefix, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

}  // namespace

Result<> check(const Settings& settings) {
  if (!names_topic(settings.prefix)) {
    return Error{Fault::bad_input, "prefix: '" + settings.prefix +
                                       "': letters, digits, '.', '_' and '-' only, at most 200"};
  }
  for (const auto& [key, reason] : kOurs) {
    if (settings.client.contains(std::string(key))) {
      return Error{Fault::bad_input,
                   "client: " + std::string(key) + " is not to be set: " + std::string(reason)};
    }
  }
  for (const auto secret : kSecrets) {
    if (settings.client.contains(std::string(secret))) {
      return Error{Fault::bad_input,
                   fmt::format("client: {0} is a secret: put it into a file of mode 0600 and say "
                               "secret_files = {{ \"{0}\" = \"/etc/tidemark/kafka.secret\" }}",
                               secret)};
    }
  }
  for (const auto& [key, file] : settings.secret_files) {
    if (std::ranges::find(kSecrets, key) == kSecrets.end()) {
      return Error{Fault::bad_input, fmt::format("secret_files: {}: takes {}", key,
                                                 fmt::join(kSecrets, ", "))};
    }
    if (file.empty()) return Error{Fault::bad_input, "secret_files: " + key + " names no file"};
  }
  auto open = settings;
  open.secret_files.clear();
  const auto conf = make_conf(open);
  if (!conf) return Error(conf.error()).within("client");
  return {};
}

int partition_of(std::string_view name, int partitions) {
  return static_cast<int>(xxh3(as_bytes(name)) % static_cast<std::uint64_t>(partitions));
}

}  // namespace tidemark::kafka
