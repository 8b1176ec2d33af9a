#include "cloud/query/parts.h"

#include <algorithm>

#include "cloud/query/parted_reader.h"

namespace tidemark::query {

std::shared_ptr<Parts> Parts::make(std::uint64_t position) {
  return std::shared_ptr<Parts>(new Parts(position));
}

Result<> Parts::open(int number, OpenReader reader) {
  TIDE_ASSIGN(const auto first, reader());
  TIDE_ASSIGN(const auto position, first->position());
  const std::lock_guard lock(mutex_);
  parts_[number] = {std::move(reader), ++openings_, position};
  return {};
}

void Parts::close(int number) {
  const std::lock_guard lock(mutex_);
  parts_.erase(number);
  std::erase_if(stretches_, [number](const Stretch& s) { return s.part == number; });
}

void Parts::tell(std::vector<PartitionState> states) {
  const std::lock_guard lock(mutex_);
  states_ = std::move(states);
}

std::unique_ptr<Reader> Parts::reader() {
  return std::make_unique<PartedReader>(shared_from_this());
}

void Parts::see(int number, std::uint64_t opened, std::uint64_t position) {
  const std::lock_guard lock(mutex_);
  const auto at = parts_.find(number);
  if (at == parts_.end() || at->second.opened != opened || position <= at->second.seen) return;
  const auto count = position - at->second.seen;
  auto* last = stretches_.empty() ? nullptr : &stretches_.back();
  if (last != nullptr && last->opened == opened && last->first + last->count == newest_) {
    last->count += count;
  } else {
    stretches_.push_back({newest_, number, opened, at->second.seen, count});
  }
  if (stretches_.size() > kStretchesMax) stretches_.pop_front();
  at->second.seen = position;
  newest_ += count;
}

std::uint64_t Parts::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

std::optional<Parts::Stretch> Parts::after(std::uint64_t position) const {
  const std::lock_guard lock(mutex_);
  const auto at = std::ranges::upper_bound(
      stretches_, position, {}, [](const Stretch& s) { return s.first + s.count; });
  return at == stretches_.end() ? std::nullopt : std::optional(*at);
}

}  // namespace tidemark::query
