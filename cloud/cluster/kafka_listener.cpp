#include "cloud/cluster/kafka_listener.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/random.h"

namespace tidemark::cluster {
namespace {

constexpr unsigned kBacklogEach = 8;  // turns, while live data keeps coming
constexpr unsigned kRefillEach = 4;   // turns, while anything keeps coming
constexpr auto kTryAgain = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kSayWithin{200};
constexpr int kLookAgainMs = 20;  // whether the partition is ours
constexpr int kLooksWithoutLog = 3;

}  // namespace

KafkaListener::KafkaListener(KafkaListenerOptions options, const Clock& clock, int event)
    : Listener(clock, options.silence_max), options_(std::move(options)), event_(event) {}

KafkaListener::~KafkaListener() {
  watch_.reset();
  outbox_.reset();
  live_.reset();
  backlog_.reset();
  dictionaries_.reset();
  partials_.reset();
  orders_.reset();
  json_.reset();
  control_.reset();
  ::close(event_);
}

Result<std::unique_ptr<KafkaListener>> KafkaListener::open(KafkaListenerOptions options,
                                                           const Clock& clock) {
  TIDE_TRY(kafka::check(options.settings));
  const auto& s = options.settings;
  kafka::WatchOptions watch{s, {s.live(), s.backlog(), s.dictionaries(), s.control()},
                            options.look_every, options.look_again, options.layout};
  if (options.partition) {
    watch.topics.push_back(s.partials());
    watch.topics.push_back(s.orders());
  }
  std::unique_ptr<KafkaListener> listener(
      new KafkaListener(std::move(options), clock, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)));
  TIDE_ASSIGN(listener->watch_, kafka::Watch::start(std::move(watch), clock, listener->event_));
  const auto& o = listener->options_;
  if (!o.json.topic.empty()) {
    TIDE_ASSIGN(listener->json_, JsonInput::open(o.json, o.settings, o.look_every, o.look_again,
                                                 clock, listener->event_, o.reader));
  }
  return listener;
}

Condition KafkaListener::condition() const {
  Condition c;
  c.problem = watch_->problem();
  if (json_) {
    c.behind = json_->behind();
    c.lost = json_->lost();
    c.refused = json_->refused();
    if (c.problem.empty()) c.problem = json_->problem();
  }
  if (!reads_.load()) return c;
  for (const auto* input : inputs()) {
    c.behind += input->behind();
    c.lost += input->lost();
    if (c.problem.empty()) c.problem = input->problem();
  }
  if (live_->others_note() && c.problem.empty()) {
    c.problem = options_.json.topic + ": nodes of a group read these plain readings, too; name the "
                "group (intake.kafka.group), or another intake.json.edge";
  }
  c.position = live_->position();
  if (outbox_) c.unpublished = outbox_->waiting();
  if (outbox_ && c.problem.empty()) c.problem = outbox_->problem();
  return c;
}

Result<> KafkaListener::begin(intake::Intake& intake, const kafka::Layout& layout) {
  const auto& s = options_.settings;
  using Kind = KafkaInput::Kind;
  TIDE_ASSIGN(control_, Control::open(s, layout.partitions, event_));
  const auto open = [&](Kind kind) {
    return KafkaInput::open(kind, s, layout, options_.partition, intake, gateways_, event_);
  };
  TIDE_ASSIGN(dictionaries_, open(Kind::dictionaries));
  TIDE_ASSIGN(live_, open(Kind::live));
  TIDE_ASSIGN(backlog_, open(Kind::backlog));
  if (plain_begun_) live_->plain_is_ours(json_->edge());
  if (options_.partition) {
    TIDE_ASSIGN(partials_, open(Kind::partials));
    TIDE_ASSIGN(orders_, open(Kind::orders));
    partials_said_ = VoiceNames(layout.id).partials_said;
  }
  std::string barred;
  if (options_.reader && options_.answers && !options_.partition) {
    TIDE_ASSIGN(barred, others_spoke(s, layout, intake));
    TIDE_TRY(intake.save_notes());  // that it may, before it does
  }
  if (json_ && options_.partition) {
    TIDE_ASSIGN(plain_from_, live_->end_now(*options_.partition));
    plain_ = std::make_unique<PlainTopic>(s, json_->edge(), *options_.partition, event_);
  }
  if (options_.reader) outbox_ = std::make_unique<Outbox>(said(intake, layout, barred));
  if (plain_) plain_->on_more = [this] { outbox_->wake(); };
  if (options_.voice) {
    const VoiceNames names(layout.id);
    others_live_ = static_cast<std::int64_t>(intake.noted(names.live));
    others_backlog_ = static_cast<std::int64_t>(intake.noted(names.backlog));
    others_partials_ = static_cast<std::int64_t>(intake.noted(names.partials));
    behind_others_ = true;
    look_at_others(intake);
  }
  for (const auto& edge : intake.connected()) {
    if (json_ && edge == json_->edge()) continue;
    control_->tell(edge);            // what was committed last may not have been said
    gateways_.heard("", edge, 0);  // which gateway is its, only a record says
  }
  reads_ = true;
  log::info("reading from Kafka", "brokers={} {}={}", s.brokers,
            options_.partition ? "partition" : "partitions",
            options_.partition.value_or(layout.partitions));
  return {};
}

std::vector<KafkaInput*> KafkaListener::inputs() const {
  std::vector<KafkaInput*> all{dictionaries_.get(), live_.get(), backlog_.get()};
  if (partials_) all.push_back(partials_.get());
  if (orders_) all.push_back(orders_.get());
  return all;
}

Outbox::Options KafkaListener::said(intake::Intake& intake, const kafka::Layout& layout,
                                    const std::string& barred) const {
  const auto& s = options_.settings;
  const VoiceNames names(layout.id);
  std::shared_ptr<const SaidEvents> events_said;
  if (options_.partition) {
    events_said = std::make_shared<SaidEvents>(
        s, kafka::Stretch{s.events(), layout.partitions, *options_.partition,
                          static_cast<std::int64_t>(intake.noted(names.events_offset))});
  }
  auto events = events_feed(s, layout.partitions, std::move(events_said));
  if (options_.partition) events.offset_name = names.events_offset;
  Outbox::Options outbox{s, options_.reader,
                         {letters_feed(s, layout.partitions), std::move(events)},
                         options_.voice, options_.holds};
  if (options_.answers) {
    const auto input = [live = live_.get(), backlog = backlog_.get(),
                        partials = partials_.get()](int partition) {
      InputPosition at{live->taken(partition), backlog->taken(partition)};
      if (partials != nullptr) at.partials = partials->taken(partition);
      return at;
    };
    auto feed = answers_feed(s, {layout.partitions, input, options_.partition});
    if (options_.partition) feed.offset_name = names.offset;
    if (!barred.empty()) {
      feed.next = [barred](query::Reader&, std::uint64_t) -> Result<Outbox::Batch> {
        return Error{Fault::bad_input, barred};
      };
    }
    outbox.feeds.push_back(std::move(feed));
    intake.number_behind(intake.noted(names.said));  // rows that had these numbers may be gone
  }
  if (options_.partition) {
    outbox.feeds.push_back(partials_feed(s, layout.partitions, *options_.partition,
                                         SystemRandom().next(), read_));
    outbox.feeds.push_back(outcomes_feed(s, *options_.partition));
    if (plain_) outbox.feeds.push_back(plain_->feed());
  }
  for (auto& feed : outbox.feeds) {
    if (feed.name.empty()) continue;
    feed.name = "kafka " + layout.id + " " + feed.name;
    feed.from = intake.noted(feed.name);
  }
  return outbox;
}

void KafkaListener::look_at_others(intake::Intake& intake) {
  if (!behind_others_) return;
  const int p = *options_.partition;
  // Where retention, or a broker, took what they had read, there is nothing more to wait for.
  const auto is_behind = [p](const KafkaInput& input, std::int64_t others) {
    return input.taken(p) < others && !input.read_to_its_end(p);
  };
  behind_others_ = is_behind(*live_, others_live_) || is_behind(*backlog_, others_backlog_) ||
                   is_behind(*partials_, others_partials_);
  intake.hold_published(behind_others_);
}

std::size_t KafkaListener::receive(intake::Intake& intake) {
  if (!holds()) return 0;
  if (!json_) return receive_of_edges(intake);
  json_next_ = !json_next_;
  if (json_next_) {
    if (const auto size = receive_plain(intake); size > 0) return size;
  }
  if (const auto size = receive_of_edges(intake); size > 0) return size;
  return json_next_ ? 0 : receive_plain(intake);
}

// Series that are known are those that are committed.
bool KafkaListener::may_begin_plain(const intake::Intake& intake) {
  if (intake.has_batch()) return false;
  if (options_.partition) {
    return reads_.load() && live_->has_passed(*options_.partition, plain_from_);
  }
  return reads_.load() ? live_was_read_ : there_is_no_log();
}

// Where nobody has made the topics. A broker that just came may not know of them yet.
bool KafkaListener::there_is_no_log() {
  const auto now = clock_.steady();
  if (watch_->layout() || now < looks_for_log_) return false;
  looks_for_log_ = now + options_.look_again;
  const auto found = kafka::partitions_of(options_.settings, options_.settings.live());
  const bool none = !found && found.error().fault() == Fault::bad_input;
  looks_without_log_ = none ? looks_without_log_ + 1 : 0;
  return looks_without_log_ >= kLooksWithoutLog;
}

std::size_t KafkaListener::receive_plain(intake::Intake& intake) {
  if (!plain_begun_) {
    if (!may_begin_plain(intake)) return 0;
    plain_begun_ = true;
    if (live_ && !plain_) live_->plain_is_ours(json_->edge());
  }
  if (plain_) return json_->take(intake, *plain_);
  if (live_ && live_->others_note()) return 0;
  IntakeSink sink(intake, json_->edge());
  return json_->take(intake, sink);
}

std::size_t KafkaListener::receive_of_edges(intake::Intake& intake) {
  if (!reads_.load()) {
    const auto now = clock_.steady();
    const auto layout = watch_->layout();
    if (!layout || now < tries_again_) return 0;
    tries_again_ = now + kTryAgain;
    if (const auto begun = begin(intake, *layout); !begun) {
      log::error("not reading from Kafka", "error={}", begun.error().text());
      return 0;
    }
  }
  auto* refill = options_.refill;
  if (refill == nullptr || refill->done()) return receive_new(intake);
  const bool first = ++refill_turn_ % kRefillEach == 0;
  if (const auto size = first ? refill->step() : 0; size > 0) return size;
  const auto size = receive_new(intake);
  return size > 0 || first ? size : refill->step();
}

std::size_t KafkaListener::receive_new(intake::Intake& intake) {
  control_->turn(intake, clock_.steady());
  if (stands_) resolve(intake);
  if (stands_) return 0;
  if (orders_) {
    if (const auto size = take(*orders_, intake); size > 0) return size;
    if (!orders_->at_end()) return 0;
  }
  if (const auto size = take(*dictionaries_, intake); size > 0) return size;
  partials_next_ = !partials_next_;
  if (partials_ && partials_next_) {
    if (const auto size = take(*partials_, intake); size > 0) return size;
  }
  const auto [live_waits, backlog_waits] = wait_for_order(intake);
  const bool backlog_first = live_was_read_ && ++turn_ % kBacklogEach == 0;
  if (backlog_first && !backlog_waits) {
    if (const auto size = take(*backlog_, intake); size > 0) return size;
  }
  if (!live_waits) {
    if (const auto size = take(*live_, intake); size > 0) return size;
  }
  live_was_read_ = live_was_read_ || live_->at_end();
  const bool backlog_next = (live_was_read_ || live_waits) && !backlog_first && !backlog_waits;
  auto size = backlog_next ? take(*backlog_, intake) : 0;
  if (size == 0 && partials_) size = take(*partials_, intake);
  if (size == 0 && !intake.has_batch()) note_read();
  if (size == 0) look_at_others(intake);
  if (size == 0 && listens()) look_at_gateways(intake);
  return size;
}

std::pair<bool, bool> KafkaListener::wait_for_order(intake::Intake& intake) const {
  const auto order = orders_ ? intake.next_order() : std::nullopt;
  if (!order) return {false, false};
  const int p = *options_.partition;
  return {live_->next(p) >= order->live, backlog_->next(p) >= order->backlog};
}

void KafkaListener::note_read() {
  read_->live = live_was_read_;
  if (caught_up()) read_->all = true;
}

intake::InputRead KafkaListener::how_far() const {
  const int p = *options_.partition;
  return {{live_->taken(p), backlog_->taken(p)},
          live_->read_to_its_end(p),
          backlog_->read_to_its_end(p),
          live_->at_end() && backlog_->at_end()};
}

bool KafkaListener::listens() const {
  return live_->at_end() && backlog_->at_end() && watch_->problem().empty();
}

std::size_t KafkaListener::take(KafkaInput& input, intake::Intake& intake) {
  const auto waited = intake.parked_bytes();
  const auto size = input.take(intake);
  if (intake.parked_bytes() > waited) {
    input.hold();
    resolve(intake);
  }
  return size;
}

// The dictionary of a block that waits was at the brokers before the block was.
void KafkaListener::resolve(intake::Intake& intake) {
  const auto now = clock_.steady();
  if (stands_ && now < tries_again_) return;
  tries_again_ = now + kTryAgain;
  bool read = true;
  for (const auto* input : {live_.get(), backlog_.get()}) {
    for (const auto p : input->held()) read = read && dictionaries_->catch_up(intake, p);
  }
  stands_ = !read && intake.parked_bytes() > 0;
  // One that is not at the brokers its edge is asked for, and the block holds its place.
}

void KafkaListener::wait(std::chrono::milliseconds most, const StopSignal& stop) {
  std::uint64_t n = 0;
  [[maybe_unused]] const auto r = ::read(event_, &n, sizeof n);
  if (r > 0) return;  // since the last look something came
  if (control_ && control_->waits()) most = std::min(most, kSayWithin);
  if (json_ && plain_begun_ && holds()) {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(json_->due() - clock_.steady());
    most = std::clamp(left, milliseconds(0), most);
  }
  std::array<pollfd, 2> items{pollfd{event_, POLLIN, 0}, pollfd{stop.descriptor(), POLLIN, 0}};
  ::poll(items.data(), items.size(), static_cast<int>(most.count()));
}

Result<> KafkaListener::may_commit(const StopSignal& stop) {
  while (!holds() || silenced()) {
    if (silenced()) return Error{Fault::denied, outbox_->problem()};
    if (stop.asked()) {
      return Error{Fault::denied, "the partition may be another node's: what was read since the "
                                  "last commit is read again"};
    }
    pollfd item{stop.descriptor(), POLLIN, 0};
    ::poll(&item, 1, kLookAgainMs);
  }
  return {};
}

void KafkaListener::seal_batch(intake::Intake& intake) {
  if (!reads_.load()) return;
  if (intake.parked_bytes() == 0) {  // taken, or given up
    live_->release();
    backlog_->release();
  }
  for (auto* input : inputs()) input->save(intake);
  look_at_others(intake);
  if (orders_) intake.note_read(how_far());
  if (options_.refill != nullptr) options_.refill->save();
  if (!outbox_) return;
  for (const auto& [name, position] : outbox_->moved()) {
    intake.note(name, position);
    if (name == partials_said_) intake.note_said(position);
  }
}

void KafkaListener::answer(intake::Intake& intake, std::vector<intake::Reply> replies) {
  note_read();
  if (!control_ || !holds()) return;
  for (const auto& reply : replies) {
    if (json_ && reply.edge == json_->edge()) {
      const auto asked = plain_ && reply.type == wire::FrameType::request
                             ? wire::decode_request(reply.payload)
                             : Result<wire::Request>(wire::Request{});
      if (asked && !asked->dictionaries.empty()) json_->say_dictionaries();
      continue;
    }
    // The gateway has welcomed it; what is left to be said is the ledger.
    const bool known = reply.type == wire::FrameType::welcome || reply.type == wire::FrameType::ack;
    if (known) {
      control_->tell(reply.edge);
    } else {
      control_->say(reply);
    }
  }
  control_->turn(intake, clock_.steady());
}

}  // namespace tidemark::cluster
