// The labels that the cloud gives to series, as rows of cloud.db: what the node goes by, its
// readers go by.
#pragma once

#include <vector>

#include "cloud/answers/selection.h"
#include "common/sqlite/database.h"

namespace tidemark::answers {

// In place of those that are there, inside the caller's transaction.
void save_relabels(sqlite::Database& database, const std::vector<Relabel>& relabels);
// In the order in which they were saved.
std::vector<Relabel> load_relabels(sqlite::Database& database);

}  // namespace tidemark::answers
