// Brings the newest checkpoint of a partition to this node, where that is worth more than the store
// that it may have.
//
// Promise    a store is replaced only by one that was fetched whole and whose pieces are what the
//            marker says; a crash meanwhile leaves the old one, or none. Its archive is empty: its
//            blocks are in the topics, from where Refill fetches them.
// Faults     unavailable: the brokers, or `stop` was asked; unsupported: a newer version wrote the
//            checkpoint; as of the disk. The store that was there is there then.
// Threads    one for a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_set>

#include "cloud/checkpoint/marker.h"
#include "common/base/disk.h"
#include "common/base/stop_signal.h"
#include "common/kafka/settings.h"

namespace tidemark::checkpoint {

// A store that is here is near a checkpoint when what it lacks is sooner read than that is fetched:
// at most so many records of live data and of partial answers, and bytes of blocks of which one
// costs what so many bytes of a checkpoint do (measured: 10 MB/s are replayed, 40 MB/s restored). A
// few megabytes of blocks are always near.
inline constexpr std::uint64_t kNearRecords = 5'000;
inline constexpr std::uint64_t kNearCost = 4;
inline constexpr std::uint64_t kNearBytes = 2 << 20;

struct Place {
  kafka::Settings settings;
  std::string layout;  // Layout::id
  int partitions = 0;  // that the topics have
  int partition = 0;
  std::filesystem::path data_dir;  // of the partition's store
};

struct Brought {
  std::optional<Marker> newest;  // that the topic has
  std::unordered_set<std::uint64_t> pieces;  // that the topic has, but for damaged ones
  bool restored = false;         // the store is that one
  std::string damage;            // why it is not, though it is well ahead; empty: it is
};

Result<Brought> bring(const Place& place, Disk& disk, const StopSignal& stop);

}  // namespace tidemark::checkpoint
