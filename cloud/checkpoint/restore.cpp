#include "cloud/checkpoint/restore.h"

#include <fmt/format.h>

#include <functional>
#include <system_error>
#include <unordered_map>

#include "cloud/checkpoint/refill.h"
#include "cloud/store/rows.h"
#include "cloud/store/schema.h"
#include "cloud/store/store.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/codec/packing.h"
#include "common/kafka/records.h"
#include "common/kafka/stretch.h"

namespace tidemark::checkpoint {
namespace {

// All records of the partition, until `take` says that it has enough.
Result<> each_record(const Place& place, const StopSignal& stop,
                     const std::function<bool(const kafka::Record&)>& take) {
  const kafka::Stretch all{place.settings.checkpoints(), place.partitions, place.partition};
  TIDE_ASSIGN(const bool read, kafka::read(place.settings, all, stop, take));
  if (!read) return Error{Fault::unavailable, "the node is stopping"};
  return {};
}

// What the topic has.
Result<Brought> look(const Place& place, const StopSignal& stop) {
  Brought found;
  TIDE_TRY(each_record(place, stop, [&](const kafka::Record& r) {
    if (r.key != kMarkerKey) {
      const auto piece = kafka::number_of_hex(r.key);
      if (r.value.empty()) {
        found.pieces.erase(piece);
      } else {
        found.pieces.insert(piece);
      }
      return false;
    }
    auto marker = Marker::decode(r.value);
    if (!marker) {
      log::warning("a checkpoint is passed over", "partition={} error={}", place.partition,
                   marker.error().text());
    } else if (marker->layout == place.layout &&
               (!found.newest || marker->live >= found.newest->live)) {
      found.newest = std::move(*marker);
    }
    return false;
  }));
  return found;
}

// The file that the marker names, at `to`; pieces of it that are missing or damaged.
Result<std::vector<std::uint64_t>> fetch(const Place& place, const Marker& marker, Disk& disk,
                                         const std::filesystem::path& to,
                                         const StopSignal& stop) {
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> wanted;  // by hash, where they lie
  for (std::size_t i = 0; i < marker.pieces.size(); ++i) wanted[marker.pieces[i]].push_back(i);
  TIDE_ASSIGN(const auto file, disk.open(to));
  Result<> written;
  ByteVector bytes;
  TIDE_TRY(each_record(place, stop, [&](const kafka::Record& r) {
    if (r.value.empty() || r.key == kMarkerKey) return false;
    const auto at = wanted.find(kafka::number_of_hex(r.key));
    if (at == wanted.end()) return false;
    bytes.resize(marker.size_of(at->second.front()));
    if (!codec::unpack(r.value, bytes) || xxh3(bytes) != at->first) return false;
    for (const auto piece : at->second) {
      if (written) written = file->write_at(piece * kPieceBytes, bytes);
    }
    wanted.erase(at);
    return wanted.empty() || !written;
  }));
  TIDE_TRY(written);
  TIDE_TRY(file->sync());
  std::vector<std::uint64_t> missing;
  for (const auto& [piece, where] : wanted) missing.push_back(piece);
  return missing;
}

// What has to be fetched again for the archive of the store, and an archive with that much room.
Result<> prepare(const Place& place, const Marker& marker, const std::filesystem::path& file,
                 const std::filesystem::path& archive, Disk& disk) {
  TIDE_ASSIGN(const auto db, store::open_writer(file));
  store::SmallRows small(*db);
  if (small.meta(position_name(place.layout, "live", place.partition)) < marker.live) {
    return Error{Fault::corrupt, "it is older than its marker says"};
  }
  for (const auto* topic : {"live", "backlog"}) {
    const auto until = small.meta(position_name(place.layout, topic, place.partition));
    small.set_meta(Refill::next_name(topic), 0);
    small.set_meta(Refill::until_name(topic), until);
  }
  const store::ArchivePosition end{small.meta(store::kArchiveEnd)};
  const auto first = small.meta(store::kArchiveFirst);
  TIDE_TRY(db->fault());
  return store::Archive::make_holes(disk, archive, first, end);
}

// The store that was there goes.
Result<> put_in_place(const std::filesystem::path& file, const std::filesystem::path& archive,
                      const std::filesystem::path& data_dir, Disk& disk) {
  std::error_code failed;
  const auto database = store::database_path(data_dir);
  for (const auto* tail : {"", "-wal", "-shm"}) {
    if (!failed) std::filesystem::remove(database.string() + tail, failed);
  }
  if (!failed) std::filesystem::remove_all(store::archive_folder(data_dir), failed);
  if (!failed) std::filesystem::rename(archive, store::archive_folder(data_dir), failed);
  if (!failed) std::filesystem::rename(file, database, failed);
  if (failed) {
    return Error{Fault::full, fmt::format("{}: {}", data_dir.string(), failed.message())};
  }
  return disk.sync_folder(data_dir);
}

// Whether the store that is here reads on sooner than a checkpoint is fetched. One that does not
// say how far it is (an older version's, a damaged one) is kept: whoever opens it knows what to do.
bool is_near(const Place& place, const Marker& marker) {
  const auto file = store::database_path(place.data_dir);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return false;
  const auto db = store::open_reader(file);
  if (!db) return true;
  store::SmallRows small(**db);
  const auto lacks_records = [&](std::string_view topic, std::uint64_t there) {
    const auto at = small.meta(position_name(place.layout, topic, place.partition));
    return there - std::min(at, there);
  };
  const auto records = lacks_records("live", marker.live) +
                       lacks_records("partials", marker.partials);
  const auto archive = store::ArchivePosition{small.meta(store::kArchiveEnd)}.bytes();
  if (!(*db)->fault()) return true;
  const auto lacks = marker.archive - std::min(archive, marker.archive);
  return records <= kNearRecords && lacks <= std::max(kNearBytes, marker.bytes / kNearCost);
}

}  // namespace

Result<Brought> bring(const Place& place, Disk& disk, const StopSignal& stop) {
  TIDE_TRY(make_folder(place.data_dir));
  TIDE_ASSIGN(auto brought, look(place, stop));
  if (!brought.newest) return brought;
  const auto& marker = *brought.newest;
  if (is_near(place, marker)) return brought;
  if (marker.version > store::kSchemaVersion) {
    return Error{Fault::unsupported, fmt::format("the checkpoint of partition {} is of a newer "
                                                 "version; upgrade this node", place.partition)};
  }
  const auto file = place.data_dir / "restore.tmp";
  const auto archive = place.data_dir / "restore.archive";
  std::error_code ignored;
  for (const auto* tail : {"", "-wal", "-shm"}) {
    std::filesystem::remove(file.string() + tail, ignored);
  }
  std::filesystem::remove_all(archive, ignored);
  TIDE_ASSIGN(const auto missing, fetch(place, marker, disk, file, stop));
  if (!missing.empty()) {
    for (const auto piece : missing) brought.pieces.erase(piece);
    brought.damage = fmt::format("checkpoint {}: {} pieces of {} are missing or damaged",
                                 marker.number, missing.size(), marker.pieces.size());
    return brought;
  }
  if (auto prepared = prepare(place, marker, file, archive, disk); !prepared) {
    if (prepared.error().fault() != Fault::corrupt) return std::move(prepared).error();
    brought.pieces.clear();
    brought.damage = prepared.error().text();
    return brought;
  }
  TIDE_TRY(put_in_place(file, archive, place.data_dir, disk));
  brought.restored = true;
  return brought;
}

}  // namespace tidemark::checkpoint
