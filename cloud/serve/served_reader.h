// The face of what is served (cloud/query/reader.h), over served.db.
//
// Answers    are as their records say them, `position` and `known_at` too: what a node that makes
//            answers knows beyond an emission (who is waited for by now, what is frozen by now) is
//            not there. since() has positions of this store.
// As of      a time: what was appended to the topics by then. Where a window's earlier revisions
//            were never read, and before the floor, it is Fault::bad_input, which names the floor.
// Expressions  are answered by views that have such windows of every series that is asked for;
//            nothing is computed.
// Threads    one Reader per thread. Works on the store of a stopped node too.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "cloud/query/reader.h"

namespace tidemark::serve {

// Whether a node that serves has run with this data_dir.
bool is_served(const std::filesystem::path& folder);
// `live` fills in what a running node knows of itself.
Result<std::unique_ptr<query::Reader>> open_served(
    const std::filesystem::path& folder,
    std::function<void(query::Serving&)> live = nullptr);

}  // namespace tidemark::serve
