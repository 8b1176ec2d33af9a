#include "common/kafka/producer.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "common/base/log.h"
#include "common/kafka/client.h"

namespace tidemark::kafka {
namespace {

constexpr int kLingerMs = 5;  // a batch's company; deliveries wait no longer than that
constexpr int kPurgeMs = 1000;
constexpr auto kSettles = std::chrono::milliseconds(20);
constexpr auto kRenewEvery = std::chrono::seconds(1);
// After so long without an end the brokers end a transaction by themselves.
constexpr int kTransactionMs = 30'000;
constexpr std::array<std::uint8_t, 8> kOne{1};  // an eventfd's

class RdProducer final : public Producer {
 public:
  RdProducer(Settings settings, ProducerOptions options)
      : settings_(std::move(settings)),
        options_(std::move(options)),
        own_event_(options_.event < 0 ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1),
        event_(options_.event < 0 ? own_event_ : options_.event) {}
  ~RdProducer() override {
    if (client_) {
      rd_kafka_flush(client_.get(), kPurgeMs);
      give_back();
    }
    topics_.clear();
    main_.reset();
    client_.reset();
    if (own_event_ >= 0) ::close(own_event_);
  }
  RdProducer(const RdProducer&) = delete;
  RdProducer& operator=(const RdProducer&) = delete;

  Result<> start() {
    TIDE_ASSIGN(auto conf, make_conf(settings_));
    const auto put = [&](const char* key, std::uint64_t value) {
      return set(conf.get(), key, std::to_string(value));
    };
    TIDE_TRY(set(conf.get(), "enable.idempotence", "true"));
    TIDE_TRY(set(conf.get(), "acks", "all"));
    TIDE_TRY(put("message.max.bytes", options_.record_bytes_max));
    TIDE_TRY(put("message.timeout.ms", static_cast<std::uint64_t>(options_.patience.count())));
    TIDE_TRY(put("queue.buffering.max.kbytes", options_.queue_bytes_max / 1024 + 1));
    TIDE_TRY(put("queue.buffering.max.messages", 1'000'000));
    if (!settings_.client.contains("linger.ms")) TIDE_TRY(put("linger.ms", kLingerMs));
    if (!options_.transactional_id.empty()) {
      TIDE_TRY(set(conf.get(), "transactional.id", options_.transactional_id));
      TIDE_TRY(put("transaction.timeout.ms", kTransactionMs));
    }
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
    rd_kafka_conf_set_error_cb(conf.get(), on_error);
    TIDE_ASSIGN(auto client, make_client(RD_KAFKA_PRODUCER, std::move(conf)));
    topics_.clear();
    main_.reset();
    client_ = std::move(client);
    main_.reset(rd_kafka_queue_get_main(client_.get()));
    rd_kafka_queue_io_event_enable(main_.get(), event_, kOne.data(), kOne.size());
    for (const auto& topic : options_.topics) {
      topics_.emplace_back(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
    }
    return {};
  }

  Result<> send(const std::string& topic, int partition, ByteSpan key, ByteSpan value,
                std::span<const Header> headers, std::uintptr_t tag) override {
    // Headers given one by one are freed twice when librdkafka 2.0.2 refuses the record because
    // its topic is in trouble; a list of our own stays ours then.
    Owned<rd_kafka_headers_t> list(rd_kafka_headers_new(headers.size()));
    for (const auto& h : headers) {
      rd_kafka_header_add(list.get(), h.name.data(), static_cast<ssize_t>(h.name.size()),
                          h.value.data(), static_cast<ssize_t>(h.value.size()));
    }
    std::array<rd_kafka_vu_t, 7> parts{};
    std::size_t n = 0;
    const auto part = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
      parts[n].vtype = type;
      return parts[n++];
    };
    const auto memory = [&](rd_kafka_vtype_t type, ByteSpan bytes) {
      auto& p = part(type);
      p.u.mem.ptr = const_cast<std::uint8_t*>(bytes.data());  // it is copied: see the flag below
      p.u.mem.size = bytes.size();
    };
    part(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
    part(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition;
    part(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    memory(RD_KAFKA_VTYPE_KEY, key);
    memory(RD_KAFKA_VTYPE_VALUE, value);
    part(RD_KAFKA_VTYPE_OPAQUE).u.ptr = reinterpret_cast<void*>(tag);
    part(RD_KAFKA_VTYPE_HEADERS).u.headers = list.get();
    const Owned<rd_kafka_error_t> error(rd_kafka_produceva(client_.get(), parts.data(), n));
    if (!error) {
      (void)list.release();
      return {};
    }
    return error_of(rd_kafka_error_code(error.get()), topic, rd_kafka_error_string(error.get()));
  }

  std::vector<Delivery> poll() override {
    std::uint64_t n = 0;
    [[maybe_unused]] const auto r = ::read(event_, &n, sizeof n);
    serve();
    if (options_.transactional_id.empty()) renew_if_fatal();
    return std::exchange(deliveries_, {});
  }
  std::vector<Delivery> finish(std::chrono::milliseconds within) override {
    rd_kafka_flush(client_.get(), static_cast<int>(within.count()));
    return poll();
  }
  Result<Attempt> be_owner(std::chrono::milliseconds within) override {
    return attempt(rd_kafka_init_transactions, within);
  }
  Result<> begin() override {
    const Owned<rd_kafka_error_t> error(rd_kafka_begin_transaction(client_.get()));
    if (error) return denied(*error);
    return {};
  }
  void give_up(const Error& why) override {
    failed_ = why;
    again_ = true;  // the library may be about to say so itself
  }
  Result<Attempt> commit(std::chrono::milliseconds within) override {
    if (!failed_) {
      auto there = attempt(rd_kafka_commit_transaction, within);
      if (!failed_) return there;
    }
    TIDE_ASSIGN(auto taken_back, attempt(rd_kafka_abort_transaction, within));
    if (!taken_back.done) {
      std::this_thread::sleep_for(kSettles);  // a refusal may come at once
      return taken_back;
    }
    return Error{Fault::unavailable, std::exchange(failed_, std::nullopt)->text()};
  }
  [[nodiscard]] int descriptor() const override { return event_; }
  [[nodiscard]] std::size_t waiting() const override {
    return static_cast<std::size_t>(rd_kafka_outq_len(client_.get()));
  }

  Result<Found> probe(const std::string& topic, std::chrono::milliseconds within) override {
    const Owned<rd_kafka_topic_t> handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(client_.get(), 0, handle.get(), &raw,
                                        static_cast<int>(within.count()));
    const Owned<const rd_kafka_metadata_t> found(raw);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return why_not(code);
    said(RD_KAFKA_RESP_ERR_NO_ERROR, "");
    if (found->topic_cnt != 1) return error_of(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, topic);
    const auto& t = found->topics[0];
    if (t.err != RD_KAFKA_RESP_ERR_NO_ERROR) return error_of(t.err, topic);
    Found all{t.partition_cnt, 0};
    for (const auto& p : std::span(t.partitions, static_cast<std::size_t>(t.partition_cnt))) {
      if (p.isr_cnt < p.replica_cnt) ++all.behind;
      if (p.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return error_of(p.err, fmt::format("{}, partition {}", topic, p.id));
      }
    }
    return all;
  }

 private:
  void serve() {
    while (rd_kafka_poll(client_.get(), 0) > 0) {
    }
  }
  void give_back() {
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), kPurgeMs);
  }
  void renew_if_fatal() {
    std::array<char, 512> why{};
    const auto code = rd_kafka_fatal_error(client_.get(), why.data(), why.size());
    const auto now = std::chrono::steady_clock::now();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || now < renews_from_) return;
    renews_from_ = now + kRenewEvery;
    log::error("the Kafka client is made anew", "error={}",
               error_of(code, settings_.brokers, why.data()).text());
    give_back();
    serve();
    if (rd_kafka_outq_len(client_.get()) > 0) return;  // the next time
    if (const auto made = start(); !made) {
      log::error("no Kafka client", "error={}", made.error().text());
    }
  }
  // A call of the library that is made again until it is done. failed_ is set where the transaction
  // has to be taken back.
  Result<Attempt> attempt(rd_kafka_error_t* (*call)(rd_kafka_t*, int),
                          std::chrono::milliseconds within) {
    const Owned<rd_kafka_error_t> error(call(client_.get(), static_cast<int>(within.count())));
    if (!error) {
      if (std::exchange(again_, false)) TIDE_TRY(leave_nothing_behind(call));
      return Attempt{.done = true};
    }
    const auto code = rd_kafka_error_code(error.get());
    const auto* const text = rd_kafka_error_string(error.get());
    if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
      failed_ = error_of(code, settings_.brokers, text);
    } else if (rd_kafka_error_is_retriable(error.get()) == 0) {
      return denied(*error);
    }
    again_ = true;
    return Attempt{.why = why_not_yet(code, text)};
  }
  // A call that is made again as what it waits for comes is answered twice within the library
  // (2.0.2 to 2.15). The second answer is taken for that of the next call, which does nothing: a
  // transaction is said to have begun that has not. What comes between two calls it forgets, and
  // the same call once more, for which there is nothing to do, takes what came before.
  Result<> leave_nothing_behind(rd_kafka_error_t* (*call)(rd_kafka_t*, int)) {
    constexpr int kOwnThreadMs = 10'000;  // nobody but a thread of the library is asked
    std::this_thread::sleep_for(kSettles);
    const Owned<rd_kafka_error_t> error(call(client_.get(), kOwnThreadMs));
    const bool nothing = error && rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__STATE &&
                         rd_kafka_error_is_retriable(error.get()) == 0;
    if (!error || nothing) return {};
    return denied(*error);
  }
  [[nodiscard]] std::string why_not_yet(rd_kafka_resp_err_t code, const std::string& text) const {
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT &&
        code != RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE) {
      return error_of(code, settings_.brokers, text).text();
    }
    // The library (2.0.2) keeps to itself that brokers have no coordinator, and asks on.
    return fmt::format("{}: {}; are the brokers up, and as many as "
                       "transaction.state.log.replication.factor and "
                       "transaction.state.log.min.isr ask for?",
                       settings_.brokers, text);
  }
  [[nodiscard]] Error denied(const rd_kafka_error_t& error) const {
    const auto why = error_of(rd_kafka_error_code(&error), settings_.brokers,
                              rd_kafka_error_string(&error));
    return {Fault::denied, why.text()};
  }
  static void on_delivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* m, void* opaque) {
    auto& self = *static_cast<RdProducer*>(opaque);
    Delivery d{reinterpret_cast<std::uintptr_t>(m->_private), std::nullopt, m->offset};
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      d.fault = error_of(m->err, fmt::format("{}, partition {}, record of {} bytes",
                                             rd_kafka_topic_name(m->rkt), m->partition, m->len));
    }
    self.deliveries_.push_back(std::move(d));
  }
  static void on_error(rd_kafka_t* /*client*/, int code, const char* why, void* opaque) {
    static_cast<RdProducer*>(opaque)->said(static_cast<rd_kafka_resp_err_t>(code), why);
    log::warning("Kafka", "error={}", why);
  }
  void said(rd_kafka_resp_err_t code, const std::string& why) {
    // That all brokers are down says less than why one of them is.
    const bool known = last_code_ != RD_KAFKA_RESP_ERR_NO_ERROR;
    if (known && code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
    last_code_ = code;
    last_why_ = why;
  }
  // A broker that does not answer says less than what the connections to it said.
  Error why_not(rd_kafka_resp_err_t code) {
    const bool known = last_code_ != RD_KAFKA_RESP_ERR_NO_ERROR;
    return known ? error_of(last_code_, settings_.brokers, last_why_)
                 : error_of(code, settings_.brokers);
  }

  const Settings settings_;
  const ProducerOptions options_;
  const int own_event_;
  const int event_;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_queue_t> main_;
  std::vector<Owned<rd_kafka_topic_t>> topics_;  // the client looks at those that have a handle
  std::vector<Delivery> deliveries_;
  std::optional<Error> failed_;  // why the transaction is being taken back
  bool again_ = false;           // a call that was made has not come to its end
  std::chrono::steady_clock::time_point renews_from_{};
  rd_kafka_resp_err_t last_code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string last_why_;
};

}  // namespace

Result<std::unique_ptr<Producer>> Producer::open(const Settings& settings,
                                                 const ProducerOptions& options) {
  auto producer = std::make_unique<RdProducer>(settings, options);
  TIDE_TRY(producer->start());
  return std::unique_ptr<Producer>(std::move(producer));
}

}  // namespace tidemark::kafka
