#include "edge/modbus/poll_decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "edge/profile/decode.h"

namespace tidemark::modbus {
namespace {

bool has_model(const profile::Point& p, std::uint16_t model) {
  if (p.models.empty()) return model == 0;
  return std::find(p.models.begin(), p.models.end(), model) != p.models.end();
}

bool same_shape(const ReadRange& a, const ReadRange& b) {
  return a.function == b.function && a.address == b.address && a.model == b.model &&
         a.registers.size() == b.registers.size();
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

PollDecoder::PollDecoder(std::string source,
                         std::shared_ptr<const profile::Profile> profile)
    : source_(std::move(source)), profile_(std::move(profile)), known_(profile_->points.size()) {
  for (std::size_t i = 0; i < profile_->points.size(); ++i) {
    classes_[profile_->points[i].poll_class].points.push_back(i);
  }
}

Result<std::uint32_t> PollDecoder::handle_of(std::size_t point, source::SeriesTable& series) {
  auto& known = known_[point];
  if (known.table == &series) return known.handle;
  const auto& p = profile_->points[point];
  SeriesDescription d;
  d.source = source_;
  d.device = source_;
  d.metric = p.name;
  d.poll_class = p.poll_class;
  d.unit = p.unit;
  d.kind = p.kind;
  d.type = p.value_type;
  d.exponent = p.value_type == ValueType::i64 ? p.exponent : std::int8_t{0};
  TIDE_ASSIGN(known.handle, series.intern(d, {}, p.name));
  known.table = &series;
  return known.handle;
}

bool PollDecoder::leads(const source::Way& way, std::string_view series) const {
  const auto& points = profile_->points;
  return way.topic.empty() && series == source_ + "/" + way.path &&
         std::any_of(points.begin(), points.end(),
                     [&](const profile::Point& p) { return p.name == way.path; });
}

// The first range that holds all registers of a point; a point that none holds has no place.
void PollDecoder::follow(const PollEntry& poll, PollClass& poll_class) const {
  poll_class.shape = poll.ranges;
  poll_class.places.clear();
  for (const auto point : poll_class.points) {
    const auto& p = profile_->points[point];
    for (std::size_t r = 0; r < poll.ranges.size(); ++r) {
      const auto& range = poll.ranges[r];
      const auto end = std::size_t{range.address} + range.registers.size();
      if (!has_model(p, range.model) || range.function != p.function ||
          p.begin() < range.address || p.end() > end) {
        continue;
      }
      poll_class.places.push_back({point, r, p.begin() - range.address});
      break;
    }
  }
}

void PollDecoder::take_ranges(const PollClass& poll_class, source::SeriesTable& series,
                              source::Decoded& out) {
  auto& group = out.add_group(poll_class.places.size());
  group.times.push_back(source::Decoded::kArrival);
  std::size_t taken = 0;
  for (const auto& place : poll_class.places) {
    const auto& p = profile_->points[place.point];
    const auto handle = handle_of(place.point, series);
    if (!handle) {
      out.rejected.push_back({handle.error().text(), 1});
      continue;
    }
    auto& column = group.columns[taken++];
    column.series = *handle;
    const std::span<const std::uint16_t> registers(poll_.ranges[place.range].registers);
    add_value(column, p,
              profile::decode_at(p, registers.subspan(place.offset, p.end() - p.begin())));
  }
  group.columns.resize(taken);
  if (taken == 0) out.groups.pop_back();
}

void PollDecoder::decode(const journal::Entry& entry, source::SeriesTable& series,
                         source::Decoded& out) {
  if (entry.kind != kPollKind) {
    out.rejected.push_back({fmt::format("entry of kind {} is not a Modbus poll: the source '{}' "
                                        "had another protocol when it was written",
                                        entry.kind, source_), 0});
    return;
  }
  if (const auto done = PollEntry::decode(entry.payload, poll_); !done) {
    out.rejected.push_back({done.error().text(), 0});
    return;
  }
  out.poll_class = poll_.poll_class;
  // What was read counts where its readings lie; what was not, where it was due.
  const bool read = !poll_.ranges.empty();
  for (std::uint64_t i = 0; i < poll_.count; ++i) {
    const auto ago = poll_.ago - static_cast<std::int64_t>(i) * poll_.period;
    out.expected.push_back(
        {poll_.poll_class, poll_.good, read ? Nanoseconds(0) : std::max(ago, Nanoseconds(0))});
  }
  if (owners_version_ != series.owners().version()) {
    owners_version_ = series.owners().version();
    std::fill(known_.begin(), known_.end(), Known{});
  }
  const auto known = classes_.find(poll_.poll_class);
  if (known == classes_.end() || !read) return;
  auto& poll_class = known->second;
  if (!std::equal(poll_class.shape.begin(), poll_class.shape.end(), poll_.ranges.begin(),
                  poll_.ranges.end(), same_shape)) {
    follow(poll_, poll_class);
  }
  take_ranges(poll_class, series, out);
}

}  // namespace tidemark::modbus
