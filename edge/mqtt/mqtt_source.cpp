#include "edge/mqtt/mqtt_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "common/base/log.h"
#include "edge/mqtt/broker_client.h"
#include "edge/mqtt/decoder.h"
#include "edge/mqtt/message.h"
#include "edge/mqtt/seen_table.h"
#include "edge/mqtt/topic.h"
#include "edge/payload/payload.h"

namespace tidemark::mqtt {

namespace {

constexpr std::uint64_t kPayloadBytesMax = 16 << 20;
constexpr std::chrono::milliseconds kPatience{200};  // how soon a full journal notices stop()

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

class MqttSource final : public source::Source {
 public:
  MqttSource(const Options& options, journal::Journal& journal, const Clock& clock, Random& random,
             std::unique_ptr<SeenTable> seen)
      : options_(options),
        journal_(journal),
        clock_(clock),
        seen_(std::move(seen)),
        decoder_(options_, seen_.get()),
        client_(options_,
                {.message = [this](const Delivery& d) { return take(d); },
                 .settled = [this] { return settle(); },
                 .new_session = [this] { return take_session(); }},
                random) {
    decoder_.on_command([this](const std::string& topic, ByteSpan payload) {
      client_.publish(topic, payload);
    });
  }

  Result<> start() override { return client_.start(); }
  void stop() override { client_.stop(); }
  source::Decoder& decoder() override { return decoder_; }

  [[nodiscard]] source::Status status() const override {
    const auto state = client_.state();
    return {.name = options_.name,
            .protocol = "mqtt",
            .state = state.state,
            .error = state.error,
            .heard = heard_.load(std::memory_order_relaxed),
            .failed = state.failures,
            .late = 0};
  }
  [[nodiscard]] std::vector<source::Schedule> schedules() const override {
    if (options_.every <= Nanoseconds{}) return {};
    return {{.poll_class = "", .period = options_.every}};
  }
  [[nodiscard]] bool device_stamped() const override {
    return options_.device_stamped();
  }
  [[nodiscard]] Nanoseconds lateness() const override {
    return device_stamped() ? options_.lateness : Nanoseconds{};
  }

 private:
  bool take(const Delivery& delivery) {
    Message message;
    message.packet_id = delivery.packet_id;
    message.size = delivery.size;
    message.topic = as_bytes(delivery.topic);
    message.payload = delivery.payload;
    if (delivery.duplicate) message.flags |= kDuplicate;
    if (delivery.retained) message.flags |= kRetained;
    if (message.size > options_.payload_max.count) cut(message);
    journal::Entry entry;
    to_entry(message, buffer_, entry);
    if (!store(entry, &message)) return false;
    heard_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  bool take_session() {
    journal::Entry entry;
    entry.kind = kNewSession;
    return store(entry, nullptr) && settle();
  }

  static void cut(Message& message) {
    message.flags |= kCut;
    message.payload = message.payload.first(std::min(message.payload.size(), kCutBytes));
  }

  // With `durable`: waits for the flush of what was stored; false when the source stops before.
  bool settle() {
    if (!options_.durable) return true;
    while (!journal_.wait_durable(stored_, kPatience)) {
      if (client_.stopping()) return false;
    }
    return true;
  }

  // Waits for room; false when the source stops before.
  bool store(journal::Entry& entry, Message* message) {
    entry.source = options_.index;
    entry.arrived = clock_.wall();
    // Strictly rising: it also tells the entries of this boot apart (seen_table.h).
    steady_ = std::max(steady_ + 1, std::int64_t{clock_.steady().time_since_epoch().count()});
    entry.steady = steady_;
    for (;;) {
      if (client_.stopping()) return false;
      const auto before = clock_.steady();
      const auto stored = journal_.append(entry, kPatience);
      if (stored) {
        stored_ = *stored;
        return true;
      }
      if (stored.error().fault() != Fault::full) return false;
      const bool at_once = clock_.steady() - before < kPatience / 2;
      if (at_once && message != nullptr && !message->has(kCut)) {
        // Refused without waiting: too large for this journal, however empty it gets.
        cut(*message);
        to_entry(*message, buffer_, entry);
      } else {
        log::warning("journal is full: mqtt waits", "source={}", options_.name);
      }
    }
  }

  Options options_;
  journal::Journal& journal_;
  const Clock& clock_;
  std::unique_ptr<SeenTable> seen_;
  MessageDecoder decoder_;
  ByteVector buffer_;  // of the client's thread, as steady_
  std::int64_t steady_ = 0;
  journal::Position stored_;
  std::atomic<std::uint64_t> heard_{0};
  BrokerClient client_;  // last: its thread uses all of the above
};

}  // namespace

Result<> Options::check() const {
  if (name.empty()) return bad("name: it must not be empty");
  if (plugin && !url.empty()) return bad("url: the broker's plug-in needs none");
  if (!plugin) TIDE_TRY(parse_broker_url(url));
  if (topics.empty()) return bad("topics: at least one is needed");
  for (const auto& topic : topics) TIDE_TRY(check_filter(topic));
  TIDE_TRY(check_name_expression(device));
  TIDE_TRY(check_name_expression(metric_prefix));
  TIDE_TRY(payload::canonical_path(time_path));
  TIDE_TRY(payload::canonical_path(interval_path));
  TIDE_TRY(payload::canonical_path(unit_at));
  std::set<std::string> paths;
  for (const auto& s : series) {
    TIDE_ASSIGN(auto path, payload::canonical_path(s.path));
    TIDE_TRY(payload::canonical_path(s.beside));
    if (!paths.insert(path + "\n" + s.beside).second) {
      return bad(fmt::format("series: path '{}' comes twice", s.path));
    }
    if (s.exponent < -18 || s.exponent > 18) {
      return bad(fmt::format("series '{}': exponent {} is not in [-18, 18]", s.path, s.exponent));
    }
  }
  if (payload_max.count == 0 || payload_max.count > kPayloadBytesMax) {
    return bad(fmt::format("payload_max: {} B is not in [1, {}]", payload_max.count,
                           kPayloadBytesMax));
  }
  if (lateness < Nanoseconds{} || every < Nanoseconds{}) {
    return bad("lateness and every must not be below 0");
  }
  if (backoff_min <= Nanoseconds{} || backoff_max < backoff_min) {
    return bad("backoff: it must be above 0 and rise");
  }
  return {};
}

Result<std::unique_ptr<source::Source>> make_source(Options options, journal::Journal& journal,
                                                    const Clock& clock, Random& random) {
  if (const auto checked = options.check(); !checked) {
    return Error(checked.error()).within("source " + options.name);
  }
  if (options.plugin) return make_plugin_source(options, journal);
  const auto file = options.folder / ("mqtt-" + clean_name(options.name) + ".seen");
  auto seen = SeenTable::open(file, journal::boot_id(), journal.end().journal);
  if (!seen) return std::move(seen).error().within("source " + options.name);
  return std::unique_ptr<source::Source>(std::make_unique<MqttSource>(
      options, journal, clock, random, std::move(seen).value()));
}

}  // namespace tidemark::mqtt
