#include "cloud/serve/store_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "cloud/answers/body.h"
#include "cloud/serve/schema.h"

namespace tidemark::serve {
namespace {

const std::string kBuiltIn = "minute";
constexpr std::string_view kAsk = "; ask a node that makes answers: this one serves what others "
                                  "said";

Error too_many(std::size_t limit) {
  return {Fault::full, fmt::format("more than {} answers; ask for less at once or for longer "
                                   "windows", limit)};
}

std::string figure_name(const std::string& aggregate) {
  return aggregate == "avg" ? "mean" : aggregate;
}

void keep_aggregates(Answer& answer, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return;
  const auto unwanted = [&](const auto& item) {
    return std::ranges::none_of(wanted, [&](const std::string& w) {
      return figure_name(w) == item.first || item.first.starts_with(w + ":");
    });
  };
  std::erase_if(answer.values, unwanted);
  std::erase_if(answer.previous, unwanted);
  std::erase_if(answer.texts, unwanted);
}

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

Result<std::vector<Subject>> StoreReader::subjects(const View& view,
                                                   const answers::Selection& select) {
  auto all = subjects_of(view);
  if (select.everything()) return all;
  TIDE_TRY(check_labels(select, all));
  const bool named = select.patterns != answers::Selection().patterns;
  if (named && std::ranges::any_of(all, [](const Subject& s) { return s.series.empty(); })) {
    return elsewhere(fmt::format("which series belong to a group of '{}' is", view.name));
  }
  std::erase_if(all, [&](const Subject& s) { return !select.matches(s.series, s.all_labels()); });
  return all;
}

Result<const View*> StoreReader::called(const std::vector<View>& views,
                                        const AnswerQuery& query) {
  const View* found = nullptr;
  std::string names, versions;
  const bool then = query.as_of && !query.view_version;
  std::int64_t in_force_then = 0;
  if (then && view_at_.start(query.view, count_ns(*query.as_of)).next()) {
    in_force_then = view_at_.integer(0);
  }
  if (then) view_at_.rewind();
  for (const auto& v : views) {
    if (v.current) names += (names.empty() ? "" : ", ") + v.name;
    if (v.name != query.view) continue;
    versions += fmt::format("{}{}", versions.empty() ? "" : ", ", v.version);
    const bool meant = query.view_version ? v.version == *query.view_version
                       : then             ? v.id == in_force_then
                                          : v.current;
    if (meant) found = &v;
  }
  if (found != nullptr) return found;
  if (query.view_version && !versions.empty()) {
    return Error(Fault::bad_input, fmt::format("view '{}' has no version {} here; there are: {}",
                                               query.view, *query.view_version, versions));
  }
  if (then && !versions.empty()) {
    return Error(Fault::bad_input, fmt::format("there was no view '{}' at {}", query.view,
                                               format_utc(*query.as_of)));
  }
  return Error(Fault::bad_input, fmt::format("no answer of a view '{}' has come; there are: {}",
                                             query.view, names.empty() ? "none" : names));
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
  a.series = subject.series;
  a.labels = subject.labels;
  return a;
}

Result<> StoreReader::check_floor(EventTime as_of) {
  const auto from = static_cast<std::int64_t>(meta(kKnownFrom));
  if (from == 0 || count_ns(as_of) >= from) return {};
  return Error(Fault::bad_input, fmt::format("what was known at {} is no longer kept: as-of "
                                             "reaches back to {}", format_utc(as_of),
                                             format_utc(event_time(from))));
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
  // Newest first; what is not proved is skipped below, then the loop ends by itself.
  const auto before = all.size();
  const auto left = query.sealed_only ? std::int64_t{-1}
                                      : static_cast<std::int64_t>(query.limit - before) + 1;
  auto& rows = query.as_of ? as_of_ : current_;
  if (query.as_of) {
    rows.start(subject.id, from, to, count_ns(*query.as_of), left);
  } else {
    rows.start(subject.id, from, to, left);
  }
  while ((query.newest == 0 || all.size() - before < query.newest) && rows.next()) {
    TIDE_ASSIGN(auto a, row(rows, view, subject));
    if (query.sealed_only && !proved(a.state)) continue;
    keep_aggregates(a, query.aggregates);
    all.push_back(std::move(a));
    if (all.size() > query.limit) {
      rows.rewind();
      return too_many(query.limit);
    }
  }
  rows.rewind();
  std::reverse(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  return {};
}

Result<> StoreReader::add_revisions(const View& view, const Subject& subject,
                                    const AnswerQuery& query, std::vector<Answer>& all) {
  revisions_.start(subject.id, count_ns(query.from), count_ns(query.to),
                   count_ns(query.as_of.value_or(kEventTimeMax)),
                   static_cast<std::uint64_t>(query.limit - all.size()) + 1);
  while (revisions_.next()) {
    TIDE_ASSIGN(auto a, row(revisions_, view, subject));
    if (query.sealed_only && !proved(a.state)) continue;
    keep_aggregates(a, query.aggregates);
    all.push_back(std::move(a));
    if (all.size() > query.limit) {
      revisions_.rewind();
      return too_many(query.limit);
    }
  }
  return {};
}

namespace {

// "minute (1min), power_1m (1min)": in force, with windows of one length.
std::string windows_of(const std::vector<View>& views) {
  std::string text;
  for (const auto& v : views) {
    if (!v.current || !v.tumbles()) continue;
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
      return v.figures.contains(figure_name(a));
    });
    if (v.current && v.tumbles() && query.calendar.empty() && v.width_min == query.window &&
        has_all) {
      fitting.push_back(&v);
    }
  }
  // The built-in view is the first where answers are made, too.
  std::ranges::stable_partition(fitting, [](const View* v) { return v->name == kBuiltIn; });
  // Of each series the first view that has it.
  std::map<std::string, std::pair<const View*, Subject>> chosen;
  for (const auto* v : fitting) {
    TIDE_ASSIGN(const auto some, subjects(*v, query.select));
    for (const auto& s : some) {
      if (!s.series.empty()) chosen.try_emplace(s.series, v, s);
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
  const auto views = load_views();
  if (query.as_of) TIDE_TRY(check_floor(*query.as_of));
  std::vector<Answer> all;
  if (query.view.empty()) {
    TIDE_ASSIGN(all, of_expression(views, query));
  } else {
    TIDE_ASSIGN(const auto* view, called(views, query));
    TIDE_ASSIGN(const auto some, subjects(*view, query.select));
    for (const auto& s : some) TIDE_TRY(add_kept(*view, s, query, all));
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
  std::vector<std::pair<Subject, const View*>> found;
  bool named = false;
  for (const auto& v : views) {
    if (!query.view.empty() && v.name != query.view) continue;
    if (query.view_version && v.version != *query.view_version) continue;
    named = true;
    TIDE_ASSIGN(auto some, subjects(v, query.select));
    for (auto& s : some) found.emplace_back(std::move(s), &v);
  }
  if (!named && !query.view.empty()) TIDE_TRY(called(views, query));
  std::ranges::stable_sort(found, [](const auto& a, const auto& b) {
    return std::tuple(a.first.series.empty(), std::tie(a.first.series)) <
           std::tuple(b.first.series.empty(), std::tie(b.first.series));
  });
  std::vector<Answer> all;
  for (const auto& [subject, view] : found) {
    TIDE_TRY(add_revisions(*view, subject, query, all));
  }
  TIDE_TRY(database_->fault());
  return all;
}

}  // namespace tidemark::serve
