// An MQTT source of which the broker's plug-in appends to the journal (edge/plugin): all that is
// left to do here is to decode, to say whether the broker has the plug-in, and to listen for wills.
#include <algorithm>
#include <atomic>

#include "edge/mqtt/client_intake.h"
#include "edge/mqtt/decoder.h"
#include "edge/mqtt/mqtt_source.h"
#include "edge/mqtt/topic.h"

namespace tidemark::mqtt {
namespace {

class PluginSource final : public source::Source, public source::Decoder {
 public:
  PluginSource(const Options& options, journal::Journal& journal, std::unique_ptr<SeenTable> seen,
               std::unique_ptr<ClientIntake> wills)
      : options_(options),
        journal_(journal),
        seen_(std::move(seen)),
        decoder_(with_wills(options), seen_.get()),
        wills_(std::move(wills)) {
    if (!wills_) return;
    decoder_.on_command([this](const std::string& topic, ByteSpan payload) {
      wills_->publish(topic, payload);
    });
  }

  Result<> start() override {
    running_ = true;
    return wills_ ? wills_->start() : Result<>();
  }
  void stop() override {
    if (wills_) wills_->stop();
    running_ = false;
  }
  source::Decoder& decoder() override { return *this; }

  void decode(const journal::Entry& entry, source::SeriesTable& series,
              source::Decoded& out) override {
    if (wills_ && comes_twice(entry)) return;
    if (entry.kind != kNewSession) heard_.fetch_add(1, std::memory_order_relaxed);
    decoder_.decode(entry, series, out);
  }
  [[nodiscard]] bool leads(const source::Way& way, std::string_view series) const override {
    return decoder_.leads(way, series);
  }
  [[nodiscard]] ByteSpan sent(const journal::Entry& entry) const override {
    return decoder_.sent(entry);
  }

  [[nodiscard]] source::Status status() const override {
    source::Status s;
    s.name = options_.name;
    s.protocol = "mqtt";
    s.heard = heard_.load(std::memory_order_relaxed);
    if (!running_) {
      s.state = "stopped";
    } else if (journal_.has_guest()) {
      s.state = "ok";
    } else {
      s.state = "connecting";
      s.error = "no broker has opened the journal: load tidemark-mosquitto.so in mosquitto.conf, "
                "with plugin_opt_journal where it lies, and see the broker's log";
    }
    s.away = decoder_.away();
    if (!wills_) return s;
    const auto client = wills_->state();
    s.failed = client.failures;
    if (s.state == "ok" && client.state != "ok") {
      s.state = client.state;
      s.error = "wills: " + client.error;
    }
    return s;
  }
  [[nodiscard]] std::vector<source::Schedule> schedules() const override {
    if (options_.every <= Nanoseconds{}) return {};
    return {{.poll_class = "", .period = options_.every}};
  }
  [[nodiscard]] bool device_stamped() const override { return options_.device_stamped(); }
  [[nodiscard]] Nanoseconds lateness() const override {
    return device_stamped() ? options_.lateness : Nanoseconds{};
  }

 private:
  static Options with_wills(Options options) {
    options.topics.insert(options.topics.end(), options.wills.begin(), options.wills.end());
    return options;
  }
  // The client hears what is published to the topics of wills, too.
  bool comes_twice(const journal::Entry& entry) {
    if (entry.kind == kNewSession || (entry.kind & kSubscribed) != 0) return false;
    return std::any_of(options_.wills.begin(), options_.wills.end(), [&](const auto& filter) {
      return topic_matches(filter, as_text(entry.topic), wild_);
    });
  }

  const Options options_;
  journal::Journal& journal_;
  std::unique_ptr<SeenTable> seen_;  // of the client's
  MessageDecoder decoder_;
  std::unique_ptr<ClientIntake> wills_;
  std::vector<std::string_view> wild_;  // reused
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> heard_{0};
};

}  // namespace

std::unique_ptr<source::Source> make_plugin_source(const Options& options,
                                                   journal::Journal& journal,
                                                   std::unique_ptr<SeenTable> seen,
                                                   std::unique_ptr<ClientIntake> wills) {
  return std::make_unique<PluginSource>(options, journal, std::move(seen), std::move(wills));
}

}  // namespace tidemark::mqtt
