// Partial answers of edges as a node's file has them, and a check of those that it trusts.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {

struct KeptPartial {
  std::uint64_t revision = 0;
  bool stale = false;
  std::string state;
};
// By view, group, minute since kStart, and edge.
using KeptPartials =
    std::map<std::tuple<std::string, std::int64_t, std::int64_t, std::string>, KeptPartial>;

inline std::unique_ptr<sqlite::Database> open_store(const Node& node) {
  return store::open_writer(store::database_path(node.folder.path)).value();
}

inline KeptPartials kept_partials(const Node& node) {
  auto database = open_store(node);
  auto rows = database->prepare("SELECT v.name,p.series,p.start,e.name,p.revision,p.stale,p.state"
                                " FROM partials p JOIN views v ON v.id=p.view"
                                " JOIN edges e ON e.id=p.edge").value();
  KeptPartials all;
  rows.start();
  while (rows.next()) {
    all[{rows.text(0), rows.integer(1), (rows.integer(2) - kStart) / kMinute, rows.text(3)}] = {
        rows.count(4), rows.integer(5) != 0, rows.text(6)};
  }
  return all;
}

inline std::uint64_t number_in(const Node& node, const std::string& sql) {
  auto number = open_store(node)->prepare(sql).value();
  number.start();
  return number.next() ? number.count(0) : 0;
}

// What of a node's rows is not what panes say now, in words; the node is started anew for it, and
// all windows of groups are looked at without the rows.
inline std::string untrue_partials(Node& node) {
  const auto before = kept_partials(node);
  const auto emitted = number_in(node, "SELECT COUNT(*) FROM history WHERE series<0");
  node.kill();
  open_store(node)->run("DELETE FROM partials;"
                        "INSERT OR REPLACE INTO revisions_due SELECT view,series,start,1"
                        " FROM answers a WHERE series<0 AND EXISTS"
                        " (SELECT 1 FROM views v WHERE v.id=a.view AND v.current=1)");
  node.start();
  node.settle();
  const auto after = kept_partials(node);
  for (const auto& [key, row] : before) {
    const auto now = after.find(key);
    if (row.stale || now == after.end() || now->second.state == row.state) continue;
    return std::get<0>(key) + " of group " + std::to_string(std::get<1>(key)) + ", minute " +
           std::to_string(std::get<2>(key)) + ": the row of " + std::get<3>(key) +
           " is not what its panes say";
  }
  const auto more = number_in(node, "SELECT COUNT(*) FROM history WHERE series<0") - emitted;
  return more == 0 ? "" : std::to_string(more) + " windows say something else without the rows";
}

}  // namespace tidemark::test
