#include "edge/ring/stage_file.h"

#include "common/base/hash.h"
#include "common/base/log.h"

namespace tidemark::ring {
namespace {

constexpr std::uint64_t kHeadBytes = 12;
constexpr std::uint64_t kBodyMax = 32 << 20;

ByteVector record_of(const Flush& flush) {
  ByteVector body;
  ByteWriter out(body);
  out.fixed(flush.journal.journal);
  out.fixed(flush.journal.offset);
  ByteVector seal;
  if (flush.seal.number != 0) {
    ByteWriter seal_out(seal);
    flush.seal.encode(seal_out);
  }
  out.blob(seal);
  out.varint(flush.blocks.size());
  for (const auto& b : flush.blocks) b.encode(out);
  ByteVector record;
  ByteWriter head(record);
  head.fixed(static_cast<std::uint32_t>(body.size()));
  head.fixed(xxh3(body));
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

Result<Flush> flush_of(ByteSpan body) {
  ByteReader in(body);
  Flush flush;
  flush.journal.journal = in.fixed<std::uint64_t>();
  flush.journal.offset = in.fixed<std::uint64_t>();
  if (const auto seal = in.blob(); !seal.empty()) {
    TIDE_ASSIGN(flush.seal, Seal::decode(seal));
  }
  const auto blocks = in.length(1);
  for (std::size_t i = 0; i < blocks && in.ok(); ++i) {
    TIDE_ASSIGN(auto block, BlockRecord::decode(in));
    flush.blocks.push_back(std::move(block));
  }
  if (!in.done()) return Error{Fault::corrupt, "ring stage: a record is damaged"};
  return flush;
}

}  // namespace

Result<std::vector<Flush>> StageFile::read(const std::filesystem::path& path, Disk& disk) {
  std::vector<Flush> found;
  if (!std::filesystem::exists(path)) return found;
  TIDE_ASSIGN(const auto file, disk.open(path));
  TIDE_ASSIGN(const auto size, file->size());
  for (std::uint64_t at = 0; at + kHeadBytes <= size;) {
    ByteVector head(kHeadBytes);
    TIDE_TRY(file->read_at(at, head));
    ByteReader in(head);
    const auto length = in.fixed<std::uint32_t>();
    const auto checksum = in.fixed<std::uint64_t>();
    if (length > kBodyMax || at + kHeadBytes + length > size) break;
    ByteVector body(length);
    TIDE_TRY(file->read_at(at + kHeadBytes, body));
    if (xxh3(body) != checksum) break;  // the kill came in the middle of it
    auto flush = flush_of(body);
    if (!flush) {
      log::error("the ring's stage is damaged", "error={}", flush.error().text());
      break;
    }
    found.push_back(std::move(*flush));
    at += kHeadBytes + length;
  }
  return found;
}

void StageFile::remove(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

Result<> StageFile::append(const Flush& flush) {
  if (file_ == nullptr) return replace({&flush});
  const auto record = record_of(flush);
  TIDE_TRY(file_->write_at(end_, record));
  end_ += record.size();
  return {};
}

Result<> StageFile::replace(const std::vector<const Flush*>& flushes) {
  auto fresh = path_;
  fresh += ".new";
  remove(fresh);
  TIDE_ASSIGN(auto file, disk_.open(fresh));
  std::uint64_t end = 0;
  for (const auto* flush : flushes) {
    const auto record = record_of(*flush);
    TIDE_TRY(file->write_at(end, record));
    end += record.size();
  }
  std::error_code failed;
  std::filesystem::rename(fresh, path_, failed);
  if (failed) return Error{Fault::unavailable, "ring stage: " + failed.message()};
  file_ = std::move(file);
  end_ = end;
  return {};
}

}  // namespace tidemark::ring
