#include "common/kafka/watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/log.h"

namespace tidemark::kafka {
namespace {

constexpr std::chrono::milliseconds kLookWithin{3000};

}  // namespace

Watch::Watch(WatchOptions options, const Clock& clock, int event)
    : options_(std::move(options)), clock_(clock), event_(event) {}

Result<std::unique_ptr<Watch>> Watch::start(WatchOptions options, const Clock& clock, int event) {
  std::unique_ptr<Watch> watch(new Watch(std::move(options), clock, event));
  TIDE_ASSIGN(watch->client_, Producer::open(watch->options_.settings, {}));
  watch->thread_ = std::thread([w = watch.get()] { w->run(); });
  return watch;
}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<Layout> Watch::layout() const {
  const std::lock_guard lock(mutex_);
  return fits_ ? layout_ : std::nullopt;
}

std::string Watch::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::string Watch::shortage() const {
  const std::lock_guard lock(mutex_);
  return shortage_;
}

SteadyTime Watch::reached() const {
  const std::lock_guard lock(mutex_);
  return reached_;
}

void Watch::reached(SteadyTime at) {
  const std::lock_guard lock(mutex_);
  reached_ = std::max(reached_, at);
}

void Watch::run() {
  for (;;) {
    const auto looked = look();
    note(looked ? "" : looked.error().text());
    std::unique_lock lock(mutex_);
    const auto pause = looked ? options_.every : options_.again;
    if (woken_.wait_for(lock, pause, [this] { return stopping_; })) return;
  }
}

Result<> Watch::look() {
  client_->poll();  // what became of its connections
  std::optional<Layout> known;
  {
    const std::lock_guard lock(mutex_);
    known = layout_;
  }
  if (!known || options_.layout_again) {
    TIDE_ASSIGN(known, options_.layout(options_.settings));
    const std::lock_guard lock(mutex_);
    layout_ = known;
    fits_ = true;
  }
  std::string shortage;
  for (const auto& topic : options_.topics) {
    const auto found = client_->probe(topic, kLookWithin);
    const bool other = found && found->partitions != known->partitions;
    if (found && found->behind > 0 && shortage.empty()) {
      shortage = fmt::format("of {} of {} partitions of {} a copy is not in sync; is a broker "
                             "down, or its disk full?", found->behind, found->partitions, topic);
    }
    const std::lock_guard lock(mutex_);
    if (other || (!found && found.error().fault() != Fault::unavailable)) fits_ = false;
    if (!found) return found.error();
    if (other) {
      return Error{Fault::bad_input, topic + " has " + std::to_string(found->partitions) +
                                         " partitions, recorded are " +
                                         std::to_string(known->partitions) +
                                         ": see tidemark gateway topics check"};
    }
  }
  const std::lock_guard lock(mutex_);
  fits_ = true;
  reached_ = clock_.steady();
  shortage_ = std::move(shortage);
  return {};
}

void Watch::note(const std::string& problem) {
  {
    const std::lock_guard lock(mutex_);
    if (problem == problem_) return;
    problem_ = problem;
  }
  if (!problem.empty()) return log::error("Kafka cannot be used", "problem={}", problem);
  log::info("Kafka is there", "brokers={}", options_.settings.brokers);
  const std::uint64_t one = 1;
  if (event_ >= 0) [[maybe_unused]] const auto n = ::write(event_, &one, sizeof one);
}

}  // namespace tidemark::kafka
