#include "cloud/intake/orderer.h"

#include <algorithm>
#include <unordered_map>

#include "common/base/log.h"

namespace tidemark::intake {

struct Orderer::Work {
  const Series* series = nullptr;
  EventTime begin{}, end{};
  // All panes in its time, the finest first. A window that holds one of these holds all of them, so
  // that it does not matter which one says what of the order: finer ones what lies in their time,
  // this one the rest.
  std::vector<std::pair<reconcile::Tier, EventTime>> inside;
  bool folded = false;
  std::uint64_t held = 0;  // readings, in all of them
  std::vector<window::OrderedSample> samples;
};

std::vector<Orderer::Work> Orderer::work_of(std::span<const Wanted> wanted) {
  auto& panes = store_.panes();
  std::vector<Work> all;
  std::uint64_t held = 0;
  for (const auto& w : wanted) {
    Work work;
    work.series = w.series;
    work.begin = w.pane.start;
    work.end = work.begin + reconcile::width_of(w.pane.tier);
    work.inside = panes.inside(w.pane.series, work.begin, work.end);
    work.folded = std::find(work.inside.begin(), work.inside.end(),
                            std::pair(w.pane.tier, w.pane.start)) == work.inside.end();
    if (!work.folded) {
      for (const auto& [tier, at] : work.inside) {
        work.held +=
            panes.change(w.pane.series, w.series->row.description.type, tier, at).rows.count();
      }
    }
    held += work.held;
    if (held > kReadingsAtOnce && !all.empty()) break;
    all.push_back(std::move(work));
  }
  return all;
}

std::vector<store::ArchivePosition> Orderer::blocks_of(std::vector<Work>& work) {
  for (;;) {
    std::vector<const Series*> series;
    std::vector<Stretch> stretches;  // those that meet as one
    for (const auto& w : work) {
      if (w.folded || w.held > kReadingsMax) continue;
      series.push_back(w.series);
      if (!stretches.empty() && w.begin <= stretches.back().to) {
        stretches.back().to = std::max(stretches.back().to, w.end);
      } else {
        stretches.push_back({w.begin, w.end});
      }
    }
    std::sort(series.begin(), series.end(), std::less<>());
    series.erase(std::unique(series.begin(), series.end()), series.end());
    auto blocks = archived_at(store_, series, stretches);
    if (blocks.size() <= kBlocksAtOnce || work.front().begin == work.back().begin) return blocks;
    // All series of one time at least: they share its blocks.
    const auto middle = work[work.size() / 2].begin;
    const auto from = middle > work.front().begin ? middle : middle + Nanoseconds(1);
    work.erase(std::lower_bound(work.begin(), work.end(), from,
                                [](const Work& w, EventTime t) { return w.begin < t; }),
               work.end());
  }
}

void Orderer::gather(Edge& edge, std::vector<Work>& work,
                     const std::vector<store::ArchivePosition>& blocks) {
  struct OfSeries {
    std::vector<Work*> panes;  // by time
    Repeats repeats;
  };
  std::unordered_map<const Series*, OfSeries> all;
  std::vector<const Series*> series;
  for (auto& w : work) {
    if (w.folded || w.held > kReadingsMax) continue;
    auto& panes = all[w.series].panes;
    if (panes.empty()) series.push_back(w.series);
    panes.push_back(&w);
  }
  std::sort(series.begin(), series.end(), std::less<>());
  const auto add = [&](const Series& s, const Group& group, const Column& column) {
    auto& [panes, repeats] = all.at(&s);
    auto pane = panes.begin();
    repeats.each_new(s, group, column, panes.front()->begin, panes.back()->end,
                     [&](std::size_t row, std::size_t value) {
      const auto time = event_time(group.times[row]);
      if (time < (*pane)->begin || time >= (*pane)->end) {
        const auto next = std::upper_bound(panes.begin(), panes.end(), time,
                                           [](EventTime t, const Work* w) { return t < w->begin; });
        pane = std::prev(next);
        if (time >= (*pane)->end) return;  // of a pane whose order is known
      }
      if (const auto sample = window::sample_of(group.times[row], column, value)) {
        (*pane)->samples.push_back(*sample);
      }
    });
  };
  const auto visit = [&](const BlockRecord&, const Block& block,
                         const std::vector<Bound>& bound) -> Result<> {
    for (const auto& group : block.groups) {
      if (group.copy) continue;
      for (const auto& column : group.columns) {
        const auto* s = bound[column.series].series;
        if (!all.contains(s) || column.type != s->row.description.type) continue;
        add(*s, group, column);
      }
    }
    return {};
  };
  for (const auto at : blocks) {
    const auto seen = visit_archived(store_, catalogue_, edge, at, series,
                                     {work.front().begin, work.back().end}, visit);
    // Panes that lack its readings say so by their number; the others do not depend on it.
    if (!seen) {
      log::error("an archived block cannot be read for the order of its readings",
                 "edge={} position={} error={}", edge.row.name, at.value, seen.error().text());
    }
  }
}

bool Orderer::settle(Work& work) {
  const auto& description = work.series->row.description;
  const auto id = work.series->row.id;
  auto& samples = work.samples;
  if (samples.size() != work.held) return false;  // some are gone, or set aside
  std::sort(samples.begin(), samples.end(), [&](const auto& a, const auto& b) {
    return window::comes_before(description.type, a, b);
  });
  auto& panes = store_.panes();
  const auto& options = store_.ordered().of(id, description);
  for (const auto& [tier, at] : work.inside) {
    const auto from = [&](EventTime time) {
      return std::lower_bound(samples.begin(), samples.end(), count_ns(time),
                              [](const auto& s, std::int64_t bound) { return s.time < bound; });
    };
    const auto first = from(at);
    const auto last = from(at + reconcile::width_of(tier));
    auto& pane = panes.change(id, description.type, tier, at);
    pane.want(work.series->parts, options);
    pane.extras->runs->replace({first, last}, options, work.series->parts.states);
    samples.erase(first, last);
  }
  return true;
}

Orderer::Outcome Orderer::put(Edge& edge, std::span<const Wanted> wanted) {
  auto work = work_of(wanted);
  const auto blocks = blocks_of(work);
  Outcome outcome;
  outcome.blocks = blocks.size();
  gather(edge, work, blocks);
  for (auto& w : work) {
    outcome.found.push_back(w.folded    ? Found::folded
                            : settle(w) ? Found::in_order
                                        : Found::lacking);
  }
  return outcome;
}

}  // namespace tidemark::intake
