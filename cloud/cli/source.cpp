#include "cloud/cli/source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cloud/http/api.h"
#include "common/http/client.h"

namespace tidemark::cloud_cli {
namespace {

constexpr int kPatienceSeconds = 30;  // a query over years from panes

Result<std::string> body_or_error(int status, std::string body) {
  if (status == 200) return body;
  const auto json = nlohmann::ordered_json::parse(body, nullptr, false);
  std::string text = fmt::format("the node answers {}", status);
  if (json.is_object() && json.contains("error") && json["error"].is_object()) {
    text = json["error"].value("text", text);
    const auto expected = json["error"].value("expected", std::string());
    if (!expected.empty()) text += fmt::format(" (expected {})", expected);
  }
  const auto fault = status == 400 || status == 404 ? Fault::bad_input
                     : status == 413                ? Fault::full
                     : status == 403                ? Fault::denied
                     : status == 501                ? Fault::unsupported
                                                    : Fault::unavailable;
  return Error(fault, text);
}

}  // namespace

Result<> Source::settle() {
  if (!url_.empty() || settings_) return {};
  TIDE_ASSIGN(settings_, world_.settings(config_));
  return {};
}

Result<std::string> Source::get(const std::string& path, const Parameters& parameters) {
  if (direct()) return from_store(path, parameters);
  TIDE_TRY(settle());
  const std::string url = url_.empty() ? settings_->listen : url_;
  auto reply = http::get(url, http::target(path, parameters), kPatienceSeconds);
  if (reply) {
    name_ = url;
    return body_or_error(reply->status, std::move(reply->body));
  }
  if (!url_.empty() || reply.error().fault() != Fault::unavailable) {
    return std::move(reply).error();
  }
  auto opened = world_.open(settings_->data_dir);
  if (!opened) {
    return Error(Fault::unavailable,
                 fmt::format("the node does not answer ({}) and its store does not open ({})",
                             reply.error().text(), opened.error().text()));
  }
  output_.err(fmt::format("note: the node does not answer ({}); this is read from its store {}\n",
                          reply.error().text(), settings_->data_dir.string()));
  reader_ = std::move(*opened);
  name_ = settings_->data_dir.string();
  return from_store(path, parameters);
}

Result<std::string> Source::from_store(const std::string& path, const Parameters& parameters) {
  http::Request request;
  request.method = "GET";
  request.path = path;
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) request.parameters.emplace_back(name, value);
  }
  auto response = http::api({request, *reader_, world_.clock.wall()});
  return body_or_error(response.status, std::move(response.body));
}

}  // namespace tidemark::cloud_cli
