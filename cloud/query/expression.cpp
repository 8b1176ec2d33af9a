// "AGG GLOB [by WINDOW]", or a view's name.
#include <fmt/format.h>

#include "cloud/answers/grid.h"
#include "cloud/query/reader.h"
#include "common/base/text.h"
#include "common/window/partial.h"

namespace tidemark::query {
namespace {

constexpr Nanoseconds kDay = std::chrono::hours(24);

Error expected(std::string_view expression) {
  return {Fault::bad_input,
          fmt::format("'{}' is no expression, expected AGG GLOB [by WINDOW] such as "
                      "\"avg line1/power_total by 1m\", or the name of a view",
                      expression)};
}

}  // namespace

Result<AnswerQuery> Reader::parse(std::string_view expression) {
  std::vector<std::string_view> words;
  for (const auto word : split(trim(expression), ' ')) {
    if (!trim(word).empty()) words.push_back(trim(word));
  }
  AnswerQuery query;
  if (words.size() == 1) {
    query.view = words[0];
    return query;
  }
  if (words.size() != 2 && (words.size() != 4 || words[2] != "by")) return expected(expression);
  for (const auto name : split(words[0], ',')) {  // "min,max line1/*" asks for both at once
    TIDE_TRY(window::Aggregates::check_name(name));
    query.aggregates.emplace_back(name);
  }
  query.select = words[1];
  if (words.size() == 4) {
    TIDE_TRY(set_window(query, words[3]));
    if (query.window <= Nanoseconds::zero()) return expected(expression);
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
