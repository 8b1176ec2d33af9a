#include "edge/uplink/uplink.h"

#include <sys/eventfd.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "common/base/log.h"
#include "edge/uplink/budget.h"
#include "edge/uplink/channel.h"
#include "edge/uplink/conversation.h"
#include "edge/uplink/identity.h"

namespace tidemark::uplink {
namespace {

constexpr Nanoseconds kBackoffMin = std::chrono::milliseconds(200);
constexpr Nanoseconds kBackoffMax = std::chrono::seconds(30);
constexpr Nanoseconds kRefusedPause = std::chrono::seconds(30);  // a person has to do something
constexpr Nanoseconds kEnrolledLook = std::chrono::seconds(1);
constexpr Nanoseconds kDialPatience = std::chrono::seconds(10);
constexpr Nanoseconds kStopPatience = std::chrono::seconds(1);
constexpr Nanoseconds kAskAgain = std::chrono::hours(1);  // for a certificate
// Half of it to one and a half, so that what is younger than a week (tls/tickets.h) may resume.
constexpr Nanoseconds kSessionLife = std::chrono::hours(4 * 24);
constexpr Nanoseconds kOverdueSession = std::chrono::hours(12);

class WakeUp {
 public:
  WakeUp() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { TIDE_CHECK(fd_ >= 0, "no eventfd"); }
  ~WakeUp() { ::close(fd_); }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd_, &one, sizeof one);  // full is rung too
  }
  bool answer() const {  // whether it rang
    std::uint64_t count = 0;
    return ::read(fd_, &count, sizeof count) > 0;
  }
  [[nodiscard]] int descriptor() const { return fd_; }

 private:
  int fd_;
};

class TlsUplink final : public Uplink {
 public:
  TlsUplink(Options options, ring::RingBuffer& ring, SealSource& seals, Clock& clock,
            Random& random)
      : options_(std::move(options)), ring_(ring), seals_(seals), clock_(clock), random_(random),
        budget_(options_.budget, noted()) {
    status_.state = "connecting";
    status_.budget = options_.budget;
    status_.budget_spent = budget_.spent(clock_.wall());
  }
  ~TlsUplink() override { stop(); }

  void start() override {
    thread_ = std::thread([this] { run(); });
  }
  void wake() override { wake_.ring(); }
  void stop() override {
    stopping_.store(true);
    stop_.ring();
    wake_.ring();
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] bool up() const override { return up_.load(); }
  [[nodiscard]] Status status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  void run() {
    while (!stopping_.load()) {
      const auto identity = load_identity(options_.identity_folder);
      if (!identity) {
        const bool missing = identity.error().fault() == Fault::unavailable;
        set_state(missing ? "not enrolled" : "refused", identity.error().text());
        pause(kEnrolledLook);
        continue;
      }
      const auto outcome = connect_once(*identity);
      if (stopping_.load()) break;
      if (outcome.ok()) continue;
      const auto& error = outcome.error();
      const bool person = error.fault() == Fault::denied;
      if (person) tls_.reset();  // what it is refused for may hang on the session
      set_state(person ? "refused" : "connecting", error.text());
      log::warning("no uplink", "edge={} error={}", options_.edge, error.text());
      ++attempt_;
      pause(person ? jittered(kRefusedPause) : next_backoff());
    }
    set_state("stopped", "");
  }

  [[nodiscard]] std::string gateway_for(const Identity& identity) const {
    const auto& all = options_.gateways;
    return all.empty() ? identity.gateway : all[attempt_ % all.size()];
  }

  // Ends well only when it is asked to stop, or to begin anew with a new certificate.
  Result<> connect_once(const Identity& identity) {
    if (identity.facts.name != options_.edge) {
      return Error{Fault::denied, "the certificate is of edge '" + identity.facts.name +
                                      "', but edge.toml says '" + options_.edge +
                                      "'; correct edge.toml or enrol anew"};
    }
    if (!tls_ || serial_ != identity.serial) {  // else: the session's ticket is in the old one
      TIDE_ASSIGN(tls_, tls::ClientContext::make({{identity.credentials}, identity.trusted, {}},
                                                 clock_));
      serial_ = identity.serial;
    }
    const auto gateway = gateway_for(identity);
    {
      const std::lock_guard lock(mutex_);
      status_.gateway = gateway;
    }
    TIDE_ASSIGN(const auto channel,
                Channel::dial(gateway, options_.proxy, *tls_, kDialPatience, stop_.descriptor()));
    plan_next_session(channel->resumed());
    accounted_ = 0;
    account(*channel);
    const Conversation::Parts parts{options_, ring_, seals_, clock_, memory_, budget_};
    Conversation talk(parts, identity.facts.site, channel->output());
    const auto outcome = converse(*channel, talk, identity);
    account(*channel);
    bytes_before_ += channel->bytes_out();
    publish(0);
    return outcome;
  }

  Result<> converse(Channel& channel, Conversation& talk, const Identity& identity) {
    bool up = false;
    std::optional<tls::PrivateKey> next_key;
    std::optional<SteadyTime> asked;  // for a certificate
    for (;;) {
      TIDE_TRY(talk.fill());
      auto turned = channel.turn(talk.patience(), wake_.descriptor());
      account(channel);
      if (wake_.answer()) talk.ring_changed();
      for (;;) {  // before the fault is told: a refusal may have come with it
        TIDE_ASSIGN(const auto frame, channel.next());
        if (!frame) break;
        if (auto taken = talk.on_frame(*frame); !taken) return refused(std::move(taken), talk);
      }
      publish(channel.bytes_out());
      if (!turned) return turned;
      if (talk.welcomed() && !up) {
        up = true;
        backoff_ = kBackoffMin;
        set_state("up", "");
        log::info("uplink up", "edge={} gateway={}", options_.edge, status().gateway);
      }
      // A connection may live longer than its certificate, which the next one would be refused for.
      const bool ask_now = !asked || clock_.steady() - *asked >= kAskAgain;
      if (up && ask_now && renewal_is_due(identity)) {
        next_key = ask_for_certificate(talk);
        asked = clock_.steady();
      }
      if (talk.renewed() && next_key) {
        TIDE_TRY(replace_certificate(options_.identity_folder, *next_key, *talk.renewed()));
        log::info("certificate renewed", "edge={}", options_.edge);
        channel.close(kStopPatience);
        return {};
      }
      const bool session_is_old = up && clock_.steady() >= renews_session_;
      if (session_is_old) tls_.reset();
      if (session_is_old || stopping_.load()) {
        channel.close(kStopPatience);
        return {};
      }
    }
  }

  // Edges that were away together for long do not all make new ones at once.
  void plan_next_session(bool resumed) {
    const auto now = clock_.steady();
    if (!resumed) {
      renews_session_ = now + jittered(kSessionLife);
    } else if (renews_session_ <= now) {
      renews_session_ = now + jittered(kOverdueSession);
    }
  }

  // What the gateway refuses for a while only is no matter for a person.
  static Result<> refused(Result<> taken, const Conversation& talk) {
    if (!talk.refusal() || talk.refusal()->reason != wire::Refusal::unavailable) return taken;
    return Error{Fault::unavailable, talk.refusal()->text};
  }

  [[nodiscard]] bool renewal_is_due(const Identity& identity) const {
    const auto life = identity.facts.not_after - identity.facts.not_before;
    return identity.facts.not_after - clock_.wall() < life / 3;
  }
  std::optional<tls::PrivateKey> ask_for_certificate(Conversation& talk) const {
    auto key = tls::PrivateKey::generate();
    if (!key) return std::nullopt;
    const auto csr = key->request(options_.edge);
    if (!csr) return std::nullopt;
    talk.renew(*csr);
    return std::move(*key);
  }

  [[nodiscard]] Budget::Note noted() const {
    if (options_.budget.count == 0) return {};
    auto note = load_note(options_.budget_file);
    if (note) return *note;
    log::warning("what was spent of the link's budget is not known; today begins anew", "error={}",
                 note.error().text());
    return {};
  }

  // What this connection moved since the last call goes to the day's account.
  void account(const Channel& channel) {
    const auto moved = channel.bytes_out() + channel.bytes_in();
    budget_.spend(clock_.wall(), moved - accounted_);
    accounted_ = moved;
    if (!budget_.note_due()) return;
    if (auto saved = save_note(options_.budget_file, budget_.take_note()); !saved) {
      log::warning("what is spent of the link's budget cannot be noted", "error={}",
                   saved.error().text());
    }
  }

  void set_state(const std::string& state, const std::string& error) {
    const std::lock_guard lock(mutex_);
    if (state == "up" && status_.state != "up") status_.connected_since = clock_.wall();
    status_.state = state;
    status_.error = error;
    up_.store(state == "up");
  }
  void publish(std::uint64_t bytes_of_this_connection) {
    const std::lock_guard lock(mutex_);
    status_.rtt_ms = memory_.rtt_ms;
    status_.blocks_sent = memory_.blocks_sent;
    status_.readings_sent = memory_.readings_sent;
    status_.blocks_acknowledged = memory_.blocks_acknowledged;
    status_.readings_acknowledged = memory_.readings_acknowledged;
    status_.bytes_sent = bytes_before_ + bytes_of_this_connection;
    status_.budget_spent = budget_.spent(clock_.wall());
  }

  Nanoseconds jittered(Nanoseconds d) const {  // half of it to one and a half
    const auto half = static_cast<std::uint64_t>(d.count()) / 2;
    return Nanoseconds(static_cast<std::int64_t>(half + random_.below(2 * half)));
  }
  Nanoseconds next_backoff() {
    const auto wait = jittered(backoff_);
    backoff_ = std::min(backoff_ * 2, kBackoffMax);
    return std::min(wait, kBackoffMax);
  }
  void pause(Nanoseconds d) {
    pollfd p{stop_.descriptor(), POLLIN, 0};
    ::poll(&p, 1, static_cast<int>(d.count() / 1'000'000));
  }

  const Options options_;
  ring::RingBuffer& ring_;
  SealSource& seals_;
  Clock& clock_;
  Random& random_;
  WakeUp wake_;
  WakeUp stop_;  // stays rung
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  // of the thread
  Memory memory_;
  std::shared_ptr<tls::ClientContext> tls_;
  std::string serial_;  // of the certificate in tls_
  SteadyTime renews_session_;
  std::size_t attempt_ = 0;
  Nanoseconds backoff_ = kBackoffMin;
  std::uint64_t bytes_before_ = 0;  // of earlier connections
  Budget budget_;
  std::uint64_t accounted_ = 0;     // of this connection's bytes

  mutable std::mutex mutex_;
  Status status_;
  std::atomic<bool> up_{false};
};

}  // namespace

std::unique_ptr<Uplink> Uplink::make(Options options, ring::RingBuffer& ring, SealSource& seals,
                                     Clock& clock, Random& random) {
  return std::make_unique<TlsUplink>(std::move(options), ring, seals, clock, random);
}

}  // namespace tidemark::uplink
