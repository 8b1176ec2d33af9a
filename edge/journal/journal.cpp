#include "edge/journal/journal.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "edge/journal/journal_file.h"

namespace tidemark::journal {
namespace {

using std::chrono::milliseconds;

// A reader that keeps up would be woken for each entry, at a quarter of what an entry costs. While
// entries keep coming it looks every so often and nobody wakes it.
constexpr milliseconds kGather{10};

// Longer than any critical section, shorter than a broker's clients wait.
constexpr milliseconds kLockPatience{1000};

class MappedJournal final : public Journal {
 public:
  explicit MappedJournal(std::unique_ptr<JournalFile> file)
      : file_(std::move(file)), read_(file_->released()) {}

  Result<Position> append(const Entry& entry, milliseconds patience) override {
    const auto length = JournalFile::length_of(entry);
    if (length > file_->room() / 2) {
      return Error{Fault::bad_input, "journal: an entry of " + std::to_string(length) +
                                         " B is larger than half of it (" +
                                         std::to_string(file_->room() / 2) + " B)"};
    }
    std::optional<Patience> waiting;
    for (;;) {
      {
        const JournalFile::Writing writing(*file_, kLockPatience);
        if (stopped_) return Error{Fault::unavailable, "journal: stopped"};
        if (!writing.locked()) {
          return Error{Fault::unavailable, "journal: another process holds its lock and rests"};
        }
        if (has_room(length)) {
          const auto end = file_->append(entry);
          return Position{file_->id(), end};
        }
      }
      if (!waiting) waiting.emplace(patience);
      const auto left = waiting->left();
      if (left <= milliseconds{}) {
        return Error{Fault::full, "journal: no room within " + std::to_string(patience.count()) +
                                      " ms; the pipeline is behind"};
      }
      file_->signals().room.wait(left, [&] { return stopped_ || has_room(length); });
    }
  }

  void start_at(Position from) override {
    read_ = file_->released();
    if (from.journal != file_->id() || from.offset <= read_) return;
    if (from.offset % kEntryAlign != 0 ||
        (from.offset <= file_->end() && !file_->is_border(from.offset))) {
      log::warning("journal position is inside an entry: reading from the oldest", "offset={}",
                   from.offset);
      return;
    }
    const JournalFile::Writing writing(*file_, kLockPatience);
    file_->skip_to(from.offset);
    read_ = from.offset;
  }

  std::optional<std::pair<Entry, Position>> next(milliseconds wait) override {
    if (auto found = file_->at(read_)) return taken(*found);
    if (wait <= milliseconds{} || stopped_) return std::nullopt;
    const Patience waiting(wait);
    if (flowing_) std::this_thread::sleep_for(std::min(wait, kGather));
    const auto wanted = [&] { return stopped_ || read_ < file_->end(); };
    flowing_ = wanted();
    if (!flowing_) {
      for (auto left = waiting.left(); !wanted() && left > milliseconds{}; left = waiting.left()) {
        file_->signals().entries.wait(left, wanted);
      }
      flowing_ = wanted();
      if (flowing_ && !stopped_ && waiting.left() > kGather) std::this_thread::sleep_for(kGather);
    }
    if (auto found = file_->at(read_)) return taken(*found);
    return std::nullopt;
  }

  void release(Position until) override {
    if (until.journal != file_->id()) return;
    const auto to = std::min(until.offset, read_);
    if (to <= file_->released()) return;
    file_->release(to);
    file_->signals().room.wake();
  }

  bool wait_durable(Position position, milliseconds patience) override {
    if (position.journal != file_->id()) return false;
    const auto done = [&] { return file_->durable() >= position.offset; };
    const Patience waiting(patience);
    for (auto left = patience; !done() && !stopped_ && left > milliseconds{};
         left = waiting.left()) {
      file_->signals().durable.wait(left, [&] { return stopped_ || done(); });
    }
    return done();
  }

  void durable(Position position) override {
    if (position.journal != file_->id()) return;
    file_->set_durable(std::max(file_->durable(), position.offset));
    file_->signals().durable.wake();
  }

  [[nodiscard]] bool durable_awaited() const override {
    return file_->signals().durable.awaited();
  }

  void stop() override {
    stopped_ = true;
    file_->signals().room.wake();
    file_->signals().entries.wake();
    file_->signals().durable.wake();
  }

  [[nodiscard]] Bytes used() const override {
    const auto released = file_->released();  // first: it only grows, and never past `end`
    return Bytes{file_->end() - released};
  }
  [[nodiscard]] Position end() const override { return {file_->id(), file_->end()}; }
  [[nodiscard]] bool has_guest() const override { return file_->has_guest(); }
  [[nodiscard]] bool replaced() const override { return file_->replaced(); }

 private:
  class Patience {
   public:
    explicit Patience(milliseconds whole) : until_(std::chrono::steady_clock::now() + whole) {}
    [[nodiscard]] milliseconds left() const {
      return std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now());
    }

   private:
    std::chrono::steady_clock::time_point until_;
  };

  [[nodiscard]] bool has_room(std::uint64_t length) const {
    return file_->end() + file_->needed(length) - file_->released() <= file_->room();
  }
  std::pair<Entry, Position> taken(const std::pair<Entry, std::uint64_t>& found) {
    read_ = found.second;
    return {found.first, Position{file_->id(), found.second}};
  }

  std::unique_ptr<JournalFile> file_;
  std::uint64_t read_;  // the reading side's own; behind it may only be released what was read
  bool flowing_ = false;  // of the reading side: entries came last time
  std::atomic<bool> stopped_{false};
};

}  // namespace

std::string boot_id() {
  std::string id;
  if (const char* const given = std::getenv("TIDEMARK_BOOT_ID"); given != nullptr) {
    id = given;
  } else if (const auto text = read_file("/proc/sys/kernel/random/boot_id", 128)) {
    id = trim(*text);
  }
  std::erase(id, '-');  // the kernel writes it with dashes, systemd without
  return id;
}

Result<std::unique_ptr<Journal>> Journal::open(const Options& options) {
  TIDE_ASSIGN(auto file, JournalFile::open(options));
  return std::unique_ptr<Journal>(std::make_unique<MappedJournal>(std::move(file)));
}

}  // namespace tidemark::journal
