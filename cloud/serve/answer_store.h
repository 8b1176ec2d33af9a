// What a node that only serves has read of answers and of their history, in a file of its own.
//
// Promise    what was taken and how far the topics are read is one transaction. Of a window the
//            highest revision counts, whatever comes behind it; of two records of one revision the
//            one with the higher position. Which records came first, or twice, makes no difference.
// Views      are known by what they are defined as (Answer::view_hash), which is the same at all
//            nodes. Of a partition of the topics that definition is in force of which its record of
//            the highest position is: while a change of a view goes round, each has its own.
// Positions  rise by one with each answer that was the newest of its window when it came. They are
//            of this store alone, and begin at random: another's are not taken for them.
// Bounds     kViewsMax definitions of views and kSeriesMax series and groups of them: an answer of
//            one more is Fault::full. What is old goes, as Options say.
// Files      served.db (WAL) in Options::folder; FORMAT.md.
// Threads    one. Readers open their own (served_reader.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "cloud/answers/answer.h"
#include "cloud/reconcile/tiers.h"
#include "cloud/serve/known_view.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/sqlite/database.h"

namespace tidemark::serve {

std::filesystem::path served_path(const std::filesystem::path& folder);

struct StoreOptions {
  std::filesystem::path folder = {};
  Nanoseconds keep_revisions = std::chrono::hours(24 * 90);  // superseded
  // How long windows of a resolution are kept, behind the newest window of their series.
  reconcile::Horizons horizons = {};
  std::size_t series_max = 1'000'000;
};

// What was taken, ever.
struct ServedCounts {
  std::uint64_t records = 0;
  std::uint64_t repeated = 0;  // the same again
  std::uint64_t older = 0;     // than what was here
  std::uint64_t refused = 0;   // cannot be read
  std::uint64_t lost = 0;      // went before they were read
};

class AnswerStore {
 public:
  static constexpr std::size_t kViewsMax = 10'000;
  static constexpr std::size_t kFiguresMax = 64;     // names of a view that are remembered
  static constexpr std::int64_t kRefusalsKept = 100;

  static Result<std::unique_ptr<AnswerStore>> open(StoreOptions options, Random& random);

  void begin();
  Result<> commit();
  [[nodiscard]] bool in_batch() const { return in_batch_; }

  // The topics are those of another layout from now on, where they were of one: what was read of
  // that goes, and positions go on. Whether it has.
  bool be_of_layout(const std::string& id);
  // Inside a batch. `appended`: when its record was, by the broker's clock; `place`: in which
  // partition.
  Result<> take(const answers::Answer& answer, EventTime appended, int place);
  void refuse(const std::string& record, const std::string& reason, EventTime at);
  // Records went before they were read; what was known before `at` cannot be told any more.
  void lose(std::uint64_t records, EventTime at);
  // Lets go of what is old, a bounded part at each call; whether more of it is there.
  bool maintain(EventTime now);

  // How far topics are read, by names of the caller's; 0 where nothing was noted.
  [[nodiscard]] std::uint64_t noted(const std::string& name);
  void note(const std::string& name, std::uint64_t value);

  [[nodiscard]] const ServedCounts& counts() const { return counts_; }

 private:
  struct View : KnownView {
    bool changed = false;
  };
  // A definition in a partition.
  struct Force {
    std::int64_t view = 0;
    std::uint64_t origin = 0;  // position of the newest record there
    bool changed = false;
  };
  struct Subject {
    std::int64_t id = 0;
    bool other = false;  // its labels or its unit are not those of the answer
  };
  struct Row {
    std::int64_t position = 0;
    EventTime appended{};
    std::uint64_t origin = 0;
    bool same = false;  // it says the same
  };
  explicit AnswerStore(StoreOptions options);
  Result<> load(Random& random);
  Result<View*> view_of(const answers::Answer& answer);
  void note_figures(View& view, const answers::Answer& answer);
  void note_version(const View& view, const answers::Answer& answer, EventTime appended,
                    int place);
  Result<Subject> subject_of(const View& view, const answers::Answer& answer, int place);
  bool find(const Subject& subject, const answers::Answer& answer, Row& row);
  void add(const Subject& subject, const answers::Answer& answer, EventTime appended);
  bool forget_windows();
  bool forget_versions(EventTime before);
  void forget_view(std::int64_t id);
  void save();

  const StoreOptions options_;
  std::unique_ptr<sqlite::Database> database_;
  sqlite::Statement get_meta_, set_meta_, views_, add_view_, save_view_, log_, add_log_,
      earlier_log_, forget_log_, in_force_rows_, save_in_force_, remove_view_, subject_,
      add_subject_, save_subject_, row_, remove_row_, earlier_, next_after_, supersede_, add_row_,
      newest_, save_newest_, add_refusal_, bound_refusals_, prune_, subjects_after_, newest_start_,
      forget_rows_, forget_newest_, gone_versions_, subjects_of_, forget_subject_;
  bool in_batch_ = false;
  std::map<std::pair<std::string, std::uint64_t>, View> all_views_;  // by name and hash
  std::map<std::pair<std::string, int>, Force> in_force_;            // by name and partition
  // By definition and partition: since when it was in force first, as far as is known.
  std::map<std::pair<std::int64_t, int>, EventTime> since_;
  std::uint64_t position_ = 0;
  std::int64_t behind_ = 0;  // the lowest position of what was nobody's news; at most 0
  std::size_t series_ = 0;
  EventTime known_from_ = kEventTimeMin;
  std::int64_t forget_next_ = 0;
  ServedCounts counts_;
  ByteVector scratch_;
};

}  // namespace tidemark::serve
