#include <fmt/format.h>

#include "common/base/text.h"
#include "common/http/server.h"

namespace tidemark::http {

const std::string* Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

Response problem(int status, std::string_view text, std::string_view expected) {
  Response r;
  r.status = status;
  r.body = fmt::format(R"({{"v":1,"error":{{"status":{},"text":{})", status, json_quote(text));
  if (!expected.empty()) r.body += fmt::format(R"(,"expected":{})", json_quote(expected));
  r.body += "}}\n";
  return r;
}

Response problem(const Error& error, std::string_view expected) {
  int status = 500;
  switch (error.fault()) {
    case Fault::bad_input: status = 400; break;
    case Fault::denied: status = 403; break;
    case Fault::full: status = 413; break;
    case Fault::unavailable: status = 503; break;
    case Fault::unsupported: status = 501; break;
    case Fault::corrupt: status = 500; break;
  }
  return problem(status, error.text(), expected);
}

}  // namespace tidemark::http
