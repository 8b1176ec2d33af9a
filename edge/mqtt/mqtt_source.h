// An MQTT source: a client of a broker that appends what it hears to the journal, and the decoder
// that turns those entries into readings.
//
// Promise    with QoS 1 the broker gets its PUBACK only after the message lies in the journal, so
//            no crash of this agent loses it; with `durable` only after the flush that holds it, so
//            no power cut does either (slower: one message per flush and connection). See
//            broker_client.h for why libmosquitto keeps that order.
// Twice      a message that the broker repeats (DUP flag) and that is among the last 1024 taken is
//            dropped before it is decoded, also across a kill -9 (seen_table.h). A power cut
//            between flush and PUBACK repeats it; device-stamped readings are then still known by
//            content, edge-stamped ones count twice.
// Session    persistent (clean session off, with MQTT 5 for ever) under a fixed client id: the
//            broker keeps what comes while the agent is away.
// When full  a full journal blocks the client's thread: the broker queues, and the keep-alive may
//            lapse; the client then comes back and the broker repeats. A message above payload_max
//            is kept by its first kExcerptBytes, for the quarantine.
// Threads    one of its own for the client; the decoder runs on the pipeline's.
// Plug-in    with Options::plugin there is no client and none of the above: the broker's plug-in
//            appends (edge/plugin), and the journal's promise holds for each PUBACK of the broker.
//            mosquitto shows no plug-in the last wills of clients that died: Options::wills are
//            subscribed to by a client beside it, and what the plug-in appends of these topics is
//            passed over, so that no message comes twice.
// Formats    JSON, bare numbers, packed arrays, CSV, Influx line protocol, Sparkplug B: FORMAT.md
//            beside this file and edge/payload/FORMAT.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/number_text.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/strong.h"
#include "common/base/time.h"
#include "common/model/series.h"
#include "edge/journal/journal.h"
#include "edge/source/source.h"

namespace tidemark::mqtt {

enum class Format : std::uint8_t {
  automatic,  // packed by its magic, JSON by its first character, else a bare number
  json,
  number,  // also true and false; metric is the last topic level
  packed,
  csv,
  influx,     // line protocol
  sparkplug,  // B
};

enum class Version : std::uint8_t { v3_1_1, v5 };

// Who says when a reading was measured.
enum class Stamp : std::uint8_t {
  automatic,  // the device where the message holds a time, the edge elsewhere
  device,     // a message without a time is rejected
  edge,       // times in messages are ignored
};

// When the samples of an array were taken, where a series or a source says it.
struct Sampling {
  std::string interval_path = {};  // empty: the usual names, edge/payload/FORMAT.md
  TimeUnit interval_unit = TimeUnit::automatic;  // automatic: text with its unit, or seconds
  Nanoseconds interval{};          // where the message says none; 0: such an array is refused
  std::string start_path = {};     // of a series: beside the array; empty: the record's time
};

// One [[source.mqtt.series]]. When there is any, only these paths are taken from JSON.
struct SeriesOptions {
  std::string path;    // "$.a.b", "$.a[0]", "$[*].x"; or with wildcards: payload::path_fits()
  std::string metric;  // empty: the path joined by '_'; "{1}" is what the first wildcard stood for
  std::string beside = {};  // only in messages that also hold this path; empty: in all
  std::string unit;
  std::map<std::string, std::string> units = {};  // by the text at Options::unit_at
  SeriesKind kind = SeriesKind::gauge;
  std::optional<ValueType> type;  // empty: that of the first value; numbers are f64
  std::int8_t exponent = 0;       // with type i64: values are multiples of 10^exponent, exactly
  Sampling sampling = {};         // of an array
};

// Messages of these topics are what those of other topics hold at this path.
struct InsideOptions {
  std::string topic;  // filter
  std::string path;   // "$.params.{topic[2]}"
};

// A topic that says whether a device is there.
struct PresenceOptions {
  std::string topic;   // filter
  std::string path;    // of the word in a JSON object; empty, or no object: all of the message
  std::vector<std::string> online, offline;  // words, in whatever case
  std::string device;  // as Options::device, which it is where this is empty
  bool all = false;    // it speaks of all devices of the source: that of a bridge
};

struct Options {
  std::uint32_t index = 0;  // in the configuration's list of sources: journal::Entry::source
  std::string name;
  bool plugin = false;      // the broker's plug-in appends: no client, no url
  std::string url;          // mqtt://host[:1883] or mqtts://host[:8883]; plugin: for wills
  Version version = Version::v3_1_1;
  std::string client_id;    // fixed, unique at the broker; empty: "tidemark-" and the name
  std::string username;
  std::string password;
  std::filesystem::path ca_file, cert_file, key_file;  // mqtts
  std::vector<std::string> topics;  // filters, subscribed with QoS 1
  std::vector<std::string> wills;   // with plugin: filters that a client at `url` subscribes to
  Format format = Format::automatic;
  // "topic[1]" (levels from 0, negative from the end), other text is taken as it is. Empty: the
  // levels that the wildcards of the filter matched, joined by '-'; without wildcards `name`.
  std::string device;
  std::string metric_prefix;  // the same forms; put before every metric, joined by '_'
  std::vector<SeriesOptions> series;
  std::vector<PresenceOptions> presence;  // heard beside topics
  std::vector<InsideOptions> inside;
  bool other_numbers = false;  // with series: also numbers at the top of a message that none means
  std::vector<std::string> columns;  // of CSV; empty: the first line of each message names them
  Stamp stamp = Stamp::automatic;
  std::string time_path;      // "$.meta.ts"; empty: the usual names, edge/payload/FORMAT.md
  TimeUnit time_unit = TimeUnit::automatic;
  std::shared_ptr<const TimeZone> zone;  // of times that name none; null: UTC
  std::string unit_at;        // path of a text that chooses among SeriesOptions::units
  Sampling sampling;          // of all arrays; start_path is time_path
  Nanoseconds lateness = std::chrono::seconds(5);
  Nanoseconds every{};        // a message is due so often, for coverage; 0: no schedule
  bool durable = false;
  Bytes payload_max{256 * 1024};  // below half of the journal's capacity
  std::filesystem::path folder;   // of what outlives a kill -9: that of the journal (tmpfs)
  Nanoseconds backoff_min = std::chrono::seconds(1);
  Nanoseconds backoff_max = std::chrono::seconds(30);

  // Everything that can be wrong without a broker. Fault::bad_input.
  [[nodiscard]] Result<> check() const;
  // What is subscribed to: topics and those of presence.
  [[nodiscard]] std::vector<std::string> filters() const;
  [[nodiscard]] bool device_stamped() const {
    return stamp != Stamp::edge && format != Format::number;
  }
};

// Opens the table of seen messages; reaches nobody before start(). The references outlive it.
Result<std::unique_ptr<source::Source>> make_source(Options options, journal::Journal& journal,
                                                    const Clock& clock, Random& random);

class ClientIntake;
class SeenTable;

// The source of a broker's plug-in; part of make_source(). `wills` is null where none are expected.
std::unique_ptr<source::Source> make_plugin_source(const Options& options,
                                                   journal::Journal& journal,
                                                   std::unique_ptr<SeenTable> seen,
                                                   std::unique_ptr<ClientIntake> wills);

}  // namespace tidemark::mqtt
