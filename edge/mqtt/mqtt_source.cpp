#include "edge/mqtt/mqtt_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/base/clean_name.h"
#include "edge/mqtt/broker_client.h"
#include "edge/mqtt/client_intake.h"
#include "edge/mqtt/decoder.h"
#include "edge/mqtt/seen_table.h"
#include "edge/mqtt/topic.h"
#include "edge/payload/payload.h"

namespace tidemark::mqtt {

namespace {

constexpr std::uint64_t kPayloadBytesMax = 16 << 20;

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

Result<> check_sampling(const Sampling& s) {
  TIDE_TRY(payload::canonical_path(s.interval_path));
  TIDE_TRY(payload::canonical_path(s.start_path));
  if (s.interval < Nanoseconds{}) return bad("interval: it must not be below 0");
  return {};
}

class MqttSource final : public source::Source {
 public:
  MqttSource(const Options& options, journal::Journal& journal, const Clock& clock, Random& random,
             std::unique_ptr<SeenTable> seen)
      : options_(options),
        seen_(std::move(seen)),
        decoder_(options_, seen_.get()),
        intake_(options_, 0, journal, clock, random) {
    decoder_.on_command([this](const std::string& topic, ByteSpan payload) {
      intake_.publish(topic, payload);
    });
  }

  Result<> start() override { return intake_.start(); }
  void stop() override { intake_.stop(); }
  source::Decoder& decoder() override { return decoder_; }

  [[nodiscard]] source::Status status() const override {
    const auto state = intake_.state();
    return {.name = options_.name,
            .protocol = "mqtt",
            .state = state.state,
            .error = state.error,
            .heard = intake_.heard(),
            .failed = state.failures,
            .late = 0,
            .refused = {},
            .away = decoder_.away()};
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
  const Options options_;
  std::unique_ptr<SeenTable> seen_;
  MessageDecoder decoder_;
  ClientIntake intake_;
};

}  // namespace

Result<> Options::check() const {
  if (name.empty()) return bad("name: it must not be empty");
  const bool client = !plugin || !wills.empty();
  if (!client && !url.empty()) return bad("url: the broker's plug-in needs none");
  if (!plugin && !wills.empty()) return bad("wills: a client sees them like any message");
  if (client) TIDE_TRY(parse_broker_url(url));
  if (topics.empty()) return bad("topics: at least one is needed");
  for (const auto& topic : topics) TIDE_TRY(check_filter(topic));
  for (const auto& topic : wills) TIDE_TRY(check_filter(topic));
  for (const auto& i : inside) {
    TIDE_TRY(check_filter(i.topic));
    TIDE_TRY(path_from_topic(i.path, ""));
  }
  for (const auto& p : presence) {
    TIDE_TRY(check_filter(p.topic));
    TIDE_TRY(check_name_expression(p.device));
    TIDE_TRY(payload::canonical_path(p.path));
    if (p.online.empty() || p.offline.empty()) {
      return bad(fmt::format("presence '{}': it needs words for online and for offline", p.topic));
    }
  }
  TIDE_TRY(check_name_expression(device));
  TIDE_TRY(check_name_expression(metric_prefix));
  TIDE_TRY(payload::canonical_path(time_path));
  TIDE_TRY(check_sampling(sampling));
  TIDE_TRY(payload::canonical_path(unit_at));
  std::set<std::string> paths;
  for (const auto& s : series) {
    TIDE_ASSIGN(auto path, payload::canonical_path(s.path));
    TIDE_TRY(payload::canonical_path(s.beside));
    TIDE_TRY(check_sampling(s.sampling));
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

std::vector<std::string> Options::filters() const {
  auto out = topics;
  for (const auto& p : presence) {
    if (std::find(out.begin(), out.end(), p.topic) == out.end()) out.push_back(p.topic);
  }
  return out;
}

Result<std::unique_ptr<source::Source>> make_source(Options options, journal::Journal& journal,
                                                    const Clock& clock, Random& random) {
  if (const auto checked = options.check(); !checked) {
    return Error(checked.error()).within("source " + options.name);
  }
  if (options.plugin && options.wills.empty()) {
    return make_plugin_source(options, journal, nullptr, nullptr);
  }
  const auto file = options.folder / ("mqtt-" + clean_name(options.name) + ".seen");
  auto seen = SeenTable::open(file, journal::boot_id(), journal.end().journal);
  if (!seen) return std::move(seen).error().within("source " + options.name);
  if (options.plugin) {
    auto listener = options;
    listener.index = kBrokerSource;
    listener.topics = options.wills;
    listener.presence.clear();  // those that are wills are among these
    return make_plugin_source(
        options, journal, std::move(seen).value(),
        std::make_unique<ClientIntake>(listener, kSubscribed, journal, clock, random));
  }
  return std::unique_ptr<source::Source>(std::make_unique<MqttSource>(
      options, journal, clock, random, std::move(seen).value()));
}

}  // namespace tidemark::mqtt
