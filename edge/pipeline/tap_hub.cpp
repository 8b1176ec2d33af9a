#include "edge/pipeline/tap_hub.h"

#include "common/base/text.h"

namespace tidemark::pipeline {

std::vector<std::string> TapHub::Subscriber::take(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, wait, [&] { return !lines_.empty() || closed_; });
  std::vector<std::string> out(std::make_move_iterator(lines_.begin()),
                               std::make_move_iterator(lines_.end()));
  lines_.clear();
  return out;
}

std::shared_ptr<TapHub::Subscriber> TapHub::subscribe(const std::string& glob) {
  const std::lock_guard lock(mutex_);
  if (subscribers_.size() >= kSubscribersMax) return nullptr;
  auto s = std::make_shared<Subscriber>();
  s->glob_ = glob;
  subscribers_.push_back(s);
  count_.store(subscribers_.size(), std::memory_order_relaxed);
  return s;
}

void TapHub::unsubscribe(const std::shared_ptr<Subscriber>& subscriber) {
  const std::lock_guard lock(mutex_);
  std::erase(subscribers_, subscriber);
  count_.store(subscribers_.size(), std::memory_order_relaxed);
}

void TapHub::close() {
  const std::lock_guard lock(mutex_);
  for (const auto& s : subscribers_) {
    const std::lock_guard inner(s->mutex_);
    s->closed_ = true;
    s->arrived_.notify_all();
  }
}

void TapHub::publish(const std::string& series, const std::string& line) {
  const std::lock_guard lock(mutex_);
  for (const auto& s : subscribers_) {
    if (!series_match(s->glob_, series)) continue;
    const std::lock_guard inner(s->mutex_);
    if (s->lines_.size() >= kLinesMax) {
      s->lost_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    s->lines_.push_back(line);
    s->arrived_.notify_one();
  }
}

}  // namespace tidemark::pipeline
