// Answers and revisions: what views keep, and what is computed when somebody asks.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "cloud/answers/body.h"
#include "cloud/answers/group_judge.h"
#include "cloud/answers/judge.h"
#include "cloud/query/kept_rows.h"
#include "cloud/query/sqlite_reader.h"
#include "common/model/poll_class.h"

namespace tidemark::query {
namespace {

bool same_windows(const answers::View& view, const AnswerQuery& query) {
  const auto& c = view.window.calendar;
  // An expression's windows follow each other.
  if (view.hopping() || view.by_session()) return false;
  if (!view.by_calendar()) return query.calendar.empty() && view.window.size == query.window;
  return query.calendar == c.unit && query.zone == c.zone && c.week_start == "monday";
}

// A selection of groups by the labels that make them groups.
bool selects(const answers::Selection& select, const answers::Labels& of_group) {
  if (select.everything()) return true;
  const bool by_labels = answers::Selection().patterns == select.patterns;
  return by_labels && select.matches("", of_group);
}

}  // namespace

Result<const ViewEntry*> SqliteReader::view_for(const AnswerQuery& query) {
  const ViewEntry* none = nullptr;
  if (!query.view.empty()) return view_called(query);
  for (const auto* entry : snapshot_.views()) {
    const auto& v = *entry;
    if (!v.view.emitted() || !same_windows(v.view, query)) continue;
    if (v.view.by_series() == query.group_by.has_value()) continue;
    if (query.group_by && v.view.group_by != *query.group_by) continue;
    const bool all = !query.group_by && v.view.select.everything();
    if (!all && v.view.select != query.select) continue;
    if (v.view.has_figures()) continue;
    const bool has_all = std::all_of(
        query.aggregates.begin(), query.aggregates.end(), [&](const std::string& a) {
          const auto& have = v.view.aggregates;
          return std::find(have.begin(), have.end(), figure_name(a)) != have.end();
        });
    if (has_all) return entry;
  }
  return none;
}

Result<const ViewEntry*> SqliteReader::view_called(const AnswerQuery& query) {
  const ViewEntry* found = nullptr;
  std::string names, versions;
  const bool then = query.as_of && !query.view_version;
  const auto in_force_then = then ? snapshot_.view_at(query.view, *query.as_of) : 0;
  for (const auto& v : snapshot_.all_views()) {
    if (v.current) names += (names.empty() ? "" : ", ") + v.view.name;
    if (v.view.name != query.view) continue;
    versions += fmt::format("{}{}", versions.empty() ? "" : ", ", v.version);
    const bool meant = query.view_version ? v.version == *query.view_version
                       : then             ? v.id == in_force_then
                                          : v.current;
    if (meant) found = &v;
  }
  if (found != nullptr) return found;
  if (query.view_version && !versions.empty()) {
    return Error(Fault::bad_input, fmt::format("view '{}' has no version {}; there are: {}",
                                               query.view, *query.view_version, versions));
  }
  if (then && !versions.empty()) {
    return Error(Fault::bad_input, fmt::format("there was no view '{}' at {}", query.view,
                                               format_utc(*query.as_of)));
  }
  return Error(Fault::bad_input, fmt::format("no view is called '{}'; there are: {}", query.view,
                                             names));
}

Result<Answer> SqliteReader::row(const sqlite::Statement& statement, const ViewEntry& view,
                                 const Subject& subject) {
  Answer a;
  a.start = event_time(statement.integer(0));
  a.position = statement.count(1);
  a.known_at = event_time(statement.integer(2));
  TIDE_TRY(decode_body(statement.blob(3), a));
  a.view = view.view.name;
  a.view_version = view.version;
  a.view_hash = view.hash;
  dress(a, subject, view.view.group_by);
  return a;
}

Subject SqliteReader::of_series(const SeriesEntry& series) {
  return {series.id, &series, nullptr, {{{}, &series, snapshot_.frontier(series.source)}}};
}

Subject SqliteReader::of_group(const GroupEntry& group) {
  Subject subject{group.subject, nullptr, &group, {}};
  for (const auto& member : snapshot_.members(group.subject)) {
    const auto* series = snapshot_.series(member.series);
    if (series == nullptr) continue;
    const bool known = std::any_of(
        subject.sources.begin(), subject.sources.end(), [&](const Subject::Source& s) {
          return s.series->source == series->source && s.member.since == member.since &&
                 s.member.until == member.until;
        });
    if (!known) subject.sources.push_back({member, series, snapshot_.frontier(series->source)});
  }
  return subject;
}

std::vector<Subject> SqliteReader::subjects(const ViewEntry& view,
                                            const answers::Selection& select) {
  std::vector<Subject> all;
  if (view.view.by_series()) {
    for (const auto* series : snapshot_.match(select)) all.push_back(of_series(*series));
    return all;
  }
  std::set<store::SeriesId> selected;
  if (!select.everything()) {
    for (const auto* series : snapshot_.match(select)) selected.insert(series->id);
  }
  for (const auto* group : snapshot_.groups(view.id)) {
    const auto members = snapshot_.members(group->subject);
    bool any = std::any_of(members.begin(), members.end(), [&](const answers::Member& m) {
      return select.everything() || selected.contains(m.series);
    });
    // Put together from what partitions say: their series are known by what they have in common.
    if (members.empty()) any = selects(select, group->key.labels(view.view.group_by));
    if (any) all.push_back(of_group(*group));
  }
  std::stable_sort(all.begin(), all.end(), [](const Subject& a, const Subject& b) {
    return std::tie(a.group->key.values, a.group->key.unit) <
           std::tie(b.group->key.values, b.group->key.unit);
  });
  return all;
}

void SqliteReader::dress(Answer& a, const Subject& subject,
                         const std::vector<std::string>& group_by) {
  if (subject.group != nullptr) {
    if (!subject.group->key.unit.empty()) a.unit = subject.group->key.unit;
    a.labels = subject.group->key.labels(group_by);
    return;
  }
  const auto& series = *subject.series;
  a.series = series.name;
  a.unit = series.description.unit;
  const auto labels = snapshot_.labels(series);
  for (const auto& key : group_by) {
    const auto label = labels.find(key);
    if (label != labels.end()) a.labels[key] = label->second;
  }
}

void SqliteReader::name_missing(Answer& a, const Subject& subject) {
  if (proved(a.state) || a.state == State::withdrawn) return;
  if (subject.group != nullptr && subject.sources.empty()) return;  // as the partitions said
  std::erase_if(a.missing, answers::is_waiting);
  for (const auto& s : subject.sources) {
    // Of a group only who holds the window back is named.
    const auto& words = snapshot_.words(s.series->source);
    const bool waited = s.frontier < a.end && words.covering(a.end, true) == nullptr;
    if (subject.group != nullptr && (!s.member.holds(a.start) || !waited)) continue;
    const auto& edge = snapshot_.edge(s.series->edge);
    const auto source = edge.name + "/" + s.series->description.source;
    answers::note_waiting(
        source,
        {edge.name, edge.connected, edge.seen, edge.away, edge.missing, s.frontier,
         is_estimated(s.series->description)},
        a.end, a.missing);
  }
  if (subject.group != nullptr) answers::bound_missing(a.missing);
}

Result<> SqliteReader::add_kept(const ViewEntry& view, const Subject& subject,
                                const AnswerQuery& query, std::vector<Answer>& all) {
  // Newest first, so that the newest so many cost no walk over all.
  const auto before = all.size();
  KeptRows kept(query, all);
  auto& rows = query.as_of ? as_of_ : current_;
  if (query.as_of) {
    rows.start(view.id, subject.id, count_ns(query.from), count_ns(query.to),
               count_ns(*query.as_of), kept.needed());
  } else {
    rows.start(view.id, subject.id, count_ns(query.from), count_ns(query.to), kept.needed());
  }
  const auto frozen = snapshot_.frozen_before(view.view.kept_as(), subject.foremost());
  const auto row_of = [&](const sqlite::Statement& from) -> Result<Answer> {
    TIDE_ASSIGN(auto a, row(from, view, subject));
    if (query.as_of) return a;
    // Of a group only what is behind the horizon of all that belong to it.
    if (a.start < frozen && proved(a.state) &&
        a.start < snapshot_.frozen_before(view.view.kept_as(), subject.hindmost(a.start))) {
      a.state = State::frozen;
    }
    name_missing(a, subject);
    return a;
  };
  TIDE_TRY(kept.take(rows, row_of, query.newest));
  std::reverse(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  return {};
}

Result<std::vector<Answer>> SqliteReader::answers(const AnswerQuery& query) {
  const Moment moment(snapshot_);
  TIDE_ASSIGN(const auto* view, view_for(query));
  const bool kept = view != nullptr && view->view.emitted();
  if (!kept && query.as_of) {
    return Error(Fault::bad_input, "as-of works on the windows that a view keeps: name a view, or "
                                   "ask 'by' the size of one");
  }
  if (query.as_of && *query.as_of < snapshot_.known_from()) {
    return before_what_is_kept(*query.as_of, snapshot_.known_from());
  }
  std::vector<Answer> all;
  if (kept) {
    for (const auto& subject : subjects(*view, query.select)) {
      TIDE_TRY(add_kept(*view, subject, query, all));
    }
  } else {
    TIDE_TRY(add_computed(view, query, all));
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<Windows::Asked> SqliteReader::asked(const ViewEntry* view, const AnswerQuery& query) const {
  Windows::Asked asked;
  asked.grid = {query.window, query.window};
  if (!query.calendar.empty()) {
    TIDE_ASSIGN(asked.grid.calendar,
                answers::Grid::calendar({query.calendar, query.zone, "monday", {}}));
  }
  asked.aggregates = query.aggregates;
  if (view != nullptr) {
    asked.grid = {view->view.window.size, view->view.window.every};
    if (asked.aggregates.empty()) asked.aggregates = view->view.aggregates;
  }
  for (auto& a : asked.aggregates) a = figure_name(a);
  if (asked.aggregates.empty()) asked.aggregates = answers::all_aggregates();
  asked.from = query.from;
  asked.to = query.to;
  asked.newest = query.newest;
  return asked;
}

namespace {
// Of the newest that are sealed: they end where the frontier is, or before. False: none can be.
bool trim(const AnswerQuery& query, EventTime frontier, Windows::Asked& asked) {
  const auto& grid = asked.grid;
  if (!query.sealed_only || query.newest == 0 || grid.size == Nanoseconds{}) return true;
  if (frontier < kEventTimeMin + grid.size) return false;
  asked.to = std::min(asked.to, grid.calendar ? grid.calendar->floor(frontier)
                                              : frontier - grid.size + Nanoseconds(1));
  return true;
}
}  // namespace

void SqliteReader::take(std::vector<Answer> computed, const AnswerQuery& query,
                        const ViewEntry* view, const Subject& subject,
                        const std::vector<std::string>& group_by, std::vector<Answer>& all) {
  for (auto& a : computed) {
    if (query.sealed_only && !proved(a.state)) continue;
    if (view != nullptr) a.view = view->view.name;
    if (view != nullptr) a.view_version = view->version;
    if (view != nullptr) a.view_hash = view->hash;
    dress(a, subject, group_by);
    name_missing(a, subject);
    all.push_back(std::move(a));
  }
}

// What no view keeps.
Result<> SqliteReader::add_computed(const ViewEntry* view, const AnswerQuery& query,
                                    std::vector<Answer>& all) {
  TIDE_ASSIGN(auto asked, this->asked(view, query));
  const bool groups = view != nullptr ? !view->view.by_series() : query.group_by.has_value();
  if (groups) return add_groups(view, query, asked, all);
  const auto group_by = view != nullptr ? view->view.group_by : std::vector<std::string>{};
  for (const auto* series : snapshot_.match(query.select)) {
    if (view != nullptr &&
        !view->view.select.matches(series->name, snapshot_.labels(*series))) {
      continue;
    }
    asked.to = query.to;
    if (!trim(query, snapshot_.sealing_frontier(series->source), asked)) continue;
    asked.limit = query.limit - all.size();
    TIDE_ASSIGN(auto computed, windows_.of(*series, asked));
    take(std::move(computed), query, view, of_series(*series), group_by, all);
  }
  return {};
}

// By the labels of now: who belonged to a group earlier is known of views only.
Result<> SqliteReader::add_groups(const ViewEntry* view, const AnswerQuery& query,
                                  const Windows::Asked& asked_all, std::vector<Answer>& all) {
  const auto group_by = view != nullptr ? view->view.group_by : *query.group_by;
  std::map<std::vector<std::string>, std::pair<GroupEntry, std::vector<const SeriesEntry*>>> groups;
  for (const auto* series : snapshot_.match(query.select)) {
    const auto labels = snapshot_.labels(*series);
    if (view != nullptr &&
        !view->view.selects(series->name, labels, series->description.type)) {
      continue;
    }
    const bool figures = view != nullptr && view->view.has_figures();
    auto key = answers::key_of(group_by, labels, series->description, !figures);
    auto order = key.values;
    order.push_back(key.unit);
    order.emplace_back(key.texts ? "texts" : "");
    auto& [group, members] = groups[std::move(order)];
    group.key = std::move(key);
    members.push_back(series);
  }
  for (const auto& [order, found] : groups) {
    const auto& [group, members] = found;
    Subject subject{0, nullptr, &group, {}};
    for (const auto* series : members) {
      if (std::none_of(subject.sources.begin(), subject.sources.end(),
                       [&](const auto& s) { return s.series->source == series->source; })) {
        subject.sources.push_back({{}, series, snapshot_.frontier(series->source)});
      }
    }
    auto asked = asked_all;
    auto slowest = kEventTimeMax;
    for (const auto& s : subject.sources) {
      if (snapshot_.words(s.series->source).retired()) continue;
      slowest = std::min(slowest, snapshot_.sealing_frontier(s.series->source));
    }
    if (!trim(query, slowest, asked)) continue;
    if (view != nullptr && view->view.has_figures()) asked.figures = &view->view;
    asked.limit = query.limit - all.size();
    TIDE_ASSIGN(auto computed, windows_.of_group(members, asked));
    take(std::move(computed), query, view, subject, group_by, all);
  }
  return {};
}

Result<> SqliteReader::add_revisions(const ViewEntry& view, const Subject& subject,
                                     const AnswerQuery& query, std::vector<Answer>& all) {
  KeptRows kept(query, all);
  revisions_.start(view.id, subject.id, count_ns(query.from), count_ns(query.to),
                   count_ns(query.as_of.value_or(kEventTimeMax)), kept.needed());
  return kept.take(revisions_, [&](const sqlite::Statement& from) {
    return row(from, view, subject);
  }, 0);
}

Result<std::vector<Answer>> SqliteReader::revisions(const AnswerQuery& query) {
  const Moment moment(snapshot_);
  std::vector<const ViewEntry*> views;
  if (query.view.empty() && query.window != Nanoseconds{}) {
    TIDE_ASSIGN(const auto* view, view_for(query));
    if (view != nullptr) views.push_back(view);
  } else {
    for (const auto& v : snapshot_.all_views()) {
      const bool named = query.view.empty() || v.view.name == query.view;
      const bool meant = !query.view_version || v.version == *query.view_version;
      if (named && meant) views.push_back(&v);
    }
    // Says what is wrong with the name or the version.
    if (views.empty() && !query.view.empty()) TIDE_TRY(view_called(query));
  }
  // Those of series first, in the order of series and not of views.
  std::vector<Answer> all;
  for (const auto* series : snapshot_.match(query.select)) {
    const auto subject = of_series(*series);
    for (const auto* view : views) {
      if (view->view.by_series()) TIDE_TRY(add_revisions(*view, subject, query, all));
    }
  }
  for (const auto* view : views) {
    if (view->view.by_series()) continue;
    for (const auto& subject : subjects(*view, query.select)) {
      TIDE_TRY(add_revisions(*view, subject, query, all));
    }
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<Answer>> SqliteReader::since(std::uint64_t position, std::size_t limit) {
  const Moment moment(snapshot_);
  std::vector<Answer> all;
  since_.start(position, static_cast<std::uint64_t>(limit));
  while (since_.next()) {
    const auto id = since_.integer(5);
    const auto* series =
        id < 0 ? nullptr : snapshot_.series(static_cast<store::SeriesId>(id));
    const auto* group = id < 0 ? snapshot_.group(id) : nullptr;
    const auto& views = snapshot_.all_views();
    const auto view = std::find_if(views.begin(), views.end(), [&](const ViewEntry& v) {
      return v.id == since_.integer(4);
    });
    if ((series == nullptr && group == nullptr) || view == views.end()) continue;
    TIDE_ASSIGN(auto a, row(since_, *view, Subject{id, series, group, {}}));
    all.push_back(std::move(a));
  }
  TIDE_TRY(database_->fault());
  return all;
}

}  // namespace tidemark::query
