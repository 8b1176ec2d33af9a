#include "edge/mqtt/broker_client.h"

#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "common/base/clean_name.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "edge/mqtt/tls_reason.h"
#include "edge/mqtt/topic.h"

namespace tidemark::mqtt {

namespace {

constexpr int kKeepAliveSeconds = 30;
constexpr int kLoopMs = 200;  // how soon stop() is noticed
constexpr std::chrono::seconds kConnectTimeout{15};
constexpr std::chrono::milliseconds kGather{10};
constexpr std::chrono::microseconds kGatherAcks{500};
constexpr std::chrono::milliseconds kDense{2};   // between two messages: they come close together
constexpr std::size_t kBusyBytes = 32 * 1024;    // with one look: more is there
constexpr std::size_t kBusyAcks = 8;             // with one look: the broker waits for them
constexpr int kSessionPresent = 1;
constexpr int kRefused = 0x80;
constexpr std::uint64_t kTopicsFileBytesMax = 1 << 20;

Error bad(std::string text) { return {Fault::bad_input, std::move(text)}; }

struct Library {
  Library() { mosquitto_lib_init(); }
};
// Initialised once and never cleaned up: several sources share it, and the process ends with it.
void init_library() { static const Library library; }

std::string error_text(int code) {
  if (code == MOSQ_ERR_ERRNO) return std::strerror(errno);
  return mosquitto_strerror(code);
}

}  // namespace

Result<BrokerAddress> parse_broker_url(std::string_view url) {
  BrokerAddress address;
  auto rest = url;
  if (rest.starts_with("mqtt://")) {
    rest.remove_prefix(7);
    address.port = 1883;
  } else if (rest.starts_with("mqtts://")) {
    rest.remove_prefix(8);
    address.port = 8883;
    address.tls = true;
  } else {
    return bad(fmt::format("url '{}': expected mqtt://host:port or mqtts://host:port", url));
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    return bad("url: user and password have keys of their own, a url is shown in status pages");
  }
  auto port = rest.rfind(':');
  if (rest.starts_with('[')) {  // [::1]:1883
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return bad(fmt::format("url '{}': no ']'", url));
    address.host = rest.substr(1, close - 1);
    port = close + 1 < rest.size() ? close + 1 : std::string_view::npos;
  } else {
    address.host = rest.substr(0, port);
  }
  if (port != std::string_view::npos) {
    const auto* const end = rest.data() + rest.size();
    const auto [at, error] = std::from_chars(rest.data() + port + 1, end, address.port);
    if (error != std::errc() || at != end || rest[port] != ':' || address.port < 1 ||
        address.port > 65'535) {
      return bad(fmt::format("url '{}': the port is not in [1, 65535]", url));
    }
  }
  if (address.host.empty() || address.host.find('/') != std::string::npos) {
    return bad(fmt::format("url '{}': expected a host and a port, nothing more", url));
  }
  return address;
}

BrokerClient::BrokerClient(const Options& options, Handlers handlers, Random& random)
    : options_(options),
      handlers_(std::move(handlers)),
      random_(random),
      reader_(handlers_.message, options.payload_max.count + 1) {
  if (options_.client_id.empty()) options_.client_id = "tidemark-" + options_.name;
  topics_file_ = options_.folder / ("mqtt-" + clean_name(options_.name) + ".topics");
  log_prefix_ = fmt::format("Client {} received PUBLISH (d", options_.client_id);
  state_.state = "stopped";
}

BrokerClient::~BrokerClient() {
  stop();
  if (client_ != nullptr) mosquitto_destroy(client_);
}

Result<> BrokerClient::configure() {
  TIDE_ASSIGN(address_, parse_broker_url(options_.url));
  init_library();
  client_ = mosquitto_new(options_.client_id.c_str(), false, this);
  if (client_ == nullptr) return system_error("mqtt client", errno);
  mosquitto_threaded_set(client_, true);
  TIDE_TRY(set_version());
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_connect_with_flags_callback_set(client_, &on_connect);
  mosquitto_message_callback_set(client_, &on_message);
  mosquitto_subscribe_callback_set(client_, &on_subscribe);
  if (address_.tls) mosquitto_log_callback_set(client_, &on_log);
  const auto given = [](const std::filesystem::path& p) {
    return p.empty() ? nullptr : p.c_str();
  };
  if (!options_.username.empty()) {
    const int code = mosquitto_username_pw_set(client_, options_.username.c_str(),
                                               options_.password.c_str());
    if (code != MOSQ_ERR_SUCCESS) return bad("username: " + error_text(code));
  }
  if (!address_.tls) return {};
  const int code = mosquitto_tls_set(client_, given(options_.ca_file),
                                     options_.ca_file.empty() ? "/etc/ssl/certs" : nullptr,
                                     given(options_.cert_file), given(options_.key_file), nullptr);
  if (code != MOSQ_ERR_SUCCESS) {
    return bad(fmt::format("ca_file, cert_file, key_file: {}", error_text(code)));
  }
  return {};
}

// With MQTT 5 a session ends with its connection unless the client says how long it is kept. The
// only call that takes this connects and waits; it keeps what it is given for the calls that do
// not, so it is made once, for a port that nobody has.
Result<> BrokerClient::set_version() {
  const bool v5 = options_.version == Version::v5;
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION,
                       v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  if (!v5) return {};
  constexpr std::uint32_t kForEver = 0xFFFF'FFFF;
  mosquitto_property* properties = nullptr;
  const int code = mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                                kForEver);
  static_cast<void>(mosquitto_connect_bind_v5(client_, "127.0.0.1", 0, kKeepAliveSeconds, nullptr,
                                              properties));
  mosquitto_property_free_all(&properties);
  if (code != MOSQ_ERR_SUCCESS) return bad("mqtt_version: " + error_text(code));
  return {};
}

Result<> BrokerClient::start() {
  if (client_ != nullptr) mosquitto_destroy(std::exchange(client_, nullptr));
  stopping_ = false;
  TIDE_TRY(configure());
  set("connecting", "");
  thread_ = std::thread([this] { run(); });
  return {};
}

void BrokerClient::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

BrokerClient::State BrokerClient::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void BrokerClient::publish(const std::string& topic, ByteSpan payload) {
  const int code = client_ == nullptr ? MOSQ_ERR_NO_CONN
                                      : mosquitto_publish(client_, nullptr, topic.c_str(),
                                                          static_cast<int>(payload.size()),
                                                          payload.data(), 0, false);
  if (code == MOSQ_ERR_SUCCESS) return;
  log::warning("mqtt message is not sent", "source={} topic={} error=\"{}\"", options_.name, topic,
               error_text(code));
}

void BrokerClient::set(std::string state, std::string error) {
  const std::lock_guard lock(mutex_);
  state_.state = std::move(state);
  state_.error = std::move(error);
}

void BrokerClient::run() {
  auto backoff = options_.backoff_min;
  while (!stopping()) {
    const auto why = serve();
    if (stopping()) break;
    if (connected_) backoff = options_.backoff_min;
    {
      const std::lock_guard lock(mutex_);
      ++state_.failures;
    }
    set(refusal_.empty() ? "connecting" : "failing",
        fmt::format("broker {}:{}: {}", address_.host, address_.port, why));
    log::warning("mqtt broker is away", "source={} broker={}:{} error=\"{}\"", options_.name,
                 address_.host, address_.port, why);
    pause(backoff);
    backoff = std::min(backoff * 2, options_.backoff_max);
  }
  // The session stays with the broker; a proper end only spares it the keep-alive.
  if (connected_ && mosquitto_disconnect(client_) == MOSQ_ERR_SUCCESS) {
    mosquitto_loop_write(client_, 1);
  }
  set("stopped", "");
}

std::string BrokerClient::serve() {
  connected_ = false;
  refusal_.clear();
  reader_.begin(options_.version == Version::v5);
  acks_sent_ = 0;
  rest_ = {};
  int code = mosquitto_connect_async(client_, address_.host.c_str(), address_.port,
                                     kKeepAliveSeconds);
  const auto until = std::chrono::steady_clock::now() + kConnectTimeout;
  while (code == MOSQ_ERR_SUCCESS && !stopping()) {
    code = connected_ && !address_.tls ? turn() : mosquitto_loop(client_, kLoopMs, 1);
    if (!connected_ && address_.tls && code == MOSQ_ERR_SUCCESS && is_over()) {
      cut();
      return refusal_.empty() ? "nobody accepts connections there" : refusal_;
    }
    if (!connected_ && code == MOSQ_ERR_SUCCESS && std::chrono::steady_clock::now() > until) {
      cut();
      return "it does not answer";
    }
  }
  return refusal_.empty() ? error_text(code) : refusal_;
}

// Whether the connection has ended, with nothing left to read. libmosquitto takes an error of the
// socket below a handshake for one that goes on, and would turn without rest until kConnectTimeout.
bool BrokerClient::is_over() const {
  pollfd p{.fd = mosquitto_socket(client_), .events = 0, .revents = 0};
  if (p.fd < 0) return true;
  char byte = 0;
  return ::poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0 &&
         ::recv(p.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

int BrokerClient::turn() {
  if (rest_.count() > 0) std::this_thread::sleep_for(rest_);
  const int fd = mosquitto_socket(client_);
  const bool to_write = mosquitto_want_write(client_) || !reader_.acks().empty();
  pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
  if (to_write) p.events |= POLLOUT;
  rest_ = {};
  if (::poll(&p, 1, kLoopMs) > 0) {
    if ((p.revents & POLLOUT) != 0) {
      if (const int code = write(fd); code != MOSQ_ERR_SUCCESS) return code;
    }
    if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      if (const int code = read(fd); code != MOSQ_ERR_SUCCESS) return code;
    }
  }
  return mosquitto_loop_misc(client_);
}

int BrokerClient::read(int fd) {
  const auto turn = reader_.read(fd);
  if (!turn) {
    refusal_ = turn.error().text();
    cut();
    return MOSQ_ERR_PROTOCOL;
  }
  if (turn->other) return mosquitto_loop_read(client_, 1);
  if (turn->refused || (turn->messages > 0 && !handlers_.settled())) {
    cut();
    return MOSQ_ERR_CONN_LOST;
  }
  const auto acks = reader_.acks().size() / 4;
  const auto now = std::chrono::steady_clock::now();
  const bool dense = turn->messages > 1 || now - std::exchange(read_at_, now) < kDense;
  // A broker sends so many unacknowledged messages and waits: those may not wait long.
  if (dense && turn->messages > 0 && turn->bytes < kBusyBytes && acks < kBusyAcks) {
    rest_ = acks > 0 ? kGatherAcks : kGather;
  }
  return acks > 0 ? write(fd) : MOSQ_ERR_SUCCESS;
}

// Packets of libmosquitto and acknowledgements go by turns, each whole.
int BrokerClient::write(int fd) {
  if (acks_sent_ == 0 && mosquitto_want_write(client_)) {
    const int code = mosquitto_loop_write(client_, 1);
    if (code != MOSQ_ERR_SUCCESS || mosquitto_want_write(client_)) return code;
  }
  auto& acks = reader_.acks();
  if (acks.empty()) return MOSQ_ERR_SUCCESS;
  const auto n = ::send(fd, acks.data() + acks_sent_, acks.size() - acks_sent_,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ERRNO;
  acks_sent_ += static_cast<std::size_t>(n);
  if (acks_sent_ < acks.size()) return MOSQ_ERR_SUCCESS;
  acks.clear();
  acks_sent_ = 0;
  return MOSQ_ERR_SUCCESS;
}

// Half of the backoff for certain, half by chance: the clients of a plant do not come back at once.
void BrokerClient::pause(Nanoseconds backoff) {
  const auto half = static_cast<std::uint64_t>(backoff.count() / 2);
  const auto delay = Nanoseconds(static_cast<std::int64_t>(half + random_.below(half + 1)));
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, delay, [this] { return stopping(); });
}

// Nothing that is queued for the broker can leave any more.
void BrokerClient::cut() {
  if (const int fd = mosquitto_socket(client_); fd >= 0) ::shutdown(fd, SHUT_RDWR);
}

void BrokerClient::on_connect(mosquitto*, void* self, int code, int flags) {
  auto& me = *static_cast<BrokerClient*>(self);
  if (code != 0) {
    const bool v5 = me.options_.version == Version::v5;
    const bool identity = v5 ? code == MQTT_RC_BAD_USERNAME_OR_PASSWORD ||
                                   code == MQTT_RC_NOT_AUTHORIZED
                             : code == CONNACK_REFUSED_BAD_USERNAME_PASSWORD ||
                                   code == CONNACK_REFUSED_NOT_AUTHORIZED;
    me.refusal_ = fmt::format("it refuses: {}{}", v5 ? mosquitto_reason_string(code)
                                                     : mosquitto_connack_string(code),
                              identity ? " (see username and password_file)" : "");
    return;
  }
  me.connected_ = true;
  const bool known = (flags & kSessionPresent) != 0;
  if (!known && !me.handlers_.new_session()) {
    me.cut();
    return;
  }
  if (known) me.handlers_.kept_session();
  log::info("mqtt broker is there", "source={} broker={}:{} session={}", me.options_.name,
            me.address_.host, me.address_.port, known ? "kept" : "new");
  // Subscribing again would only bring the retained messages again.
  if (!known || !me.subscribed_) {
    me.subscribe();
  } else {
    me.set("ok", me.note_);
  }
}

// A session outlives the configuration: what an earlier one subscribed, and this one does not,
// would come for ever. The file names it; without the file (a reboot) such messages are rejected.
void BrokerClient::unsubscribe_old() {
  const auto text = read_file(topics_file_, kTopicsFileBytesMax);
  if (!text) return;
  const auto now = options_.filters();
  for (const auto topic : split(*text, '\n')) {
    if (topic.empty() || std::find(now.begin(), now.end(), topic) != now.end()) continue;
    log::info("mqtt topic is given up", "source={} topic={}", options_.name, topic);
    mosquitto_unsubscribe(client_, nullptr, std::string(topic).c_str());
  }
}

void BrokerClient::subscribe() {
  if (!subscribed_) unsubscribe_old();
  std::string text;
  const auto topics = options_.filters();
  for (const auto& topic : topics) text += topic + "\n";
  if (const auto kept = write_file(topics_file_, text); !kept) {
    log::warning("mqtt topics cannot be kept", "source={} error=\"{}\"", options_.name,
                 kept.error().text());
  }
  unanswered_ = topics.size();
  presence_ids_.clear();
  note_.clear();
  for (const auto& topic : topics) {
    int id = 0;
    const int code = mosquitto_subscribe(client_, &id, topic.c_str(), 1);
    const auto& read = options_.topics;
    if (std::find(read.begin(), read.end(), topic) == read.end()) presence_ids_.push_back(id);
    if (code != MOSQ_ERR_SUCCESS) {
      set("failing", fmt::format("subscribe '{}': {}", topic, error_text(code)));
      cut();
      return;
    }
  }
  subscribed_ = true;
}

void BrokerClient::on_subscribe(mosquitto*, void* self, int id, int count, const int* granted) {
  auto& me = *static_cast<BrokerClient*>(self);
  const bool refused = std::any_of(granted, granted + count,
                                   [](int code) { return code >= kRefused; });
  const auto& beside = me.presence_ids_;
  const bool presence = std::find(beside.begin(), beside.end(), id) != beside.end();
  if (refused) {
    log::warning("mqtt broker refuses a subscription", "source={} presence={}", me.options_.name,
                 presence);
  }
  if (refused && !presence) {
    me.set("failing", "broker refuses a subscription: check its access rules for this client and "
                      "the topics of this source");
    return;
  }
  // Readings come without it: who is away is not known, and no more.
  if (refused) {
    me.note_ = "broker refuses a topic of presence, so who is away is not known: check its access "
               "rules for this client";
  }
  // Not before: what is published until then does not come.
  if (me.unanswered_ > 0 && --me.unanswered_ == 0) me.set("ok", me.note_);
}

void BrokerClient::on_log(mosquitto* m, void* self, int level, const char* text) {
  auto& me = *static_cast<BrokerClient*>(self);
  const std::string_view line(text);
  if (level == MOSQ_LOG_ERR) {
    if (!me.connected_ && me.refusal_.empty()) me.refusal_ = tls_reason(m, line);
    return;
  }
  const auto& prefix = me.log_prefix_;
  if (line.starts_with(prefix)) me.duplicate_ = line.substr(prefix.size(), 1) == "1";
}

void BrokerClient::on_message(mosquitto*, void* self, const mosquitto_message* message) {
  auto& me = *static_cast<BrokerClient*>(self);
  const auto* const bytes = static_cast<const std::uint8_t*>(message->payload);
  const Delivery delivery{.topic = message->topic,
                          .payload = {bytes, static_cast<std::size_t>(message->payloadlen)},
                          .size = static_cast<std::uint64_t>(message->payloadlen),
                          .packet_id = static_cast<std::uint16_t>(message->mid),
                          .duplicate = std::exchange(me.duplicate_, false),
                          .retained = message->retain};
  if (!me.handlers_.message(delivery) || !me.handlers_.settled()) me.cut();
}

}  // namespace tidemark::mqtt
