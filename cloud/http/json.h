// What a reader knows, as the JSON that HTTP and the command line share. Answers: answer.h.
#pragma once

#include <string>
#include <vector>

#include "cloud/query/reader.h"

namespace tidemark::http {

std::string to_json(const Ledger& ledger);
// `now` gives frontier_lag_s: how far the slowest source's frontier lies behind the clock.
std::string to_json(const query::EdgeState& edge, EventTime now);
std::string to_json(const query::SeriesState& series);
std::string to_json(const query::MeterSwap& s);
std::string to_json(const query::ViewVersion& v);
std::string to_json(const query::WaivedSource& w);
std::string to_json(const query::LateRow& row);
std::string to_json(const store::Event& event);
std::string to_json(const store::Letter& letter);

// {"v":1,"position","partitions","owners":[…],"lag","ledger","edges":[…]}: /v1/edges and
// `cloud status`.
Result<std::string> status_json(query::Reader& reader, EventTime now);
std::string time_or_null(EventTime t);  // quoted; null for the ends of the time line

// The oldest frontier of its sources; kEventTimeMin when one has none yet, or there is no source.
EventTime frontier_of(const query::EdgeState& edge);

template <typename T, typename F>
std::string json_list(const std::vector<T>& items, F&& each) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    out += each(item);
  }
  return out + "]";
}

}  // namespace tidemark::http
