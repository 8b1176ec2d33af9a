#include "edge/daemon/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>

namespace tidemark::edge {
namespace {

// Only what was never written: a segment with relocations is writable while it is linked.
int give_back(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const auto begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
    const auto end = object->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void bound_heap() {
  constexpr int kHeaps = 2;  // the main thread's, and one of all others
  constexpr int kLargeBytes = 512 * 1024;
  static_cast<void>(::mallopt(M_ARENA_MAX, kHeaps));
  // Set at all, both stay what they are: large buffers of a flush go back when it is over.
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, kLargeBytes));
  static_cast<void>(::mallopt(M_TRIM_THRESHOLD, kLargeBytes));
}

void give_back_startup_pages() {
  ::dl_iterate_phdr(give_back, nullptr);
  static_cast<void>(::malloc_trim(0));  // the configuration's text and tree are gone
}

std::uint64_t resident_bytes() {
  std::uint64_t total = 0, resident = 0;
  if (FILE* f = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(f, "%" SCNu64 " %" SCNu64, &total, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> storage_bytes_written() {
  std::optional<std::uint64_t> written;
  std::uint64_t never = 0;
  if (FILE* f = std::fopen("/proc/self/io", "re")) {
    char line[64];
    std::uint64_t bytes = 0;
    while (std::fgets(line, sizeof line, f) != nullptr) {
      if (std::sscanf(line, "write_bytes: %" SCNu64, &bytes) == 1) written = bytes;
      if (std::sscanf(line, "cancelled_write_bytes: %" SCNu64, &bytes) == 1) never = bytes;
    }
    std::fclose(f);
  }
  if (written) *written -= std::min(*written, never);
  return written;
}

}  // namespace tidemark::edge
