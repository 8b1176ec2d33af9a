#include "edge/modbus/poll_decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "edge/profile/decode.h"

namespace tidemark::modbus {
namespace {

// The registers of a point, with its dynamic scale, among the ranges that answered; empty when none
// holds all of them.
std::span<const std::uint16_t> registers_of(const profile::Point& p, const PollEntry& poll) {
  for (const auto& range : poll.ranges) {
    const bool here = p.models.empty()
                          ? range.model == 0
                          : std::find(p.models.begin(), p.models.end(), range.model) !=
                                p.models.end();
    if (!here || range.function != p.function || p.begin() < range.address) continue;
    const auto from = static_cast<std::size_t>(p.begin() - range.address);
    const auto count = static_cast<std::size_t>(p.end() - p.begin());
    if (from + count <= range.registers.size()) {
      return std::span(range.registers).subspan(from, count);
    }
  }
  return {};
}

void add_value(Column& column, const profile::Point& p, profile::Value value) {
  column.type = p.value_type;
  switch (p.value_type) {
    case ValueType::f64: column.f64.push_back(value.f64); break;
    case ValueType::text: column.text.push_back(std::move(value.text)); break;
    default: column.i64.push_back(value.i64); break;
  }
  if (value.quality != Quality::good) column.quality.push_back(value.quality);
}

}  // namespace

PollDecoder::PollDecoder(std::string source, profile::Profile profile)
    : source_(std::move(source)), profile_(std::move(profile)), known_(profile_.points.size()) {
  for (std::size_t i = 0; i < profile_.points.size(); ++i) {
    points_[profile_.points[i].poll_class].push_back(i);
  }
}

Result<std::uint32_t> PollDecoder::handle_of(std::size_t point, source::SeriesTable& series) {
  auto& known = known_[point];
  if (known.table == &series) return known.handle;
  const auto& p = profile_.points[point];
  SeriesDescription d;
  d.source = source_;
  d.device = source_;
  d.metric = p.name;
  d.poll_class = p.poll_class;
  d.unit = p.unit;
  d.kind = p.kind;
  d.type = p.value_type;
  d.exponent = p.value_type == ValueType::i64 ? p.exponent : std::int8_t{0};
  TIDE_ASSIGN(known.handle, series.intern(d));
  known.table = &series;
  return known.handle;
}

void PollDecoder::decode(const journal::Entry& entry, source::SeriesTable& series,
                         source::Decoded& out) {
  if (entry.kind != kPollKind) {
    out.rejected.push_back({fmt::format("entry of kind {} is not a Modbus poll: the source '{}' "
                                        "had another protocol when it was written",
                                        entry.kind, source_), 0});
    return;
  }
  auto poll = PollEntry::decode(entry.payload);
  if (!poll) {
    out.rejected.push_back({poll.error().text(), 0});
    return;
  }
  out.poll_class = poll->poll_class;
  // What was read counts where its readings lie; what was not, where it was due.
  const bool read = !poll->ranges.empty();
  for (std::uint64_t i = 0; i < poll->count; ++i) {
    const auto ago = poll->ago - static_cast<std::int64_t>(i) * poll->period;
    out.expected.push_back(
        {poll->poll_class, poll->good, read ? Nanoseconds(0) : std::max(ago, Nanoseconds(0))});
  }
  const auto points = points_.find(poll->poll_class);
  if (points == points_.end() || poll->ranges.empty()) return;
  Group group;
  group.times = {source::Decoded::kArrival};
  for (const auto index : points->second) {
    const auto& p = profile_.points[index];
    const auto registers = registers_of(p, *poll);
    if (registers.empty()) continue;
    auto handle = handle_of(index, series);
    if (!handle) {
      out.rejected.push_back({handle.error().text(), 1});
      continue;
    }
    Column column;
    column.series = *handle;
    add_value(column, p, profile::decode_at(p, registers));
    group.columns.push_back(std::move(column));
  }
  if (!group.columns.empty()) out.groups.push_back(std::move(group));
}

}  // namespace tidemark::modbus
