#include "cloud/store/archive.h"

#include <fmt/format.h>

#include <system_error>

namespace tidemark::store {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::uint32_t kRecordBytesMax = (1 << 20) + 4096;
constexpr std::size_t kFilesOpenMax = 8;

Result<ArchivedBlock> decode_record(ByteSpan bytes) {
  ByteReader in(bytes);
  ArchivedBlock block;
  block.edge = std::string(in.text());
  if (!in.ok()) return Error(Fault::corrupt, "archive: the edge's name is cut off");
  TIDE_ASSIGN(block.record, BlockRecord::decode(in));
  if (!in.done()) return Error(Fault::corrupt, "archive: record and length differ");
  return block;
}

// Empty: nothing lies there yet.
Result<std::optional<ArchivedBlock>> read_record(File& file, std::uint64_t offset) {
  TIDE_ASSIGN(const auto size, file.size());
  if (size < offset + kLengthBytes) return std::optional<ArchivedBlock>();
  ByteVector bytes(kLengthBytes);
  TIDE_TRY(file.read_at(offset, bytes));
  const auto length = ByteReader(bytes).fixed<std::uint32_t>();
  if (length == 0) return std::optional<ArchivedBlock>();
  if (length > kRecordBytesMax) return Error(Fault::corrupt, "archive: a record is too long");
  bytes.resize(length);
  TIDE_TRY(file.read_at(offset + kLengthBytes, bytes));
  TIDE_ASSIGN(auto block, decode_record(bytes));
  return std::optional(std::move(block));
}

ByteVector encode_record(const std::string& edge, const BlockRecord& record, ByteVector to = {}) {
  const auto begin = to.size();
  ByteWriter out(to);
  out.fixed(std::uint32_t{0});
  out.text(edge);
  record.encode(out);
  const auto length = static_cast<std::uint32_t>(to.size() - begin - kLengthBytes);
  std::memcpy(to.data() + begin, &length, sizeof length);
  return to;
}

Error gone() { return {Fault::unavailable, "archive: the block is past its retention"}; }

}  // namespace

std::filesystem::path segment_path(const std::filesystem::path& folder, std::uint64_t segment) {
  return folder / fmt::format("{:08}.seg", segment);
}

Result<std::unique_ptr<Archive>> Archive::open(Disk& disk, std::filesystem::path folder,
                                               ArchivePosition committed) {
  TIDE_TRY(make_folder(folder));
  std::unique_ptr<Archive> archive(new Archive(disk, std::move(folder)));
  archive->segment_ = std::max<std::uint64_t>(1, committed.segment());
  archive->written_ = committed.offset();
  TIDE_ASSIGN(auto* file, archive->segment_file(archive->segment_));
  TIDE_ASSIGN(const auto size, file->size());
  if (size < archive->written_) {
    return Error(Fault::corrupt, fmt::format("archive segment {} ends at {}, the store knows {}",
                                             archive->segment_, size, archive->written_));
  }
  if (size > archive->written_) TIDE_TRY(file->resize(archive->written_));
  archive->new_segment_ = archive->written_ == 0;
  std::error_code ignored;
  for (auto s = archive->segment_ + 1;
       std::filesystem::remove(segment_path(archive->folder_, s), ignored); ++s) {
  }
  return archive;
}

ArchivePosition Archive::append(const std::string& edge, const BlockRecord& record) {
  const auto at = end();
  pending_ = encode_record(edge, record, std::move(pending_));
  return at;
}

Result<> Archive::make_holes(Disk& disk, const std::filesystem::path& folder, std::uint64_t first,
                             ArchivePosition end) {
  TIDE_TRY(make_folder(folder));
  for (auto s = std::max<std::uint64_t>(first, 1); s <= end.segment(); ++s) {
    TIDE_ASSIGN(const auto file, disk.open(segment_path(folder, s)));
    TIDE_TRY(file->resize(s == end.segment() ? end.offset() : 0));
    TIDE_TRY(file->sync());
  }
  return disk.sync_folder(folder);
}

Result<bool> Archive::fill(ArchivePosition at, const std::string& edge, const BlockRecord& record) {
  if (at.value >= ArchivePosition::at(segment_, written_).value) return false;
  TIDE_ASSIGN(auto* file, segment_file(at.segment()));
  // What a power cut tore is written anew.
  if (const auto known = read_record(*file, at.offset()); known && *known) return false;
  auto written = file->write_at(at.offset(), encode_record(edge, record));
  if (!written) {
    not_fetched_ = written.error();
    return std::move(written).error();
  }
  filled_.insert(at.segment());
  return true;
}

Result<> Archive::fetch(ArchivePosition at) {
  auto done = fetch_(at);
  if (!done) not_fetched_ = done.error();
  return done;
}

Result<> Archive::sync() {
  if (not_fetched_) return *not_fetched_;
  for (const auto segment : filled_) {
    TIDE_ASSIGN(auto* file, segment_file(segment));
    TIDE_TRY(file->sync());
  }
  filled_.clear();
  if (pending_.empty()) return {};
  TIDE_ASSIGN(auto* file, segment_file(segment_));
  TIDE_TRY(file->write_at(written_, pending_));
  TIDE_TRY(file->sync());
  if (new_segment_) TIDE_TRY(disk_.sync_folder(folder_));
  new_segment_ = false;
  written_ += pending_.size();
  pending_.clear();
  if (written_ >= kSegmentBytes) {
    ++segment_;
    written_ = 0;
    new_segment_ = true;
  }
  return {};
}

ArchivePosition Archive::end() const {
  return ArchivePosition::at(segment_, written_ + pending_.size());
}

Result<ArchivedBlock> Archive::read(ArchivePosition at) {
  if (at.segment() == segment_ && at.offset() >= written_) {
    const auto in_pending = ByteSpan(pending_).subspan(at.offset() - written_);
    ByteReader in(in_pending);
    const auto length = in.fixed<std::uint32_t>();
    return decode_record(in.raw(length));
  }
  TIDE_ASSIGN(auto* file, segment_file(at.segment()));
  auto found = read_record(*file, at.offset());
  // One that a power cut tore while it was filled in is a hole, too.
  if (fetch_ && (!found || !*found)) {
    TIDE_TRY(fetch(at));
    TIDE_ASSIGN(file, segment_file(at.segment()));
    found = read_record(*file, at.offset());
  }
  if (!found) return std::move(found).error();
  if (!*found) return gone();
  return std::move(**found);
}

void Archive::remove_before(std::uint64_t segment) {
  std::error_code ignored;
  for (auto s = segment; s-- > 1;) {
    if (s == segment_) continue;
    files_.erase(s);
    filled_.erase(s);
    if (!std::filesystem::remove(segment_path(folder_, s), ignored)) break;
  }
}

Result<File*> Archive::segment_file(std::uint64_t segment) {
  const auto it = files_.find(segment);
  if (it != files_.end()) return it->second.get();
  if (files_.size() >= kFilesOpenMax) {
    files_.erase(files_.begin()->first == segment_ ? std::next(files_.begin()) : files_.begin());
  }
  TIDE_ASSIGN(auto file, disk_.open(segment_path(folder_, segment)));
  return (files_[segment] = std::move(file)).get();
}

Result<ArchivedBlock> ArchiveReader::read(ArchivePosition at) {
  if (!file_ || open_segment_ != at.segment()) {
    const auto path = segment_path(folder_, at.segment());
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      return gone();
    }
    TIDE_ASSIGN(file_, disk_.open(path));
    open_segment_ = at.segment();
  }
  TIDE_ASSIGN(auto found, read_record(*file_, at.offset()));
  if (found) return std::move(*found);
  return Error(Fault::unavailable, "archive: the block is still being fetched from Kafka, or past "
                                   "its retention");
}

}  // namespace tidemark::store
