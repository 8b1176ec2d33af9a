// "AGG GLOB [by WINDOW]", or a view's name.
#include <fmt/format.h>

#include "cloud/query/reader.h"
#include "common/base/text.h"
#include "common/window/partial.h"

namespace tidemark::query {
namespace {

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
    TIDE_ASSIGN(query.window, parse_duration(words[3]));
    if (query.window <= Nanoseconds::zero()) return expected(expression);
  }
  return query;
}

}  // namespace tidemark::query
