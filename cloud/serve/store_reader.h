// The class behind served_reader.h. Private to the folder: answers come from served_answers.cpp,
// the rest from served_reader.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cloud/query/reader.h"
#include "cloud/serve/known_view.h"
#include "common/sqlite/database.h"

namespace tidemark::serve {

using answers::Answer;
using answers::Labels;
using query::AnswerQuery;

// What only nodes know that make answers.
Error elsewhere(std::string_view what);

// A definition of a view, as far as its answers tell.
struct View : KnownView {
  std::set<int> places = {};  // partitions in which it is in force

  // Windows of one length that follow each other.
  [[nodiscard]] bool tumbles() const { return aligned && width_min == width_max; }
};

struct Subject {
  std::int64_t id = 0;
  std::string series;  // empty: a group
  Labels labels;
  std::string unit;
  int place = 0;

  [[nodiscard]] std::string edge() const { return series.substr(0, series.find('/')); }
  // As far as they are known here.
  [[nodiscard]] Labels all_labels() const {
    auto all = labels;
    if (!series.empty()) all["edge"] = edge();
    if (!unit.empty()) all["unit"] = unit;
    return all;
  }
};

struct Found {
  Subject subject;
  const View* view = nullptr;
};

// bad_input for a label that no answer says: it would select nothing, without a word.
Result<> check_labels(const answers::Selection& select, const std::vector<Subject>& subjects);

class StoreReader final : public query::Reader {
 public:
  StoreReader(std::unique_ptr<sqlite::Database> database,
              std::function<void(query::Serving&)> live)
      : database_(std::move(database)),
        live_(std::move(live)),
        views_(*database_, KnownView::kSelect),
        in_force_(*database_, "SELECT place,view FROM in_force WHERE name=?"),
        in_force_then_(*database_,
                       "SELECT l.place,l.view FROM view_log l WHERE l.name=?1 AND l.origin="
                       "COALESCE((SELECT MAX(origin) FROM view_log WHERE name=?1"
                       " AND place=l.place AND at<=?2),(SELECT MIN(origin) FROM view_log"
                       " WHERE name=?1 AND place=l.place)) AND EXISTS (SELECT 1 FROM view_log"
                       " WHERE name=?1 AND at<=?2)"),
        log_(*database_, "SELECT view,at,place FROM view_log WHERE name=? ORDER BY place,origin"),
        subjects_(*database_, "SELECT id,series,labels,unit,place FROM subjects WHERE view=?"
                              " ORDER BY series"),
        current_(*database_, "SELECT a.start,h.origin,h.made,h.body FROM answers a"
                             " JOIN history h ON h.position=a.position WHERE a.subject=?"
                             " AND a.start>=? AND a.start<? ORDER BY a.start DESC LIMIT ?"),
        as_of_(*database_, "SELECT start,origin,made,body FROM history WHERE subject=?1"
                           " AND start>=?2 AND start<?3 AND appended<=?4"
                           " AND (gone IS NULL OR gone>?4) ORDER BY start DESC LIMIT ?5"),
        unknown_(*database_, "SELECT start,appended FROM history h WHERE subject=?1 AND start>=?2"
                             " AND start<?3 AND appended>?4 AND revision>0 AND NOT EXISTS"
                             " (SELECT 1 FROM history l WHERE l.subject=h.subject"
                             " AND l.start=h.start AND l.revision<h.revision) LIMIT 1"),
        revisions_(*database_, "SELECT start,origin,made,body FROM history WHERE subject=?"
                               " AND start>=? AND start<? AND appended<=?"
                               " ORDER BY origin,revision LIMIT ?"),
        since_(*database_, "SELECT h.start,h.position,h.made,h.body,s.view,s.series,s.labels,"
                           "s.unit FROM history h JOIN subjects s ON s.id=h.subject"
                           " WHERE h.position>? ORDER BY h.position LIMIT ?"),
        position_(*database_, "SELECT value FROM meta WHERE key=?"),
        extent_(*database_, "SELECT MIN(start),MAX(start) FROM answers WHERE subject=?"),
        refused_(*database_, "SELECT record,reason,at FROM refused ORDER BY id DESC LIMIT ?") {}

  Result<std::vector<query::SeriesState>> series(const answers::Selection& select) override;
  Result<std::vector<query::EdgeState>> edges() override { return elsewhere("edges are"); }
  Result<std::vector<std::string>> views() override;
  Result<std::vector<query::ViewVersion>> view_versions() override;
  Result<std::vector<Answer>> answers(const AnswerQuery& query) override;
  Result<std::vector<Answer>> revisions(const AnswerQuery& query) override;
  Result<std::vector<query::LateRow>> late(const answers::Selection& /*select*/,
                                           std::size_t /*limit*/) override {
    return elsewhere("late readings are");
  }
  Result<Ledger> ledger() override { return elsewhere("the ledger is"); }
  Result<std::vector<query::WaivedSource>> waived_sources() override {
    return elsewhere("what persons said of sources is");
  }
  Result<std::vector<query::MeterSwap>> swaps(const answers::Selection& /*select*/) override {
    return elsewhere("swapped meters are");
  }
  Result<std::vector<Answer>> since(std::uint64_t position, std::size_t limit) override;
  Result<std::uint64_t> position() override;
  Result<std::vector<store::Event>> events(const query::EventQuery& /*query*/) override {
    return elsewhere("events are");
  }
  Result<std::vector<store::Letter>> dead_letters(const query::LetterQuery& /*query*/) override {
    return elsewhere("dead letters are");
  }
  Result<std::optional<store::Letter>> dead_letter(std::int64_t /*id*/,
                                                   std::optional<int> /*partition*/) override {
    return elsewhere("dead letters are");
  }
  Result<std::optional<query::Serving>> serving() override;

 private:
  // A read transaction for one call.
  class Moment {
   public:
    explicit Moment(sqlite::Database& database) : database_(database) { database_.run("BEGIN"); }
    ~Moment() { database_.run("COMMIT"); }
    Moment(const Moment&) = delete;
    Moment& operator=(const Moment&) = delete;

   private:
    sqlite::Database& database_;
  };

  // In force now, or then.
  std::vector<View> load_views(std::optional<EventTime> then = std::nullopt);
  // By name, those that an answer in force is about; `newest`: with what that says.
  Result<std::vector<query::SeriesState>> list_series(const std::vector<View>& views,
                                                      const answers::Selection& select,
                                                      bool newest);
  std::vector<Subject> subjects_of(const View& view);
  // In the order of answers: by series, then groups by labels; of each view those of partitions
  // where it is in force, or all. bad_input for labels that are not known here.
  Result<std::vector<Found>> subjects(const std::vector<const View*>& views,
                                      const answers::Selection& select, bool everywhere);
  // While a change of the view goes round, several.
  Result<std::vector<const View*>> called(const std::vector<View>& views,
                                          const AnswerQuery& query);
  Result<std::vector<Answer>> of_expression(const std::vector<View>& views,
                                            const AnswerQuery& query);
  Result<> check_floor(EventTime as_of);
  Result<> add_kept(const View& view, const Subject& subject, const AnswerQuery& query,
                    std::vector<Answer>& all);
  Result<> add_revisions(const View& view, const Subject& subject, const AnswerQuery& query,
                         std::vector<Answer>& all);
  Result<> note_newest(const View& view, const Subject& subject, query::SeriesState& state);
  static Result<Answer> row(const sqlite::Statement& statement, const View& view,
                            const Subject& subject);
  std::uint64_t meta(const char* key);

  std::unique_ptr<sqlite::Database> database_;
  std::function<void(query::Serving&)> live_;
  sqlite::Statement views_, in_force_, in_force_then_, log_, subjects_, current_, as_of_, unknown_,
      revisions_, since_, position_, extent_, refused_;
};

}  // namespace tidemark::serve
