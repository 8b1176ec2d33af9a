// The Reader over cloud.db and the archive: one SQLite connection, one read transaction a call.
// Private to this folder: answers come from answer_reader.cpp, the rest from sqlite_reader.cpp.
#pragma once

#include <fmt/format.h>

#include "cloud/query/reader.h"
#include "cloud/query/snapshot.h"
#include "cloud/query/windows.h"
#include "cloud/store/store.h"

namespace tidemark::query {

using answers::Answer;
using answers::State;

struct Subject {
  answers::Subject id = 0;
  const SeriesEntry* series = nullptr;  // or
  const GroupEntry* group = nullptr;
  struct Source {  // one series of each source
    answers::Member member;
    const SeriesEntry* series;
    EventTime frontier;
  };
  std::vector<Source> sources;

  [[nodiscard]] EventTime foremost() const {
    auto foremost = kEventTimeMin;
    for (const auto& s : sources) foremost = std::max(foremost, s.frontier);
    return foremost;
  }
  // Of those that belong to the window; the end of time when nobody does.
  [[nodiscard]] EventTime hindmost(EventTime window) const {
    auto hindmost = kEventTimeMax;
    for (const auto& s : sources) {
      if (group == nullptr || s.member.holds(window)) hindmost = std::min(hindmost, s.frontier);
    }
    return hindmost;
  }
};

// A read transaction for one call.
class Moment {
 public:
  explicit Moment(Snapshot& snapshot) : snapshot_(snapshot) { snapshot_.begin(); }
  ~Moment() { snapshot_.end(); }
  Moment(const Moment&) = delete;
  Moment& operator=(const Moment&) = delete;

 private:
  Snapshot& snapshot_;
};

class SqliteReader final : public Reader {
 public:
  SqliteReader(std::unique_ptr<sqlite::Database> database, const std::filesystem::path& data_dir)
      : database_(std::move(database)),
        snapshot_(*database_),
        archive_(disk_, store::archive_folder(data_dir)),
        windows_(snapshot_, archive_),
        current_(*database_, "SELECT a.start,h.position,h.known_at,h.body FROM answers a"
                             " JOIN history h ON h.position=a.position WHERE a.view=?"
                             " AND a.series=? AND a.start>=? AND a.start<?"
                             " ORDER BY a.start DESC LIMIT ?"),
        as_of_(*database_, "SELECT h.start,h.position,h.known_at,h.body FROM history h JOIN"
                           " (SELECT MAX(position) AS p FROM history WHERE view=? AND series=? AND"
                           " start>=? AND start<? AND known_at<=? GROUP BY start) m"
                           " ON m.p=h.position ORDER BY h.start DESC LIMIT ?"),
        revisions_(*database_, "SELECT start,position,known_at,body FROM history WHERE view=?"
                               " AND series=? AND start>=? AND start<? AND known_at<=?"
                               " ORDER BY position LIMIT ?"),
        since_(*database_, "SELECT start,position,known_at,body,view,series FROM history"
                           " WHERE position>? AND view>0 ORDER BY position LIMIT ?"),
        said_(*database_, "SELECT h.position,v.definition,h.start,h.body FROM history h"
                          " LEFT JOIN views v ON v.id=-h.view WHERE h.position>? AND h.view<0"
                          " ORDER BY h.position LIMIT ?"),
        position_(*database_, "SELECT MAX(position) FROM history"),
        series_(*database_, "SELECT first,last,readings FROM series WHERE id=?"),
        edges_(*database_, "SELECT id,name,site,version,incarnation,ordinal,connected,seen,blocks,"
                           "missing,ledger,away FROM edges ORDER BY name"),
        sources_(*database_, "SELECT name,class,sealed_until,frontier,stamped,due,good,taken"
                             " FROM sources WHERE edge=? ORDER BY name,class"),
        alarms_(*database_, "SELECT kind,text,first,last,times FROM alarms WHERE edge=?"),
        late_(*database_, "SELECT series,start,readings,placement FROM late ORDER BY start DESC"),
        events_(*database_,
                fmt::format("SELECT {} FROM events WHERE time>=?1 AND time<?2 AND"
                            " (?3='' OR cause=?3) AND (?4='' OR state=?4)"
                            " ORDER BY time DESC,id DESC", store::kEventColumns)),
        events_since_(*database_,
                      fmt::format("SELECT {} FROM events WHERE id>? ORDER BY id LIMIT ?",
                                  store::kEventColumns)),
        letters_(*database_,
                 fmt::format("SELECT {} FROM deadletters WHERE (?1=0 OR why=?1) AND"
                             " (?2<0 OR state=?2) ORDER BY id DESC LIMIT ?3",
                             store::kLetterColumns)),
        letter_(*database_,
                fmt::format("SELECT {},bytes FROM deadletters WHERE id=?", store::kLetterColumns)),
        letters_since_(*database_,
                       fmt::format("SELECT {},bytes FROM deadletters WHERE id>? AND state=0"
                                   " ORDER BY id LIMIT ?", store::kLetterColumns)),
        letters_kept_(*database_, "SELECT why,COUNT(*) FROM deadletters WHERE state=0"
                                  " GROUP BY why"),
        letters_dropped_(*database_, "SELECT edge,CAST(TOTAL(readings) AS INTEGER) FROM deadletters"
                                     " WHERE state=2 AND booked=1 GROUP BY edge"),
        outcomes_(*database_, store::kUnsaidOutcomes) {}

  Result<std::vector<SeriesState>> series(const answers::Selection& select) override;
  Result<std::vector<EdgeState>> edges() override;
  Result<std::vector<std::string>> views() override;
  Result<std::vector<ViewVersion>> view_versions() override;
  Result<std::vector<Answer>> answers(const AnswerQuery& query) override;
  Result<std::vector<Answer>> revisions(const AnswerQuery& query) override;
  Result<std::vector<LateRow>> late(const answers::Selection& select, std::size_t limit) override;
  Result<Ledger> ledger() override;
  Result<std::vector<WaivedSource>> waived_sources() override;
  Result<std::vector<MeterSwap>> swaps(const answers::Selection& select) override;
  Result<std::vector<Answer>> since(std::uint64_t position, std::size_t limit) override;
  Result<std::uint64_t> position() override;
  Result<std::vector<store::Event>> events(const EventQuery& query) override;
  Result<std::vector<store::Event>> events_since(std::int64_t id, std::size_t limit) override;
  Result<std::vector<store::Letter>> dead_letters(const LetterQuery& query) override;
  Result<std::optional<store::Letter>> dead_letter(std::int64_t id,
                                                   std::optional<int> partition) override;
  Result<std::vector<store::Letter>> letters_since(std::int64_t id, std::size_t limit) override;
  Result<LetterCounts> letter_counts() override;
  Result<std::vector<store::Outcome>> outcomes_since(std::int64_t order,
                                                     std::size_t limit) override;
  Result<std::vector<ByteVector>> definitions(bool all) override;
  Result<std::vector<Said>> said_since(std::uint64_t position, std::size_t limit) override;

 private:
  // The view that answers the query, or none; bad_input for an unknown name.
  Result<const ViewEntry*> view_for(const AnswerQuery& query);
  Result<const ViewEntry*> view_called(const AnswerQuery& query);
  // Those of a view that are selected.
  std::vector<Subject> subjects(const ViewEntry& view, const answers::Selection& select);
  Subject of_series(const SeriesEntry& series);
  Subject of_group(const GroupEntry& group);
  Result<> add_kept(const ViewEntry& view, const Subject& subject, const AnswerQuery& query,
                    std::vector<Answer>& all);
  Result<> add_computed(const ViewEntry* view, const AnswerQuery& query, std::vector<Answer>& all);
  Result<> add_groups(const ViewEntry* view, const AnswerQuery& query, const Windows::Asked& asked,
                      std::vector<Answer>& all);
  Result<Windows::Asked> asked(const ViewEntry* view, const AnswerQuery& query) const;
  // The answer of now of that window's time, if there is one.
  Result<std::optional<LateRow::Window>> window_of(const SeriesEntry& series, EventTime time);
  Result<> add_revisions(const ViewEntry& view, const Subject& subject, const AnswerQuery& query,
                         std::vector<Answer>& all);
  Result<Answer> row(const sqlite::Statement& statement, const ViewEntry& view,
                     const Subject& subject);
  // Names, labels, and what changes without an emission.
  // What was computed of a subject, as an answer to that query.
  void take(std::vector<Answer> computed, const AnswerQuery& query, const ViewEntry* view,
            const Subject& subject, const std::vector<std::string>& group_by,
            std::vector<Answer>& all);
  void dress(Answer& answer, const Subject& subject, const std::vector<std::string>& group_by);
  void name_missing(Answer& answer, const Subject& subject);

  SystemDisk disk_;
  std::unique_ptr<sqlite::Database> database_;
  Snapshot snapshot_;
  store::ArchiveReader archive_;
  Windows windows_;
  sqlite::Statement current_, as_of_, revisions_, since_, said_, position_, series_, edges_,
      sources_, alarms_, late_, events_, events_since_, letters_, letter_, letters_since_,
      letters_kept_, letters_dropped_, outcomes_;
};

}  // namespace tidemark::query
