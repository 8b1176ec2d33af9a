// Another size for a ring in which nothing waits: its state (starts, seals, marks, dictionaries)
// goes into a new ring.dat of that size. What the cloud has already, kept for it to ask again, does
// not.
//
// Crash      the new file is whole and durable before it takes the name of the old one.
#pragma once

#include <filesystem>

#include "edge/ring/contents.h"
#include "edge/ring/ring_file.h"

namespace tidemark::ring {

// `contents`: of `from`, whose catalogue it holds, nothing recovered yet. False, and all is as it
// was: blocks wait, the state does not fit, or there is no room for the new file (logged). True:
// `from` is no longer ring.dat of `folder`.
Result<bool> resize(const std::filesystem::path& folder, Bytes capacity, RingFile& from,
                    Contents& contents, Disk& disk);

}  // namespace tidemark::ring
