// A decoder with its series table: messages in, readings out as lines of text.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "edge/mqtt/decoder.h"

namespace tidemark::mqtt {

// Decodes messages and tells what came out, one line a value, as people would write it.
class Bench {
 public:
  explicit Bench(Options options = {}) {
    options.name = "floor";
    if (options.topics.empty()) options.topics = {"plant/+/vib", "sensors/#"};
    if (options.device.empty()) options.device = "topic[1]";
    decoder_ = std::make_unique<MessageDecoder>(options, nullptr);
    decoder_->on_command([this](const std::string& topic, ByteSpan payload) {
      commands.emplace_back(topic, std::string(as_text(payload)));
    });
  }

  std::vector<std::string> lines(std::string_view topic, std::string_view payload,
                                 std::uint16_t flags = 0) {
    const auto out = decode(topic, payload, flags);
    std::vector<std::string> lines;
    for (const auto& group : out.groups) {
      for (const auto& column : group.columns) {
        std::size_t value = 0;
        for (std::size_t row = 0; row < group.times.size(); ++row) {
          if (!column.present.empty() && !column.present[row]) continue;
          lines.push_back(line(group.times[row], column, value++));
        }
        EXPECT_EQ(value, column.values());
      }
    }
    return lines;
  }
  source::Decoded decode(std::string_view topic, std::string_view payload,
                         std::uint16_t flags = 0) {
    ByteVector buffer;
    journal::Entry entry;
    entry.arrived = arrived;
    entry.steady = steady;
    to_entry({.flags = flags, .packet_id = 1, .size = payload.size(), .topic = as_bytes(topic),
              .payload = as_bytes(payload)}, buffer, entry);
    source::Decoded out;
    decoder_->decode(entry, table_, out);
    rejected = out.rejected;
    return out;
  }
  [[nodiscard]] std::string reason() const {
    return rejected.empty() ? std::string() : rejected[0].reason;
  }

  EventTime arrived{};
  std::int64_t steady = 0;
  std::vector<std::pair<std::string, std::string>> commands;
  std::vector<source::Decoded::Rejected> rejected;
  [[nodiscard]] source::SeriesTable& table() { return table_; }
  [[nodiscard]] MessageDecoder& decoder() { return *decoder_; }
  [[nodiscard]] std::vector<source::Away> away() const { return decoder_->away(); }

 private:
  std::string line(std::int64_t time, const Column& column, std::size_t value) {
    const auto& d = table_.at(column.series);
    EXPECT_EQ(d.type, column.type);
    std::string text = d.local_name();
    if (d.type == ValueType::f64) text += fmt::format("={}", column.f64[value]);
    if (d.type == ValueType::i64) text += fmt::format("={}e{}", column.i64[value], d.exponent);
    if (d.type == ValueType::boolean) text += column.i64[value] != 0 ? "=true" : "=false";
    if (d.type == ValueType::text) text += "='" + column.text[value] + "'";
    const bool stamped = time != source::Decoded::kArrival;
    EXPECT_TRUE(d.device_stamped || !stamped);
    if (is_bad(column.quality_of(value))) text += " bad";
    return stamped ? text + "@" + format_utc(event_time(time)) : text;
  }
  std::unique_ptr<MessageDecoder> decoder_;
  source::SeriesTable table_;
};

}  // namespace tidemark::mqtt
