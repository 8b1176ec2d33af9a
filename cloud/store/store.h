// Everything that a cloud node keeps, opened together and committed together.
//
// Promise    begin() … commit() is all or nothing, archive included: the archive is synced before
//            the SQLite transaction that names its end, and cut back to that end at open().
// When full  commit() says Fault::full; the node must then be opened anew, nothing was
//            acknowledged.
// Files      data_dir/cloud.db (WAL) and data_dir/archive/*.seg; formats in FORMAT.md.
// Threads    one. Readers open their own Database.
#pragma once

#include "cloud/store/alarm_rows.h"
#include "cloud/store/archive.h"
#include "cloud/store/dictionary_rows.h"
#include "cloud/store/event_rows.h"
#include "cloud/store/late_rows.h"
#include "cloud/store/letter_rows.h"
#include "cloud/store/order_rows.h"
#include "cloud/store/ordered_rows.h"
#include "cloud/store/pane_cache.h"
#include "cloud/store/rows.h"
#include "cloud/store/waiver_rows.h"

namespace tidemark::store {

// Names in `meta` (SmallRows).
inline constexpr std::string_view kArchiveEnd = "archive_end";
inline constexpr std::string_view kArchiveFirst = "archive_first";

std::filesystem::path database_path(const std::filesystem::path& data_dir);
std::filesystem::path archive_folder(const std::filesystem::path& data_dir);

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(Disk& disk, const std::filesystem::path& data_dir);
  ~Store();

  void begin();
  Result<> commit();
  [[nodiscard]] bool in_batch() const { return in_batch_; }

  [[nodiscard]] sqlite::Database& database() { return *database_; }
  [[nodiscard]] Archive& archive() { return *archive_; }
  // What of these rows changed since somebody asked.
  [[nodiscard]] Changes& changes() { return changes_; }
  [[nodiscard]] PaneCache& panes() { return *panes_; }
  [[nodiscard]] EdgeRows& edges() { return *edges_; }
  [[nodiscard]] SeriesRows& series() { return *series_; }
  [[nodiscard]] BlockIndex& blocks() { return *blocks_; }
  [[nodiscard]] ManifestRows& manifests() { return *manifests_; }
  [[nodiscard]] SmallRows& small() { return *small_; }
  [[nodiscard]] LateRows& late() { return *late_; }
  [[nodiscard]] LetterRows& letters() { return *letters_; }
  [[nodiscard]] EventRows& events() { return *events_; }
  [[nodiscard]] DictionaryRows& dictionaries() { return *dictionaries_; }
  [[nodiscard]] AlarmRows& alarms() { return *alarms_; }
  [[nodiscard]] OrderRows& orders() { return *orders_; }
  [[nodiscard]] OrderedRows& ordered() { return *ordered_; }
  [[nodiscard]] WaiverRows& waivers() { return *waivers_; }
  [[nodiscard]] const std::filesystem::path& data_dir() const { return data_dir_; }

 private:
  Store() = default;
  std::filesystem::path data_dir_;
  std::unique_ptr<sqlite::Database> database_;
  std::unique_ptr<Archive> archive_;
  Changes changes_;
  std::unique_ptr<PaneCache> panes_;
  std::unique_ptr<EdgeRows> edges_;
  std::unique_ptr<SeriesRows> series_;
  std::unique_ptr<BlockIndex> blocks_;
  std::unique_ptr<ManifestRows> manifests_;
  std::unique_ptr<SmallRows> small_;
  std::unique_ptr<LateRows> late_;
  std::unique_ptr<LetterRows> letters_;
  std::unique_ptr<EventRows> events_;
  std::unique_ptr<DictionaryRows> dictionaries_;
  std::unique_ptr<AlarmRows> alarms_;
  std::unique_ptr<OrderRows> orders_;
  std::unique_ptr<OrderedRows> ordered_;
  std::unique_ptr<WaiverRows> waivers_;
  std::uint64_t committed_end_ = 0;  // of the archive
  bool in_batch_ = false;
};

}  // namespace tidemark::store
