#include "edge/ring/resize.h"

#include <algorithm>
#include <system_error>

#include "common/base/log.h"
#include "edge/ring/recovery.h"

namespace tidemark::ring {
namespace {

constexpr auto kNewName = "ring.dat.new";

// The first segment of a new ring, as if its last start had written nothing else.
Result<> write_state(RingFile& to, const RingState& state, const SegmentContent& content) {
  const auto& [ordinal, last] = *state.incarnations.rbegin();
  SegmentHeader header;
  header.ring = to.id();
  header.number = 1;
  header.oldest = 1;
  header.incarnation = last.incarnation;
  header.ordinal = ordinal;
  header.offered = last.offered;
  TIDE_TRY(to.write(to.geometry().begin(), encode_segment(header, content)));
  return to.sync();
}

}  // namespace

Result<bool> resize(const std::filesystem::path& folder, Bytes capacity, RingFile& from,
                    Contents& contents, Disk& disk) {
  auto& state = contents.state();
  state.set_room(from.geometry().segment_max());
  TIDE_ASSIGN(const auto found, Recovery(from, contents).run());
  const bool waits = std::ranges::any_of(
      state.incarnations, [](const auto& i) { return !i.second.waiting.empty(); });
  if (waits || state.incarnations.empty()) return false;
  SegmentContent content;
  state.add_to(content);
  content.journal = found.journal;
  const Geometry geometry(capacity.count);
  if (content.length() + geometry.control_max() > geometry.segment_max()) return false;
  std::error_code failed;
  std::filesystem::remove(folder / kNewName, failed);  // of a resize that was cut short
  auto to = RingFile::open(folder / kNewName, capacity, disk);
  const auto written = to ? write_state(**to, state, content) : Result<>(to.error());
  if (!written) {
    log::warning("ring cannot be made anew", "error={}", written.error().text());
    std::filesystem::remove(folder / kNewName, failed);
    return false;
  }
  std::filesystem::rename(folder / kNewName, folder / "ring.dat", failed);
  if (failed) return Error{Fault::unavailable, "rename ring.dat: " + failed.message()};
  TIDE_TRY(disk.sync_folder(folder));
  return true;
}

}  // namespace tidemark::ring
