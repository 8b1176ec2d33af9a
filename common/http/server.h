// A small HTTP/1.1 server for our own faces: JSON, metrics, one page, server-sent events.
//
// Promise    a handler gets whole requests only (body up to kBodyBytesMax); every response carries
//            the headers that keep a browser from running anything that is not ours.
// When full  past connections_max new connections are closed at once; a stream whose reader is
//            slower than stream_bytes_max allows is cut, and its client resumes by its last id.
// Threads    handlers run on the server's own threads (Options::threads, one epoll loop each), so a
//            slow handler delays its loop's other clients. Stream::send and stop() from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace tidemark::http {

inline constexpr std::size_t kBodyBytesMax = 1024 * 1024;

struct Request {
  std::string method;  // "GET" also for HEAD: the body is left out by the server
  std::string path;    // decoded, without the query
  std::vector<std::pair<std::string, std::string>> parameters;  // of the query, decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;     // names in lower case
  std::string body;

  // The first of that name, or null.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
  // The first of that (lower-case) name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// {"v":1,"error":{"status":400,"text":…,"expected":…}}; `expected` says what would have been right.
Response problem(int status, std::string_view text, std::string_view expected = "");
// The same for a Result's error: bad_input 400, denied 403, full 413, unavailable 503, others 500.
Response problem(const Error& error, std::string_view expected = "");

// One client that listens. Lives as long as somebody holds it; after the client has gone, or was
// too slow, or the server stops, send() returns false for good.
class Stream {
 public:
  virtual ~Stream() = default;
  // Queues one event; never blocks. Empty `event` or `id` are left out. Lines in data are kept.
  virtual bool send(std::string_view event, std::string_view id, std::string_view data) = 0;
  [[nodiscard]] virtual bool open() const = 0;
};

using Handler = std::function<Response(const Request&)>;
// Takes the stream over; a response other than 200 refuses it, and the stream is never open then.
using StreamHandler = std::function<Response(const Request&, std::shared_ptr<Stream>)>;

struct Options {
  std::string listen = "127.0.0.1:8080";  // host:port, [v6]:port; port 0: any free one
  unsigned threads = 1;
  unsigned connections_max = 512;
  std::size_t stream_bytes_max = 1024 * 1024;  // queued for one slow listener
  unsigned streams_max = 256;                  // 503 beyond; leaves connections for requests
  unsigned idle_timeout_s = 30;                // for a request that does not get on
};

class Server {
 public:
  // Does not listen yet. Routes are added before start().
  static std::unique_ptr<Server> make(Options options);
  virtual ~Server() = default;  // stops

  // Exact paths; a path that ends in "/*" takes everything below.
  virtual void route(std::string_view method, std::string_view path, Handler handler) = 0;
  virtual void stream(std::string_view path, StreamHandler handler) = 0;

  // Fault::unavailable when the address is taken (the text names it), bad_input when it is none.
  virtual Result<> start() = 0;
  // Takes no new connection, lets requests that run finish (up to 2 s), ends streams. Idempotent.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;    // after start()
  [[nodiscard]] virtual std::string address() const = 0;   // "127.0.0.1:43211", after start()
  [[nodiscard]] virtual std::size_t streams() const = 0;   // open now
};

}  // namespace tidemark::http
