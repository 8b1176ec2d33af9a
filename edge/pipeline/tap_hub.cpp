#include "edge/pipeline/tap_hub.h"

#include <algorithm>

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

void TapHub::count() {
  for (std::size_t kind = 0; kind < count_.size(); ++kind) {
    const auto n = std::count_if(subscribers_.begin(), subscribers_.end(),
                                 [&](const auto& s) { return s->kinds_[kind]; });
    count_[kind].store(static_cast<std::size_t>(n), std::memory_order_relaxed);
  }
}

std::shared_ptr<TapHub::Subscriber> TapHub::subscribe(const std::string& glob, TapKinds kinds) {
  const std::lock_guard lock(mutex_);
  if (subscribers_.size() >= kSubscribersMax) return nullptr;
  auto s = std::make_shared<Subscriber>();
  s->glob_ = glob;
  s->kinds_ = kinds;
  subscribers_.push_back(s);
  count();
  return s;
}

void TapHub::unsubscribe(const std::shared_ptr<Subscriber>& subscriber) {
  const std::lock_guard lock(mutex_);
  std::erase(subscribers_, subscriber);
  count();
}

void TapHub::close() {
  const std::lock_guard lock(mutex_);
  for (const auto& s : subscribers_) {
    const std::lock_guard inner(s->mutex_);
    s->closed_ = true;
    s->arrived_.notify_all();
  }
}

void TapHub::publish(TapKind kind, const std::string& series, const std::string& line) {
  const std::lock_guard lock(mutex_);
  for (const auto& s : subscribers_) {
    if (!s->kinds_[static_cast<std::size_t>(kind)] || !series_match(s->glob_, series)) continue;
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
