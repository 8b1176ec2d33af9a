#include "cloud/intake/raw.h"

#include <fmt/format.h>

#include <algorithm>

#include "cloud/intake/archived.h"
#include "common/codec/codec.h"
#include "common/codec/outline.h"

namespace tidemark::intake {
namespace {

class Gathering {
 public:
  Gathering(std::span<const Series* const> series, EventTime from, EventTime to,
            std::span<std::vector<answers::Sample>* const> samples)
      : series_(series), samples_(samples), repeats_(series.size()), from_(from), to_(to) {}

  // Which of them each column of a block is; false when it can hold none.
  bool bind(const std::vector<Bound>& bound, const codec::Outline& outline) {
    of_column_.assign(bound.size(), series_.size());
    std::vector<bool> is_one(bound.size());
    for (std::size_t i = 0; i < bound.size(); ++i) {
      const auto at = std::find(series_.begin(), series_.end(), bound[i].series);
      of_column_[i] = static_cast<std::size_t>(at - series_.begin());
      is_one[i] = at != series_.end();
    }
    return outline.may_hold(is_one, count_ns(from_), count_ns(to_));
  }

  Result<> add(const Block& block) {
    for (const auto& group : block.groups) {
      if (group.copy) continue;
      for (const auto& column : group.columns) add(group, column);
    }
    if (taken_ <= kRawReadingsMax) return {};
    return Error(Fault::full, fmt::format("more than {} readings from {} to {}", kRawReadingsMax,
                                          format_utc(from_), format_utc(to_)));
  }

 private:
  void add(const Group& group, const Column& column) {
    const auto s = of_column_[column.series];
    if (s == series_.size()) return;
    const auto& d = series_[s]->row.description;
    if (column.type != d.type) return;
    repeats_[s].each_new(*series_[s], group, column, from_, to_,
                         [&](std::size_t row, std::size_t value) {
      const auto sample = window::sample_of(group.times[row], column, value);
      if (!sample) return;
      const auto shown = d.type == ValueType::f64 ? sample->f64
                         : d.type == ValueType::i64 ? decimal_to_double(sample->i64, d.exponent)
                                                    : static_cast<double>(sample->i64);
      samples_[s]->push_back({event_time(sample->time), shown});
      ++taken_;
    });
  }

  std::span<const Series* const> series_;
  std::span<std::vector<answers::Sample>* const> samples_;
  std::vector<Repeats> repeats_;
  EventTime from_, to_;
  std::vector<std::size_t> of_column_;
  std::uint64_t taken_ = 0;
};

}  // namespace

Result<std::uint64_t> read_raw(store::Store& store, Catalogue& catalogue, Edge& edge,
                               std::span<const Series* const> series, EventTime from, EventTime to,
                               std::span<std::vector<answers::Sample>* const> samples) {
  const Stretch stretch{from, to};
  const auto positions = archived_at(store, series, {&stretch, 1});
  Gathering gathering(series, from, to, samples);
  std::vector<Bound> bound;
  for (const auto position : positions) {
    TIDE_ASSIGN(const auto archived, store.archive().read(position));
    TIDE_ASSIGN(const auto outline, codec::outline(archived.record.bytes));
    TIDE_TRY(catalogue.bind_known(edge, outline.summary.dictionaries, bound));
    if (!gathering.bind(bound, outline)) continue;
    TIDE_ASSIGN(const auto block, codec::decode(archived.record.bytes));
    TIDE_TRY(gathering.add(block));
  }
  return std::uint64_t{positions.size()};
}

}  // namespace tidemark::intake
