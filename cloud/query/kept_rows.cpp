#include "cloud/query/kept_rows.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidemark::query {
namespace {

void keep_aggregates(answers::Answer& answer, const std::vector<std::string>& wanted) {
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

std::string figure_name(const std::string& aggregate) {
  return aggregate == "avg" ? "mean" : aggregate;
}

Error before_what_is_kept(EventTime as_of, EventTime known_from) {
  return {Fault::bad_input,
          fmt::format("what was known at {} is no longer kept: as-of reaches back to {}",
                      format_utc(as_of), format_utc(known_from))};
}

std::int64_t KeptRows::needed() const {
  if (query_.sealed_only) return -1;
  return static_cast<std::int64_t>(query_.limit - all_.size()) + 1;
}

Result<> KeptRows::take(sqlite::Statement& started, const RowOf& row_of, std::size_t newest) {
  const auto before = all_.size();
  while ((newest == 0 || all_.size() - before < newest) && started.next()) {
    TIDE_ASSIGN(auto answer, row_of(started));
    if (query_.sealed_only && !proved(answer.state)) continue;
    keep_aggregates(answer, query_.aggregates);
    all_.push_back(std::move(answer));
    if (all_.size() <= query_.limit) continue;
    started.rewind();
    return Error(Fault::full, fmt::format("more than {} answers; ask for less at once or for "
                                          "longer windows", query_.limit));
  }
  started.rewind();
  return {};
}

}  // namespace tidemark::query
