// What readers of kept answers have in common, whatever tables they read.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cloud/query/reader.h"
#include "common/sqlite/database.h"

namespace tidemark::query {

// An aggregate's name in answers: "avg" is "mean".
std::string figure_name(const std::string& aggregate);

// What was known then is not kept so far back.
Error before_what_is_kept(EventTime as_of, EventTime known_from);

// Rows of answers on their way from a statement into `all`.
class KeptRows {
 public:
  using RowOf = std::function<Result<answers::Answer>(const sqlite::Statement&)>;

  KeptRows(const AnswerQuery& query, std::vector<answers::Answer>& all)
      : query_(query), all_(all) {}

  // How many rows a statement needs to give; below zero: as many as there are, since what is not
  // proved is passed over.
  [[nodiscard]] std::int64_t needed() const;
  // Until `newest` of them were taken (0: all), in the statement's order. Fault::full above the
  // query's limit.
  Result<> take(sqlite::Statement& started, const RowOf& row_of, std::size_t newest);

 private:
  const AnswerQuery& query_;
  std::vector<answers::Answer>& all_;
};

}  // namespace tidemark::query
