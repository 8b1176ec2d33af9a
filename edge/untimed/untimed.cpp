#include "edge/untimed/untimed.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "common/base/log.h"
#include "edge/untimed/boot_file.h"

namespace tidemark::untimed {
namespace {

constexpr std::string_view kEntries = ".entries";
constexpr std::string_view kNote = ".note";

class Files final : public Untimed {
 public:
  Files(Options options, Disk& disk)
      : options_(std::move(options)), folder_(options_.folder / "untimed"), disk_(disk) {}

  Result<> start(const ring::Recovered& ring) {
    if (!std::filesystem::exists(folder_)) return {};
    std::vector<std::pair<std::filesystem::file_time_type, std::string>> found;
    std::error_code failed;
    for (const auto& f : std::filesystem::directory_iterator(folder_, failed)) {
      const auto name = f.path().filename().string();
      if (name.ends_with(kEntries)) {
        found.emplace_back(f.last_write_time(),
                           name.substr(0, name.size() - kEntries.size()));
      } else if (name.ends_with(kNote)) {
        const auto boot = name.substr(0, name.size() - kNote.size());
        const auto entries = folder_ / (boot + std::string(kEntries));
        if (!std::filesystem::exists(entries)) std::filesystem::remove(f.path(), failed);
      }
    }
    std::sort(found.begin(), found.end());
    for (const auto& [time, boot] : found) {
      TIDE_ASSIGN(auto file, BootFile::open(folder_, boot, disk_));
      settle(*file, ring);
      file->about().current = boot == options_.boot;
      if (!file->about().current) {
        log::warning("readings of a boot that never learned the time are held",
                     "boot={} entries={} counted={}", boot, file->about().entries,
                     file->about().counted);
      }
      boots_.push_back(std::move(file));
    }
    return {};
  }

  Result<> append(const journal::Entry& entry, const std::string& source,
                  journal::Position after) override {
    const std::lock_guard lock(mutex_);
    TIDE_TRY(make_room(entry.topic.size() + entry.payload.size() + source.size() + 64));
    auto* file = current();
    if (file == nullptr) {
      TIDE_TRY(make_folder(folder_));
      TIDE_ASSIGN(auto made, BootFile::open(folder_, options_.boot, disk_));
      made->about().current = true;
      boots_.push_back(std::move(made));
      file = boots_.back().get();
    }
    return file->append(entry, source, after);
  }

  Result<> sync() override {
    auto* file = current();
    return file == nullptr ? Result<>() : file->sync();
  }

  [[nodiscard]] std::optional<journal::Position> read_through() const override {
    const auto* file = current();
    return file == nullptr ? std::nullopt : file->synced_through();
  }

  Result<std::optional<Next>> next() override {
    const std::lock_guard lock(mutex_);
    while (true) {
      if (active_ == nullptr && !choose()) return std::optional<Next>{};
      TIDE_ASSIGN(auto entry, active_->read(given_));
      if (!entry) {
        finished_ = true;
        // With the flush that holds its last entries it ends; when none is under way, here.
        if (under_way()) return std::optional<Next>{};
        finish();
        continue;
      }
      const auto& b = active_->about();
      Next out{b.boot, !b.current && !b.counted, std::nullopt, std::move(*entry)};
      if (!b.current && b.ended) out.base = Nanoseconds(count_ns(*b.ended) - b.last);
      return std::optional(std::move(out));
    }
  }

  Result<> note(Incarnation incarnation, std::uint64_t seal) override {
    auto& n = active_->note;
    n = {n.done, given_, incarnation, seal};
    return active_->save_note();
  }

  void noted() override {
    const std::lock_guard lock(mutex_);
    if (active_ == nullptr || active_->note.seal == 0) return;
    auto& n = active_->note;
    n = {n.offset, n.offset, {}, 0};
    if (finished_ && !under_way()) finish();
  }

  [[nodiscard]] bool under_way() const override {
    return active_ != nullptr && given_ > active_->note.done;
  }

  [[nodiscard]] std::vector<Boot> boots() const override {
    const std::lock_guard lock(mutex_);
    std::vector<Boot> out;
    for (const auto& f : boots_) out.push_back(f->about());
    return out;
  }

  Result<> release(const std::string& boot, EventTime ended) override {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find_if(boots_, [&](const auto& f) {
      return f->about().boot == boot && !f->about().current;
    });
    if (at == boots_.end()) {
      return Error{Fault::bad_input, "no boot '" + boot + "' is held; see edge clock"};
    }
    if (!(*at)->about().counted) {
      return Error{Fault::unavailable, "boot '" + boot + "' is being counted; try again"};
    }
    (*at)->about().ended = ended;
    return (*at)->save_note();
  }

 private:
  [[nodiscard]] BootFile* current() const {
    const auto at = std::ranges::find_if(boots_, [](const auto& f) { return f->about().current; });
    return at == boots_.end() ? nullptr : at->get();
  }

  static void settle(BootFile& file, const ring::Recovered& ring) {
    auto& n = file.note;
    const auto made = std::ranges::any_of(ring.past, [&](const ring::Past& p) {
      return p.closing.incarnation == n.incarnation && p.last_seal >= n.seal;
    });
    if (n.seal != 0 && made) n.done = n.offset;
    n = {n.done, n.done, {}, 0};
  }

  Result<> make_room(std::uint64_t bytes) {
    const auto used = [&] {
      std::uint64_t sum = bytes;
      for (const auto& f : boots_) sum += f->end();
      return sum;
    };
    while (used() > options_.size.count) {
      const auto oldest = std::ranges::find_if(boots_, [this](const auto& f) {
        return !f->about().current && f->about().counted && f.get() != active_;
      });
      if (oldest == boots_.end()) {
        return Error{Fault::full, "clock.untimed: " + std::to_string(options_.size.count) +
                                      " B of entries wait for the time; set the clock"};
      }
      log::error("a boot whose time nobody knew is given up for a newer one",
                 "boot={} entries={}", (*oldest)->about().boot, (*oldest)->about().entries);
      (*oldest)->remove();
      boots_.erase(oldest);
    }
    return {};
  }

  // All of the active one is in the ledger, durably.
  void finish() {
    auto& b = active_->about();
    if (!b.current && !b.counted) {
      b.counted = true;
      active_->note = {BootFile::begin(), BootFile::begin(), {}, 0};
      if (auto saved = active_->save_note(); !saved) {
        log::error("a held boot may be counted twice", "boot={} error={}", b.boot,
                   saved.error().text());
      }
    } else {
      active_->remove();
      std::erase_if(boots_, [this](const auto& f) { return f.get() == active_; });
    }
    active_ = nullptr;
    finished_ = false;
    given_ = 0;
  }

  // The oldest that has something to be taken in or counted.
  bool choose() {
    const auto at = std::ranges::find_if(boots_, [](const auto& f) {
      const auto& b = f->about();
      return b.current || !b.counted || b.ended;
    });
    if (at == boots_.end()) return false;
    active_ = at->get();
    given_ = active_->note.done;
    return true;
  }

  const Options options_;
  const std::filesystem::path folder_;
  Disk& disk_;
  mutable std::mutex mutex_;  // of boots_
  std::vector<std::unique_ptr<BootFile>> boots_;  // oldest first
  BootFile* active_ = nullptr;
  std::uint64_t given_ = 0;
  bool finished_ = false;  // all of it was given out
};

}  // namespace

Result<std::unique_ptr<Untimed>> Untimed::open(const Options& options, Disk& disk,
                                               const ring::Recovered& ring) {
  auto files = std::make_unique<Files>(options, disk);
  if (auto started = files->start(ring); !started) {
    return std::move(started).error().within("open " + (options.folder / "untimed").string());
  }
  return std::unique_ptr<Untimed>(std::move(files));
}

}  // namespace tidemark::untimed
