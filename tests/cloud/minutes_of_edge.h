// An edge of one reading a second, and what a test asks of its windows.
#pragma once

#include <string>

#include "tests/cloud/edge_double.h"

namespace tidemark::test {

inline constexpr std::int64_t kFirst = kStart / kMinute;

inline answers::View of_all() {
  auto view = answers::built_in_view();
  view.name = "all";
  view.group_by = {"site"};
  return view;
}

// A reading each second of minutes [from, to), in a block and a seal each minute.
inline void take_minutes(EdgeDouble& edge, std::int64_t from, std::int64_t to) {
  for (auto m = from; m < to; ++m) {
    for (std::int64_t s = 0; s < 60; ++s) edge.take(0, kStart + m * kMinute + s * kSecond, 1);
    edge.flush(kStart + (m + 1) * kMinute);
  }
}

inline EdgeDouble away(std::int64_t minutes) {
  EdgeDouble edge("press-07", 11, 1);
  take_minutes(edge, 0, minutes);
  return edge;
}

inline std::string reasons(const answers::Answer& a) {
  std::string all;
  for (const auto& m : a.missing) all += m.source + ": " + m.reason + "\n";
  return all;
}

}  // namespace tidemark::test
