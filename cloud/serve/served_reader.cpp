#include "cloud/serve/served_reader.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "cloud/serve/answer_store.h"
#include "cloud/serve/labels.h"
#include "cloud/serve/schema.h"
#include "cloud/serve/store_reader.h"

namespace tidemark::serve {
namespace {

constexpr std::uint64_t kRefusedShown = 5;
const std::string kLast = "last";

}  // namespace

std::vector<View> StoreReader::load_views(std::optional<EventTime> then) {
  std::vector<View> all;
  views_.start();
  while (views_.next()) {
    View v;
    v.read(views_);
    all.push_back(std::move(v));
  }
  for (auto& v : all) {
    auto& rows = then ? in_force_then_ : in_force_;
    if (then) {
      rows.start(v.name, count_ns(*then));
    } else {
      rows.start(v.name);
    }
    while (rows.next()) {
      if (rows.integer(1) == v.id) v.places.insert(static_cast<int>(rows.integer(0)));
    }
  }
  return all;
}

std::vector<Subject> StoreReader::subjects_of(const View& view) {
  std::vector<Subject> all;
  subjects_.start(view.id);
  while (subjects_.next()) {
    all.push_back({subjects_.integer(0), subjects_.text(1), decode_labels(subjects_.blob(2)),
                   subjects_.text(3), static_cast<int>(subjects_.integer(4))});
  }
  return all;
}

Result<std::vector<Answer>> StoreReader::since(std::uint64_t position, std::size_t limit) {
  const Moment moment(*database_);
  std::map<std::int64_t, View> views;
  for (auto& v : load_views()) views.emplace(v.id, std::move(v));
  std::vector<Answer> all;
  since_.start(position, static_cast<std::uint64_t>(limit));
  while (since_.next()) {
    const Subject subject{0, since_.text(5), decode_labels(since_.blob(6)), since_.text(7), 0};
    TIDE_ASSIGN(auto a, row(since_, views[since_.integer(4)], subject));
    all.push_back(std::move(a));
  }
  TIDE_TRY(database_->fault());
  return all;
}

std::uint64_t StoreReader::meta(const char* key) {
  const auto value = position_.start(key).next() ? position_.count(0) : 0;
  position_.rewind();
  return value;
}

Result<std::uint64_t> StoreReader::position() {
  const auto position = meta(kPosition);
  TIDE_TRY(database_->fault());
  return position;
}

Result<std::vector<std::string>> StoreReader::views() {
  const Moment moment(*database_);
  std::vector<std::string> names;
  for (const auto& v : load_views()) {
    if (!v.places.empty() && std::ranges::find(names, v.name) == names.end()) {
      names.push_back(v.name);
    }
  }
  TIDE_TRY(database_->fault());
  return names;
}

Result<std::vector<query::ViewVersion>> StoreReader::view_versions() {
  const Moment moment(*database_);
  std::vector<query::ViewVersion> all;
  for (const auto& v : load_views()) {
    query::ViewVersion version{v.name, v.version};
    version.since = kEventTimeMax;
    auto ended = kEventTimeMin;
    bool in_force = false;
    std::int64_t place = -1;
    log_.start(v.name);
    while (log_.next()) {
      const auto at = event_time(log_.integer(1));
      const bool its = log_.integer(0) == v.id;
      if (std::exchange(place, log_.integer(2)) != log_.integer(2)) in_force = false;
      if (its) version.since = std::min(version.since, at);
      if (!its && in_force) ended = std::max(ended, at);
      in_force = its;
    }
    if (v.places.empty()) version.until = ended;
    all.push_back(std::move(version));
  }
  std::ranges::sort(all, [](const auto& a, const auto& b) {
    return std::tie(a.view, a.version) < std::tie(b.view, b.version);
  });
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<query::SeriesState>> StoreReader::series(const answers::Selection& select) {
  const Moment moment(*database_);
  TIDE_ASSIGN(auto all, list_series(load_views(), select, true));
  TIDE_TRY(database_->fault());
  return all;
}

Result<std::vector<query::SeriesState>> StoreReader::list_series(const std::vector<View>& views,
                                                                 const answers::Selection& select,
                                                                 bool newest) {
  std::map<std::string, std::pair<query::SeriesState, Labels>> found;
  std::vector<Subject> every;
  for (const auto& v : views) {
    if (v.places.empty()) continue;
    for (auto& s : subjects_of(v)) {
      if (s.series.empty() || !v.places.contains(s.place)) continue;
      auto& [state, labels] = found[s.series];
      if (state.name.empty()) state.first = kEventTimeMax;
      state.name = s.series;
      state.edge = s.edge();
      state.described = false;
      if (!s.unit.empty()) state.description.unit = s.unit;
      const auto site = s.labels.find("site");
      if (site != s.labels.end()) state.site = site->second;
      for (const auto& [name, value] : s.all_labels()) labels[name] = value;
      if (newest) TIDE_TRY(note_newest(v, s, state));
      every.push_back(std::move(s));
    }
  }
  TIDE_TRY(check_labels(select, every));
  std::vector<query::SeriesState> all;
  for (auto& [name, entry] : found) {
    if (select.matches(name, entry.second)) all.push_back(std::move(entry.first));
  }
  return all;
}

Result<> StoreReader::note_newest(const View& view, const Subject& subject,
                                  query::SeriesState& state) {
  if (extent_.start(subject.id).next() && !extent_.is_null(0)) {
    state.first = std::min(state.first, event_time(extent_.integer(0)));
  }
  extent_.rewind();
  current_.start(subject.id, count_ns(kEventTimeMin), count_ns(kEventTimeMax), 1);
  if (!current_.next()) return {};
  TIDE_ASSIGN(const auto newest, row(current_, view, subject));
  current_.rewind();
  if (newest.end <= state.last) return {};
  state.last = newest.end;
  if (const auto at = newest.values.find(kLast); at != newest.values.end()) {
    state.value = at->second;
  }
  if (const auto at = newest.texts.find(kLast); at != newest.texts.end()) {
    state.text = at->second;
  }
  return {};
}

Result<std::optional<query::Serving>> StoreReader::serving() {
  const Moment moment(*database_);
  query::Serving s;
  s.records = meta(kRecords);
  s.repeated = meta(kRepeated);
  s.older = meta(kOlder);
  s.refused = meta(kRefused);
  s.lost = meta(kLost);
  const auto from = static_cast<std::int64_t>(meta(kKnownFrom));
  if (from != 0) s.known_from = event_time(from);
  refused_.start(kRefusedShown);
  while (refused_.next()) {
    s.newest_refused.push_back(
        {refused_.text(0), refused_.text(1), event_time(refused_.integer(2))});
  }
  if (live_) live_(s);
  TIDE_TRY(database_->fault());
  return std::optional(std::move(s));
}

bool is_served(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(served_path(folder), ignored);
}

Result<std::unique_ptr<query::Reader>> open_served(const std::filesystem::path& folder,
                                                   std::function<void(query::Serving&)> live) {
  TIDE_ASSIGN(auto database, open_reader(folder));
  return std::unique_ptr<query::Reader>(new StoreReader(std::move(database), std::move(live)));
}

}  // namespace tidemark::serve
