// tidemark-mosquitto: the broker's side of `[[source.mqtt]] plugin = true`, a plug-in of mosquitto
// 2.0. README.md beside this file says how to switch it on.
//
// mosquitto hands each message to MOSQ_EVT_MESSAGE before it answers the sender. What is returned
// here decides: success sends the PUBACK; "access denied" would send one too, which MQTT 3.1.1
// cannot tell from success; any other error closes the sender's connection, and it keeps its
// message and sends it again.
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "edge/plugin/intake.h"

namespace {

using namespace tidemark;

constexpr int kPluginInterface = 5;

struct Plugin {
  mosquitto_plugin_id_t* id = nullptr;
  SystemClock clock;
  plugin::Options options;
  std::vector<std::string> topics;
  std::unique_ptr<plugin::Intake> intake;
};

void complain(const std::string& text) {
  mosquitto_log_printf(MOSQ_LOG_ERR, "tidemark-mosquitto: %s", text.c_str());
}

bool number_of(std::string_view text, std::uint64_t from, std::uint64_t to, std::uint64_t& out) {
  const auto [at, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && at == text.data() + text.size() && out >= from && out <= to;
}

// One plugin_opt_KEY VALUE. A text says what is wrong.
std::string take_option(Plugin& plugin, std::string_view key, const std::string& value) {
  std::uint64_t n = 0;
  if (key == "topic") {
    if (mosquitto_sub_topic_check(value.c_str()) != MOSQ_ERR_SUCCESS) return "no topic filter";
    plugin.topics.push_back(value);
  } else if (key == "journal") {
    if (!value.starts_with('/')) return "expected an absolute path";
    plugin.options.journal = value;
  } else if (key == "journal_bytes") {
    if (!number_of(value, 64 << 10, 1 << 30, n)) return "expected 65536 to 1073741824";
    plugin.options.capacity = Bytes{n};
  } else if (key == "payload_max") {
    if (!number_of(value, 1024, 1 << 20, n)) return "expected 1024 to 1048576";
    plugin.options.payload_max = Bytes{n};
  } else if (key == "wait_ms") {
    if (!number_of(value, 0, 60'000, n)) return "expected 0 to 60000";
    plugin.options.wait = std::chrono::milliseconds(n);
  } else if (key == "durable") {
    if (value != "true" && value != "false") return "expected true or false";
    plugin.options.durable = value == "true";
  } else {
    return "not known: journal, journal_bytes, topic, payload_max, wait_ms, durable";
  }
  return {};
}

bool is_ours(const Plugin& plugin, const char* topic) {
  return std::any_of(plugin.topics.begin(), plugin.topics.end(), [&](const std::string& filter) {
    bool matches = false;
    return mosquitto_topic_matches_sub(filter.c_str(), topic, &matches) == MOSQ_ERR_SUCCESS &&
           matches;
  });
}

// The broker is C: nothing may be thrown through it.
int on_message(int, void* event, void* self) noexcept {
  auto& plugin = *static_cast<Plugin*>(self);
  const auto& message = *static_cast<const mosquitto_evt_message*>(event);
  if (!is_ours(plugin, message.topic)) return MOSQ_ERR_SUCCESS;
  const auto taken = plugin.intake->take(
      message.topic, {static_cast<const std::uint8_t*>(message.payload), message.payloadlen});
  return taken ? MOSQ_ERR_SUCCESS : MOSQ_ERR_UNKNOWN;
}

int start(Plugin& plugin, const mosquitto_opt* options, int count) {
  for (int i = 0; i < count; ++i) {
    const auto wrong = take_option(plugin, options[i].key, options[i].value);
    if (wrong.empty()) continue;
    complain("plugin_opt_" + std::string(options[i].key) + ": " + wrong);
    return MOSQ_ERR_INVAL;
  }
  if (plugin.topics.empty()) {
    complain("say with plugin_opt_topic which messages go to the agent, one line a filter");
    return MOSQ_ERR_INVAL;
  }
  auto intake = plugin::Intake::open(plugin.options, plugin.clock);
  if (!intake) {
    complain(intake.error().text() + "; the broker's user needs to be in the group tidemark");
    return MOSQ_ERR_UNKNOWN;
  }
  plugin.intake = std::move(intake).value();
  return mosquitto_callback_register(plugin.id, MOSQ_EVT_MESSAGE, on_message, nullptr, &plugin);
}

}  // namespace

extern "C" {

#pragma GCC visibility push(default)

int mosquitto_plugin_version(int count, const int* versions) {
  return std::find(versions, versions + count, kPluginInterface) != versions + count
             ? kPluginInterface
             : -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t* id, void** self, mosquitto_opt* options,
                          int count) {
  auto plugin = std::make_unique<Plugin>();
  plugin->id = id;
  const int code = start(*plugin, options, count);
  if (code == MOSQ_ERR_SUCCESS) *self = plugin.release();
  return code;
}

int mosquitto_plugin_cleanup(void* self, mosquitto_opt*, int) {
  const std::unique_ptr<Plugin> plugin(static_cast<Plugin*>(self));
  if (!plugin) return MOSQ_ERR_SUCCESS;
  return mosquitto_callback_unregister(plugin->id, MOSQ_EVT_MESSAGE, on_message, nullptr);
}

#pragma GCC visibility pop

}  // extern "C"
