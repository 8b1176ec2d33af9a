// What a person would see of an edge's alarms.
#pragma once

#include "tests/cloud/edge_double.h"

namespace tidemark::test {

inline std::vector<query::Alarm> alarms_of(Node& node, const std::string& edge) {
  auto reader = query::Reader::open(node.folder.path);
  const auto edges = reader.value()->edges().value();
  for (const auto& e : edges) {
    if (e.name == edge) return e.alarms;
  }
  return {};
}

}  // namespace tidemark::test
