#include "cloud/plain/plain_edge.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "common/base/clean_name.h"
#include "common/base/version.h"
#include "common/model/poll_class.h"
#include "common/model/seal.h"

namespace tidemark::plain {
namespace {

constexpr std::size_t kBytesOfReading = 21;  // at worst: a varint of ten, a value of eleven
constexpr double kFill = 0.8;                // of a block: the next readings are not the last ones
constexpr std::uint64_t kTellingReadings = 1000;  // of a block that tells what one takes

// Of values of one type.
std::string typed(std::string name, ValueType type) {
  name += '\0';
  name += static_cast<char>(type);
  return name;
}

// "press-07/line1" as one level of a name.
std::string level_of(std::string_view text) {
  std::string name(text);
  std::ranges::replace(name, '/', '-');
  return clean_name(name);
}

std::int64_t hour_of(std::int64_t time) {
  constexpr std::int64_t kHour = 3'600'000'000'000;
  return time / kHour - (time % kHour < 0 ? 1 : 0);
}

// Of a group of one column, rows [first, last).
Group rows_of(const Group& group, std::size_t first, std::size_t last) {
  const auto cut = [&](const auto& all) {
    using Vector = std::remove_cvref_t<decltype(all)>;
    if (all.empty()) return Vector();
    return Vector(all.begin() + static_cast<std::ptrdiff_t>(first),
                  all.begin() + static_cast<std::ptrdiff_t>(last));
  };
  Group part;
  part.times = cut(group.times);
  const auto& from = group.columns[0];
  auto& column = part.columns.emplace_back();
  column.series = from.series;
  column.type = from.type;
  column.f64 = cut(from.f64);
  column.i64 = cut(from.i64);
  column.text = cut(from.text);
  return part;
}

}  // namespace

PlainEdge::PlainEdge(Options options, State state)
    : options_(std::move(options)), state_(state),
      room_(static_cast<std::size_t>(kFill * kBlockBytesMax) / kBytesOfReading) {}

wire::Frame PlainEdge::hello() const {
  wire::Hello hello;
  hello.edge = options_.name;
  hello.program_version = version();
  hello.incarnation = state_.incarnation;
  hello.start_ordinal = kStart;
  return {wire::FrameType::hello, wire::encode(hello)};
}

Result<> PlainEdge::take(const PlainReading& r) {
  TIDE_ASSIGN(const auto index, series_of(r));
  auto& s = series_[index];
  auto& column = s.gathered.columns[0];
  auto& times = s.gathered.times;
  if (times.empty()) touched_.push_back(index);
  times.push_back(count_ns(r.time));
  switch (r.type) {
    case ValueType::f64: column.f64.push_back(r.f64); break;
    case ValueType::text:
      column.text.emplace_back(r.text);
      text_bytes_ += r.text.size();
      break;
    default: column.i64.push_back(r.boolean ? 1 : 0);
  }
  ++readings_;
  full_ = full_ || times.size() >= kRowsMax || text_bytes_ >= kTextBytesMax;
  return {};
}

Result<std::uint32_t> PlainEdge::series_of(const PlainReading& r) {
  if (const auto known = by_sent_.find(r); known != SentNames::kNone) return known;
  TIDE_ASSIGN(const auto index, add_series(r));
  by_sent_.add(r, index);
  return index;
}

Result<std::uint32_t> PlainEdge::add_series(const PlainReading& r) {
  SeriesDescription d;
  d.source = options_.source;
  d.device = r.device.empty() ? options_.source : level_of(r.device);
  d.metric = level_of(r.metric);
  d.poll_class = kEstimatedClass;
  d.type = r.type;
  d.device_stamped = options_.once;
  auto name = typed(d.local_name(), d.type);
  const auto known = by_name_.find(name);
  // Several ways to write one name are as many entries, too.
  if (by_sent_.size() >= kSeriesMax) {
    return Error{Fault::bad_input,
                 fmt::format("'{}' would be one series more than {}", d.local_name(), kSeriesMax)};
  }
  return known != by_name_.end() ? known->second : put_series(std::move(name), std::move(d));
}

std::uint32_t PlainEdge::put_series(std::string name, SeriesDescription d) {
  const auto index = static_cast<std::uint32_t>(series_.size());
  by_name_.emplace(std::move(name), index);
  auto& s = series_.emplace_back();
  s.gathered.columns.resize(1);
  s.gathered.columns[0].type = d.type;
  s.description = std::move(d);
  return index;
}

void PlainEdge::know(std::vector<SeriesDescription> series) {
  std::vector<std::pair<std::string, SeriesDescription>> all;
  for (auto& d : series) {
    d.source = options_.source;
    d.device_stamped = options_.once;
    auto name = typed(d.local_name(), d.type);
    all.emplace_back(std::move(name), std::move(d));
  }
  const auto name = [](const auto& one) -> const std::string& { return one.first; };
  std::ranges::sort(all, {}, name);
  for (auto& [key, d] : all) {
    if (!by_name_.contains(key)) put_series(std::move(key), std::move(d));
  }
}

// Series that are new go into new dictionaries; one by one they would be many.
void PlainEdge::describe(std::vector<wire::Frame>& out) {
  if (described_ == series_.size()) return;
  if (dictionaries_.size() >= kNamedMax) {
    dictionaries_.clear();
    described_ = 0;
  }
  while (described_ < series_.size()) {
    const auto n = std::min(Dictionary::kSeriesMax, series_.size() - described_);
    for (std::size_t i = 0; i < n; ++i) {
      auto& s = series_[described_ + i];
      s.dictionary = static_cast<std::uint32_t>(dictionaries_.size());
      s.place = static_cast<std::uint32_t>(i);
    }
    const auto dictionary = dictionary_of(described_, n);
    dictionaries_.push_back({dictionary.hash(), static_cast<std::uint32_t>(n)});
    out.push_back({wire::FrameType::dictionary, dictionary.bytes()});
    described_ += n;
  }
}

Dictionary PlainEdge::dictionary_of(std::size_t first, std::size_t n) const {
  std::vector<SeriesDescription> part;
  for (std::size_t i = first; i < first + n; ++i) part.push_back(series_[i].description);
  return Dictionary(std::move(part));
}

std::vector<wire::Frame> PlainEdge::dictionaries() const {
  std::vector<wire::Frame> all;
  std::size_t first = 0;
  for (const auto& d : dictionaries_) {
    all.push_back({wire::FrameType::dictionary, dictionary_of(first, d.series).bytes()});
    first += d.series;
  }
  return all;
}

std::vector<wire::Frame> PlainEdge::flush(EventTime until) {
  std::vector<wire::Frame> out;
  describe(out);
  if (options_.once) say_by_hours(out);
  say_of(touched_, out);
  touched_.clear();
  readings_ = text_bytes_ = 0;
  full_ = false;
  state_.until = until;
  out.push_back(seal());
  return out;
}

void PlainEdge::say_of(std::span<const std::uint32_t> all, std::vector<wire::Frame>& out) {
  for (std::size_t first = 0; first < all.size(); first += codec::kColumnsMax) {
    const auto part = all.subspan(first, std::min(codec::kColumnsMax, all.size() - first));
    auto block = block_of(part);
    pack(block, out);
    give_back(part, block);
  }
}

void PlainEdge::say_by_hours(std::vector<wire::Frame>& out) {
  const auto narrow = std::stable_partition(touched_.begin(), touched_.end(), [&](std::uint32_t i) {
    const auto [min, max] = std::ranges::minmax(series_[i].gathered.times);
    return hour_of(min) != hour_of(max);
  });
  const std::vector<std::uint32_t> wide(touched_.begin(), narrow);
  if (wide.empty()) return;
  touched_.erase(touched_.begin(), narrow);
  std::set<std::int64_t> stretches;
  for (const auto i : wide) {
    for (const auto t : series_[i].gathered.times) stretches.insert(hour_of(t));
  }
  int shift = 0;  // of an hour's number: that of its stretch
  for (; stretches.size() > kHoursMax; ++shift) {
    std::set<std::int64_t> wider;
    for (const auto s : stretches) wider.insert(s >> 1);
    stretches.swap(wider);
  }
  std::map<std::int64_t, std::vector<std::pair<std::uint32_t, Group>>> pieces;
  Block none;
  for (const auto i : wide) {
    auto& all = series_[i].gathered;
    put_in_order(all);
    const auto stretch = [&](std::size_t row) { return hour_of(all.times[row]) >> shift; };
    for (std::size_t row = 0; row < all.times.size();) {
      const auto first = row;
      while (row < all.times.size() && stretch(row) == stretch(first)) ++row;
      pieces[stretch(first)].emplace_back(i, rows_of(all, first, row));
    }
  }
  give_back(wide, none);
  for (auto& [stretch, groups] : pieces) {
    std::vector<std::uint32_t> series;
    for (auto& [i, group] : groups) {
      series_[i].gathered = std::move(group);
      series.push_back(i);
    }
    say_of(series, out);
  }
}

// By time, what is of one time as it came: packing is cheaper, and smaller.
void PlainEdge::put_in_order(Group& group) {
  auto& times = group.times;
  if (std::ranges::is_sorted(times)) return;
  order_.sort(times);
  for (std::size_t row = 0; row < times.size(); ++row) times[row] = order_.rows()[row].first;
  const auto arrange = [&](auto& values) {
    if (values.empty()) return;
    std::remove_reference_t<decltype(values)> arranged;
    arranged.reserve(values.capacity());
    for (const auto& [time, row] : order_.rows()) arranged.push_back(std::move(values[row]));
    values.swap(arranged);
  };
  auto& column = group.columns[0];
  arrange(column.f64);
  arrange(column.i64);
  arrange(column.text);
}

// What was gathered moves into the block.
Block PlainEdge::block_of(std::span<const std::uint32_t> part) {
  Block block;
  std::vector<bool> named(dictionaries_.size());
  for (const auto i : part) named[series_[i].dictionary] = true;
  std::vector<std::uint32_t> begin(dictionaries_.size());
  std::uint32_t next = 0;
  for (std::size_t d = 0; d < dictionaries_.size(); ++d) {
    if (!named[d]) continue;
    block.dictionaries.push_back(dictionaries_[d].hash);
    begin[d] = next;
    next += dictionaries_[d].series;
  }
  for (const auto i : part) {
    auto& s = series_[i];
    s.gathered.columns[0].series = begin[s.dictionary] + s.place;
    put_in_order(s.gathered);
    block.groups.push_back(std::move(s.gathered));
  }
  return block;
}

// The room that groups have is used again, but of those that went into further blocks, and of one
// that was long for once.
void PlainEdge::give_back(std::span<const std::uint32_t> part, Block& block) {
  for (std::size_t n = 0; n < part.size(); ++n) {
    auto& s = series_[part[n]];
    const bool here = n < block.groups.size() && block.groups[n].times.capacity() <= kRowsKept;
    s.gathered = here ? std::move(block.groups[n]) : Group();
    s.gathered.times.clear();
    s.gathered.columns.resize(1);
    auto& column = s.gathered.columns[0];
    column.type = s.description.type;
    column.f64.clear();
    column.i64.clear();
    column.text.clear();
  }
}

void PlainEdge::pack(Block& block, std::vector<wire::Frame>& out) {
  auto bytes = codec::encode(block, codec::Tier::fast, memories_, codec::Clocks::own);
  const bool fits = bytes && bytes->size() <= kBlockBytesMax;
  if (fits && readings_carried(block) <= 2 * kReadingsMax) {
    return say(block, std::move(*bytes), out);
  }
  TIDE_CHECK(bytes || bytes.error().fault() == Fault::full, "a block of plain readings encodes");
  Block second;
  second.dictionaries = block.dictionaries;
  if (const auto half = block.groups.size() / 2; half > 0) {
    const auto middle = block.groups.begin() + static_cast<std::ptrdiff_t>(half);
    second.groups.assign(std::make_move_iterator(middle),
                         std::make_move_iterator(block.groups.end()));
    block.groups.erase(middle, block.groups.end());
  } else {
    auto& group = block.groups[0];
    const auto rows = group.times.size();
    TIDE_CHECK(rows > 1, "one reading fits a block");
    second.groups.push_back(rows_of(group, rows / 2, rows));
    group = rows_of(group, 0, rows / 2);
  }
  pack(block, out);
  pack(second, out);
}

void PlainEdge::say(const Block& block, ByteVector bytes, std::vector<wire::Frame>& out) {
  const auto summary = codec::summary(block);
  BlockRecord record;
  record.name = {state_.incarnation, Sequence{state_.next++}};
  record.time_min = summary.time_min;
  record.time_max = summary.time_max;
  record.readings = summary.readings;
  state_.taken += summary.readings;
  if (summary.readings >= kTellingReadings) {
    const auto each = static_cast<double>(bytes.size()) / static_cast<double>(summary.readings);
    room_ = std::min(kReadingsMax, static_cast<std::size_t>(kFill * kBlockBytesMax / each));
  }
  record.bytes = std::move(bytes);
  out.push_back({wire::FrameType::block, wire::encode_block(Lane::live, record)});
}

// Without minutes: nobody counted what was sent.
wire::Frame PlainEdge::seal() {
  Seal seal;
  seal.incarnation = state_.incarnation;
  seal.number = ++state_.seals;
  seal.next = Sequence{state_.next};
  seal.ledger.taken = state_.taken;
  SourceSeal source;
  source.source = options_.source;
  source.poll_class = kEstimatedClass;
  source.device_stamped = true;
  source.sealed_until = state_.until;
  seal.sources.push_back(std::move(source));
  wire::Frame frame{wire::FrameType::seal, {}};
  ByteWriter out(frame.payload);
  seal.encode(out);
  return frame;
}

}  // namespace tidemark::plain
