#include "edge/untimed/boot_file.h"

#include <fmt/format.h>

#include <cstdio>
#include <limits>

#include "common/base/hash.h"
#include "common/base/log.h"

namespace tidemark::untimed {
namespace {

constexpr std::uint64_t kMagic = 0x31454d49544e5554;  // "TUNTIME1"
constexpr std::uint64_t kHeadBytes = 12;
constexpr std::uint64_t kBodyMax = 16 << 20;  // more than half of the largest journal's entry
constexpr auto kNobody = std::numeric_limits<std::int64_t>::min();

}  // namespace

std::uint64_t BootFile::begin() { return sizeof kMagic; }

BootFile::BootFile(std::filesystem::path folder, std::string boot)
    : entries_(folder / (boot + ".entries")), note_(folder / (boot + ".note")) {
  about_.boot = std::move(boot);
}

Result<std::unique_ptr<BootFile>> BootFile::open(const std::filesystem::path& folder,
                                                 const std::string& boot, Disk& disk) {
  std::unique_ptr<BootFile> file(new BootFile(folder, boot));
  TIDE_ASSIGN(file->file_, disk.open(file->entries_));
  TIDE_ASSIGN(file->file_end_, file->file_->size());
  if (file->file_end_ < begin()) {
    ByteVector magic;
    ByteWriter(magic).fixed(kMagic);
    TIDE_TRY(file->file_->write_at(0, magic));
    TIDE_TRY(file->file_->sync());
    TIDE_TRY(disk.sync_folder(folder));
    file->file_end_ = begin();
  }
  auto at = begin();
  while (true) {
    journal::Position after;
    TIDE_ASSIGN(const auto entry, file->read(at, after));
    if (!entry) break;
    if (file->about_.entries++ == 0) file->about_.first = entry->entry.steady;
    file->about_.last = entry->entry.steady;
    file->through_ = after;
    file->synced_ = after;
  }
  file->end_ = file->file_end_ = at;
  file->about_.bytes = Bytes{at};
  file->note.done = file->note.offset = begin();
  TIDE_TRY(file->load_note());
  return file;
}

Result<> BootFile::append(const journal::Entry& e, const std::string& source,
                          journal::Position after) {
  ByteVector body;
  ByteWriter out(body);
  out.blob(as_bytes(source));
  out.varint(e.kind);
  out.varint(e.mark);
  out.fixed(static_cast<std::uint64_t>(count_ns(e.arrived)));
  out.fixed(static_cast<std::uint64_t>(e.steady));
  out.fixed(after.journal);
  out.fixed(after.offset);
  out.blob(e.topic);
  out.blob(e.payload);
  ByteVector bytes;
  ByteWriter whole(bytes);
  whole.fixed(static_cast<std::uint32_t>(body.size()));
  whole.fixed(xxh3(body, end_));
  bytes.insert(bytes.end(), body.begin(), body.end());
  TIDE_TRY(file_->write_at(end_, bytes));
  end_ = file_end_ = end_ + bytes.size();
  unsynced_ = true;
  through_ = after;
  if (about_.entries++ == 0) about_.first = e.steady;
  about_.last = e.steady;
  about_.bytes = Bytes{end_};
  return {};
}

Result<> BootFile::sync() {
  if (!unsynced_) return {};
  TIDE_TRY(file_->sync());
  unsynced_ = false;
  synced_ = through_;
  return {};
}

Result<std::optional<Entry>> BootFile::read(std::uint64_t& offset) {
  journal::Position after;
  return read(offset, after);
}

Result<std::optional<Entry>> BootFile::read(std::uint64_t& offset, journal::Position& after) {
  if (offset + kHeadBytes > file_end_) return std::optional<Entry>{};
  ByteVector head(kHeadBytes);
  TIDE_TRY(file_->read_at(offset, head));
  ByteReader front(head);
  const auto length = front.fixed<std::uint32_t>();
  const auto checksum = front.fixed<std::uint64_t>();
  if (length > kBodyMax || offset + kHeadBytes + length > file_end_) return std::optional<Entry>{};
  Entry found;
  found.bytes.resize(length);
  TIDE_TRY(file_->read_at(offset + kHeadBytes, found.bytes));
  if (xxh3(found.bytes, offset) != checksum) return std::optional<Entry>{};
  ByteReader in(found.bytes);
  found.source = std::string(in.text());
  auto& e = found.entry;
  e.kind = static_cast<std::uint16_t>(in.varint());
  e.mark = static_cast<std::uint32_t>(in.varint());
  e.arrived = event_time(static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  e.steady = static_cast<std::int64_t>(in.fixed<std::uint64_t>());
  after.journal = in.fixed<std::uint64_t>();
  after.offset = in.fixed<std::uint64_t>();
  e.topic = in.blob();
  e.payload = in.blob();
  if (!in.done()) return Error{Fault::corrupt, entries_.string() + ": an entry is damaged"};
  offset += kHeadBytes + length;
  return std::optional(std::move(found));
}

Result<> BootFile::load_note() {
  const auto text = read_file(note_, 4096);
  if (!text) return {};  // none
  unsigned long long done = 0, offset = 0, incarnation = 0, seal = 0;
  long long ended = 0;
  int counted = 0;
  if (std::sscanf(text->c_str(),
                  "done=%llu offset=%llu incarnation=%llx seal=%llu counted=%d ended=%lld", &done,
                  &offset, &incarnation, &seal, &counted, &ended) != 6) {
    return Error{Fault::corrupt, note_.string() + ": not a note; move it away to begin anew"};
  }
  note = {done, offset, Incarnation{incarnation}, seal};
  about_.counted = counted != 0;
  if (ended != kNobody) about_.ended = event_time(ended);
  return {};
}

Result<> BootFile::save_note() {
  return write_file(note_, fmt::format(
      "done={} offset={} incarnation={:016x} seal={} counted={} ended={}\n", note.done, note.offset,
      note.incarnation.count, note.seal, about_.counted ? 1 : 0,
      about_.ended ? count_ns(*about_.ended) : kNobody));
}

void BootFile::remove() {
  std::error_code ignored;
  std::filesystem::remove(entries_, ignored);
  std::filesystem::remove(note_, ignored);
}

}  // namespace tidemark::untimed
