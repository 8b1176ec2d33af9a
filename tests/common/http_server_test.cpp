#include "common/http/server.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "common/http/client.h"
#include "tests/common/http_client.h"

namespace tidemark::http {
namespace {

using test::http;
using test::HttpSocket;

constexpr std::string_view kStreamRequest = "GET /stream HTTP/1.1\r\nHost: test\r\n\r\n";

class HttpServer : public testing::Test {
 protected:
  void start(Options options = {}) {
    options.listen = "127.0.0.1:0";
    server_ = Server::make(options);
    server_->route("GET", "/echo", [](const Request& r) {
      const auto* name = r.parameter("name");
      return Response{.content_type = "text/plain", .body = name ? *name : "none"};
    });
    server_->route("POST", "/size", [](const Request& r) {
      return Response{.content_type = "text/plain", .body = std::to_string(r.body.size())};
    });
    server_->route("GET", "/files/*", [](const Request& r) {
      return Response{.body = r.path};
    });
    server_->stream("/stream", [this](const Request& r, std::shared_ptr<Stream> s) {
      if (r.parameter("refuse") != nullptr) return problem(400, "refused", "no refuse");
      s->send("", "", "hello " + std::string(r.header("last-event-id")));
      const std::lock_guard lock(mutex_);
      streams_.push_back(std::move(s));
      return Response{};
    });
    const auto started = server_->start();
    ASSERT_TRUE(started.ok()) << started.error().text();
  }
  std::shared_ptr<Stream> stream(std::size_t i) {
    const std::lock_guard lock(mutex_);
    return streams_.at(i);
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<Stream>> streams_;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpServer, HandsOverDecodedParametersAndSaysWhatABrowserMayDo) {
  start();
  const auto reply = http(server_->port(), "GET", "/echo?x=1&name=a%2Fb+c");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "a/b c");
  EXPECT_NE(reply.head.find("Content-Security-Policy: default-src 'self'"), std::string::npos);
  EXPECT_NE(reply.head.find("X-Content-Type-Options: nosniff"), std::string::npos);
  EXPECT_NE(reply.head.find("Cache-Control: no-store"), std::string::npos);
}

TEST_F(HttpServer, UnknownPathAndWrongMethodAreJsonThatHelps) {
  start();
  const auto missing = http(server_->port(), "GET", "/nowhere");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "{\"v\":1,\"error\":{\"status\":404,\"text\":\"nothing at /nowhere\","
                          "\"expected\":\"a path of /openapi.json\"}}\n");
  const auto wrong = http(server_->port(), "DELETE", "/echo");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_NE(wrong.head.find("Allow: GET\r\n"), std::string::npos) << wrong.head;
}

TEST_F(HttpServer, HeadIsGetWithoutItsBody) {
  start();
  const auto reply = http(server_->port(), "HEAD", "/echo?name=abc");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.head.find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_EQ(reply.body, "");
}

TEST_F(HttpServer, BodyUpToItsLimit) {
  start();
  EXPECT_EQ(http(server_->port(), "POST", "/size", std::string(kBodyBytesMax, 'x')).body,
            std::to_string(kBodyBytesMax));
  EXPECT_EQ(http(server_->port(), "POST", "/size", std::string(kBodyBytesMax + 1, 'x')).status,
            413);
}

TEST_F(HttpServer, ChunkedBodyPastTheLimitIsRefusedAtItsEnd) {
  start();
  HttpSocket s(server_->port());
  s.write("POST /size HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string half(kBodyBytesMax / 2 + 1, 'x');
  for (int i = 0; i < 2; ++i) s.write("80001\r\n" + half + "\r\n");
  s.write("0\r\n\r\n");
  EXPECT_NE(s.read_until("1 MiB").find("413"), std::string::npos);
}

TEST_F(HttpServer, PathsBelowAPrefix) {
  start();
  EXPECT_EQ(http(server_->port(), "GET", "/files/a/b.js").body, "/files/a/b.js");
  EXPECT_EQ(http(server_->port(), "GET", "/filesx").status, 404);
}

TEST_F(HttpServer, HeadersThatAreTooLongAreRefused) {
  start();
  const auto reply = http(server_->port(), "GET", "/echo", "",
                          "X: " + std::string(100'000, 'x') + "\r\n");
  EXPECT_NE(reply.status, 200);
}

TEST_F(HttpServer, StreamSendsWhatComesLaterAndWakesUp) {
  start();
  HttpSocket s(server_->port());
  s.write("GET /stream HTTP/1.1\r\nHost: t\r\nLast-Event-ID: 41\r\n\r\n");
  s.read_until("data: hello 41\n\n");
  EXPECT_TRUE(stream(0)->send("answer", "42", "{\"a\":1}"));
  const auto& got = s.read_until("data: {\"a\":1}\n\n");
  EXPECT_NE(got.find("event: answer\nid: 42\ndata: {\"a\":1}\n\n"), std::string::npos);
  EXPECT_NE(got.find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_TRUE(stream(0)->send("", "", "two\nlines"));
  s.read_until("data: two\ndata: lines\n\n");
}

TEST_F(HttpServer, StreamThatIsRefusedIsAnOrdinaryAnswer) {
  start();
  const auto reply = http(server_->port(), "GET", "/stream?refuse=1");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(server_->streams(), 0u);
}

TEST_F(HttpServer, SlowListenerIsCutAndOthersGoOn) {
  start({.stream_bytes_max = 64 * 1024});
  HttpSocket slow(server_->port());
  HttpSocket quick(server_->port());
  slow.write(kStreamRequest);
  slow.read_until("hello");
  quick.write(kStreamRequest);
  quick.read_until("hello");
  // Far more than what the kernel's socket buffers take on top of the server's bound.
  const std::string kilobyte(1024, 'x');
  int sent = 0;
  while (stream(0)->send("", "", kilobyte)) ASSERT_LT(++sent, 100'000);
  EXPECT_FALSE(stream(0)->open());
  EXPECT_FALSE(stream(0)->send("", "", "more"));
  EXPECT_TRUE(stream(1)->send("", "", "still here"));
  quick.read_until("still here");
}

TEST_F(HttpServer, StreamsAreBoundedInNumber) {
  start({.streams_max = 1});
  HttpSocket first(server_->port());
  first.write(kStreamRequest);
  first.read_until("hello");
  EXPECT_EQ(http(server_->port(), "GET", "/stream").status, 503);
  EXPECT_EQ(http(server_->port(), "GET", "/echo").status, 200);
}

TEST_F(HttpServer, StopEndsStreamsAndLetsARequestFinish) {
  Options options;
  options.listen = "127.0.0.1:0";
  options.threads = 2;  // both wait at once
  auto server = Server::make(options);
  std::promise<void> inside;
  std::promise<void> go_on;
  server->route("GET", "/slow", [&](const Request&) {
    inside.set_value();
    go_on.get_future().wait();
    return Response{.body = "finished"};
  });
  server->stream("/stream", [](const Request&, std::shared_ptr<Stream> s) {
    s->send("", "", "hello");
    return Response{};
  });
  ASSERT_TRUE(server->start().ok());
  HttpSocket slow(server->port());
  slow.write("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
  inside.get_future().wait();
  auto stopped = std::async(std::launch::async, [&] { server->stop(); });
  go_on.set_value();
  EXPECT_NE(slow.read_until("finished").find("finished"), std::string::npos);
  stopped.get();
  slow.read_all();
  EXPECT_TRUE(slow.closed());
}

TEST_F(HttpServer, StopWithSleepingStreamClosesIt) {
  start();
  HttpSocket s(server_->port());
  s.write(kStreamRequest);
  s.read_until("hello");
  server_->stop();
  s.read_all();
  EXPECT_TRUE(s.closed());
  EXPECT_FALSE(stream(0)->send("", "", "late"));
}

TEST_F(HttpServer, TakenAddressIsNamed) {
  start();
  auto second = Server::make({.listen = server_->address()});
  const auto started = second->start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().fault(), Fault::unavailable);
  EXPECT_NE(started.error().text().find(server_->address()), std::string::npos);
}

TEST_F(HttpServer, OurOwnClientReadsWhatItSays) {
  start();
  const auto url = "http://" + server_->address() + "/";
  const auto reply = get(url, target("/echo", {{"name", "a b/ü&"}, {"left", ""}}), 5);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, "a b/ü&");
  EXPECT_EQ(get(url, "/nowhere", 5)->status, 404);
  server_->stop();
  const auto gone = get(url, "/echo", 5);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().fault(), Fault::unavailable);
  EXPECT_NE(gone.error().text().find("Connection refused"), std::string::npos);
}

TEST(HttpClient, SaysWhichAddressesItTakes) {
  EXPECT_EQ(get("https://example", "/", 1).error().fault(), Fault::bad_input);
  EXPECT_EQ(get("http://:80", "/", 1).error().fault(), Fault::bad_input);
  EXPECT_EQ(target("/a", {{"q", "avg x by 1m"}}), "/a?q=avg%20x%20by%201m");
}

struct AddressRow {
  std::string text;
  bool good;
};
class ListenAddress : public testing::TestWithParam<AddressRow> {};

TEST_P(ListenAddress, IsHostAndPort) {
  auto server = Server::make({.listen = GetParam().text});
  const auto started = server->start();
  EXPECT_EQ(started.ok(), GetParam().good) << (started.ok() ? "" : started.error().text());
  if (started.ok()) return;
  EXPECT_EQ(started.error().fault(), Fault::bad_input);
}

INSTANTIATE_TEST_SUITE_P(Rows, ListenAddress,
                         testing::Values(AddressRow{"127.0.0.1:0", true},
                                         AddressRow{"localhost:0", true},
                                         AddressRow{"127.0.0.1", false}, AddressRow{":8080", false},
                                         AddressRow{"::1:80", false},
                                         AddressRow{"127.0.0.1:65536", false},
                                         AddressRow{"127.0.0.1:80x", false}));

}  // namespace
}  // namespace tidemark::http
