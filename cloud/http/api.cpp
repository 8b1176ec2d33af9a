#include "cloud/http/api.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>

#include "cloud/http/json.h"
#include "common/base/text.h"

namespace tidemark::http {
namespace {

constexpr std::size_t kRowsDefault = 1'000;  // of late readings, events, dead letters
constexpr std::size_t kLettersEver = std::size_t{1} << 62;

Result<> check_parameters(const Request& request, std::initializer_list<const char*> known) {
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [name, value] : request.parameters) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto near = nearest(name, names);
    return Error(Fault::bad_input,
                 fmt::format("no parameter '{}'{}; {} takes {}", name,
                             near.empty() ? "" : fmt::format(", did you mean '{}'?", near),
                             request.path, names.empty() ? "none" : fmt::format("{}",
                             fmt::join(names, ", "))));
  }
  return {};
}

constexpr std::size_t kVersionsMax = 1'000'000'000;

Result<std::size_t> number_of(const Request& request, std::string_view name, std::size_t preset,
                              std::size_t most) {
  const auto* text = request.parameter(name);
  if (text == nullptr) return preset;
  std::size_t number = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (code != std::errc{} || end != text->data() + text->size() || number == 0 || number > most) {
    return Error(Fault::bad_input, fmt::format("{}: '{}' is not a number from 1 to {}", name, *text,
                                               most));
  }
  return number;
}

Result<std::size_t> limit_of(const Request& request, std::size_t preset) {
  return number_of(request, "limit", preset, kAnswersMax);
}

Result<EventTime> time_of(const Request& request, std::string_view name, EventTime now,
                          EventTime preset) {
  const auto* text = request.parameter(name);
  if (text == nullptr) return preset;
  auto time = parse_time(*text, now);
  if (!time) return std::move(time).error().within(name);
  return time;
}

Result<bool> flag_of(const Request& request, std::string_view name) {
  const auto* text = request.parameter(name);
  if (text == nullptr || *text == "false" || *text == "0") return false;
  if (text->empty() || *text == "true" || *text == "1") return true;
  return Error(Fault::bad_input,
               fmt::format("{}: '{}' is neither true nor false", name, *text));
}

std::string text_of(const Request& request, std::string_view name, std::string_view preset) {
  const auto* text = request.parameter(name);
  return text == nullptr ? std::string(preset) : *text;
}

// A name that no view has would give no answers without a word; say so instead.
Result<> check_view(const std::string& view, query::Reader& reader) {
  if (view.empty()) return {};
  TIDE_ASSIGN(const auto views, reader.views());
  if (std::find(views.begin(), views.end(), view) != views.end()) return {};
  const auto near = nearest(view, views);
  return Error(Fault::bad_input,
               near.empty() ? fmt::format("no view '{}'; there are: {}", view,
                                          views.empty() ? "none" : fmt::format("{}",
                                          fmt::join(views, ", ")))
                            : fmt::format("no view '{}', did you mean '{}'?", view, near));
}

Result<answers::Selection> selection_of(const Request& request) {
  auto select = answers::Selection::parse(text_of(request, "series", "**"));
  if (!select) return std::move(select).error().within("series");
  return select;
}

Result<query::AnswerQuery> query_of(const Asked& asked) {
  const auto& r = asked.request;
  TIDE_TRY(check_parameters(r, {"q", "view", "series", "from", "to", "by", "tz", "as_of", "sealed",
                                "newest", "limit", "view_version"}));
  query::AnswerQuery query;
  if (const auto* expression = r.parameter("q")) {
    TIDE_ASSIGN(query, query::Reader::parse(*expression));
  }
  if (const auto* view = r.parameter("view")) query.view = *view;
  if (r.parameter("series") != nullptr) {
    TIDE_ASSIGN(query.select, selection_of(r));
  }
  if (const auto* by = r.parameter("by")) {
    auto window = query::Reader::set_window(query, *by);
    if (!window) return std::move(window).error().within("by");
  }
  if (auto zone = query::Reader::set_zone(query, text_of(r, "tz", "UTC")); !zone) {
    return std::move(zone).error().within("tz");
  }
  TIDE_ASSIGN(query.from, time_of(r, "from", asked.now, kEventTimeMin));
  TIDE_ASSIGN(query.to, time_of(r, "to", asked.now, kEventTimeMax));
  if (query.from > query.to) return Error(Fault::bad_input, "from is after to");
  if (r.parameter("as_of") != nullptr) {
    TIDE_ASSIGN(query.as_of, time_of(r, "as_of", asked.now, asked.now));
  }
  TIDE_ASSIGN(query.sealed_only, flag_of(r, "sealed"));
  TIDE_ASSIGN(query.newest, number_of(r, "newest", 0, kNewestMax));
  TIDE_ASSIGN(query.limit, limit_of(r, kAnswersDefault));
  if (r.parameter("view_version") != nullptr) {
    TIDE_ASSIGN(query.view_version, number_of(r, "view_version", 1, kVersionsMax));
    if (query.view.empty()) {
      return Error(Fault::bad_input, "view_version: of a view, which q or view names");
    }
  }
  // Of a view that is no more, the reader says what there was.
  if (!query.view_version && !query.as_of) TIDE_TRY(check_view(query.view, asked.reader));
  return query;
}

Response json(std::string body) {
  body += '\n';
  return {.body = std::move(body)};
}

Response answer_list(const Asked& asked, bool every_revision) {
  const auto query = query_of(asked);
  if (!query) return problem(query.error());
  if (every_revision && query->newest > 0) {
    return problem(Error(Fault::bad_input, "newest: only /v1/answers counts windows"));
  }
  // Asked first: who listens from there on hears of some again, and misses none.
  const auto position = asked.reader.position();
  if (!position) return problem(position.error());
  const auto found =
      every_revision ? asked.reader.revisions(*query) : asked.reader.answers(*query);
  if (!found) {
    return problem(found.error(), every_revision
                                      ? "a shorter range, or limit up to 100000"
                                      : "a shorter range, newest, or limit up to 100000");
  }
  return json(fmt::format(R"({{"v":1,"position":{},"answers":{}}})", *position,
                          json_list(*found, [](const auto& a) { return answers::to_json(a); })));
}

Response answers_of(const Asked& asked) { return answer_list(asked, false); }
Response revisions_of(const Asked& asked) { return answer_list(asked, true); }

Response edges_of(const Asked& asked) {
  if (const auto ok = check_parameters(asked.request, {}); !ok) return problem(ok.error());
  auto status = status_json(asked.reader, asked.now);
  return status ? json(std::move(*status)) : problem(status.error());
}

// What is there of the selected series, under this name.
template <typename T>
Response listed(const Asked& asked, std::string_view name,
                Result<std::vector<T>> (query::Reader::*find)(const answers::Selection&)) {
  if (const auto ok = check_parameters(asked.request, {"series"}); !ok) return problem(ok.error());
  const auto select = selection_of(asked.request);
  if (!select) return problem(select.error());
  const auto found = (asked.reader.*find)(*select);
  if (!found) return problem(found.error());
  return json(fmt::format(R"({{"v":1,"{}":{}}})", name,
                          json_list(*found, [](const auto& t) { return to_json(t); })));
}

Response series_of(const Asked& asked) { return listed(asked, "series", &query::Reader::series); }
Response swaps_of(const Asked& asked) { return listed(asked, "swaps", &query::Reader::swaps); }

Response late_of(const Asked& asked) {
  if (const auto ok = check_parameters(asked.request, {"series", "limit"}); !ok) {
    return problem(ok.error());
  }
  const auto limit = limit_of(asked.request, kRowsDefault);
  if (!limit) return problem(limit.error());
  const auto select = selection_of(asked.request);
  if (!select) return problem(select.error());
  const auto found = asked.reader.late(*select, *limit);
  if (!found) return problem(found.error());
  return json(fmt::format(R"({{"v":1,"late":{}}})",
                          json_list(*found, [](const auto& r) { return to_json(r); })));
}

Result<query::EventQuery> event_query_of(const Asked& asked) {
  const auto& r = asked.request;
  TIDE_TRY(check_parameters(r, {"series", "from", "to", "cause", "state", "limit"}));
  query::EventQuery query;
  TIDE_ASSIGN(query.select, selection_of(r));
  TIDE_ASSIGN(query.from, time_of(r, "from", asked.now, query.from));
  TIDE_ASSIGN(query.to, time_of(r, "to", asked.now, query.to));
  if (query.from > query.to) return Error(Fault::bad_input, "from is after to");
  TIDE_ASSIGN(query.limit, limit_of(r, kRowsDefault));
  query.cause = text_of(r, "cause", "");
  query.state = text_of(r, "state", "");
  if (!query.state.empty() && query.state != "raised" && query.state != "cleared") {
    return Error(Fault::bad_input, fmt::format("state: '{}' is neither raised nor cleared",
                                               query.state));
  }
  return query;
}

Response events_of(const Asked& asked) {
  const auto query = event_query_of(asked);
  if (!query) return problem(query.error());
  const auto found = asked.reader.events(*query);
  if (!found) return problem(found.error());
  return json(fmt::format(R"({{"v":1,"events":{}}})",
                          json_list(*found, [](const auto& e) { return to_json(e); })));
}

Response waived_of(const Asked& asked) {
  if (const auto ok = check_parameters(asked.request, {}); !ok) return problem(ok.error());
  const auto found = asked.reader.waived_sources();
  if (!found) return problem(found.error());
  return json(fmt::format(R"({{"v":1,"waived":{}}})",
                          json_list(*found, [](const auto& w) { return to_json(w); })));
}

// What will never be part of an answer, by edge and reason, from the ledgers. What persons dropped
// is lost.
Response losses_of(const Asked& asked) {
  if (const auto ok = check_parameters(asked.request, {}); !ok) return problem(ok.error());
  const auto edges = asked.reader.edges();
  if (!edges) return problem(edges.error());
  const auto letters = asked.reader.letter_counts();
  if (!letters) return problem(letters.error());
  std::string rows;
  for (const auto& e : *edges) {
    const auto at = letters->dropped.find(e.name);
    const auto dropped = at == letters->dropped.end() ? 0 : std::min(at->second, e.ledger.lost);
    const std::array<std::pair<const char*, std::uint64_t>, 5> reasons = {
        {{"evicted", e.ledger.evicted},
         {"lost", e.ledger.lost - dropped},
         {"dropped by operator", dropped},
         {"quarantined", e.ledger.quarantined},
         {"late_ledger", e.ledger.late_ledger}}};
    for (const auto& [reason, readings] : reasons) {
      if (readings == 0) continue;
      rows += fmt::format(R"({}{{"edge":{},"reason":"{}","readings":{}}})",
                          rows.empty() ? "" : ",", json_quote(e.name), reason, readings);
    }
  }
  return json(fmt::format(R"({{"v":1,"losses":[{}]}})", rows));
}

Result<query::LetterQuery> letter_query_of(const Request& request) {
  TIDE_TRY(check_parameters(request, {"limit", "why", "state"}));
  query::LetterQuery query;
  TIDE_ASSIGN(query.limit, limit_of(request, kRowsDefault));
  if (const auto* why = request.parameter("why")) {
    query.why = store::letter_reason(*why);
    if (!query.why) {
      return Error(Fault::bad_input, fmt::format("why: '{}' is none of dictionary_missing, "
                                                 "unreadable, contradiction, bound, second_box, "
                                                 "foreign", *why));
    }
  }
  if (const auto* state = request.parameter("state")) {
    query.state = store::letter_state(*state);
    if (!query.state) {
      return Error(Fault::bad_input, fmt::format("state: '{}' is none of kept, taken, dropped, "
                                                 "discarded", *state));
    }
  }
  return query;
}

Response dead_letters_of(const Asked& asked) {
  const auto query = letter_query_of(asked.request);
  if (!query) return problem(query.error());
  const auto found = asked.reader.dead_letters(*query);
  if (!found) return problem(found.error());
  return json(fmt::format(R"({{"v":1,"deadletters":{}}})",
                          json_list(*found, [](const auto& l) { return to_json(l); })));
}

Result<std::optional<store::Letter>> named_letter(const Asked& asked) {
  TIDE_TRY(check_parameters(asked.request, {"id", "partition"}));
  TIDE_ASSIGN(const auto id, number_of(asked.request, "id", 0, kLettersEver));
  std::optional<int> partition;
  if (const auto* text = asked.request.parameter("partition")) {
    int number = 0;
    const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (code != std::errc{} || end != text->data() + text->size()) {
      return Error(Fault::bad_input, fmt::format("partition: '{}' is no number", *text));
    }
    partition = number;
  }
  return asked.reader.dead_letter(static_cast<std::int64_t>(id), partition);
}

// The bytes of one, as they came.
Response raw_letter_of(const Asked& asked) {
  const auto letter = named_letter(asked);
  if (!letter) return problem(letter.error());
  if (!*letter) return problem(404, "no such dead letter", "an id of /v1/deadletters");
  return {.content_type = "application/octet-stream",
          .body = std::string(as_text((*letter)->bytes))};
}

Response dead_letter_of(const Asked& asked) {
  const auto letter = named_letter(asked);
  if (!letter) return problem(letter.error());
  if (!*letter) return problem(404, "no such dead letter", "an id of /v1/deadletters");
  return json(fmt::format(R"({{"v":1,"deadletter":{}}})", to_json(**letter)));
}

Response views_of(const Asked& asked) {
  if (const auto ok = check_parameters(asked.request, {}); !ok) return problem(ok.error());
  const auto views = asked.reader.views();
  if (!views) return problem(views.error());
  const auto versions = asked.reader.view_versions();
  if (!versions) return problem(versions.error());
  return json(fmt::format(R"({{"v":1,"views":{},"versions":{}}})",
                          json_list(*views, [](const auto& v) { return json_quote(v); }),
                          json_list(*versions, [](const auto& v) { return to_json(v); })));
}

}  // namespace

std::span<const ApiRoute> api_routes() {
  static constexpr std::array<ApiRoute, 13> kRoutes = {{
      {"/v1/answers", answers_of},
      {"/v1/revisions", revisions_of},
      {"/v1/edges", edges_of},
      {"/v1/series", series_of},
      {"/v1/late", late_of},
      {"/v1/events", events_of},
      {"/v1/swaps", swaps_of},
      {"/v1/waived", waived_of},
      {"/v1/losses", losses_of},
      {"/v1/deadletters", dead_letters_of},
      {"/v1/deadletters/one", dead_letter_of},
      {"/v1/deadletters/raw", raw_letter_of},
      {"/v1/views", views_of},
  }};
  return kRoutes;
}

Response api(const Asked& asked) {
  for (const auto& route : api_routes()) {
    if (route.path == asked.request.path) return route.answer(asked);
  }
  return problem(404, fmt::format("nothing at {}", asked.request.path),
                 "a path of /openapi.json");
}

}  // namespace tidemark::http
