#include "cloud/answers/answer.h"

#include <fmt/format.h>

#include "common/base/text.h"

namespace tidemark::answers {
namespace {

std::string number_or_null(const std::optional<double>& v) {
  return v ? json_number(*v) : "null";
}

std::string object(const std::map<std::string, std::optional<double>>& values) {
  std::string out = "{";
  for (const auto& [name, value] : values) {
    out += fmt::format("{}{}:{}", out.size() == 1 ? "" : ",", json_quote(name),
                       number_or_null(value));
  }
  return out + "}";
}

std::string object(const std::map<std::string, std::string>& texts) {
  std::string out = "{";
  for (const auto& [name, text] : texts) {
    out += fmt::format("{}{}:{}", out.size() == 1 ? "" : ",", json_quote(name), json_quote(text));
  }
  return out + "}";
}

std::string list(const std::vector<Waived>& waived) {
  std::string out = "[";
  for (const auto& w : waived) {
    out += fmt::format(
        R"({}{{"source":{},"kind":"{}","until":"{}","by":{},"at":"{}","reason":{}}})",
        out.size() == 1 ? "" : ",", json_quote(w.source), w.retired ? "retired" : "waived",
        format_utc(w.until), json_quote(w.by), format_utc(w.at), json_quote(w.reason));
  }
  return out + "]";
}

std::string list(const std::vector<Missing>& missing) {
  std::string out = "[";
  for (const auto& m : missing) {
    out += fmt::format(R"({}{{"source":{},"reason":{}}})", out.size() == 1 ? "" : ",",
                       json_quote(m.source), json_quote(m.reason));
  }
  return out + "]";
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::open: return "open";
    case State::provisional: return "provisional";
    case State::sealed: return "sealed";
    case State::revised: return "revised";
    case State::frozen: return "frozen";
    case State::withdrawn: return "withdrawn";
  }
  return "unknown";
}

std::map<std::string, std::optional<double>> difference(const Answer& a) {
  std::map<std::string, std::optional<double>> all;
  for (const auto& [name, value] : a.values) {
    const auto before = a.previous.find(name);
    if (before == a.previous.end()) continue;
    auto& d = all[name];
    if (value && before->second) d = *value - *before->second;
  }
  return all;
}

std::string subject_of(const Answer& a) { return a.series.empty() ? object(a.labels) : a.series; }

std::string_view edge_of(const Answer& a) {
  return std::string_view(a.series).substr(0, a.series.find('/'));
}

std::string place_of(const Answer& a) {
  return a.series.empty() ? a.view + "\t" + subject_of(a) : std::string(edge_of(a));
}

std::string to_json(const Answer& a) {
  std::string out = "{";
  if (a.position > 0) out += fmt::format(R"("position":{},)", a.position);
  out += fmt::format(R"("view":{},)", json_quote(a.view));
  if (a.view_version > 0) out += fmt::format(R"("view_version":{},)", a.view_version);
  if (a.view_hash != 0) out += fmt::format(R"("view_hash":"{:016x}",)", a.view_hash);
  out += fmt::format(R"("series":{},"labels":{},"start":"{}","end":"{}","values":{},)",
                     json_quote(a.series), object(a.labels), format_utc(a.start),
                     format_utc(a.end), object(a.values));
  if (!a.texts.empty()) out += fmt::format(R"("texts":{},)", object(a.texts));
  out += fmt::format(
      R"("unit":{},"state":"{}","revision":{},"cause":{},"known_at":"{}",)"
      R"("completeness":{},"estimated":{},"coverage":{},"missing":{},"lost":{},"approximate":{})",
      json_quote(a.unit), to_string(a.state), a.revision,
      a.cause.empty() ? "null" : json_quote(a.cause), format_utc(a.known_at),
      number_or_null(a.completeness), a.estimated, number_or_null(a.coverage), list(a.missing),
      a.lost, a.approximate);
  if (!a.waived.empty()) out += fmt::format(R"(,"waived":{})", list(a.waived));
  if (!a.notes.empty()) {
    out += R"(,"notes":[)";
    for (const auto& n : a.notes) out += (out.back() == '[' ? "" : ",") + json_quote(n);
    out += "]";
  }
  if (!a.previous.empty()) {
    out += fmt::format(R"(,"previous":{},"difference":{})", object(a.previous),
                       object(difference(a)));
  }
  return out + "}";
}

}  // namespace tidemark::answers
