#include "common/kafka/member.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <span>

#include "common/base/log.h"
#include "common/kafka/client.h"

namespace tidemark::kafka {
namespace {

// Of the session: the lease's length, so that what was begun within it is over before the brokers
// give the partition away; and how often it is renewed.
constexpr int kLeasePercent = 80;
constexpr int kRenewPercent = 10;
// Of the session: how long a former self is waited for. Who died while a generation began is
// counted for as long as that takes, two sessions at most, and for a session more.
constexpr int kFormerPercent = 350;
// And how long a broker that does not answer, where no other names the group: by then brokers take
// it for dead (9 s unless it is set otherwise), and another has what it had.
constexpr std::chrono::milliseconds kUnheardMost{12'000};
constexpr std::chrono::milliseconds kAskedWithin{1000};
constexpr std::int16_t kJoinGroup = 11;  // of Kafka's protocol

class RdMember final : public Member {
 public:
  RdMember(MemberOptions options, MemberEvents& events, const Clock& clock)
      : options_(std::move(options)), events_(events), clock_(clock) {}
  ~RdMember() override { leave(); }
  RdMember(const RdMember&) = delete;
  RdMember& operator=(const RdMember&) = delete;

  Result<> start(const Settings& settings) {
    TIDE_ASSIGN(auto conf, make_conf(settings));
    const auto put = [&](const char* key, const std::string& value) {
      return set(conf.get(), key, value);
    };
    TIDE_TRY(put("client.id", options_.name));
    TIDE_TRY(put("group.id", options_.group));
    TIDE_TRY(put("partition.assignment.strategy", "cooperative-sticky"));
    TIDE_TRY(put("session.timeout.ms", std::to_string(options_.session.count())));
    // Who stays learns with its next one that somebody has died: a takeover begins as much later.
    TIDE_TRY(put("heartbeat.interval.ms", std::to_string(options_.session.count() / 20)));
    // How long a JoinGroup may take, and little more is waited for it; five minutes otherwise, in
    // which nothing else tells that a coordinator stands still. Until all others have joined, or
    // the session of one that died has ended, takes less.
    TIDE_TRY(put("max.poll.interval.ms", std::to_string(2 * options_.session.count())));
    if (!settings.client.contains("socket.timeout.ms")) {
      // A coordinator that stands still is found out within the session, so that the one after it,
      // who knows us, hears of us in time.
      TIDE_TRY(put("socket.timeout.ms", std::to_string(options_.session.count() / 3)));
      TIDE_TRY(put("fetch.wait.max.ms", "100"));  // less than that; nothing is fetched
    }
    TIDE_TRY(put("enable.auto.commit", "false"));
    TIDE_TRY(put("enable.auto.offset.store", "false"));
    TIDE_TRY(put("auto.offset.reset", "latest"));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf.get(), on_commit);
    rd_kafka_conf_set_error_cb(conf.get(), on_error);
    rd_kafka_conf_interceptor_add_on_new(conf.get(), "joining", on_new, this);
    TIDE_ASSIGN(client_, make_client(RD_KAFKA_CONSUMER, std::move(conf)));
    rd_kafka_poll_set_consumer(client_.get());
    return {};
  }

  void turn(std::chrono::milliseconds most) override {
    if (!joins_ && !waits_for_former()) join();
    // The partitions are paused; a record that was on its way is not for us.
    const Owned<rd_kafka_message_t> m(
        rd_kafka_consumer_poll(client_.get(), static_cast<int>(most.count())));
    if (m && m->err != RD_KAFKA_RESP_ERR_NO_ERROR) said(m->err, rd_kafka_message_errstr(m.get()));
    renew();
  }

  void leave() override {
    if (!client_) return;
    rd_kafka_consumer_close(client_.get());
    client_.reset();
  }

  [[nodiscard]] bool holds() const override {
    const SteadyTime until{std::chrono::nanoseconds(until_.load())};
    return clock_.steady() < until;
  }
  [[nodiscard]] std::string problem() const override {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  // Who died and comes again at once is counted as a member until its session ends. A generation
  // that begins before waits for that one, and no other renews its lease meanwhile: so it is not
  // begun by us. Where there are no others, nobody is held up.
  bool waits_for_former() {
    if (!options_.asks) return false;
    const auto now = clock_.steady();
    if (!asks_since_) asks_since_ = unnamed_since_ = now;
    const auto counted = counted_now();
    if (counted.known && !(counted.former && counted.others)) return false;
    if (counted.known) unnamed_since_ = now;
    const auto until = counted.partly ? unnamed_since_ + std::max(kUnheardMost, options_.session)
                                      : *asks_since_ + options_.session * kFormerPercent / 100;
    if (now < until) {
      waits(counted.known ? "the brokers count a member of this name, which may be a former "
                            "process of this node: it joins when that is counted out"
                          : "the brokers have not said yet who is a member");
      return true;
    }
    if (counted.known) {
      log::warning("two members have one name", "group={} name={}", options_.group, options_.name);
    }
    return false;
  }
  struct Counted {
    bool known = false;
    bool partly = false;  // brokers answer, and none has named the group, perhaps not all did
    bool former = false;  // of our name
    bool others = false;
  };
  Counted counted_now() {
    const rd_kafka_group_list* raw = nullptr;
    const auto code = rd_kafka_list_groups(client_.get(), options_.group.c_str(), &raw,
                                           static_cast<int>(kAskedWithin.count()));
    const Owned<const rd_kafka_group_list> list(raw);
    const auto groups = list ? std::span(list->groups, static_cast<std::size_t>(list->group_cnt))
                             : std::span<rd_kafka_group_info>();
    for (const auto& group : groups) {
      if (group.group != options_.group || group.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      Counted counted{.known = true};
      for (const auto& m : std::span(group.members, static_cast<std::size_t>(group.member_cnt))) {
        (m.client_id == options_.name ? counted.former : counted.others) = true;
      }
      return counted;
    }
    const bool known = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    return {.known = known, .partly = !known && any_answers()};
  }
  bool any_answers() {
    constexpr int kNoTopics = 0;
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(client_.get(), kNoTopics, nullptr, &raw,
                                        static_cast<int>(kAskedWithin.count()));
    const Owned<const rd_kafka_metadata_t> metadata(raw);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  void join() {
    joins_ = true;
    works();
    const Owned<rd_kafka_topic_partition_list_t> topics(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(),
                                      RD_KAFKA_PARTITION_UA);
    const auto code = rd_kafka_subscribe(client_.get(), topics.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) said(code, "the group cannot be joined");
  }

  static rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t* /*conf*/,
                                    void* self, char* /*why*/, std::size_t /*size*/) {
    return rd_kafka_interceptor_add_on_request_sent(client, "joining", on_sent, self);
  }
  static rd_kafka_resp_err_t on_sent(rd_kafka_t* /*client*/, int /*socket*/, const char* /*name*/,
                                     std::int32_t /*broker*/, std::int16_t request,
                                     std::int16_t /*version*/, std::int32_t /*id*/,
                                     std::size_t /*size*/, void* self) {
    if (request == kJoinGroup) static_cast<RdMember*>(self)->joining_ = true;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  static void on_rebalance(rd_kafka_t* /*client*/, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* list, void* opaque) {
    auto& self = *static_cast<RdMember*>(opaque);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) return self.take(list);
    if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) return self.drop(list);
    self.said(code, "the group's partitions cannot be shared out");
    self.let_go({self.mine_.begin(), self.mine_.end()}, true);
    rd_kafka_assign(self.client_.get(), nullptr);
  }
  static std::span<rd_kafka_topic_partition_t> items(rd_kafka_topic_partition_list_t* list) {
    return {list->elems, static_cast<std::size_t>(list->cnt)};
  }
  static std::vector<int> numbers(rd_kafka_topic_partition_list_t* list) {
    std::vector<int> all;
    for (const auto& p : items(list)) all.push_back(p.partition);
    std::ranges::sort(all);
    return all;
  }

  // Ends each generation's beginning, often with an empty list. Where partitions were given back in
  // it, the library joins again behind this, so that others get them.
  void take(rd_kafka_topic_partition_list_t* list) {
    joining_ = std::exchange(joins_again_, false);
    for (auto& p : items(list)) p.offset = RD_KAFKA_OFFSET_END;
    if (const Owned<rd_kafka_error_t> error(rd_kafka_incremental_assign(client_.get(), list));
        error) {
      return said(rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()));
    }
    rd_kafka_pause_partitions(client_.get(), list);
    const auto taken = numbers(list);
    works();
    log::info("partitions are ours", "group={} partitions={}", options_.group,
              fmt::join(taken, ","));
    mine_.insert(taken.begin(), taken.end());
    renew_at_ = {};
    events_.taken(taken);
  }

  void drop(rd_kafka_topic_partition_list_t* list) {
    const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
    let_go(numbers(list), lost);
    if (!lost) joins_again_ = true;
    const Owned<rd_kafka_error_t> error(rd_kafka_incremental_unassign(client_.get(), list));
    if (error) said(rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()));
  }

  void let_go(const std::vector<int>& dropped, bool lost) {
    if (lost) {
      // What is under way may say yes, but of what was.
      ++epoch_;
      until_ = 0;
    }
    log::info("partitions go", "group={} partitions={} lost={}", options_.group,
              fmt::join(dropped, ","), lost);
    for (const auto p : dropped) mine_.erase(p);
    events_.dropped(dropped, lost);
  }

  // The coordinator takes commits of members of the newest generation only, and counts the session
  // from then on; the lease counts from before it was asked. A broker answers requests of one
  // connection in turn: a commit behind a JoinGroup is looked at when the next generation has
  // begun, is one of the last, and librdkafka lets go of all partitions then. So it waits.
  void renew() {
    const auto now = clock_.steady();
    if (asking_ || joining_ || mine_.empty() || now < renew_at_) return;
    renew_at_ = now + options_.session * kRenewPercent / 100;
    const Owned<rd_kafka_topic_partition_list_t> list(
        rd_kafka_topic_partition_list_new(static_cast<int>(mine_.size())));
    for (const auto p : mine_) {
      rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), p)->offset =
          events_.position(p);
    }
    asked_at_ = now;
    asked_in_ = epoch_;
    constexpr int kAsync = 1;
    const auto code = rd_kafka_commit(client_.get(), list.get(), kAsync);
    asking_ = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!asking_) said(code, "a commit of the group");
  }
  static void on_commit(rd_kafka_t* /*client*/, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t* list, void* opaque) {
    auto& self = *static_cast<RdMember*>(opaque);
    self.asking_ = false;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list != nullptr) {
      for (const auto& p : items(list)) code = p.err != RD_KAFKA_RESP_ERR_NO_ERROR ? p.err : code;
    }
    // While nodes come and go there is a moment without an answer; the lease is longer.
    if (code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
        code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION) {
      return;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return self.said(code, "a commit of the group");
    if (self.asked_in_ != self.epoch_) return;
    self.works();
    const auto until = self.asked_at_ + self.options_.session * kLeasePercent / 100;
    self.until_ = std::chrono::nanoseconds(until.time_since_epoch()).count();
  }

  static void on_error(rd_kafka_t* /*client*/, int code, const char* why, void* opaque) {
    static_cast<RdMember*>(opaque)->said(static_cast<rd_kafka_resp_err_t>(code), why);
  }
  void said(rd_kafka_resp_err_t code, const char* why) {
    const auto text = error_of(code, options_.group, why == nullptr ? "" : why).text();
    if (is_new(text)) log::warning("Kafka", "error={}", text);
  }
  void waits(const char* why) {
    const auto text = fmt::format("{}: {}", options_.group, why);
    if (is_new(text)) log::info("waits to join", "why={}", text);
  }
  bool is_new(const std::string& problem) {
    const std::lock_guard lock(mutex_);
    return std::exchange(problem_, problem) != problem;
  }
  void works() {
    const std::lock_guard lock(mutex_);
    problem_.clear();
  }

  const MemberOptions options_;
  MemberEvents& events_;
  const Clock& clock_;
  Owned<rd_kafka_t> client_;
  bool joins_ = false;
  std::optional<SteadyTime> asks_since_;
  SteadyTime unnamed_since_{};  // the group, by any broker
  std::set<int> mine_;
  SteadyTime renew_at_{};
  SteadyTime asked_at_{};
  bool asking_ = false;         // a commit is under way
  std::atomic<bool> joining_{false};  // a generation begins; told by threads of librdkafka, too
  bool joins_again_ = false;
  std::uint64_t epoch_ = 0;     // a loss begins another
  std::uint64_t asked_in_ = 0;  // epoch
  std::atomic<std::int64_t> until_{0};  // the lease's end, ns of the steady clock
  mutable std::mutex mutex_;
  std::string problem_;
};

}  // namespace

Result<std::unique_ptr<Member>> Member::open(const Settings& settings, MemberOptions options,
                                             MemberEvents& events, const Clock& clock) {
  auto member = std::make_unique<RdMember>(std::move(options), events, clock);
  TIDE_TRY(member->start(settings));
  return std::unique_ptr<Member>(std::move(member));
}

}  // namespace tidemark::kafka
