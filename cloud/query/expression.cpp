// "AGG SELECTION [by WINDOW] [per LABEL,…|all]", or a view's name.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/answers/grid.h"
#include "cloud/query/reader.h"
#include "common/base/text.h"
#include "common/window/summary.h"

namespace tidemark::query {
namespace {

constexpr Nanoseconds kDay = std::chrono::hours(24);

Error expected(std::string_view expression) {
  return {Fault::bad_input,
          fmt::format("'{}' is no expression, expected AGG SERIES [by WINDOW] [per LABEL] such as "
                      "\"avg line1/power_total by 1m\" or \"sum */power{{area=stamping}} by 1h per "
                      "site\", or the name of a view",
                      expression)};
}

// By spaces, but those between braces or quotes.
std::vector<std::string_view> words_of(std::string_view expression) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= expression.size(); ++i) {
    const char c = i < expression.size() ? expression[i] : ' ';
    if (c == '"') quoted = !quoted;
    if (c == '{' && !quoted) ++depth;
    if (c == '}' && !quoted) --depth;
    if (i < expression.size() && (c != ' ' || depth > 0 || quoted)) continue;
    if (i > begin) words.push_back(expression.substr(begin, i - begin));
    begin = i + 1;
  }
  return words;
}

// "site,area"; "all" puts everything into one group.
Result<std::vector<std::string>> labels_of(std::string_view words) {
  std::vector<std::string> labels;
  if (words == "all") return labels;
  for (const auto word : split(words, ',')) {
    answers::Selection one;
    one.labels[std::string(word)] = "x";
    TIDE_TRY(one.check());
    if (std::find(labels.begin(), labels.end(), word) != labels.end()) {
      return Error(Fault::bad_input, fmt::format("per: '{}' is named twice", word));
    }
    labels.emplace_back(word);
  }
  return labels;
}

}  // namespace

Result<AnswerQuery> Reader::parse(std::string_view expression) {
  const auto words = words_of(trim(expression));
  AnswerQuery query;
  if (words.size() == 1) {
    query.view = words[0];
    return query;
  }
  if (words.size() < 2 || words.size() % 2 != 0) return expected(expression);
  for (const auto name : split(words[0], ',')) {  // "min,max line1/*" asks for both at once
    TIDE_TRY(window::check_aggregate(name));
    query.aggregates.emplace_back(name);
  }
  TIDE_ASSIGN(query.select, answers::Selection::parse(words[1]));
  bool by = false;
  for (std::size_t i = 2; i < words.size(); i += 2) {
    if (words[i] == "by" && !std::exchange(by, true)) {
      TIDE_TRY(set_window(query, words[i + 1]));
      if (query.window <= Nanoseconds::zero()) return expected(expression);
    } else if (words[i] == "per" && !query.group_by) {
      TIDE_ASSIGN(query.group_by, labels_of(words[i + 1]));
    } else {
      return expected(expression);
    }
  }
  return query;
}

Result<> Reader::set_window(AnswerQuery& query, std::string_view text) {
  query.calendar.clear();
  if (text == "1month" || text == "month" || text == "1 month") {
    query.calendar = "month";
    query.window = 31 * kDay;
    return {};
  }
  TIDE_ASSIGN(query.window, parse_duration(text));
  if (query.window == 7 * kDay) query.calendar = "week";  // from Monday, not from the epoch's day
  return {};
}

Result<> Reader::set_zone(AnswerQuery& query, const std::string& zone) {
  if (zone == "UTC" || zone == "Z") return {};
  if (query.window == kDay) query.calendar = "day";
  if (query.calendar.empty()) {
    return Error(Fault::bad_input,
                 "windows in a time zone are 1day, 1week or 1month long, as 'by' says; a view has "
                 "the zone that it declares");
  }
  query.zone = zone;
  TIDE_TRY(answers::Grid::calendar({query.calendar, zone, "monday", {}}));
  return {};
}

}  // namespace tidemark::query
