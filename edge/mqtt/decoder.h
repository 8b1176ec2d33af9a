// From a message in the journal to readings: names, times, types, and what is wrong.
//
// Types      a series has the type of its first value (numbers f64, or as configured); a value of
//            another type is rejected, the rest of the message counts.
// Names      device and metric as the options say. A series has one topic and one path: a second
//            way to the same name is rejected, or two sensors would be mixed into one series
//            (source::Owners).
// Bounds     kTopicsMax topics, kPathsMax paths of all with kPathBytesMax each and kAllPathBytesMax
//            together, kRejectsMax reasons of a message (the last one counts the rest); series as
//            SeriesTable says.
// Threads    the pipeline's.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "edge/mqtt/message.h"
#include "edge/mqtt/mqtt_source.h"
#include "edge/mqtt/presence.h"
#include "edge/mqtt/seen_table.h"
#include "edge/payload/message_shape.h"
#include "edge/payload/payload.h"
#include "edge/payload/text_payload.h"
#include "edge/source/source.h"
#include "edge/sparkplug/session.h"

namespace tidemark::mqtt {

using payload::Leaf;
using payload::Payload;
using payload::Record;
using payload::Value;

class MessageDecoder final : public source::Decoder {
 public:
  static constexpr std::size_t kTopicsMax = 10'000;
  static constexpr std::size_t kPathsMax = 60'000;
  static constexpr std::size_t kPathBytesMax = 1024;
  static constexpr std::size_t kAllPathBytesMax = 16 << 20;
  static constexpr std::size_t kRejectsMax = 16;
  static constexpr std::size_t kTextBytesMax = 1024;
  static constexpr std::size_t kOrderMax = 32;  // values of a row whose place is remembered
  static constexpr std::size_t kShapesMax = 256;  // of messages; others are parsed each time
  static constexpr std::uint32_t kIndexedMax = 16;  // elements of an array without an interval
  // Before the device, of the one topic that Sparkplug's stand for.
  static constexpr std::string_view kSparkplugTopic = "Sparkplug ";

  // `options` passed their check(); `seen` may be null: then repetitions are not known.
  MessageDecoder(const Options& options, SeenTable* seen);

  // Where commands to devices go (Sparkplug's request for a rebirth); without it they are dropped.
  using Command = std::function<void(const std::string& topic, ByteSpan payload)>;
  void on_command(Command command) { command_ = std::move(command); }

  void decode(const journal::Entry& entry, source::SeriesTable& series,
              source::Decoded& out) override;
  // Of Sparkplug whatever topics are subscribed to.
  [[nodiscard]] bool leads(const source::Way& way, std::string_view series) const override;
  [[nodiscard]] ByteSpan sent(const journal::Entry& entry) const override;
  // Devices that said they leave. Any thread.
  [[nodiscard]] std::vector<source::Away> away() const { return presence_.list(); }

 private:
  struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  template <typename T>
  using ByName = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

  struct Configured {
    std::string path, beside, interval, start;  // canonical
    const SeriesOptions* options;
  };
  struct Topic;
  // One path of one topic.
  struct Binding {
    [[nodiscard]] bool usable() const { return refused.empty() || denied; }
    bool skip = false;    // series are configured and this path is none of them
    bool numbers_only = false;  // the same, but what is a number is taken
    std::string refused;  // why nothing of this path can be used
    bool denied = false;  // that is because the name is another way's: ask each time
    const Topic* topic = nullptr;
    std::string_view path;  // its key there
    SeriesDescription description;
    const Configured* configured = nullptr;  // null: nobody named this path
    bool typed = false;   // by the configuration or the first value
    bool guessed = false;  // by a value
    std::optional<std::string> unit_said;  // at unit_at, when that chose the unit
    std::int64_t handle[2] = {-1, -1};  // edge-stamped, device-stamped
    std::uint64_t row = 0;              // the last row that it had a value in
  };
  struct Topic {
    std::string name;
    std::string device;
    std::string prefix;
    std::string last_level;
    std::string refused;
    bool ours = false;  // one of the source's topics: it has readings
    const PresenceOptions* presence = nullptr;  // it says whether a device is there
    std::string speaks_of;  // that device
    std::string word_at;    // canonical; empty: the message is the word
    std::string inside;  // canonical: its messages are what others hold at this path
    ByName<Binding> paths;
    // Of the last message, by place in its row: the next one looks the same.
    std::vector<std::pair<std::string, Binding*>> order;
    const payload::MessageShape* shape = nullptr;  // of the last one that had any
    std::uint32_t unlike = 0;                      // messages of another shape since
  };
  // Of a series whose device says when it is away.
  struct LastValue {
    ValueType type = ValueType::f64;
    double f64 = 0;
    std::int64_t i64 = 0;
    std::string text;
  };
  // A value on its way into a column.
  struct Cell {
    std::uint32_t series = 0;
    ValueType type = ValueType::f64;
    double f64 = 0;
    std::int64_t i64 = 0;
    std::string_view text;
  };

  Topic& topic_of(std::string_view topic);
  Topic& find_topic(std::string_view topic);
  void name_topic(Topic& topic) const;
  // Refuses the topic when it cannot be told.
  std::string device_of(Topic& topic, const std::string& expression,
                        const std::vector<std::string_view>& wild) const;
  Binding& binding_of(Topic& topic, std::string_view path);
  Binding& find_binding(Topic& topic, std::string_view path);
  void name_binding(const Topic& topic, std::string_view path, Binding& binding);
  [[nodiscard]] bool is_other_number(std::string_view path) const {
    return options_.other_numbers && path.find_first_of(".[") == path.npos;
  }
  [[nodiscard]] static std::string whole_path(const Topic& topic, std::string_view path);
  [[nodiscard]] std::string metric_named(const Topic& topic, std::string_view path,
                                         const SeriesOptions* options,
                                         const std::vector<std::string_view>& stood_for) const;
  [[nodiscard]] std::string metric_of(const Topic& topic, std::string_view path) const;
  // What is configured for this path in the record at hand, or null.
  const Configured* configured_for(std::string_view path, std::vector<std::string_view>& stood_for);
  // Of the record at hand, or null.
  [[nodiscard]] const Value* value_at(std::string_view path) const;
  [[nodiscard]] std::string_view unit_said() const;
  // The series of this usable binding, made at its first value. Empty, and refused is set, when it
  // cannot.
  std::optional<std::uint32_t> series_of(Binding& binding, bool device_stamped);
  void ask_again();  // for names, when they may have become another way's

  void decode_json(Topic& topic, const Message& message);
  void learn_shape(Topic& topic, ByteSpan payload);
  void decode_number(Topic& topic, const Message& message);
  void decode_packed(Topic& topic, const Message& message);
  void decode_text(Topic& topic, const Message& message);  // CSV and line protocol
  void decode_sparkplug(const journal::Entry& entry, const Message& message);
  Topic& device_topic(const std::string& device);
  void take_metrics(const Message& message, const sparkplug::Outcome& said);
  void take_metrics(Topic& topic, const Message& message, const sparkplug::Outcome& said,
                    bool historical);
  void decode_readings(Topic& topic, const journal::Entry& entry, const Message& message);
  [[nodiscard]] bool holds_readings(const Topic& topic, const Message& message) const;
  void decode_presence(Topic& topic, const journal::Entry& entry, const Message& message);
  std::optional<std::string> presence_word(const Topic& topic, const Message& message);
  void note_heard(const Topic& topic);
  void add_last_values(const Topic& topic, Group& group);
  void take_away(Group group);
  void remember_last(std::size_t first_group);
  void take_records(Topic& topic, const Message& message);  // of payload_
  void take_record(Topic& topic, const Message& message, std::size_t first_leaf,
                   std::size_t last_leaf);
  void take_array(Topic& topic, const Leaf& leaf, const Record& record,
                  std::optional<EventTime> time);
  // Of an array: when its first sample was taken, and how far they are apart (0: nobody says).
  struct Timing {
    std::optional<EventTime> start;
    Nanoseconds interval{};
  };
  Result<Timing> timing_of(const Binding& binding, const Record& record,
                           std::optional<EventTime> time) const;
  [[nodiscard]] bool says_timing(const Binding& binding) const;
  void reject_untimed(std::string_view path, std::uint32_t samples);
  [[nodiscard]] bool says_its_start(Topic& topic, const Leaf& leaf);
  [[nodiscard]] bool is_record_time(std::string_view path) const;
  [[nodiscard]] bool is_record_interval(std::string_view path) const;
  void take_samples(Topic& topic, const Leaf& leaf, EventTime start, Nanoseconds interval);
  void add_samples(Column column, std::size_t rows, EventTime start, Nanoseconds interval);
  void take_value(Topic& topic, std::string_view path, const Value& value, bool device_stamped);
  void take_row(std::optional<EventTime> time);  // cells_ as one row
  // The first value chooses the type where nobody did. A text stands back for a number or a switch
  // that follows, as another series of that name: a device that has nothing to say yet ("n/a")
  // would else refuse its numbers until the next start.
  static void choose_type(Binding& binding, const Value& value);
  // The value as its series holds it, of the type that was chosen. A text says why not.
  std::optional<std::string> to_cell(const Binding& binding, const Value& value,
                                     std::string_view path, Cell& cell) const;
  void reject(std::string reason, std::uint64_t readings);
  static void append(Column& column, const Cell& cell);

  Options options_;
  SeenTable* seen_;
  payload::TimeKeys keys_;
  std::vector<Configured> configured_;
  std::unordered_map<std::string, std::unique_ptr<Topic>, StringHash, std::equal_to<>> topics_;
  std::array<Topic*, 256> recent_topics_{};  // by a hash
  Topic too_many_topics_;
  Binding too_many_paths_, too_long_path_;
  std::size_t bindings_ = 0, path_bytes_ = 0;
  payload::JsonParser json_;
  ByName<std::unique_ptr<const payload::MessageShape>> shapes_;  // by key
  payload::LineParser lines_;
  payload::CsvParser csv_;
  sparkplug::Session sparkplug_;
  std::unordered_map<std::uint32_t, LastValue> last_;  // by series, where devices say they leave
  PresenceTable presence_;
  Command command_;
  Payload payload_;
  std::string unit_at_;  // canonical
  // Of the record at hand in payload_.
  std::size_t first_leaf_ = 0, last_leaf_ = 0;
  std::string_view inside_;  // Topic::inside of it
  std::vector<Cell> cells_;
  std::uint64_t row_ = 0;           // rows so far, to see a key that comes twice in one
  std::size_t samples_from_ = 0;    // groups of the record at hand that hold samples
  std::optional<std::size_t> rows_; // the group of this message that takes rows
  source::SeriesTable* table_ = nullptr;
  std::uint64_t owners_version_ = 0;  // of table_'s
  source::Decoded* out_ = nullptr;
};

}  // namespace tidemark::mqtt
