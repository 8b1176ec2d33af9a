#include "edge/local/local_feed.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "edge/pipeline/event_json.h"

namespace tidemark::local {
namespace {

using filter::Cause;
using pipeline::LocalSeries;
using pipeline::TapKind;
using window::LocalResult;

std::string values_json(const LocalResult& result) {
  std::string out = "{";
  for (const auto& f : result.figures) {
    if (out.size() > 1) out += ',';
    out += json_quote(f.name) + ':';
    if (f.name == "time_in_state") {
      out += '{';
      for (std::size_t i = 0; i < f.parts.size(); ++i) {
        out += (i > 0 ? "," : "") + json_quote(f.parts[i].first) + ':' +
               json_number(f.parts[i].second);
      }
      out += '}';
    } else if (f.text) {
      out += json_quote(*f.text);
    } else {
      out += f.number ? json_number(*f.number) : "null";
    }
  }
  return out + '}';
}

std::string window_json(const LocalSeries& series, const LocalResult& r,
                        const std::string& values) {
  auto out = fmt::format(
      R"({{"v":1,"type":"window","series":{},"window":"{}","start":"{}","end":"{}","revision":{})",
      json_quote(series.name), series.window, format_utc(event_time(r.start)),
      format_utc(event_time(r.end)), r.revision);
  if (r.withdrawn) {
    return out + fmt::format(R"(,"withdrawn":true,"survivor":"{}"}})",
                             format_utc(event_time(r.survivor)));
  }
  out += fmt::format(R"(,"readings":{},"unit":{},"values":{})", r.readings,
                     json_quote(series.unit), values);
  if (r.cut) out += R"(,"cut":true)";
  if (r.approximate) out += R"(,"approximate":true)";
  return out + '}';
}

}  // namespace

LocalFeed::LocalFeed(history::History* history, publish::Publisher* publisher,
                     pipeline::TapHub& tap)
    : history_(history), publisher_(publisher), tap_(tap) {
  if (history_ == nullptr) return;
  next_event_ = history_->next_event();
  for (const auto& s : history_->standing()) {
    for (const auto cause : {Cause::hihi, Cause::hi, Cause::lo, Cause::lolo}) {
      if (s.cause != filter::to_string(cause)) continue;
      open_[{s.series, cause}] = s.id;
      standing_[s.series].push_back({cause, s.level});
    }
  }
}

void LocalFeed::tell(TapKind kind, const LocalSeries& series, const std::string& line) {
  if (tap_.listening(kind)) tap_.publish(kind, series.name, line);
  if (publisher_ != nullptr && !series.topic.empty()) publisher_->publish(series.topic, line);
}

void LocalFeed::windows(const LocalSeries& series, const std::vector<LocalResult>& results) {
  const bool told =
      tap_.listening(TapKind::windows) || (publisher_ != nullptr && !series.topic.empty());
  for (const auto& r : results) {
    auto values = r.withdrawn ? std::string("{}") : values_json(r);
    if (told) tell(TapKind::windows, series, window_json(series, r, values));
    if (history_ == nullptr) continue;
    history_->add(history::Window{.series = series.name,
                                  .unit = series.unit,
                                  .type = series.window,
                                  .start = r.start,
                                  .end = r.end,
                                  .revision = r.revision,
                                  .readings = r.readings,
                                  .withdrawn = r.withdrawn,
                                  .cut = r.cut,
                                  .approximate = r.approximate,
                                  .values = std::move(values)});
  }
}

std::vector<pipeline::StandingLimit> LocalFeed::standing(const std::string& series) {
  const auto known = standing_.find(series);
  return known == standing_.end() ? std::vector<pipeline::StandingLimit>() : known->second;
}

std::uint64_t LocalFeed::event(const LocalSeries& series, const filter::Event& e,
                               bool context) {
  const auto key = std::pair(series.name, e.cause);
  std::uint64_t id = 0;
  if (e.raised) {
    id = next_event_++;
    if (e.cause >= Cause::hihi) open_[key] = id;
  } else if (const auto known = open_.find(key); known != open_.end()) {
    id = known->second;
    open_.erase(known);
  }
  tell(TapKind::events, series, pipeline::event_json(series, e, id));
  if (history_ == nullptr) return id;
  const auto cause = static_cast<std::size_t>(e.cause);
  history_->add(history::Event{
      .id = id,
      .series = series.name,
      .unit = series.unit,
      .cause = std::string(filter::to_string(e.cause)),
      .detector = cause < series.detectors.size() ? series.detectors[cause] : std::string(),
      .text = e.text(),
      .time = e.time,
      .value = e.value,
      .expected = e.expected,
      .score = e.score,
      .context = context,
      .clears = !e.raised});
  return id;
}

}  // namespace tidemark::local
