#include "cloud/serve/store_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "cloud/answers/body.h"
#include "cloud/query/kept_rows.h"
#include "cloud/serve/schema.h"

namespace tidemark::serve {
namespace {

const std::string kBuiltIn = "minute";
constexpr std::string_view kAsk = "; ask a node that makes answers: this one serves what others "
                                  "said";

}  // namespace

Error elsewhere(std::string_view what) {
  return {Fault::unsupported, fmt::format("{} not known here{}", what, kAsk)};
}

Result<> check_labels(const answers::Selection& select, const std::vector<Subject>& subjects) {
  if (subjects.empty()) return {};
  std::set<std::string> known;
  for (const auto& s : subjects) {
    for (const auto& [name, value] : s.all_labels()) known.insert(name);
  }
  for (const auto& [name, value] : select.labels) {
    if (known.contains(name)) continue;
    return Error(Fault::bad_input,
                 fmt::format("these answers do not say the label '{}'; they do: {}{}", name,
                             fmt::join(known, ", "), kAsk));
  }
  return {};
}

Result<std::vector<Found>> StoreReader::subjects(const std::vector<const View*>& views,
                                                 const answers::Selection& select,
                                                 bool everywhere) {
  std::vector<Found> all;
  std::vector<Subject> every;
  const bool named = select.patterns != answers::Selection().patterns;
  for (const auto* view : views) {
    for (auto& s : subjects_of(*view)) {
      if (!everywhere && !view->places.contains(s.place)) continue;
      if (named && s.series.empty()) {
        return elsewhere(fmt::format("which series belong to a group of '{}' is", view->name));
      }
      if (!select.everything()) every.push_back(s);
      all.push_back({std::move(s), view});
    }
  }
  if (!select.everything()) {
    TIDE_TRY(check_labels(select, every));
    std::erase_if(all, [&](const Found& f) {
      return !select.matches(f.subject.series, f.subject.all_labels());
    });
  }
  std::ranges::stable_sort(all, [](const Found& x, const Found& y) {
    const auto& [a, b] = std::tie(x.subject, y.subject);
    return std::tuple(a.series.empty(), std::tie(a.series, a.labels)) <
           std::tuple(b.series.empty(), std::tie(b.series, b.labels));
  });
  return all;
}

Result<std::vector<const View*>> StoreReader::called(const std::vector<View>& views,
                                                     const AnswerQuery& query) {
  std::vector<const View*> found;
  std::set<std::string> names;
  std::set<std::uint64_t> versions;
  for (const auto& v : views) {
    if (!v.places.empty()) names.insert(v.name);
    if (v.name != query.view) continue;
    versions.insert(v.version);
    if (!query.view_version && !v.places.empty()) found.push_back(&v);
    if (v.version != query.view_version) continue;
    // Stores may have given one number to two definitions: the one that was heard last is meant.
    if (found.empty()) found.push_back(&v);
    if (found[0]->made < v.made) found[0] = &v;
  }
  if (!found.empty()) return found;
  if (query.view_version && !versions.empty()) {
    return Error(Fault::bad_input,
                 fmt::format("view '{}' has no version {} here; there are: {}", query.view,
                             *query.view_version, fmt::join(versions, ", ")));
  }
  if (query.as_of && !versions.empty()) {
    return Error(Fault::bad_input, fmt::format("there was no view '{}' at {}", query.view,
                                               format_utc(*query.as_of)));
  }
  return Error(Fault::bad_input,
               fmt::format("no answer of a view '{}' has come; there are: {}", query.view,
                           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

Result<Answer> StoreReader::row(const sqlite::Statement& statement, const View& view,
                                const Subject& subject) {
  Answer a;
  a.start = event_time(statement.integer(0));
  a.position = statement.count(1);
  a.known_at = event_time(statement.integer(2));
  TIDE_TRY(decode_body(statement.blob(3), a));
  a.view = view.name;
  a.view_version = view.version;
  a.view_hash = view.hash == view.version ? 0 : view.hash;  // which records of before do not say
  a.series = subject.series;
  a.labels = subject.labels;
  return a;
}

Result<> StoreReader::check_floor(EventTime as_of) {
  const auto from = static_cast<std::int64_t>(meta(kKnownFrom));
  if (from == 0 || count_ns(as_of) >= from) return {};
  return query::before_what_is_kept(as_of, event_time(from));
}

Result<> StoreReader::add_kept(const View& view, const Subject& subject, const AnswerQuery& query,
                               std::vector<Answer>& all) {
  const auto from = count_ns(query.from);
  const auto to = count_ns(query.to);
  if (query.as_of) {
    const auto at = count_ns(*query.as_of);
    if (unknown_.start(subject.id, from, to, at).next()) {
      const auto start = format_utc(event_time(unknown_.integer(0)));
      const auto floor = format_utc(event_time(unknown_.integer(1)));
      unknown_.rewind();
      return Error(Fault::bad_input,
                   fmt::format("what was known at {} of the window {} of {} has not been read: "
                               "as-of reaches back to {} there", format_utc(*query.as_of), start,
                               subject.series.empty() ? "a group" : subject.series, floor));
    }
    unknown_.rewind();
  }
  // Newest first.
  const auto before = all.size();
  query::KeptRows kept(query, all);
  auto& rows = query.as_of ? as_of_ : current_;
  if (query.as_of) {
    rows.start(subject.id, from, to, count_ns(*query.as_of), kept.needed());
  } else {
    rows.start(subject.id, from, to, kept.needed());
  }
  const auto row_of = [&](const sqlite::Statement& at) { return row(at, view, subject); };
  TIDE_TRY(kept.take(rows, row_of, query.newest));
  std::reverse(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  return {};
}

Result<> StoreReader::add_revisions(const View& view, const Subject& subject,
                                    const AnswerQuery& query, std::vector<Answer>& all) {
  query::KeptRows kept(query, all);
  revisions_.start(subject.id, count_ns(query.from), count_ns(query.to),
                   count_ns(query.as_of.value_or(kEventTimeMax)), kept.needed());
  return kept.take(revisions_, [&](const sqlite::Statement& at) {
    return row(at, view, subject);
  }, 0);
}

namespace {

// "minute (1min), power_1m (1min)": in force, with windows of one length.
std::string windows_of(const std::vector<View>& views) {
  std::string text;
  for (const auto& v : views) {
    if (v.places.empty() || !v.tumbles()) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", v.name,
                        format_duration(v.width_min));
  }
  return text.empty() ? "none" : text;
}

Error not_served(const std::vector<View>& views, const AnswerQuery& query, std::string_view of) {
  const auto wanted = !query.calendar.empty()            ? query.calendar
                      : query.window == Nanoseconds{}    ? std::string("the whole range")
                                                         : format_duration(query.window);
  return {Fault::unsupported,
          fmt::format("no view that is served here has windows of {}{}{} for {}; there are: {}{}",
                      wanted, query.aggregates.empty() ? "" : " with ",
                      fmt::join(query.aggregates, ","), of, windows_of(views), kAsk)};
}

}  // namespace

// By views in force with such windows and figures.
Result<std::vector<Answer>> StoreReader::of_expression(const std::vector<View>& views,
                                                       const AnswerQuery& query) {
  if (query.group_by) return elsewhere("which series belong to a group is");
  std::vector<const View*> fitting;
  for (const auto& v : views) {
    const bool has_all = std::ranges::all_of(query.aggregates, [&](const std::string& a) {
      return v.figures.contains(query::figure_name(a));
    });
    if (!v.places.empty() && v.tumbles() && query.calendar.empty() && v.width_min == query.window &&
        has_all) {
      fitting.push_back(&v);
    }
  }
  // The built-in view is the first where answers are made, too.
  std::ranges::stable_partition(fitting, [](const View* v) { return v->name == kBuiltIn; });
  // Of each series the first view that has it.
  std::map<std::string, std::pair<const View*, Subject>> chosen;
  for (const auto* v : fitting) {
    TIDE_ASSIGN(const auto some, subjects({v}, query.select, false));
    for (const auto& f : some) {
      const auto& series = f.subject.series;
      if (!series.empty()) chosen.try_emplace(series, v, f.subject);
    }
  }
  TIDE_ASSIGN(const auto known, list_series(views, query.select, false));
  for (const auto& s : known) {
    if (!chosen.contains(s.name)) return not_served(views, query, s.name);
  }
  std::vector<Answer> all;
  for (const auto& [name, found] : chosen) {
    TIDE_TRY(add_kept(*found.first, found.second, query, all));
  }
  return all;
}

Result<std::vector<Answer>> StoreReader::answers(const AnswerQuery& query) {
  const Moment moment(*database_);
  const bool then = query.as_of && !query.view.empty() && !query.view_version;
  const auto views = load_views(then ? query.as_of : std::nullopt);
  if (query.as_of) TIDE_TRY(check_floor(*query.as_of));
  std::vector<Answer> all;
  if (query.view.empty()) {
    TIDE_ASSIGN(all, of_expression(views, query));
  } else {
    TIDE_ASSIGN(const auto meant, called(views, query));
    TIDE_ASSIGN(const auto some, subjects(meant, query.select, query.view_version.has_value()));
    for (const auto& f : some) TIDE_TRY(add_kept(*f.view, f.subject, query, all));
  }
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<Answer>> StoreReader::revisions(const AnswerQuery& query) {
  const Moment moment(*database_);
  const auto views = load_views();
  if (query.view.empty() && query.window != Nanoseconds{}) {
    return Error(Fault::bad_input, "revisions are those of a view: name it");
  }
  // By series and not by view; groups come behind.
  std::vector<const View*> meant;
  for (const auto& v : views) {
    if (!query.view.empty() && v.name != query.view) continue;
    if (query.view_version && v.version != *query.view_version) continue;
    meant.push_back(&v);
  }
  if (meant.empty() && !query.view.empty()) TIDE_TRY(called(views, query));
  TIDE_ASSIGN(const auto some, subjects(meant, query.select, true));
  std::vector<Answer> all;
  for (const auto& f : some) TIDE_TRY(add_revisions(*f.view, f.subject, query, all));
  TIDE_TRY(database_->fault());
  return all;
}

}  // namespace tidemark::serve
