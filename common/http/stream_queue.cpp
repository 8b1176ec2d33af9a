#include "common/http/stream_queue.h"

#include <algorithm>
#include <cstring>

#include "common/base/text.h"

namespace tidemark::http {

bool StreamQueue::send(std::string_view event, std::string_view id, std::string_view data) {
  std::string text;
  text.reserve(data.size() + 32);
  if (!event.empty()) text.append("event: ").append(event).append("\n");
  if (!id.empty()) text.append("id: ").append(id).append("\n");
  for (const auto line : split(data, '\n')) text.append("data: ").append(line).append("\n");
  text += '\n';
  const std::lock_guard lock(mutex_);
  return append(text);
}

bool StreamQueue::beat() {
  const std::lock_guard lock(mutex_);
  return append(": beat\n\n");
}

bool StreamQueue::open() const {
  const std::lock_guard lock(mutex_);
  return !ended_ && !detached_;
}

bool StreamQueue::append(std::string_view text) {
  if (ended_ || detached_) return false;
  if (queued_.size() - taken_ + text.size() > bytes_max_) {
    // Too slow. What is queued is dropped; a client throws an event without its end away, so that
    // the last id that it knows is of one that it really has, and it resumes from there.
    queued_.clear();
    taken_ = 0;
    ended_ = true;
    wake_reader();
    return false;
  }
  queued_ += text;
  wake_reader();
  return true;
}

void StreamQueue::wake_reader() {
  if (!idle_ || detached_) return;
  idle_ = false;
  wake_();
}

long StreamQueue::take(char* out, std::size_t bytes_max, const std::function<void()>& pause) {
  const std::lock_guard lock(mutex_);
  const auto n = std::min(bytes_max, queued_.size() - taken_);
  if (n == 0) {
    if (ended_) return -1;
    idle_ = true;
    pause();
    return 0;
  }
  std::memcpy(out, queued_.data() + taken_, n);
  taken_ += n;
  if (taken_ == queued_.size()) {
    queued_.clear();
    taken_ = 0;
  } else if (taken_ > queued_.size() / 2) {
    queued_.erase(0, taken_);
    taken_ = 0;
  }
  return static_cast<long>(n);
}

void StreamQueue::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_reader();
}

void StreamQueue::detach() {
  const std::lock_guard lock(mutex_);
  detached_ = true;
  queued_.clear();
  taken_ = 0;
}

}  // namespace tidemark::http
