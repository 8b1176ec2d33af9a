#include "cloud/store/store.h"

#include "cloud/store/schema.h"

namespace tidemark::store {

std::filesystem::path database_path(const std::filesystem::path& data_dir) {
  return data_dir / "cloud.db";
}
std::filesystem::path archive_folder(const std::filesystem::path& data_dir) {
  return data_dir / "archive";
}

Result<std::unique_ptr<Store>> Store::open(Disk& disk, const std::filesystem::path& data_dir) {
  TIDE_TRY(make_folder(data_dir));
  std::unique_ptr<Store> store(new Store());
  store->data_dir_ = data_dir;
  TIDE_ASSIGN(store->database_, open_writer(database_path(data_dir)));
  auto& database = *store->database_;
  auto& changes = store->changes_;
  store->panes_ = std::make_unique<PaneCache>(database, changes);
  store->edges_ = std::make_unique<EdgeRows>(database);
  store->series_ = std::make_unique<SeriesRows>(database);
  store->blocks_ = std::make_unique<BlockIndex>(database);
  store->manifests_ = std::make_unique<ManifestRows>(database, changes);
  store->small_ = std::make_unique<SmallRows>(database);
  store->late_ = std::make_unique<LateRows>(database, changes);
  store->letters_ = std::make_unique<LetterRows>(database);
  store->events_ = std::make_unique<EventRows>(database);
  store->dictionaries_ = std::make_unique<DictionaryRows>(database);
  store->alarms_ = std::make_unique<AlarmRows>(database);
  store->orders_ = std::make_unique<OrderRows>(database);
  store->ordered_ = std::make_unique<OrderedRows>(database, &changes);
  store->waivers_ = std::make_unique<WaiverRows>(database);
  TIDE_TRY(database.fault());
  const ArchivePosition end{store->small_->meta(kArchiveEnd)};
  store->committed_end_ = end.value;
  TIDE_ASSIGN(store->archive_, Archive::open(disk, archive_folder(data_dir), end));
  return store;
}

Store::~Store() = default;

void Store::begin() {
  TIDE_CHECK(!in_batch_, "one batch at a time");
  database_->run("BEGIN IMMEDIATE");
  in_batch_ = true;
}

Result<> Store::commit() {
  TIDE_CHECK(in_batch_, "commit() ends a batch");
  panes_->flush();
  manifests_->flush();
  blocks_->flush();
  series_->flush();
  late_->flush();
  TIDE_TRY(archive_->sync());
  if (archive_->end().value != committed_end_) {
    committed_end_ = archive_->end().value;
    small_->set_meta(kArchiveEnd, committed_end_);
  }
  database_->run("COMMIT");
  in_batch_ = false;
  panes_->make_room();
  return database_->fault();
}

}  // namespace tidemark::store
