// A person's order to a node of a test, and what came of it.
#pragma once

#include "cloud/store/orders.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {

// Its outcome, in the words of the node.
inline std::string order(Node& node, const std::string& words) {
  const auto number = store::give_order(node.folder.path, words, node.clock.wall());
  EXPECT_TRUE(number.ok());
  for (int i = 0; i < 50; ++i) {
    node.clock.advance(std::chrono::seconds(6));
    node.commit();
    if (const auto outcome = store::order_outcome(node.folder.path, *number).value()) {
      return *outcome;
    }
  }
  return "never";
}

}  // namespace tidemark::test
