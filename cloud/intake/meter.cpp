// What depends on the order of time, as far as persons and late readings change it: rules of
// series, swaps of meters (`swap SERIES AT OLD_END NEW_START`, `unswap SERIES AT`), panes to be put
// in order.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <set>

#include "cloud/intake/intake.h"
#include "cloud/intake/orderer.h"
#include "cloud/intake/session.h"
#include "cloud/store/orders.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::intake {
namespace {

constexpr std::uint64_t kBlocksATurn = 300;  // some 30 ms
constexpr int kDigitsMax = 18;

template <typename Number>
bool read(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc{} && end == text.data() + text.size();
}

// "12345.6" as a mantissa of 10^exponent, exactly.
std::optional<std::int64_t> mantissa_of(std::string_view text, int exponent) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto dot = text.find('.');
  auto digits = std::string(text.substr(0, dot));
  auto decimals = dot == std::string_view::npos ? std::string() : std::string(text.substr(dot + 1));
  const auto places = static_cast<std::size_t>(std::max(0, -exponent));
  while (decimals.size() > places && decimals.ends_with('0')) decimals.pop_back();
  if (decimals.size() > places) return std::nullopt;
  decimals.resize(places, '0');
  digits += decimals;
  for (int e = exponent; e > 0; --e) {
    if (!digits.ends_with('0')) return std::nullopt;
    digits.pop_back();
    if (digits.empty()) digits.push_back('0');
  }
  std::int64_t mantissa = 0;
  if (digits.empty() || digits.size() > kDigitsMax || !read(digits, mantissa)) return std::nullopt;
  return negative ? -mantissa : mantissa;
}

Result<std::int64_t> kept_value(std::string_view text, const SeriesDescription& d) {
  if (d.type == ValueType::f64) {
    double v = 0;
    if (read(text, v) && std::isfinite(v)) return std::bit_cast<std::int64_t>(v);
    return Error(Fault::bad_input, fmt::format("'{}' is no number", text));
  }
  if (const auto mantissa = mantissa_of(text, d.exponent)) return *mantissa;
  return Error(Fault::bad_input,
               fmt::format("'{}' is no reading of this meter, whose steps are {} {}", text,
                           decimal_to_double(1, d.exponent), d.unit));
}

}  // namespace

void Intake::apply_rule(const Series& series) {
  for (const auto& rule : options_.series_rules) {
    if (!series_match(rule.select, series.full_name)) continue;
    return store_->ordered().set_rule(series.row.id, rule.max_hold, rule.rollover);
  }
  store_->ordered().set_rule(series.row.id, store::OrderedRows::kMaxHold, 0);
}

// A series that was described with another type or resolution is another one of the same name: the
// one that was measured last is meant. A store of one partition of several cannot know whether
// others have one that is called so without its edge.
Result<Series*> Intake::counter_called(const std::string& name) const {
  std::set<std::string> names;
  Series* found = nullptr;
  const bool edge_may_lack = options_.partitions == 0;
  for (const auto& s : catalogue_->all()) {
    const bool local = edge_may_lack && s->row.description.local_name() == name;
    if (s->full_name != name && !local) continue;
    names.insert(s->full_name);
    if (found == nullptr || s->newest > found->newest) found = s.get();
  }
  if (names.size() == 1) return found;
  return Error(Fault::bad_input,
               names.empty() ? fmt::format("no series is called '{}', expected edge/device/metric",
                                           name)
                             : fmt::format("'{}' is {} series, which one? {}", name, names.size(),
                                           fmt::join(names, ", ")));
}

Result<std::string> Intake::swap_meter(const std::vector<std::string_view>& parts,
                                       EventTime said_at) {
  const bool swap = parts[0] == "swap";
  const auto time = parts.size() == (swap ? 5U : 3U) ? store::order_time(parts[2]) : std::nullopt;
  if (!time) {
    return Error(Fault::bad_input, "expected: swap SERIES AT OLD_END NEW_START, or unswap SERIES "
                                   "AT, times in ns");
  }
  TIDE_ASSIGN(auto* const counter, counter_called(store::from_order_word(parts[1])));
  auto& series = *counter;
  const auto& description = series.row.description;
  const auto at = *time;
  if (description.type == ValueType::text || description.type == ValueType::boolean) {
    return Error(Fault::bad_input, series.full_name + " is no counter");
  }
  if (swap) {
    TIDE_ASSIGN(const auto old_end, kept_value(parts[3], description));
    TIDE_ASSIGN(const auto new_start, kept_value(parts[4], description));
    TIDE_TRY(store_->ordered().add_swap({series.row.id, at, old_end, new_start, said_at}));
  } else if (!store_->ordered().remove_swap(series.row.id, at)) {
    return Error(Fault::bad_input, fmt::format("the meter of {} was not swapped at {}",
                                               series.full_name, format_utc(at)));
  }
  forget_order(series, at);
  const auto now = clock_.steady();
  const auto next = store_->panes().after(series.row.id, at - Nanoseconds(1));
  emitter_->reopen(series.row.id, at, at + Nanoseconds(1), now);
  if (next) emitter_->reopen(series.row.id, *next, *next + Nanoseconds(1), now);
  return fmt::format("{}: {} at {}; increases over it are answered anew", series.full_name,
                     swap ? "meter swapped" : "no meter was swapped", format_utc(at));
}

// Panes with readings on both sides of the time have counted over it. Until they are put in order
// again, which may never be, what they said of it is not said any more.
void Intake::forget_order(const Series& series, EventTime at) {
  constexpr auto kDay = std::chrono::hours(24);
  const auto day = floor_to(at, kDay);
  const auto& description = series.row.description;
  auto& panes = store_->panes();
  for (const auto& [tier, start] : panes.inside(series.row.id, day, day + kDay)) {
    if (start > at || start + reconcile::width_of(tier) <= at) continue;
    auto& pane = panes.change(series.row.id, description.type, tier, start);
    const auto time = count_ns(at);
    const auto& rows = pane.rows;
    if (rows.count() == 0 || rows.first().time >= time || rows.last().time < time) continue;
    if (pane.extras && pane.extras->runs) {
      auto& runs = *pane.extras->runs;
      runs.replace({}, store_->ordered().of(series.row.id, description), runs.has_states());
    }
    store_->ordered().add_unordered({series.row.id, tier, start,
                                     static_cast<int>(answers::Cause::operated)});
  }
}

void Intake::note_unordered() {
  for (const auto& [series, first_end] : store_->ordered().take_added()) {
    turns_->note(catalogue_->find(series)->row.edge, series, first_end, clock_.steady());
  }
}

void Intake::order_panes() {
  const auto now = clock_.steady();
  for (const auto* s : touched_) turns_->moved(s->edge->row.id);
  for (std::uint64_t blocks = 0; blocks < kBlocksATurn;) {
    const auto panes = turns_->next(now);
    if (panes.empty()) return;
    blocks += 1 + order(panes);
  }
}

// What it cost, in blocks.
std::uint64_t Intake::order(const std::vector<store::OrderedRows::Pane>& panes) {
  std::vector<Orderer::Wanted> wanted;
  for (const auto& pane : panes) {
    const auto* series = catalogue_->find(pane.series);
    if (series->parts.ordered) {
      wanted.push_back({series, pane});
    } else {
      store_->ordered().remove_unordered(pane);
    }
  }
  if (wanted.empty()) return 0;
  auto& edge = *by_id_.at(wanted[0].series->row.edge)->edge;
  const auto ordered = Orderer(*store_, *catalogue_).put(edge, wanted);
  counters_.blocks_ordered += ordered.blocks;
  for (std::size_t i = 0; i < ordered.found.size(); ++i) {
    const auto& [series, pane] = wanted[i];
    store_->ordered().remove_unordered(pane);
    if (ordered.found[i] == Orderer::Found::folded) {
      order_where_folded(pane);
      continue;
    }
    if (ordered.found[i] == Orderer::Found::lacking) {
      log::warning("the order of readings is not known any more, what depends on it is approximate",
                   "series={} from={} width={} reason={}", series->full_name,
                   format_utc(pane.start), reconcile::name_of(pane.tier),
                   "the archive lacks some, or they are too many");
    }
    emitter_->touch_ordered(pane.series, pane.start, pane.start + reconcile::width_of(pane.tier),
                            answers::cause_of(pane.cause), clock_.steady());
  }
  return ordered.blocks;
}

// A pane that is not there any more lies in a coarser one, which is to be put in order instead.
void Intake::order_where_folded(const store::OrderedRows::Pane& pane) {
  if (pane.tier == reconcile::Tier::day) return;  // gone
  const auto next = static_cast<reconcile::Tier>(static_cast<int>(pane.tier) + 1);
  store_->ordered().add_unordered(
      {pane.series, next, floor_to(pane.start, reconcile::width_of(next)), pane.cause});
}

}  // namespace tidemark::intake
