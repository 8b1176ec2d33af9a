// A store of served answers in a folder of its own, and answers to put into it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "cloud/serve/answer_store.h"
#include "cloud/serve/schema.h"
#include "cloud/serve/served_reader.h"
#include "tests/support/folder.h"

namespace tidemark::test {

inline constexpr EventTime kNoon = event_time(1'700'000'000'000'000'000 / 60'000'000'000 *
                                              60'000'000'000);
inline constexpr const char* kPower = "press-07/line1/power";

// When a record was appended: so many seconds behind noon.
inline EventTime at(int seconds) { return kNoon + std::chrono::seconds(seconds); }

// The window of the n-th minute behind noon, of a view of minutes. Position and time of an emission
// follow from the revision.
inline answers::Answer some_revision(int minute, std::uint64_t revision,
                                     const std::string& series = kPower) {
  answers::Answer a;
  a.view = "power_1m";
  a.view_version = 1;
  a.view_hash = 0xfedc'ba98'7654'3210;
  a.series = series;
  a.labels = {{"site", "plant7"}};
  a.start = kNoon + std::chrono::minutes(minute);
  a.end = a.start + std::chrono::minutes(1);
  a.revision = revision;
  a.values = {{"count", 60.0}, {"last", static_cast<double>(revision)}, {"mean", -0.0}};
  a.unit = "W";
  a.state = revision == 0 ? answers::State::sealed : answers::State::revised;
  a.cause = revision == 0 ? "" : "late";
  a.completeness = 1.0;
  a.known_at = a.end + std::chrono::seconds(revision);
  a.position = static_cast<std::uint64_t>(minute) * 1000 + revision + 1;
  return a;
}

inline query::AnswerQuery of_view(std::string view = "power_1m",
                                  const char* select = "**") {
  query::AnswerQuery query;
  query.view = std::move(view);
  query.select = answers::Selection::parse(select).value();
  return query;
}

class Served {
 public:
  explicit Served(serve::StoreOptions options = {}) : options_(std::move(options)) {
    options_.folder = folder_.path;
    open();
  }
  void open() {
    store.reset();
    store = serve::AnswerStore::open(options_, random_).value();
  }
  // In a batch of its own.
  Result<> take(const answers::Answer& answer, EventTime appended, int place = 0) {
    store->begin();
    auto taken = store->take(answer, appended, place);
    EXPECT_TRUE(store->commit().ok());
    return taken;
  }
  void maintain(EventTime now) {
    store->begin();
    store->maintain(now);
    EXPECT_TRUE(store->commit().ok());
  }
  [[nodiscard]] std::unique_ptr<query::Reader> reader() const {
    return serve::open_served(folder_.path).value();
  }
  // The answers of a view, as JSON.
  [[nodiscard]] std::vector<std::string> say(const query::AnswerQuery& query) const {
    std::vector<std::string> all;
    const auto found = reader()->answers(query);
    EXPECT_TRUE(found.ok()) << found.error().text();
    for (const auto& a : *found) all.push_back(to_json(a));
    return all;
  }
  // Of each window of the view the revision; as of a time.
  [[nodiscard]] std::vector<std::uint64_t> revisions(
      std::optional<EventTime> as_of = std::nullopt) const {
    auto query = of_view();
    query.as_of = as_of;
    std::vector<std::uint64_t> all;
    const auto found = reader()->answers(query);
    EXPECT_TRUE(found.ok()) << found.error().text();
    for (const auto& a : *found) all.push_back(a.revision);
    return all;
  }
  // Rows that say which definition was in force since when.
  [[nodiscard]] std::uint64_t logged() const {
    const auto db = serve::open_reader(folder_.path).value();
    sqlite::Statement rows(*db, "SELECT COUNT(*) FROM view_log");
    return rows.start().next() ? rows.count(0) : 0;
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path; }

  std::unique_ptr<serve::AnswerStore> store;

 private:
  Folder folder_;
  serve::StoreOptions options_;
  SeededRandom random_{7};
};

}  // namespace tidemark::test
