#include "edge/ring/ring_file.h"

#include <algorithm>
#include <array>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/random.h"

namespace tidemark::ring {
namespace {

constexpr std::uint64_t kMagic = 0x313030474e495254;  // "TRING001"
constexpr std::uint32_t kVersion = 1;

ByteVector header_page(std::uint64_t id, std::uint64_t bytes) {
  ByteVector page;
  ByteWriter out(page);
  out.fixed(kMagic);
  out.fixed(kVersion);
  out.fixed(std::uint32_t{0});
  out.fixed(id);
  out.fixed(bytes);
  out.fixed(xxh3(page));
  page.resize(kPage);
  return page;
}

}  // namespace

std::optional<std::uint64_t> Geometry::find(std::uint64_t head, std::uint64_t tail,
                                            std::uint64_t length) const {
  if (head < tail) {
    if (head + length <= tail) return head;
    return std::nullopt;
  }
  if (head == tail) return std::nullopt;
  if (head + length <= end_) return head;
  if (begin() + length <= tail) return begin();
  return std::nullopt;
}

Result<std::unique_ptr<RingFile>> RingFile::open(const std::filesystem::path& path,
                                                 Bytes capacity, Disk& disk) {
  const auto bytes = capacity.count / kPage * kPage;
  std::unique_ptr<RingFile> ring(new RingFile(bytes));
  TIDE_ASSIGN(ring->writer_, disk.open(path));
  TIDE_ASSIGN(ring->reader_, disk.open(path));
  TIDE_ASSIGN(const auto size, ring->writer_->size());
  ByteVector page(kPage);
  if (size >= kPage) TIDE_TRY(ring->read(0, page));
  // The header is the last thing that a creation writes: without it nothing else was.
  if (std::all_of(page.begin(), page.end(), [](auto b) { return b == 0; })) {
    TIDE_TRY(ring->create(path.parent_path(), bytes, disk));
    return ring;
  }
  ByteReader in(page);
  const auto magic = in.fixed<std::uint64_t>();
  const auto version = in.fixed<std::uint32_t>();
  in.fixed<std::uint32_t>();
  ring->id_ = in.fixed<std::uint64_t>();
  const auto was = in.fixed<std::uint64_t>();
  const auto covered = ByteSpan(page).first(in.position());
  if (magic != kMagic || in.fixed<std::uint64_t>() != xxh3(covered)) {
    return Error{Fault::corrupt, "ring.dat: wrong checksum of its header"};
  }
  if (version != kVersion) {
    return Error{Fault::unsupported, "ring.dat: version " + std::to_string(version) +
                                         "; this build reads " + std::to_string(kVersion)};
  }
  if (size < was) {
    return Error{Fault::corrupt, "ring.dat: " + std::to_string(size) + " B long, " +
                                     std::to_string(was) + " B were allocated"};
  }
  ring->geometry_ = Geometry(was);
  return ring;
}

Result<> RingFile::create(const std::filesystem::path& folder, std::uint64_t bytes, Disk& disk) {
  TIDE_TRY(writer_->allocate(bytes));
  TIDE_TRY(writer_->sync());
  TIDE_TRY(disk.sync_folder(folder));
  SystemRandom random;
  do {
    id_ = random.next();
  } while (id_ == 0);
  TIDE_TRY(write(0, header_page(id_, bytes)));
  TIDE_TRY(sync());
  fresh_ = true;
  return {};
}

Result<std::optional<SegmentHeader>> RingFile::read_header(std::uint64_t at) {
  std::array<std::uint8_t, kSegmentHeaderBytes> bytes{};
  if (at + bytes.size() > geometry_.end()) return std::optional<SegmentHeader>{};
  TIDE_TRY(read(at, bytes));
  auto header = decode_segment_header(bytes, id_);
  if (header && at + header->length > geometry_.end()) header.reset();
  return header;
}

Result<std::optional<ByteVector>> RingFile::read_index(std::uint64_t at, const SegmentHeader& h) {
  ByteVector index(h.index_bytes);
  TIDE_TRY(read(at + kSegmentHeaderBytes, index));
  if (xxh3(index) != h.index_checksum) return std::optional<ByteVector>{};
  return std::optional(std::move(index));
}

Result<bool> RingFile::verify(std::uint64_t at, const SegmentHeader& h) {
  const auto bytes = h.index_bytes + h.body_bytes;
  if (scratch_.size() < bytes) scratch_.resize(bytes);
  const auto all = std::span(scratch_).first(bytes);
  TIDE_TRY(read(at + kSegmentHeaderBytes, all));
  return xxh3(all.first(h.index_bytes)) == h.index_checksum &&
         xxh3(all.subspan(h.index_bytes)) == h.body_checksum;
}

}  // namespace tidemark::ring
