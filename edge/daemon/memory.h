// The agent's memory and its writing, as the device sees them.
#pragma once

#include <cstdint>
#include <optional>

namespace tidemark::edge {

// First of all, before there is a second thread: the heap keeps little of what is free. Otherwise
// each thread gets a heap of its own, and after the first large buffer all that are as large stay
// in one: 2 of 15.6 MB with 1,000 Modbus series in windows.
void bound_heap();

// Gives back what only the start touched: free parts of the heap, and pages of programs and
// libraries that were read to link them, some 4 MiB. Those are clean copies of files: what is
// needed again is mapped again, from the page cache. Once, when the agent is ready.
void give_back_startup_pages();

// Resident memory of this process, bytes.
std::uint64_t resident_bytes();

// What this process caused to be written to storage since its start, whichever file it was, in
// whole pages, without those that were deleted before; tmpfs is none. Empty where the kernel does
// not count it.
std::optional<std::uint64_t> storage_bytes_written();

}  // namespace tidemark::edge
