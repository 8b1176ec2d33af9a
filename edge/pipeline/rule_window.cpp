#include "edge/pipeline/rule_window.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tidemark::pipeline {
namespace {

// Arrival stamps of a source rise: what is left is how far its frontier and a flush may be behind.
constexpr Nanoseconds kArrivalSpan = std::chrono::seconds(1);

using window::LocalOptions;
using window::WindowOptions;

WindowOptions aligned_options(const WindowRule& rule) {
  WindowOptions o{.size = rule.size, .hop = rule.hop};
  if (!rule.aligned()) o.size = o.hop = rule.carrier;
  if (rule.lateness.count() > 0 && o.hop.count() > 0) {
    const auto panes = static_cast<std::size_t>(rule.lateness / std::max(o.pane(), Nanoseconds(1)));
    o.late_panes = std::clamp<std::size_t>(panes + 1, WindowRule::kLatePanes,
                                           WindowOptions::kLatePanesMax);
    o.keep = rule.lateness;
  } else {
    o.keep = std::max<Nanoseconds>(2 * o.size, std::chrono::minutes(1));
  }
  return o;
}

LocalOptions local_options(const WindowRule& rule) {
  LocalOptions o;
  o.kind = rule.type == WindowType::sliding   ? LocalOptions::Kind::sliding
           : rule.type == WindowType::session ? LocalOptions::Kind::session
                                              : LocalOptions::Kind::count;
  o.size = rule.size;
  o.hop = rule.hop;
  o.gap = rule.gap;
  o.count = rule.count;
  o.keep = rule.lateness.count() > 0 ? rule.lateness : std::max(rule.size, rule.gap);
  return o;
}

// In mantissas; what does not fit is none.
std::int64_t mantissa_of(double value, int exponent) {
  const double scaled = value / std::pow(10.0, exponent);
  return scaled < 9.2e18 ? static_cast<std::int64_t>(std::llround(scaled)) : 0;
}

}  // namespace

std::string_view to_string(WindowType type) {
  static constexpr std::array<std::string_view, 5> kNames{"tumbling", "hopping", "sliding",
                                                          "session", "count"};
  return kNames[static_cast<std::size_t>(type)];
}

Result<> WindowRule::check() const {
  TIDE_TRY(aligned_options(*this).check());
  if (!aligned()) TIDE_TRY(local_options(*this).check());
  return {};
}

RuleWindow::RuleWindow(const WindowRule& rule, ValueType type, int exponent,
                       window::Upstream upstream)
    : carries_(upstream == window::Upstream::carrier) {
  window::Shape shape{.type = type, .exponent = exponent, .wanted = rule.wanted, .ordered = {}};
  shape.ordered.max_hold = rule.max_hold.count();
  shape.ordered.rollover_f64 = rule.rollover;
  shape.ordered.rollover_i64 = mantissa_of(rule.rollover, exponent);
  if (rule.aligned() || carries_) {
    auto options = aligned_options(rule);
    options.upstream = upstream;
    options.shape = shape;
    if (!rule.aligned()) options.shape.wanted = nullptr;
    late_panes_ = options.late_panes;
    if (rule.lateness.count() == 0) {
      const auto behind = (kArrivalSpan + options.pane() - Nanoseconds(1)) / options.pane();
      options.late_panes = std::min(late_panes_, static_cast<std::size_t>(behind));
    }
    if (std::chrono::minutes(1) % options.pane() != Nanoseconds{}) across_minutes_ = options.pane();
    panes_.emplace(std::move(options));
  }
  if (!rule.aligned() && rule.wanted) {
    auto options = local_options(rule);
    options.shape = shape;
    local_ = window::LocalWindow::make(options);
  }
}

void RuleWindow::expect_late() {
  if (panes_) panes_->expect_late(late_panes_);
  if (results_) results_->expect_late(late_panes_);
}

bool RuleWindow::add(EventTime time, const Column& column, std::size_t value) {
  if (local_) local_->add(time, column, value);
  if (results_) static_cast<void>(results_->add(time, column, value));
  return panes_ && panes_->add(time, column, value) == window::SeriesWindow::Placement::taken &&
         carries_;
}

void RuleWindow::flush(EventTime frontier, std::uint32_t handle, std::vector<PartialRow>& rows,
                       std::vector<window::LocalResult>& results) {
  if (panes_) panes_->flush(frontier, handle, rows, results);
  if (results_) results_->flush(frontier, handle, rows, results);
  if (local_) local_->flush(frontier, results);
}

void RuleWindow::set_back(EventTime now, std::uint32_t handle, std::vector<PartialRow>& rows,
                          std::vector<window::LocalResult>& results) {
  if (auto* const told = results_ ? results_.get() : panes_ ? &*panes_ : nullptr;
      told != nullptr && (told->options().shape.wanted || !carries_) && told->has_passed(now)) {
    told->flush(kEventTimeMax, handle, rows, results);
    auto anew = told->options();
    if (carries_ && !results_) {
      panes_->tell_nothing();
      anew.upstream = window::Upstream::none;
      results_ = std::make_unique<window::SeriesWindow>(std::move(anew));
    } else {
      late_before_ += told->late();
      *told = window::SeriesWindow(std::move(anew));
    }
  }
  if (local_ && local_->has_passed(now)) {
    local_->flush(kEventTimeMax, results);
    late_before_ += local_->late();
    local_ = window::LocalWindow::make(local_->options());
  }
}

std::uint64_t RuleWindow::late() const {
  return late_before_ + (panes_ ? panes_->late() : 0) + (results_ ? results_->late() : 0) +
         (local_ ? local_->late() : 0);
}

}  // namespace tidemark::pipeline
