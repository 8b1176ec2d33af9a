#include "common/http/server.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/log.h"
#include "common/http/listen_socket.h"
#include "common/http/stream_queue.h"

namespace tidemark::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kDiscardBytesMax = 16 * kBodyBytesMax;  // read on to be able to answer 413
constexpr std::size_t kHeaderBytesMax = 32 * 1024;            // of one connection, both directions
constexpr std::size_t kStreamChunkBytes = 16 * 1024;
constexpr auto kStopPatience = 2s;
constexpr auto kBeat = 10s;

// What one request has brought so far.
struct Exchange {
  Request request;
  std::size_t discarded = 0;
  bool counted = true;  // in requests_; streams are not, they end when told
};

struct Route {
  std::map<std::string, Handler, std::less<>> by_method;
  StreamHandler stream;
};

MHD_Result take_pair(void* to, MHD_ValueKind, const char* key, const char* value) {
  auto& pairs = *static_cast<std::vector<std::pair<std::string, std::string>>*>(to);
  pairs.emplace_back(key, value == nullptr ? "" : value);
  return MHD_YES;
}

MHD_Result take_header(void* to, MHD_ValueKind kind, const char* key, const char* value) {
  take_pair(to, kind, key, value);
  auto& name = static_cast<std::vector<std::pair<std::string, std::string>>*>(to)->back().first;
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return MHD_YES;
}

void log_line(void*, const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::string_view line = text;
  while (line.ends_with('\n')) line.remove_suffix(1);
  // A client that goes away is no event of ours.
  if (line.starts_with("Failed to send")) return;
  log::warning("http", "text={}", line);
}

void add_headers(MHD_Response* to, const Response& from) {
  const auto add = [&](const char* name, const char* value) {
    MHD_add_response_header(to, name, value);
  };
  add("Content-Type", from.content_type.c_str());
  add("Content-Security-Policy",
      "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
      "object-src 'none'");
  add("X-Content-Type-Options", "nosniff");
  add("Referrer-Policy", "no-referrer");
  add("Cross-Origin-Resource-Policy", "same-origin");
  bool cached = false;
  for (const auto& [name, value] : from.headers) {
    add(name.c_str(), value.c_str());
    cached = cached || name == "Cache-Control";
  }
  if (!cached) add("Cache-Control", "no-store");
}

MHD_Result queue(MHD_Connection* connection, const Response& from) {
  // libmicrohttpd copies it; the parameter is not const for historical reasons only.
  MHD_Response* to = MHD_create_response_from_buffer(
      from.body.size(), const_cast<char*>(from.body.data()), MHD_RESPMEM_MUST_COPY);
  if (to == nullptr) return MHD_NO;
  add_headers(to, from);
  const auto queued = MHD_queue_response(connection, static_cast<unsigned>(from.status), to);
  MHD_destroy_response(to);
  return queued;
}

// What libmicrohttpd holds while it reads a stream for one connection.
struct Reading {
  std::shared_ptr<StreamQueue> stream;
  MHD_Connection* connection;
  std::function<void()> gone;
};

ssize_t read_stream(void* cls, std::uint64_t, char* out, std::size_t bytes_max) {
  auto& reading = *static_cast<Reading*>(cls);
  const auto n = reading.stream->take(out, bytes_max,
                                      [&] { MHD_suspend_connection(reading.connection); });
  return n < 0 ? static_cast<ssize_t>(MHD_CONTENT_READER_END_OF_STREAM) : n;
}

void free_reading(void* cls) {
  const std::unique_ptr<Reading> reading(static_cast<Reading*>(cls));
  reading->stream->detach();
  reading->gone();
}

class MicroServer final : public Server {
 public:
  explicit MicroServer(Options options) : options_(std::move(options)) {}
  ~MicroServer() override { stop(); }

  void route(std::string_view method, std::string_view path, Handler handler) override {
    TIDE_CHECK(daemon_ == nullptr, "routes are added before start()");
    routes_[std::string(path)].by_method[std::string(method)] = std::move(handler);
  }
  void stream(std::string_view path, StreamHandler handler) override {
    TIDE_CHECK(daemon_ == nullptr, "routes are added before start()");
    routes_[std::string(path)].stream = std::move(handler);
  }

  Result<> start() override;
  void stop() override;
  [[nodiscard]] std::uint16_t port() const override { return socket_.port; }
  [[nodiscard]] std::string address() const override { return socket_.address; }
  [[nodiscard]] std::size_t streams() const override {
    const std::lock_guard lock(mutex_);
    return streams_open_;
  }

 private:
  static MHD_Result on_request(void* cls, MHD_Connection* connection, const char* url,
                               const char* method, const char* version, const char* upload,
                               std::size_t* upload_bytes, void** state);
  static void on_completed(void* cls, MHD_Connection* connection, void** state,
                           MHD_RequestTerminationCode);
  MHD_Result begin(MHD_Connection* connection, const char* url, const char* method, void** state);
  MHD_Result answer(MHD_Connection* connection, Exchange& exchange);
  MHD_Result answer_stream(MHD_Connection* connection, Exchange& exchange,
                           const StreamHandler& handler);
  const Route* find(const std::string& path) const;
  void one_request_less();
  void stream_gone();
  void beat();

  const Options options_;
  std::map<std::string, Route, std::less<>> routes_;
  MHD_Daemon* daemon_ = nullptr;
  ListenSocket socket_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::weak_ptr<StreamQueue>> listening_;
  std::size_t streams_open_ = 0;
  std::size_t requests_ = 0;
  bool stopping_ = false;
  std::thread beating_;
};

Result<> MicroServer::start() {
  TIDE_ASSIGN(socket_, open_listen_socket(options_.listen));
  std::vector<MHD_OptionItem> items = {
      {MHD_OPTION_LISTEN_SOCKET, socket_.descriptor, nullptr},
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(options_.connections_max), nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, static_cast<std::intptr_t>(options_.idle_timeout_s), nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<std::intptr_t>(kHeaderBytesMax), nullptr},
  };
  if (options_.threads > 1) {
    items.push_back({MHD_OPTION_THREAD_POOL_SIZE, static_cast<std::intptr_t>(options_.threads),
                     nullptr});
  }
  items.push_back({MHD_OPTION_END, 0, nullptr});
  daemon_ = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, nullptr,
      nullptr, &MicroServer::on_request, this,  //
      MHD_OPTION_EXTERNAL_LOGGER, &log_line, nullptr,                         // must be first
      MHD_OPTION_NOTIFY_COMPLETED, &MicroServer::on_completed, this,          //
      MHD_OPTION_ARRAY, items.data(), MHD_OPTION_END);
  if (daemon_ == nullptr) {
    close(socket_.descriptor);
    return Error(Fault::unavailable, fmt::format("http server on {} did not start",
                                                 options_.listen));
  }
  beating_ = std::thread([this] { beat(); });
  return {};
}

void MicroServer::stop() {
  if (daemon_ == nullptr) return;
  // Not MHD_quiesce_daemon(): it and a thread of the library may both take the socket out of one
  // set, and the second of them aborts. begin() lets nobody in meanwhile.
  std::vector<std::weak_ptr<StreamQueue>> listening;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    listening.swap(listening_);
  }
  changed_.notify_all();
  // Each is woken: libmicrohttpd must not be stopped while a connection is suspended.
  for (const auto& weak : listening) {
    if (const auto s = weak.lock()) s->end();
  }
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kStopPatience, [&] { return requests_ == 0 && streams_open_ == 0; });
  }
  MHD_stop_daemon(daemon_);  // closes the socket, too
  daemon_ = nullptr;
  beating_.join();
}

// A listener that says nothing for long may be gone without a word; a write finds out.
void MicroServer::beat() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kBeat, [&] { return stopping_; })) {
    std::erase_if(listening_, [](const auto& weak) { return weak.expired(); });
    const auto listening = listening_;
    lock.unlock();
    for (const auto& weak : listening) {
      if (const auto s = weak.lock()) s->beat();
    }
    lock.lock();
  }
}

const Route* MicroServer::find(const std::string& path) const {
  if (const auto at = routes_.find(path); at != routes_.end()) return &at->second;
  for (auto slash = path.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? std::string::npos : path.rfind('/', slash - 1)) {
    if (const auto at = routes_.find(path.substr(0, slash) + "/*"); at != routes_.end()) {
      return &at->second;
    }
  }
  return nullptr;
}

MHD_Result MicroServer::on_request(void* cls, MHD_Connection* connection, const char* url,
                                   const char* method, const char*, const char* upload,
                                   std::size_t* upload_bytes, void** state) {
  auto& self = *static_cast<MicroServer*>(cls);
  if (*state == nullptr) return self.begin(connection, url, method, state);
  auto& exchange = *static_cast<Exchange*>(*state);
  if (*upload_bytes > 0) {
    if (exchange.discarded == 0 && exchange.request.body.size() + *upload_bytes <= kBodyBytesMax) {
      exchange.request.body.append(upload, *upload_bytes);
    } else {
      exchange.discarded += *upload_bytes;
      if (exchange.discarded > kDiscardBytesMax) return MHD_NO;
    }
    *upload_bytes = 0;
    return MHD_YES;
  }
  return self.answer(connection, exchange);
}

MHD_Result MicroServer::begin(MHD_Connection* connection, const char* url, const char* method,
                              void** state) {
  auto exchange = std::make_unique<Exchange>();
  auto& request = exchange->request;
  request.method = std::string_view(method) == "HEAD" ? "GET" : method;
  request.path = url;
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &take_pair, &request.parameters);
  MHD_get_connection_values(connection, MHD_HEADER_KIND, &take_header, &request.headers);
  const auto length = request.header("content-length");
  std::uint64_t bytes = 0;
  std::from_chars(length.data(), length.data() + length.size(), bytes);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return MHD_NO;  // the connection ends
    ++requests_;
  }
  *state = exchange.release();
  if (bytes > kBodyBytesMax) {  // refused before it is sent, where the client says so in advance
    return queue(connection, problem(413, "the body is too large", "at most 1 MiB"));
  }
  return MHD_YES;
}

void MicroServer::on_completed(void* cls, MHD_Connection*, void** state,
                               MHD_RequestTerminationCode) {
  const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*state));
  *state = nullptr;
  if (exchange && exchange->counted) static_cast<MicroServer*>(cls)->one_request_less();
}

void MicroServer::one_request_less() {
  {
    const std::lock_guard lock(mutex_);
    --requests_;
  }
  changed_.notify_all();
}

void MicroServer::stream_gone() {
  {
    const std::lock_guard lock(mutex_);
    --streams_open_;
  }
  changed_.notify_all();
}

MHD_Result MicroServer::answer(MHD_Connection* connection, Exchange& exchange) {
  if (exchange.discarded > 0) {
    return queue(connection, problem(413, "the body is too large", "at most 1 MiB"));
  }
  const auto& request = exchange.request;
  const Route* route = find(request.path);
  if (route == nullptr) {
    return queue(connection, problem(404, fmt::format("nothing at {}", request.path),
                                     "a path of /openapi.json"));
  }
  if (route->stream && request.method == "GET") {
    return answer_stream(connection, exchange, route->stream);
  }
  const auto handler = route->by_method.find(request.method);
  if (handler != route->by_method.end()) return queue(connection, handler->second(request));
  std::string allowed = route->stream ? "GET" : "";
  for (const auto& [method, unused] : route->by_method) {
    allowed += (allowed.empty() ? "" : ", ") + method;
  }
  auto refused = problem(405, fmt::format("{} is not for {}", request.method, request.path),
                         allowed);
  refused.headers.emplace_back("Allow", allowed);
  return queue(connection, refused);
}

MHD_Result MicroServer::answer_stream(MHD_Connection* connection, Exchange& exchange,
                                      const StreamHandler& handler) {
  const auto stream = std::make_shared<StreamQueue>(
      options_.stream_bytes_max, [connection] { MHD_resume_connection(connection); });
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || streams_open_ >= options_.streams_max) {
      return queue(connection, problem(503, "no room for another stream", "try again later"));
    }
    ++streams_open_;
    listening_.push_back(stream);
  }
  const auto response = handler(exchange.request, stream);
  if (response.status != 200) {
    stream->detach();
    stream_gone();
    return queue(connection, response);
  }
  auto* reading = new Reading{stream, connection, [this] { stream_gone(); }};
  MHD_Response* to = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamChunkBytes,
                                                       &read_stream, reading, &free_reading);
  if (to == nullptr) {
    free_reading(reading);
    return MHD_NO;
  }
  Response head = response;
  head.content_type = "text/event-stream";
  add_headers(to, head);
  exchange.counted = false;  // stop() waits for it by streams_open_
  one_request_less();
  const auto queued = MHD_queue_response(connection, MHD_HTTP_OK, to);
  MHD_destroy_response(to);  // calls free_reading when it was not queued
  return queued;
}

}  // namespace

std::unique_ptr<Server> Server::make(Options options) {
  return std::make_unique<MicroServer>(std::move(options));
}

}  // namespace tidemark::http
