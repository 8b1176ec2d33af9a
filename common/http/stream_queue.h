// The queue between whoever sends events and the one connection that carries them away.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "common/http/server.h"

namespace tidemark::http {

class StreamQueue final : public Stream {
 public:
  // `wake` is called, under the lock, when there is something again for a reader that went idle.
  StreamQueue(std::size_t bytes_max, std::function<void()> wake)
      : bytes_max_(bytes_max), wake_(std::move(wake)) {}

  bool send(std::string_view event, std::string_view id, std::string_view data) override;
  bool beat();  // a comment line, so that a dead connection is noticed; false when closed
  [[nodiscard]] bool open() const override;

  // For the connection. Bytes copied; 0: idle from now on, `wake` will be called; -1: at the end.
  // `pause` runs under the lock before 0 is returned, so that no wake can come before it.
  long take(char* out, std::size_t bytes_max, const std::function<void()>& pause);
  void end();     // nothing more is taken in; the reader gets what is queued, then the end
  void detach();  // the connection is gone

 private:
  bool append(std::string_view text);  // under the lock
  void wake_reader();                  // under the lock

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  std::string queued_;
  std::size_t taken_ = 0;  // of queued_
  bool idle_ = false;
  bool ended_ = false;
  bool detached_ = false;
};

}  // namespace tidemark::http
