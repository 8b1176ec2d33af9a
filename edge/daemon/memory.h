// The agent's memory, as the device sees it.
#pragma once

namespace tidemark::edge {

// Gives back what only the start touched: pages of programs and libraries that were read to link
// them, some 4 MiB. They are clean copies of files: what is needed again is mapped again, from the
// page cache. Once, when the agent is ready.
void give_back_startup_pages();

}  // namespace tidemark::edge
