#include "cloud/serve/serving.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/kafka/topics.h"

namespace tidemark::serve {
namespace {

constexpr auto kTryAgain = std::chrono::seconds(1);
constexpr auto kMaintainEvery = std::chrono::seconds(5);
constexpr auto kMaintainAtMost = std::chrono::milliseconds(100);  // of a turn
constexpr int kWaitMs = 200;

// Those of edges, which do not concern a node that serves, may be wrong meanwhile.
Result<kafka::Layout> layout_of(const kafka::Settings& settings) {
  TIDE_ASSIGN(const auto state, kafka::check_topics(settings));
  for (const auto& f : state.findings) {
    if (!state.layout || f.topic == settings.answers() || f.topic == settings.history()) {
      return Error(Fault::bad_input, f.topic + ": " + f.text);
    }
  }
  return *state.layout;
}

}  // namespace

Serving::Serving(ServingOptions options, AnswerStore& store, const Clock& clock, int event)
    : options_(std::move(options)), store_(store), clock_(clock), event_(event) {
  condition_.counts = store.counts();
}

Serving::~Serving() {
  watch_.reset();
  topics_.clear();
  ::close(event_);
}

Result<std::unique_ptr<Serving>> Serving::open(ServingOptions options, AnswerStore& store,
                                               const Clock& clock) {
  TIDE_TRY(kafka::check(options.settings));
  const auto& s = options.settings;
  kafka::WatchOptions watch{s, {s.answers(), s.history()}, options.look_every, options.look_again,
                            options.layout ? options.layout : layout_of, true};
  std::unique_ptr<Serving> serving(
      new Serving(std::move(options), store, clock, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)));
  TIDE_ASSIGN(serving->watch_, kafka::Watch::start(std::move(watch), clock, serving->event_));
  return serving;
}

Result<Serving::Topic> Serving::open_topic(const std::string& name, const std::string& word,
                                           bool whole, const kafka::Layout& layout) {
  Topic topic{name, whole};
  kafka::ConsumerOptions options;
  options.topic = name;
  options.event = event_;
  for (int p = 0; p < layout.partitions; ++p) {
    Partition one;
    one.name = fmt::format("kafka {} {} {}", layout.id, word, p);
    one.next = one.saved = static_cast<std::int64_t>(store_.noted(one.name));
    options.from.push_back(one.next);
    topic.partitions.push_back(std::move(one));
  }
  TIDE_ASSIGN(topic.consumer, kafka::Consumer::open(options_.settings, std::move(options)));
  return topic;
}

Result<> Serving::begin(const kafka::Layout& layout) {
  const auto& s = options_.settings;
  begin_batch();
  if (store_.be_of_layout(layout.id)) {
    log::warning("the topics were made anew: what was read of the former ones is let go of",
                 "brokers={} prefix={} layout={}", s.brokers, s.prefix, layout.id);
    const std::lock_guard lock(mutex_);
    condition_.ready = false;
  }
  // History first: where both have a record the store need not make good what came out of order.
  TIDE_ASSIGN(auto history, open_topic(s.history(), "history", true, layout));
  TIDE_ASSIGN(auto answers, open_topic(s.answers(), "answers", false, layout));
  topics_.push_back(std::move(history));
  topics_.push_back(std::move(answers));
  layout_ = layout.id;
  log::info("reading answers from Kafka", "brokers={} partitions={}", s.brokers,
            layout.partitions);
  return {};
}

Result<> Serving::run(const StopSignal& stop, const std::function<void()>& each_turn) {
  while (!stop.asked()) {
    each_turn();
    TIDE_ASSIGN(const auto taken, turn());
    if (taken == 0) wait(stop);
  }
  return {};
}

void Serving::look_for_topics() {
  const auto layout = watch_->layout();
  const auto now = clock_.steady();
  if (!layout || (!topics_.empty() && layout->id == layout_) || now < tries_again_) return;
  topics_.clear();
  tries_again_ = now + kTryAgain;
  if (const auto begun = begin(*layout); !begun) {
    topics_.clear();
    log::error("not reading from Kafka", "error={}", begun.error().text());
  }
}

Result<std::size_t> Serving::turn() {
  look_for_topics();
  told_ = false;
  const auto taken = take();
  maintain();
  const bool any = store_.in_batch();
  if (any) {
    save();
    TIDE_TRY(store_.commit());
  }
  tell();
  return taken;
}

void Serving::maintain() {
  const auto now = clock_.steady();
  if (!more_is_old_ && now < maintained_ + kMaintainEvery) return;
  maintained_ = now;
  begin_batch();
  do {
    more_is_old_ = store_.maintain(clock_.wall());
  } while (more_is_old_ && clock_.steady() < now + kMaintainAtMost);
}

void Serving::begin_batch() {
  if (!store_.in_batch()) store_.begin();
}

std::size_t Serving::take() {
  std::size_t taken = 0;
  for (auto& topic : topics_) {
    taken += topic.consumer->poll_many(kBatch / topics_.size(), [&](const kafka::Record& r) {
      begin_batch();
      on_record(topic, r);
    });
  }
  return taken;
}

void Serving::compare(const Topic& topic, const Partition& p, const kafka::Record& r) {
  if (!topic.whole || r.offset == p.next) return;
  if (r.offset < p.next) {
    log::error("a topic goes on before where it was read to: records were lost at the brokers, or "
               "it was made anew",
               "topic={} partition={} read_to={} goes_on_at={}", topic.name, r.partition, p.next,
               r.offset);
    return store_.lose(0, r.appended);
  }
  // Markers of transactions leave gaps, too: only what is before the oldest record has gone.
  const auto oldest = std::min(r.offset, topic.consumer->oldest_of(r.partition));
  if (oldest <= p.next) return;
  // What went before the first look is nobody's loss; but nothing is known of then.
  const auto gone = p.next == 0 ? 0 : static_cast<std::uint64_t>(oldest - p.next);
  if (gone > 0) {
    log::error("revisions are gone before they were read: retention has passed them",
               "topic={} partition={} records={}", topic.name, r.partition, gone);
  }
  store_.lose(gone, r.appended);
}

void Serving::on_record(Topic& topic, const kafka::Record& r) {
  auto& p = topic.partitions[static_cast<std::size_t>(r.partition)];
  compare(topic, p, r);
  p.next = r.offset + 1;
  auto answer = answers::from_json(as_text(r.value));
  const auto taken = answer ? store_.take(*answer, r.appended, r.partition)
                            : std::move(answer).error();
  if (taken) return;
  const auto name = fmt::format("{}/{}/{}", topic.name, r.partition, r.offset);
  if (!std::exchange(told_, true)) {  // the status names more of them
    log::warning("a record is passed over", "record={} error={}", name, taken.error().text());
  }
  store_.refuse(name, taken.error().text(), r.appended);
}

void Serving::save() {
  for (auto& topic : topics_) {
    for (auto& p : topic.partitions) {
      if (p.next == p.saved) continue;
      store_.note(p.name, static_cast<std::uint64_t>(p.next));
      p.saved = p.next;
    }
  }
}

void Serving::tell() {
  const std::lock_guard lock(mutex_);
  condition_.counts = store_.counts();
  condition_.behind = 0;
  condition_.reads = !topics_.empty();
  bool at_end = condition_.reads;
  std::string problem;
  for (const auto& topic : topics_) {
    condition_.behind += topic.consumer->behind();
    at_end = at_end && topic.consumer->at_end();
    if (problem.empty()) problem = topic.consumer->problem();
  }
  condition_.ready = condition_.ready || at_end;
  condition_.problem = std::move(problem);
}

std::string Condition::not_ready() const {
  if (ready) return "";
  if (!problem.empty()) return problem;
  return fmt::format("answers that were there at the start are read, {} to go", behind);
}

Condition Serving::condition() const {
  auto now = [&] {
    const std::lock_guard lock(mutex_);
    return condition_;
  }();
  if (auto why = watch_->problem(); !why.empty()) now.problem = std::move(why);
  return now;
}

void Serving::wait(const StopSignal& stop) {
  std::uint64_t n = 0;
  [[maybe_unused]] const auto r = ::read(event_, &n, sizeof n);
  if (r > 0) return;  // since the last look something came
  std::array<pollfd, 2> items{pollfd{event_, POLLIN, 0}, pollfd{stop.descriptor(), POLLIN, 0}};
  ::poll(items.data(), items.size(), kWaitMs);
}

}  // namespace tidemark::serve
