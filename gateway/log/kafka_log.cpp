#include "gateway/log/kafka_log.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>

#include "common/base/log.h"
#include "common/kafka/consumer.h"
#include "common/kafka/records.h"
#include "common/kafka/watch.h"
#include "gateway/log/kafka_session.h"

namespace tidemark::gateway {

using wire::FrameType;

namespace {

constexpr Nanoseconds kFailureShown = std::chrono::seconds(60);
constexpr Nanoseconds kRecordPatience = std::chrono::seconds(100);  // sessions wait 120 s
constexpr std::uint64_t kControlBytes = 4 << 20;

class RdLog final : public KafkaLog {
 public:
  RdLog(KafkaOptions options, const Clock& clock, std::uint64_t instance)
      : options_(std::move(options)), clock_(clock), instance_(instance),
        event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~RdLog() override {
    watch_.reset();
    control_.reset();
    producer_.reset();
    ::close(event_);
  }
  RdLog(const RdLog&) = delete;
  RdLog& operator=(const RdLog&) = delete;

  Result<> start() {
    TIDE_TRY(kafka::check(options_.settings));
    const auto& s = options_.settings;
    kafka::ProducerOptions o;
    o.queue_bytes_max = options_.queue_bytes;
    o.record_bytes_max = kafka::kRecordBytesMax;
    o.patience = std::chrono::duration_cast<std::chrono::milliseconds>(kRecordPatience);
    o.topics = {s.live(), s.backlog(), s.dictionaries()};
    o.event = event_;
    TIDE_ASSIGN(producer_, kafka::Producer::open(s, o));
    TIDE_ASSIGN(watch_, kafka::Watch::start({s,
                                             {s.live(), s.backlog(), s.control()},
                                             options_.probe_every,
                                             options_.probe_again,
                                             options_.layout},
                                            clock_, event_));
    return {};
  }

  bool send(std::string_view edge, std::uint64_t session, ByteSpan frame) override;
  std::optional<Envelope> receive() override;
  [[nodiscard]] int descriptor() const override { return event_; }
  [[nodiscard]] Condition condition() const override;

 private:
  void pong(ByteSpan payload);
  bool produce(std::uint64_t session, const kafka::FrameRecord& record);
  void take_outcomes();
  void answer_touched();
  void remember(const Error& failure);
  void take_outcome(const kafka::Delivery& delivery);
  void fail(std::uint64_t session, const std::string& why);
  void forget(std::uint64_t session);
  void answer(const std::string& edge, std::uint64_t session, FrameType type, ByteSpan payload);
  void hear();
  void on_control(const kafka::Record& record);
  [[nodiscard]] int partitions() const;  // 0: not up

  const KafkaOptions options_;
  const Clock& clock_;
  const std::uint64_t instance_;
  const int event_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Watch> watch_;
  std::unique_ptr<kafka::Consumer> control_;  // what the cloud says, from now on
  bool hears_ = false;                        // control_ has come to its end once
  std::unordered_map<std::uint64_t, KafkaSession> sessions_;
  std::unordered_map<std::string, std::uint64_t> newest_;  // session of an edge
  std::unordered_map<std::uintptr_t, Produced> produced_;
  std::uintptr_t next_tag_ = 1;
  std::set<std::uint64_t> touched_;  // sessions with something to be answered
  std::deque<Envelope> answers_;

  mutable std::mutex mutex_;  // of what follows
  std::string failure_;  // of the newest record that failed
  SteadyTime failed_at_{};
  Condition counts_;
};

int RdLog::partitions() const {
  if (!hears_) return 0;
  const auto layout = watch_->layout();
  const bool up = layout && clock_.steady() - watch_->reached() < options_.patience;
  return up ? layout->partitions : 0;
}

Condition RdLog::condition() const {
  const auto problem = watch_->problem();
  const auto layout = watch_->layout();
  auto shortage = watch_->shortage();
  const std::lock_guard lock(mutex_);
  auto c = counts_;
  c.problem = problem;
  if (c.problem.empty() && !failure_.empty() && clock_.steady() - failed_at_ < kFailureShown) {
    c.problem = failure_;
  }
  if (layout && layout->dev) {
    c.note = "topics are made for development: a broker that dies takes its blocks with it";
  } else {
    c.note = std::move(shortage);
  }
  return c;
}

bool RdLog::send(std::string_view edge, std::uint64_t session, ByteSpan frame) {
  if (frame.size() < wire::kHeaderBytes) return false;
  const auto type = static_cast<FrameType>(frame[4]);
  const auto payload = frame.subspan(wire::kHeaderBytes);
  if (edge.empty()) {
    if (type == FrameType::ping) pong(payload);
    return true;
  }
  auto at = sessions_.find(session);
  if (at != sessions_.end() && at->second.failed()) {
    if (type == FrameType::bye) forget(session);
    return false;
  }
  if (partitions() == 0) return false;
  if (at == sessions_.end()) {
    at = sessions_.try_emplace(session, session, std::string(edge), options_.gateway,
                               options_.settings).first;
    newest_[std::string(edge)] = session;
  }
  auto record = at->second.take(type, payload);
  bool good = record.ok();
  if (!good) log::error("frame not taken", "edge={} error={}", edge, record.error().text());
  if (good && *record) good = produce(session, **record);
  if (type == FrameType::bye) forget(session);
  return good;
}

void RdLog::forget(std::uint64_t id) {
  const auto at = sessions_.find(id);
  if (at == sessions_.end()) return;
  const auto newest = newest_.find(at->second.edge());
  if (newest != newest_.end() && newest->second == id) newest_.erase(newest);
  sessions_.erase(at);
}

void RdLog::pong(ByteSpan payload) {
  if (partitions() == 0) return;
  ByteVector answered(payload.begin(), payload.end());
  answered.resize(8);
  ByteWriter(answered).fixed(instance_);
  answer("", 0, FrameType::pong, answered);
}

void RdLog::answer(const std::string& edge, std::uint64_t session, FrameType type,
                      ByteSpan payload) {
  Envelope e{edge, session, {}};
  wire::append_frame(e.frame, type, payload);
  answers_.push_back(std::move(e));
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(event_, &one, sizeof one);
}

bool RdLog::produce(std::uint64_t session, const kafka::FrameRecord& r) {
  const auto partition = partitions();
  if (partition == 0) return false;
  const auto edge = std::string_view(r.key).substr(0, r.key.find('\0'));
  const auto tag = next_tag_++;
  const auto sent = producer_->send(r.topic, kafka::partition_of(edge, partition),
                                    as_bytes(r.key), r.value, r.headers, tag);
  if (!sent) {
    log::warning("record not taken by the Kafka client", "edge={} error={}", edge,
                 sent.error().text());
    remember(sent.error());
    return false;
  }
  produced_.emplace(tag, Produced{session, r.name});
  return true;
}

std::optional<Envelope> RdLog::receive() {
  if (answers_.empty()) take_outcomes();
  if (answers_.empty()) hear();
  if (answers_.empty()) return std::nullopt;
  auto first = std::move(answers_.front());
  answers_.pop_front();
  return first;
}

void RdLog::hear() {
  if (!control_) {
    const auto layout = watch_->layout();
    if (!layout) return;
    kafka::ConsumerOptions o;
    o.topic = options_.settings.control();
    o.from.resize(static_cast<std::size_t>(layout->partitions));
    o.tail = true;
    o.queue_bytes_max = kControlBytes;
    o.event = event_;
    auto made = kafka::Consumer::open(options_.settings, std::move(o));
    if (!made) return log::error("cannot hear the cloud", "error={}", made.error().text());
    control_ = std::move(*made);
  }
  while (answers_.empty() &&
         control_->poll([this](const kafka::Record& r) { on_control(r); })) {
  }
  hears_ = hears_ || control_->at_end();
}

void RdLog::on_control(const kafka::Record& record) {
  const auto newest = newest_.find(std::string(record.key));
  if (newest == newest_.end()) return;  // another gateway's
  const auto said_to = kafka::number_of_hex(record.header("session"));
  if (said_to != 0 && said_to != newest->second) return;  // it has gone
  const auto type = kafka::type_of(record.header("type"));
  const bool known = type && (*type == FrameType::ack || *type == FrameType::request ||
                              *type == FrameType::refuse);
  if (!known) return log::warning("the cloud says what this version does not know", "type={}",
                                  record.header("type"));
  answer(newest->first, newest->second, *type, record.value);
}

void RdLog::take_outcomes() {
  for (const auto& d : producer_->poll()) take_outcome(d);
  answer_touched();
  const std::lock_guard lock(mutex_);
  counts_.waiting = produced_.size();
}

void RdLog::answer_touched() {
  for (const auto id : std::exchange(touched_, {})) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end() || at->second.failed()) continue;
    auto& session = at->second;
    if (session.welcomed()) {
      wire::Welcome welcome;
      welcome.now = clock_.wall();
      answer(session.edge(), id, FrameType::welcome, wire::encode(welcome));
    }
    if (const auto ack = session.acknowledgement()) {
      answer(session.edge(), id, FrameType::ack, wire::encode(*ack));
    }
  }
}

void RdLog::take_outcome(const kafka::Delivery& delivery) {
  const auto at = produced_.find(delivery.tag);
  if (at == produced_.end()) return;
  const auto what = at->second;
  produced_.erase(at);
  if (delivery.fault) {
    remember(*delivery.fault);
    return fail(what.session, delivery.fault->text());
  }
  watch_->reached(clock_.steady());
  {
    const std::lock_guard lock(mutex_);
    ++counts_.delivered;
  }
  const auto session = sessions_.find(what.session);
  if (session == sessions_.end()) return;  // it has gone; its edge sends again
  touched_.insert(what.session);
  for (const auto& record : session->second.delivered(what.frame)) {
    if (!produce(what.session, record)) return fail(what.session, "the Kafka client takes no more");
  }
}

void RdLog::remember(const Error& failure) {
  const std::lock_guard lock(mutex_);
  ++counts_.failed;
  failure_ = failure.text();
  failed_at_ = clock_.steady();
}

void RdLog::fail(std::uint64_t id, const std::string& why) {
  const auto at = sessions_.find(id);
  if (at == sessions_.end() || !at->second.fail()) return;
  log::error("Kafka did not take a record, its edge is told to come again", "edge={} error={}",
             at->second.edge(), why);
  answer(at->second.edge(), id, FrameType::refuse,
         wire::encode(wire::Refuse{wire::Refusal::unavailable,
                                   "the gateway cannot store what you sent: " + why}));
}

}  // namespace

Result<std::unique_ptr<KafkaLog>> KafkaLog::open(KafkaOptions options, const Clock& clock,
                                                 Random& random) {
  auto log = std::make_unique<RdLog>(std::move(options), clock, random.next());
  TIDE_TRY(log->start());
  return std::unique_ptr<KafkaLog>(std::move(log));
}

}  // namespace tidemark::gateway
