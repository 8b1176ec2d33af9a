#include "common/kafka/owner_watch.h"

#include "common/base/log.h"
#include "common/kafka/admin.h"

namespace tidemark::kafka {

OwnerWatch::OwnerWatch(Settings settings, std::string group, std::string topic,
                       std::unique_ptr<Admin> admin)
    : settings_(std::move(settings)), group_(std::move(group)), topic_(std::move(topic)),
      admin_(std::move(admin)) {}

Result<std::unique_ptr<OwnerWatch>> OwnerWatch::start(const Settings& settings, std::string group,
                                                      std::string topic) {
  TIDE_ASSIGN(auto admin, Admin::open(settings));
  std::unique_ptr<OwnerWatch> watch(new OwnerWatch(settings, std::move(group), std::move(topic),
                                                   std::make_unique<Admin>(std::move(admin))));
  watch->thread_ = std::thread([w = watch.get()] { w->run(); });
  return watch;
}

OwnerWatch::~OwnerWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::map<int, std::string> OwnerWatch::owners() const {
  const std::lock_guard lock(mutex_);
  return owners_;
}

void OwnerWatch::run() {
  for (;;) {
    auto found = admin_->owners(group_, topic_);
    if (!found) {
      log::warning("owners are not known", "error={}", found.error().text());
      // librdkafka 2.0.2 asks the first coordinator for ever, also when it is none any more.
      if (auto other = Admin::open(settings_)) {
        admin_ = std::make_unique<Admin>(std::move(other).value());
      }
    }
    std::unique_lock lock(mutex_);
    owners_ = found ? std::move(found).value() : std::map<int, std::string>{};
    if (woken_.wait_for(lock, kEvery, [this] { return stopping_; })) return;
  }
}

}  // namespace tidemark::kafka
