#include "bench/plant/sensor.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "bench/plant/plant_log.h"
#include "bench/plant/signal.h"

namespace tidemark::plant {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kStuckSamples = 20;

// Thousandths as people write decimals: -0.25, 12, 3.001.
std::string decimal(std::int64_t milli) {
  const auto magnitude = static_cast<std::uint64_t>(std::llabs(milli));
  auto text = fmt::format("{}{}.{:03}", milli < 0 ? "-" : "", magnitude / 1000,
                          magnitude % 1000);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

template <typename T>
void put_le(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xFF);
  }
}

}  // namespace

Sensor::Sensor(const SensorOptions& options, std::uint64_t seed, std::int64_t start_ns)
    : options_(options),
      seed_(seed),
      start_ns_(start_ns / kMillisecond * kMillisecond),
      period_ns_(1'000'000'000 / options.rate) {}

bool Sensor::more() const {
  return !held_.empty() || options_.count == 0 || messages_ < options_.count;
}

std::int64_t Sensor::time_of(std::uint64_t index) const {
  const auto ns = start_ns_ + static_cast<std::int64_t>(index) * period_ns_;
  // Objects say whole milliseconds, so samples lie on them, also at 300 a second.
  return options_.format == Format::object ? ns / kMillisecond * kMillisecond : ns;
}

std::int64_t Sensor::next_due_ns() const {
  const auto samples = options_.format == Format::array || options_.format == Format::packed
                           ? static_cast<std::uint64_t>(options_.batch)
                           : 1;
  return time_of(samples_ + samples - 1);
}

Sensor::Sample Sensor::sample(std::size_t channel, std::uint64_t index) const {
  const auto is_nth = [index](std::int64_t n) {
    return n > 0 && index % static_cast<std::uint64_t>(n) == static_cast<std::uint64_t>(n) - 1;
  };
  auto at = index;
  if (const auto every = static_cast<std::uint64_t>(options_.stuck_every);
      every > 0 && index >= every && index % every < kStuckSamples) {
    at = index - index % every;
  }
  const Signal signal{20.0 + 10.0 * static_cast<double>(channel), 4, 0.5,
                      0.8 + 0.3 * static_cast<double>(channel), 0};
  const double t_s = static_cast<double>(at) * static_cast<double>(period_ns_) * 1e-9;
  auto milli = std::llround(1000 * evaluate(signal, t_s, seed_ + channel, at));
  if (is_nth(options_.spike_every)) milli *= 10;
  return {time_of(index), milli, is_nth(options_.nan_every)};
}

void Sensor::tell(std::uint64_t serial, std::size_t channel, std::int64_t event_ns,
                  const std::string& value, bool good, Message& message) const {
  message.lines += reading_line(serial, options_.name + "/" + options_.channels[channel], event_ns,
                                value, good);
}

void Sensor::fill_object(std::uint64_t serial, Message& message) {
  const auto ns = time_of(samples_);
  const bool stamped = options_.time != TimeFormat::none;
  auto& out = message.payload;
  switch (options_.time) {
    case TimeFormat::none: out.assign(1, '{'); break;
    case TimeFormat::unix_s:
      out = fmt::format(R"({{"ts":{}.{:03},)", ns / 1'000'000'000, ns / kMillisecond % 1000);
      break;
    case TimeFormat::unix_ms: out = fmt::format(R"({{"ts":{},)", ns / kMillisecond); break;
    case TimeFormat::unix_ns: out = fmt::format(R"({{"ts":{},)", ns); break;
  }
  const auto event_ns = stamped ? ns : 0;
  if (options_.serial) {
    out += fmt::format(R"("serial":{},)", serial);
    message.lines += reading_line(serial, options_.name + "/serial", event_ns,
                                  fmt::format("f{}", serial), true);
  }
  for (std::size_t c = 0; c < options_.channels.size(); ++c) {
    const auto s = sample(c, samples_);
    const auto text = s.missing ? std::string("null") : decimal(s.milli);
    out += fmt::format(R"("{}":{},)", options_.channels[c], text);
    if (!s.missing) tell(serial, c, event_ns, fmt::format("f{}", text), true, message);
  }
  out.back() = '}';
}

void Sensor::fill_array(std::uint64_t serial, Message& message) {
  auto& out = message.payload;
  out = fmt::format(R"({{"t0":{},"dt_us":{},)", time_of(samples_), period_ns_ / 1000);
  if (options_.serial) {
    out += fmt::format(R"("serial":{},)", serial);
    message.lines += reading_line(serial, options_.name + "/serial", time_of(samples_),
                                  fmt::format("f{}", serial), true);
  }
  out += fmt::format(R"("{}":[)", options_.channels[0]);
  for (std::int64_t i = 0; i < options_.batch; ++i) {
    const auto s = sample(0, samples_ + static_cast<std::uint64_t>(i));
    const auto text = s.missing ? std::string("null") : decimal(s.milli);
    out += text;
    out += i + 1 < options_.batch ? "," : "]}";
    if (!s.missing) tell(serial, 0, s.time_ns, fmt::format("f{}", text), true, message);
  }
}

// The header is that of the packed arrays in edge/mqtt/FORMAT.md, written from the page.
void Sensor::fill_packed(std::uint64_t serial, Message& message) {
  constexpr int kExponent = -2;
  auto& out = message.payload;
  out = "TM";
  put_le<std::uint8_t>(out, 1);                             // version
  put_le<std::uint8_t>(out, options_.packed_f32 ? 3 : 1);   // f32, i16
  put_le<std::uint8_t>(out, 0);                             // little endian
  put_le<std::uint8_t>(out, options_.packed_f32 ? 0 : static_cast<std::uint8_t>(kExponent));
  put_le<std::uint16_t>(out, 1);                            // channels
  put_le(out, time_of(samples_));
  put_le(out, static_cast<std::uint32_t>(period_ns_));
  put_le(out, static_cast<std::uint32_t>(options_.batch));
  for (std::int64_t i = 0; i < options_.batch; ++i) {
    const auto s = sample(0, samples_ + static_cast<std::uint64_t>(i));
    if (options_.packed_f32) {
      const auto single = static_cast<float>(s.milli) / 1000;
      put_le(out, std::bit_cast<std::uint32_t>(single));
      tell(serial, 0, s.time_ns, exact_double(static_cast<double>(single)), true, message);
    } else {
      const auto raw = static_cast<std::int16_t>(s.milli / 10);
      put_le(out, static_cast<std::uint16_t>(raw));
      tell(serial, 0, s.time_ns, exact_decimal(raw, kExponent), true, message);
    }
  }
}

void Sensor::fill_number(std::uint64_t serial, Message& message) {
  const auto s = sample(0, samples_);
  message.payload = decimal(s.milli);
  tell(serial, 0, 0, "f" + message.payload, true, message);
}

Message Sensor::make(std::uint64_t serial) {
  Message message{options_.topic, "", "", next_due_ns(), options_.twice ? 2 : 1};
  std::uint64_t samples = 1;
  switch (options_.format) {
    case Format::object: fill_object(serial, message); break;
    case Format::number: fill_number(serial, message); break;
    case Format::array: fill_array(serial, message); break;
    case Format::packed: fill_packed(serial, message); break;
  }
  if (options_.format == Format::array || options_.format == Format::packed) {
    samples = static_cast<std::uint64_t>(options_.batch);
  }
  message.lines = fmt::format("m\t{}\t{}\t{}\t{}\t{}\n", wall_ns(), serial, options_.topic,
                              message.payload.size(), message.copies) + message.lines;
  samples_ += samples;
  ++messages_;
  return message;
}

Message Sensor::next(std::uint64_t& serial) {
  if (!held_.empty()) {
    auto message = std::move(held_.back());
    held_.pop_back();
    return message;
  }
  auto message = make(++serial);
  const auto every = options_.swap_every;
  if (every > 0 && messages_ % every == 0 && more()) {  // there is a successor
    held_.push_back(std::move(message));
    return make(++serial);
  }
  return message;
}

}  // namespace tidemark::plant
