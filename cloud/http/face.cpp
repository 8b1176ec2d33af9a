#include "cloud/http/face.h"

#include <fmt/format.h>

#include <charconv>
#include <mutex>
#include <optional>

#include "cloud/http/api.h"
#include "cloud/http/fan_out.h"
#include "cloud/page/page.h"
#include "common/base/text.h"

namespace tidemark::http {
namespace {

constexpr unsigned kThreads = 2;  // a long query leaves one for the others

// Readers that are open and not in use: opening one costs more than most questions.
class ReaderPool {
 public:
  explicit ReaderPool(OpenReader open) : open_(std::move(open)) {}

  Result<std::unique_ptr<query::Reader>> borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto reader = std::move(idle_.back());
        idle_.pop_back();
        return reader;
      }
    }
    return open_();
  }
  void give_back(std::unique_ptr<query::Reader> reader) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kThreads) idle_.push_back(std::move(reader));
  }

 private:
  OpenReader open_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<query::Reader>> idle_;
};

Response serve_asset(const Request& request, const page::Asset& asset) {
  Response r;
  r.content_type = asset.content_type;
  r.headers = {{"Cache-Control", "no-cache"}, {"ETag", std::string(asset.etag)},
               {"Vary", "Accept-Encoding"}};
  if (request.header("if-none-match") == asset.etag) {
    r.status = 304;
  } else if (request.header("accept-encoding").find("gzip") != std::string_view::npos) {
    r.headers.emplace_back("Content-Encoding", "gzip");
    r.body = asset.gzip;
  } else {
    r.body = asset.plain;
  }
  return r;
}

}  // namespace

struct Face::State {
  State(OpenReader open, std::string listen, metrics::Registry& to, const Clock& time,
        Problem why_not)
      : registry(to),
        clock(time),
        problem_of_node(std::move(why_not)),
        readers(open),
        fan_out(std::move(open), to, time),
        server(Server::make({.listen = std::move(listen), .threads = kThreads})) {
    add_routes();
  }

  void add_routes() {
    for (const auto& route : api_routes()) {
      auto& requests = registry.counter("tidemark_cloud_http_requests_total",
                                        "Requests to the JSON API.",
                                        {{"path", std::string(route.path)}});
      server->route("GET", route.path, [this, route, &requests](const Request& request) {
        requests.add();
        return ask(request, route);
      });
    }
    server->stream("/v1/stream", [this](const Request& request, std::shared_ptr<Stream> stream) {
      return join(request, std::move(stream));
    });
    server->route("GET", "/metrics", [this](const Request& request) {
      const auto format = metrics::format_for(request.header("accept"));
      return Response{.content_type = std::string(metrics::content_type(format)),
                      .body = registry.text(format)};
    });
    server->route("GET", "/healthz", [](const Request&) {
      return Response{.body = "{\"v\":1,\"ok\":true}\n"};
    });
    server->route("GET", "/readyz", [this](const Request&) { return ready(); });
    for (const auto& asset : page::assets()) {
      server->route("GET", asset.path, [&asset](const Request& request) {
        return serve_asset(request, asset);
      });
    }
  }

  Response ask(const Request& request, const ApiRoute& route) {
    auto reader = readers.borrow();
    if (!reader) return problem(reader.error());
    auto response = route.answer({request, **reader, clock.wall()});
    // After a fault of the store the next request gets a new reader.
    if (response.status < 500) readers.give_back(std::move(*reader));
    return response;
  }

  Response ready() {
    auto reader = readers.borrow();
    if (!reader) return problem(503, reader.error().text(), "a store that opens");
    if (const auto position = (*reader)->position(); !position) {
      return problem(503, position.error().text(), "a store that answers");
    }
    readers.give_back(std::move(*reader));
    const auto why = problem_of_node ? problem_of_node() : "";
    if (!why.empty()) return problem(503, why, "an input that works");
    return {.body = "{\"v\":1,\"ok\":true}\n"};
  }

  Response join(const Request& request, std::shared_ptr<Stream> stream) {
    FanOut::Filter filter;
    std::optional<std::uint64_t> position;
    std::string from(request.header("last-event-id"));  // sent by a browser that comes back
    for (const auto& [name, value] : request.parameters) {
      if (name == "series") {
        auto select = answers::Selection::parse(value);
        if (!select) return problem(std::move(select).error().within("series"));
        filter.select = std::move(select).value();
      } else if (name == "view") {
        filter.view = value;
      } else if (name == "position") {
        if (from.empty()) from = value;
      } else {
        return problem(400, fmt::format("no parameter '{}'", name), "series, view, position");
      }
    }
    if (!from.empty()) {
      std::uint64_t number = 0;
      const auto [end, code] = std::from_chars(from.data(), from.data() + from.size(), number);
      if (code != std::errc{} || end != from.data() + from.size()) {
        return problem(400, fmt::format("'{}' is no position", from), "the id of an event");
      }
      position = number;
    }
    fan_out.add(std::move(stream), std::move(filter), position);
    return {};
  }

  metrics::Registry& registry;
  const Clock& clock;
  Problem problem_of_node;
  ReaderPool readers;
  FanOut fan_out;
  std::unique_ptr<Server> server;
};

Face::Face(OpenReader open, std::string listen, metrics::Registry& registry, const Clock& clock,
           Problem problem)
    : state_(std::make_unique<State>(std::move(open), std::move(listen), registry, clock,
                                     std::move(problem))) {}

Face::~Face() { stop(); }

Result<> Face::start() {
  TIDE_TRY(state_->server->start());
  state_->fan_out.start();
  return {};
}

void Face::stop() {
  state_->server->stop();
  state_->fan_out.stop();
}

std::string Face::address() const { return state_->server->address(); }
std::uint16_t Face::port() const { return state_->server->port(); }

}  // namespace tidemark::http
