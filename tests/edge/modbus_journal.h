// A journal in memory that keeps what sources append, for the tests of edge/modbus.
#pragma once

#include <mutex>
#include <vector>

#include "edge/journal/journal.h"
#include "edge/modbus/poll_entry.h"

namespace tidemark::modbus {

class MemoryJournal final : public journal::Journal {
 public:
  struct Kept {
    std::uint32_t source = 0;
    EventTime arrived{};
    PollEntry poll;
  };

  Result<journal::Position> append(const journal::Entry& entry,
                                   std::chrono::milliseconds) override {
    const std::scoped_lock lock(mutex_);
    if (full_) return Error{Fault::full, "full"};
    kept_.push_back({entry.source, entry.arrived, PollEntry::decode(entry.payload).value()});
    return journal::Position{1, kept_.size()};
  }
  [[nodiscard]] std::vector<Kept> kept() const {
    const std::scoped_lock lock(mutex_);
    return kept_;
  }
  [[nodiscard]] std::vector<Kept> of(std::uint32_t source) const {
    auto all = kept();
    std::erase_if(all, [&](const Kept& k) { return k.source != source; });
    return all;
  }
  void set_full(bool full) {
    const std::scoped_lock lock(mutex_);
    full_ = full;
  }

  void start_at(journal::Position) override {}
  std::optional<std::pair<journal::Entry, journal::Position>> next(
      std::chrono::milliseconds) override {
    return std::nullopt;
  }
  void release(journal::Position) override {}
  bool wait_durable(journal::Position, std::chrono::milliseconds) override { return true; }
  void durable(journal::Position) override {}
  void stop() override {}
  [[nodiscard]] Bytes used() const override { return {}; }
  [[nodiscard]] journal::Position end() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::vector<Kept> kept_;
  bool full_ = false;
};

}  // namespace tidemark::modbus
