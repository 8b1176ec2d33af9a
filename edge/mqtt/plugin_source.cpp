// An MQTT source without a client: the broker's plug-in appends to the journal (edge/plugin), so
// all that is left to do here is to decode, and to say whether the broker has the plug-in.
#include <atomic>

#include "edge/mqtt/decoder.h"
#include "edge/mqtt/mqtt_source.h"

namespace tidemark::mqtt {
namespace {

class PluginSource final : public source::Source, public source::Decoder {
 public:
  PluginSource(const Options& options, journal::Journal& journal)
      : options_(options), journal_(journal), decoder_(options_, nullptr) {}

  Result<> start() override {
    running_ = true;
    return {};
  }
  void stop() override { running_ = false; }
  source::Decoder& decoder() override { return *this; }

  void decode(const journal::Entry& entry, source::SeriesTable& series,
              source::Decoded& out) override {
    heard_.fetch_add(1, std::memory_order_relaxed);
    decoder_.decode(entry, series, out);
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
  const Options options_;
  journal::Journal& journal_;
  MessageDecoder decoder_;
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> heard_{0};
};

}  // namespace

std::unique_ptr<source::Source> make_plugin_source(const Options& options,
                                                   journal::Journal& journal) {
  return std::make_unique<PluginSource>(options, journal);
}

}  // namespace tidemark::mqtt
