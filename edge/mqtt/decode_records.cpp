// The second half of MessageDecoder: records of JSON and packed arrays into groups.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "edge/mqtt/decoder.h"

namespace tidemark::mqtt {
namespace {

constexpr std::uint32_t kLearnAfter = 32;  // messages that were not like the last shape

// The path from the innermost record on.
std::string_view within_record(std::string_view path) {
  constexpr std::string_view kElement = "[*].";
  const auto at = path.rfind(kElement);
  return at == std::string_view::npos ? path : path.substr(at + kElement.size());
}

}  // namespace

void MessageDecoder::decode_json(Topic& topic, const Message& message) {
  if (topic.shape != nullptr) {
    if (topic.shape->read(message.payload, keys_.time_unit, payload_)) {
      take_records(topic, message);
      return;
    }
    ++topic.unlike;
  }
  const auto body = payload::without_byte_order_mark(message.payload);
  if (const auto parsed = json_.parse(body, keys_, payload_); !parsed) {
    reject(parsed.error().text(), 0);
    return;
  }
  if (topic.shape == nullptr || topic.unlike % kLearnAfter == 0) {
    learn_shape(topic, message.payload);
  }
  take_records(topic, message);
}

// Messages of one shape share it, whatever their topic.
void MessageDecoder::learn_shape(Topic& topic, ByteSpan payload) {
  auto shape = payload::MessageShape::of(payload, payload_);
  if (shape == nullptr) return;
  auto known = shapes_.find(shape->key());
  if (known == shapes_.end()) {
    if (shapes_.size() >= kShapesMax) return;
    auto key = shape->key();
    known = shapes_.emplace(std::move(key), std::move(shape)).first;
  }
  topic.shape = known->second.get();
}

void MessageDecoder::take_records(Topic& topic, const Message& message) {
  // Leaves of one record are neighbours, except where the record goes on after an array of records:
  // then its leaves come in two or more rows of one time.
  for (std::size_t first = 0; first < payload_.leaves.size();) {
    auto last = first + 1;
    while (last < payload_.leaves.size() &&
           payload_.leaves[last].record == payload_.leaves[first].record) {
      ++last;
    }
    take_record(topic, message, first, last);
    first = last;
  }
}

void MessageDecoder::take_record(Topic& topic, const Message& message, std::size_t first_leaf,
                                 std::size_t last_leaf) {
  first_leaf_ = first_leaf;
  last_leaf_ = last_leaf;
  inside_ = topic.inside;
  const auto& leaves = payload_.leaves;
  const auto& record = payload_.records[leaves[first_leaf].record];
  auto time = payload_.time_of(record);
  const auto readings = [&](const auto& of) {
    std::uint64_t count = 0;
    for (auto i = first_leaf; i < last_leaf; ++i) {
      if (of(leaves[i]) && !binding_of(topic, payload_.path(leaves[i])).skip) {
        count += leaves[i].count;
      }
    }
    return count;
  };
  if (options_.stamp == Stamp::edge) {
    time.reset();
  } else if (const auto& fault = payload_.fault_of(record); !fault.empty()) {
    reject(fault, readings([](const Leaf&) { return true; }));
    return;
  }
  // What a broker retained was measured at a time that nobody knows: without one of its own it is
  // no reading of now.
  const bool timeless = !time && (options_.stamp == Stamp::device || message.has(kRetained));
  const auto passed_by = [&](const Leaf& leaf) { return timeless && !says_its_start(topic, leaf); };
  if (timeless && options_.stamp == Stamp::device) {
    const auto count = readings(passed_by);
    if (count > 0) {
      reject("message has no time: it was looked for in the usual keys and 'time', and stamp is "
             "'device'", count);
    }
  }
  ++row_;
  cells_.clear();
  samples_from_ = out_->groups.size();
  for (auto i = first_leaf; i < last_leaf; ++i) {
    if (passed_by(leaves[i])) continue;
    if (leaves[i].array) {
      take_array(topic, leaves[i], record, time);
    } else {
      take_value(topic, payload_.path(leaves[i]), payload_.values[leaves[i].first],
                 time.has_value());
    }
  }
  take_row(time);
}

void MessageDecoder::take_array(Topic& topic, const Leaf& leaf, const Record& record,
                                std::optional<EventTime> time) {
  const auto path = payload_.path(leaf);
  const auto& binding = binding_of(topic, path);
  const bool whole = !binding.skip && !binding.numbers_only;
  if (whole) {
    const auto timing = timing_of(binding, record, time);
    if (!timing) {
      reject(timing.error().text(), leaf.count);
      return;
    }
    if (timing->interval > Nanoseconds{}) {
      if (timing->start) {
        take_samples(topic, leaf, *timing->start, timing->interval);
      } else {
        reject(fmt::format("samples have no start: {} holds {} with an interval; send their start "
                           "as ts or t0, or say where it is", path.empty() ? "the array" : path,
                           leaf.count), leaf.count);
      }
      return;
    }
    if (says_timing(binding)) {  // never stamped on arrival, nor series of their own
      if (leaf.count == 1 && timing->start) {
        take_samples(topic, leaf, *timing->start, Nanoseconds{});
      } else if (leaf.count > 0) {
        reject_untimed(path, leaf.count);
      }
      return;
    }
  } else if (record.interval) {
    return;  // it makes samples of its arrays; one that is configured may be read by index
  }
  const bool by_index = !configured_.empty() && leaf.count <= kIndexedMax &&
                        !binding_of(topic, fmt::format("{}[0]", path)).skip;
  if (leaf.count > kIndexedMax ||
      (whole && !by_index && !configured_.empty() && leaf.count > 1)) {
    if (!whole) return;
    reject_untimed(path, leaf.count);
    return;
  }
  for (std::uint32_t i = 0; i < leaf.count; ++i) {
    const auto& value = payload_.values[leaf.first + i];
    if (value.kind == Value::Kind::unusable && value.text == "null") continue;
    const auto indexed = leaf.count == 1 && !by_index ? std::string(path)
                                                      : fmt::format("{}[{}]", path, i);
    take_value(topic, indexed, value, time.has_value());
  }
}

void MessageDecoder::reject_untimed(std::string_view path, std::uint32_t samples) {
  reject(fmt::format("samples have no interval: '{}' holds {}; send it as dt_us, dt_ms or "
                     "interval, or say it: interval = \"1ms\"", path, samples), samples);
}

// Whether the configuration says that arrays of this path are samples.
bool MessageDecoder::says_timing(const Binding& binding) const {
  const auto* series = binding.configured;
  return !keys_.interval_path.empty() ||
         (series != nullptr && !(series->interval.empty() && series->start.empty()));
}

// Of a series of this path: whether it is what the record itself has as its time, or its interval.
bool MessageDecoder::is_record_time(std::string_view path) const {
  if (!keys_.time_path.empty()) return path == keys_.time_path;
  const auto name = within_record(path);
  return payload::is_time_name(name) || payload::may_be_time(name);
}

bool MessageDecoder::is_record_interval(std::string_view path) const {
  if (!keys_.interval_path.empty()) return path == keys_.interval_path;
  return payload::is_interval_name(within_record(path));
}

bool MessageDecoder::says_its_start(Topic& topic, const Leaf& leaf) {
  if (!leaf.array || options_.stamp == Stamp::edge) return false;
  const auto& binding = binding_of(topic, payload_.path(leaf));
  return binding.configured != nullptr && !binding.configured->start.empty();
}

Result<MessageDecoder::Timing> MessageDecoder::timing_of(const Binding& binding,
                                                         const Record& record,
                                                         std::optional<EventTime> time) const {
  Timing timing{time, payload_.interval_of(record)};
  const auto* series = binding.configured;
  if (series == nullptr) return timing;
  const auto missing = [](std::string_view what, std::string_view path) {
    return Error(Fault::bad_input,
                 fmt::format("samples have no {0}: there is no $.{1} beside them; send it, or "
                             "change '{0}' of the series", what, path));
  };
  const auto unreadable = [](std::string_view what, const Value& value, const Error& why) {
    return Error(Fault::bad_input,
                 fmt::format("{} cannot be read: at byte {}: {}", what, value.at, why.text()));
  };
  // What the record itself took as its time or interval is no value beside the array.
  if (!series->start.empty() && options_.stamp != Stamp::edge) {
    if (const auto* value = value_at(series->start)) {
      auto start = payload::time_in(*value, keys_);
      if (!start) return unreadable("start", *value, start.error());
      timing.start = *start;
    } else if (!time || !is_record_time(series->start)) {
      return missing("start", series->start);
    }
  }
  const auto& sampling = series->options->sampling;
  if (!series->interval.empty()) {
    if (const auto* value = value_at(series->interval)) {
      auto interval = payload::interval_in(*value, sampling.interval_unit);
      if (!interval) return unreadable("interval", *value, interval.error());
      timing.interval = *interval;
    } else if (!record.interval || !is_record_interval(series->interval)) {
      return missing("interval", series->interval);
    }
  } else if (sampling.interval > Nanoseconds{} && !record.interval) {
    timing.interval = sampling.interval;
  }
  return timing;
}

void MessageDecoder::take_samples(Topic& topic, const Leaf& leaf, EventTime start,
                                  Nanoseconds interval) {
  const auto path = payload_.path(leaf);
  auto& binding = binding_of(topic, path);
  if (!binding.usable()) {
    reject(binding.refused, leaf.count);
    return;
  }
  std::int64_t end = 0;
  if (__builtin_mul_overflow(interval.count(), std::int64_t{leaf.count}, &end) ||
      __builtin_add_overflow(end, count_ns(start), &end)) {
    reject(fmt::format("samples end after the year 2262: {}", path), leaf.count);
    return;
  }
  const auto samples = std::span(payload_.values).subspan(leaf.first, leaf.count);
  const auto first = [&](auto... kinds) {
    return std::ranges::find_if(samples,
                                [=](const Value& v) { return ((v.kind == kinds) || ...); });
  };
  auto chosen = first(Value::Kind::number, Value::Kind::boolean);
  if (chosen == samples.end()) chosen = first(Value::Kind::text);
  if (chosen != samples.end()) choose_type(binding, *chosen);
  Column column;
  std::string first_fault;
  std::uint64_t faults = 0;
  column.f64.reserve(leaf.count);
  for (std::uint32_t i = 0; i < leaf.count; ++i) {
    const auto& value = payload_.values[leaf.first + i];
    if (value.kind == Value::Kind::number && binding.typed &&
        binding.description.type == ValueType::f64) {  // the ordinary one: as to_cell() would
      column.f64.push_back(value.number);
      if (!column.present.empty()) column.present.push_back(true);
      continue;
    }
    const bool null = value.kind == Value::Kind::unusable && value.text == "null";
    Cell cell;
    auto why = null ? std::optional<std::string>() : to_cell(binding, value, path, cell);
    if (why && faults++ == 0) first_fault = *std::move(why);
    const bool present = !null && !why;
    if (!present && column.present.empty()) column.present.assign(i, true);
    if (!present || !column.present.empty()) column.present.push_back(present);
    if (present) append(column, cell);
  }
  if (faults > 0) reject(std::move(first_fault), faults);
  column.type = binding.description.type;
  const auto values = column.values();
  if (values == 0) return;
  const auto series = series_of(binding, true);
  if (!series) {
    reject(binding.refused, values);
    return;
  }
  column.series = *series;
  if (binding.row == row_) {
    reject(fmt::format("key comes twice: {}", path), values);
    return;
  }
  binding.row = row_;
  add_samples(std::move(column), leaf.count, start, interval);
}

// Arrays of one record, one length, one start and one interval share their times.
void MessageDecoder::add_samples(Column column, std::size_t rows, EventTime start,
                                 Nanoseconds interval) {
  auto& groups = out_->groups;
  for (auto i = samples_from_; i < groups.size(); ++i) {
    const auto& times = groups[i].times;
    if (times.size() == rows && times[0] == count_ns(start) &&
        (rows == 1 || times[1] - times[0] == interval.count())) {
      groups[i].columns.push_back(std::move(column));
      return;
    }
  }
  auto& group = groups.emplace_back();
  group.times.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    group.times[i] = count_ns(start) + interval.count() * static_cast<std::int64_t>(i);
  }
  group.columns.push_back(std::move(column));
}

void MessageDecoder::decode_packed(Topic& topic, const Message& message) {
  auto parsed = payload::parse_packed(message.payload);
  if (!parsed) {
    reject(parsed.error().text(), 0);
    return;
  }
  auto& packed = *parsed;
  const auto readings = std::uint64_t{packed.samples} * packed.channels;
  if (count_ns(packed.start) == 0 || options_.stamp == Stamp::edge) {
    reject("packed array: it has no start time, and its samples cannot be stamped at the edge",
           readings);
    return;
  }
  if (packed.samples == 0) return;
  ++row_;
  samples_from_ = out_->groups.size();
  for (std::uint16_t c = 0; c < packed.channels; ++c) {
    const auto path = packed.channels == 1 ? std::string() : fmt::format("[{}]", c);
    auto& binding = binding_of(topic, path);
    if (binding.skip) continue;
    auto& d = binding.description;
    if (binding.usable() && !binding.typed) {
      binding.typed = true;
      d.type = packed.type;
      d.exponent = packed.exponent;
    }
    if (binding.usable() && (d.type != packed.type || d.exponent != packed.exponent)) {
      reject(fmt::format("packed array: series '{}' holds {} with exponent {}, not {} with {}",
                         d.local_name(), static_cast<int>(d.type), d.exponent,
                         static_cast<int>(packed.type), packed.exponent), packed.samples);
      continue;
    }
    const auto series = binding.usable() ? series_of(binding, true) : std::nullopt;
    if (!series) {
      reject(binding.refused, packed.samples);
      continue;
    }
    Column column;
    column.series = *series;
    column.type = packed.type;
    if (packed.type == ValueType::i64) {
      column.i64 = std::move(packed.i64[c]);
    } else {
      column.f64 = std::move(packed.f64[c]);
    }
    add_samples(std::move(column), packed.samples, packed.start, packed.interval);
  }
}

}  // namespace tidemark::mqtt
