#include "edge/journal/journal.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "common/base/log.h"
#include "edge/journal/journal_file.h"

namespace tidemark::journal {
namespace {

using std::chrono::milliseconds;

// A reader that keeps up would be woken for each entry, at a quarter of what an entry costs.
constexpr milliseconds kGather{5};

class MappedJournal final : public Journal {
 public:
  explicit MappedJournal(std::unique_ptr<JournalFile> file)
      : file_(std::move(file)), read_(file_->released()) {}

  Result<Position> append(const Entry& entry, milliseconds patience) override {
    const auto length = JournalFile::length_of(entry);
    if (length > file_->room() / 2) {
      return Error{Fault::full, "journal: an entry of " + std::to_string(length) +
                                    " B is larger than half of it (" +
                                    std::to_string(file_->room() / 2) + " B)"};
    }
    std::unique_lock lock(mutex_);
    const auto has_room = [&] {
      return stopped_ ||
             file_->end() + file_->needed(length) - file_->released() <= file_->room();
    };
    if (!has_room()) {
      ++writers_waiting_;
      const bool in_time = room_.wait_for(lock, patience, has_room);
      --writers_waiting_;
      if (!in_time) {
        return Error{Fault::full, "journal: no room within " + std::to_string(patience.count()) +
                                      " ms; the pipeline is behind"};
      }
    }
    if (stopped_) return Error{Fault::unavailable, "journal: stopped"};
    const auto end = file_->append(entry);
    const bool wake = reader_waits_;
    lock.unlock();
    if (wake) entries_.notify_one();
    return Position{file_->id(), end};
  }

  void start_at(Position from) override {
    const std::scoped_lock lock(mutex_);
    read_ = file_->released();
    if (from.journal != file_->id() || from.offset <= read_) return;
    if (from.offset % kEntryAlign != 0 ||
        (from.offset <= file_->end() && !file_->is_border(from.offset))) {
      log::warning("journal position is inside an entry: reading from the oldest", "offset={}",
                   from.offset);
      return;
    }
    file_->skip_to(from.offset);
    read_ = from.offset;
  }

  std::optional<std::pair<Entry, Position>> next(milliseconds wait) override {
    if (auto found = file_->at(read_)) return taken(*found);  // no lock while the journal runs full
    std::unique_lock lock(mutex_);
    reader_waits_ = true;
    const bool woken =
        entries_.wait_for(lock, wait, [&] { return stopped_ || read_ < file_->end(); });
    reader_waits_ = false;
    if (woken && wait > kGather) entries_.wait_for(lock, kGather, [&] { return stopped_; });
    lock.unlock();
    if (auto found = file_->at(read_)) return taken(*found);
    return std::nullopt;
  }

  void release(Position until) override {
    if (until.journal != file_->id()) return;
    bool wake = false;
    {
      const std::scoped_lock lock(mutex_);
      const auto to = std::min(until.offset, read_);
      if (to <= file_->released()) return;
      file_->release(to);
      wake = writers_waiting_ > 0;
    }
    if (wake) room_.notify_all();
  }

  bool wait_durable(Position position, milliseconds patience) override {
    if (position.journal != file_->id()) return false;
    std::unique_lock lock(mutex_);
    durable_changed_.wait_for(lock, patience,
                              [&] { return stopped_ || durable_ >= position.offset; });
    return durable_ >= position.offset;
  }

  void durable(Position position) override {
    if (position.journal != file_->id()) return;
    {
      const std::scoped_lock lock(mutex_);
      durable_ = std::max(durable_, position.offset);
    }
    durable_changed_.notify_all();
  }

  void stop() override {
    {
      const std::scoped_lock lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    entries_.notify_all();
    durable_changed_.notify_all();
  }

  [[nodiscard]] Bytes used() const override {
    const auto released = file_->released();  // first: it only grows, and never past `end`
    return Bytes{file_->end() - released};
  }
  [[nodiscard]] Position end() const override { return {file_->id(), file_->end()}; }

 private:
  std::pair<Entry, Position> taken(const std::pair<Entry, std::uint64_t>& found) {
    read_ = found.second;
    return {found.first, Position{file_->id(), found.second}};
  }

  std::unique_ptr<JournalFile> file_;
  std::mutex mutex_;  // writers, and all that is waited for
  std::condition_variable entries_;
  std::condition_variable room_;
  std::condition_variable durable_changed_;
  std::uint64_t read_;  // the reading side's own; behind it may only be released what was read
  std::uint64_t durable_ = 0;
  int writers_waiting_ = 0;
  bool reader_waits_ = false;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const Options& options) {
  TIDE_ASSIGN(auto file, JournalFile::open(options.file, options.capacity));
  return std::unique_ptr<Journal>(std::make_unique<MappedJournal>(std::move(file)));
}

}  // namespace tidemark::journal
