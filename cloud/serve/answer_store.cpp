#include "cloud/serve/answer_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cloud/answers/body.h"
#include "cloud/serve/labels.h"
#include "cloud/serve/schema.h"
#include "common/base/disk.h"
#include "common/base/hash.h"

namespace tidemark::serve {
namespace {

using answers::Answer;

// A number that JSON and its readers keep exactly, with room for all emissions to come.
constexpr std::uint64_t kPositionsFrom = std::uint64_t{1} << 40;
constexpr std::uint64_t kPositionsSpan = std::uint64_t{1} << 50;
constexpr std::size_t kPrunedMax = 5'000;   // rows a call
constexpr std::size_t kSubjectsATurn = 1'000; // that are looked at for what is old
constexpr auto kFrozenShown = std::chrono::hours(24);

reconcile::Tier tier_of(Nanoseconds width) {
  auto tier = reconcile::Tier::day;
  while (tier != reconcile::Tier::second && reconcile::width_of(tier) > width) {
    tier = static_cast<reconcile::Tier>(static_cast<int>(tier) - 1);
  }
  return tier;
}

}  // namespace

std::filesystem::path served_path(const std::filesystem::path& folder) {
  return folder / "served.db";
}

AnswerStore::AnswerStore(StoreOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<AnswerStore>> AnswerStore::open(StoreOptions options, Random& random) {
  TIDE_TRY(make_folder(options.folder));
  std::unique_ptr<AnswerStore> store(new AnswerStore(std::move(options)));
  TIDE_ASSIGN(store->database_, open_writer(store->options_.folder));
  auto& db = *store->database_;
  auto& s = *store;
  s.get_meta_ = {db, "SELECT value FROM meta WHERE key=?"};
  s.set_meta_ = {db, "INSERT INTO meta VALUES(?,?)"
                     " ON CONFLICT DO UPDATE SET value=excluded.value"};
  s.views_ = {db, KnownView::kSelect};
  s.add_view_ = {db, "INSERT INTO views(name,hash,version,made,width_min,width_max,aligned,"
                     "figures) VALUES(?,?,?,?,?,?,1,'')"};
  s.save_view_ = {db, "UPDATE views SET version=?,made=?,width_min=?,width_max=?,aligned=?,"
                      "figures=? WHERE id=?"};
  s.log_ = {db, "SELECT view,place,MIN(at) FROM view_log GROUP BY view,place"};
  s.add_log_ = {db, "INSERT OR REPLACE INTO view_log(name,place,origin,view,at)"
                    " VALUES(?,?,?,?,?)"};
  s.earlier_log_ = {db, "UPDATE view_log SET at=?4 WHERE name=?1 AND place=?2 AND view=?3"
                        " AND at>?4 AND origin=(SELECT MIN(origin) FROM view_log WHERE name=?1"
                        " AND place=?2 AND view=?3)"};
  s.forget_log_ = {db, "DELETE FROM view_log AS l WHERE EXISTS (SELECT 1 FROM view_log n"
                       " WHERE n.name=l.name AND n.place=l.place AND n.origin>l.origin"
                       " AND n.at<?)"};
  s.in_force_rows_ = {db, "SELECT name,place,origin,view FROM in_force"};
  s.save_in_force_ = {db, "INSERT OR REPLACE INTO in_force(name,place,origin,view)"
                          " VALUES(?,?,?,?)"};
  s.remove_view_ = {db, "DELETE FROM views WHERE id=?"};
  s.subject_ = {db, "SELECT id,labels,unit FROM subjects WHERE view=? AND series=? AND grp=?"};
  s.add_subject_ = {db, "INSERT INTO subjects(view,series,grp,labels,unit,place)"
                        " VALUES(?,?,?,?,?,?)"};
  s.save_subject_ = {db, "UPDATE subjects SET labels=?,unit=? WHERE id=?"};
  s.row_ = {db, "SELECT position,appended,origin,made,body FROM history"
                " WHERE subject=? AND start=? AND revision=?"};
  s.remove_row_ = {db, "DELETE FROM history WHERE position=?"};
  s.earlier_ = {db, "UPDATE history SET appended=? WHERE position=?"};
  s.next_after_ = {db, "SELECT MIN(appended) FROM history"
                       " WHERE subject=? AND start=? AND revision>?"};
  s.supersede_ = {db, "UPDATE history SET gone=?4 WHERE subject=?1 AND start=?2 AND revision<?3"
                      " AND (gone IS NULL OR gone>?4)"};
  s.add_row_ = {db, "INSERT INTO history VALUES(?,?,?,?,?,CASE WHEN ?6 THEN ?7 END,?8,?9,?10)"};
  s.newest_ = {db, "SELECT h.revision FROM answers a JOIN history h ON h.position=a.position"
                   " WHERE a.subject=? AND a.start=?"};
  s.save_newest_ = {db, "INSERT INTO answers VALUES(?,?,?)"
                        " ON CONFLICT DO UPDATE SET position=excluded.position"};
  s.add_refusal_ = {db, "INSERT INTO refused(record,reason,at) VALUES(?,?,?)"};
  s.bound_refusals_ = {db, "DELETE FROM refused WHERE id<=?"};
  s.prune_ = {db, "DELETE FROM history WHERE position IN (SELECT position FROM history"
                  " WHERE gone IS NOT NULL AND gone<? ORDER BY gone LIMIT ?)"};
  s.subjects_after_ = {db, "SELECT s.id,v.width_max FROM subjects s JOIN views v ON v.id=s.view"
                           " WHERE s.id>? ORDER BY s.id LIMIT ?"};
  s.newest_start_ = {db, "SELECT MAX(start) FROM answers WHERE subject=?"};
  s.forget_rows_ = {db, "DELETE FROM history WHERE position IN (SELECT position FROM history"
                        " WHERE subject=? AND start<? LIMIT ?)"};
  s.forget_newest_ = {db, "DELETE FROM answers WHERE (subject,start) IN (SELECT subject,start"
                          " FROM answers WHERE subject=? AND start<? LIMIT ?)"};
  s.gone_versions_ = {db, "SELECT v.id FROM views v WHERE NOT EXISTS (SELECT 1 FROM view_log l"
                          " WHERE l.name=v.name AND l.view=v.id)"};
  s.subjects_of_ = {db, "SELECT id FROM subjects WHERE view=? LIMIT ?"};
  s.forget_subject_ = {db, "DELETE FROM subjects WHERE id=?"};
  TIDE_TRY(store->load(random));
  return store;
}

Result<> AnswerStore::load(Random& random) {
  position_ = noted(kPosition);
  if (position_ == 0) position_ = kPositionsFrom + random.below(kPositionsSpan);
  behind_ = static_cast<std::int64_t>(noted(kBehind));
  const auto from = static_cast<std::int64_t>(noted(kKnownFrom));
  if (from != 0) known_from_ = event_time(from);
  counts_ = {noted(kRecords), noted(kRepeated), noted(kOlder), noted(kRefused), noted(kLost)};
  views_.start();
  while (views_.next()) {
    View v;
    v.read(views_);
    all_views_.emplace(std::pair(v.name, v.hash), std::move(v));
  }
  log_.start();
  while (log_.next()) {
    since_[{log_.integer(0), static_cast<int>(log_.integer(1))}] = event_time(log_.integer(2));
  }
  in_force_rows_.start();
  while (in_force_rows_.next()) {
    in_force_[{in_force_rows_.text(0), static_cast<int>(in_force_rows_.integer(1))}] = {
        in_force_rows_.integer(3), in_force_rows_.count(2)};
  }
  sqlite::Statement subjects(*database_, "SELECT COUNT(*) FROM subjects");
  if (subjects.start().next()) series_ = subjects.count(0);
  subjects.rewind();
  return database_->fault();
}

void AnswerStore::begin() {
  TIDE_CHECK(!in_batch_, "one batch at a time");
  database_->run("BEGIN IMMEDIATE");
  in_batch_ = true;
}

Result<> AnswerStore::commit() {
  TIDE_CHECK(in_batch_, "commit() ends a batch");
  save();
  database_->run("COMMIT");
  in_batch_ = false;
  return database_->fault();
}

void AnswerStore::save() {
  note(kPosition, position_);
  note(kBehind, static_cast<std::uint64_t>(behind_));
  if (known_from_ != kEventTimeMin) {
    note(kKnownFrom, static_cast<std::uint64_t>(count_ns(known_from_)));
  }
  note(kRecords, counts_.records);
  note(kRepeated, counts_.repeated);
  note(kOlder, counts_.older);
  note(kRefused, counts_.refused);
  note(kLost, counts_.lost);
  for (auto& [key, v] : all_views_) {
    if (!std::exchange(v.changed, false)) continue;
    save_view_.run(v.version, count_ns(v.made), v.width_min.count(), v.width_max.count(), v.aligned,
                   fmt::format("{}", fmt::join(v.figures, "\n")), v.id);
  }
  for (auto& [key, force] : in_force_) {
    if (!std::exchange(force.changed, false)) continue;
    save_in_force_.run(key.first, key.second, force.origin, force.view);
  }
}

std::uint64_t AnswerStore::noted(const std::string& name) {
  const auto value = get_meta_.start(name).next() ? get_meta_.count(0) : 0;
  get_meta_.rewind();
  return value;
}

void AnswerStore::note(const std::string& name, std::uint64_t value) { set_meta_.run(name, value); }

bool AnswerStore::be_of_layout(const std::string& id) {
  const auto hash = xxh3(as_bytes(id));
  const auto before = noted(kLayout);
  const bool other = before != 0 && before != hash;
  if (other) {
    for (const char* table : {"history", "answers", "subjects", "views", "view_log", "in_force",
                              "refused", "meta"}) {
      database_->run(fmt::format("DELETE FROM {}", table));
    }
    all_views_.clear();
    in_force_.clear();
    since_.clear();
    series_ = 0;
    forget_next_ = 0;
    known_from_ = kEventTimeMin;
  }
  if (before != hash) note(kLayout, hash);
  return other;
}

Result<AnswerStore::View*> AnswerStore::view_of(const Answer& a) {
  // Records of before say a number only.
  const auto hash = a.view_hash != 0 ? a.view_hash : a.view_version;
  const std::pair key(a.view, hash);
  if (const auto known = all_views_.find(key); known != all_views_.end()) return &known->second;
  if (all_views_.size() >= kViewsMax) {
    return Error(Fault::full, fmt::format("it is of one more than the {} definitions of views that "
                                          "a node serves", kViewsMax));
  }
  View v;
  v.name = a.view;
  v.hash = hash;
  v.version = a.view_version;
  add_view_.run(v.name, v.hash, v.version, count_ns(v.made), v.width_min.count(),
                v.width_max.count());
  v.id = database_->last_row_id();
  return &all_views_.emplace(key, std::move(v)).first->second;
}

void AnswerStore::note_figures(View& v, const Answer& a) {
  const auto width = a.end - a.start;
  const bool aligned = v.aligned && count_ns(a.start) % width.count() == 0;
  const auto narrowest = std::min(v.width_min, width);
  const auto widest = std::max(v.width_max, width);
  v.changed = v.changed || aligned != v.aligned || narrowest != v.width_min ||
              widest != v.width_max || a.known_at > v.made || a.view_version > v.version;
  v.version = std::max(v.version, a.view_version);
  v.aligned = aligned;
  v.width_min = narrowest;
  v.width_max = widest;
  v.made = std::max(v.made, a.known_at);
  for (const auto& [name, value] : a.values) {
    if (v.figures.size() >= kFiguresMax) break;
    if (v.figures.insert(name).second) v.changed = true;
  }
}

// The two topics of a partition come as they come: what was said of an earlier definition comes
// later, too.
void AnswerStore::note_version(const View& v, const Answer& a, EventTime appended, int place) {
  auto& since = since_.try_emplace({v.id, place}, kEventTimeMax).first->second;
  auto& force = in_force_[{v.name, place}];
  const bool newer = force.view == 0 || a.position > force.origin;
  if (force.view != v.id && (newer || since == kEventTimeMax)) {
    add_log_.run(v.name, place, a.position, v.id, count_ns(appended));
    since = std::min(since, appended);
  } else if (appended < since) {
    earlier_log_.run(v.name, place, v.id, count_ns(appended));
    since = appended;
  }
  if (newer) force = {v.id, a.position, true};
}

Result<AnswerStore::Subject> AnswerStore::subject_of(const View& v, const Answer& a,
                                                      int place) {
  const auto labels = encode_labels(a.labels);
  const auto group = a.series.empty() ? labels : ByteVector{};
  Subject s;
  if (subject_.start(v.id, a.series, group).next()) {
    s.id = subject_.integer(0);
    s.other = !std::ranges::equal(subject_.blob(1), labels) || subject_.text(2) != a.unit;
  }
  subject_.rewind();
  if (s.id != 0) return s;
  if (series_ >= options_.series_max) {
    return Error(Fault::full, fmt::format("it is of one more than the {} series of views that a "
                                          "node serves", options_.series_max));
  }
  add_subject_.run(v.id, a.series, group, labels, a.unit, place);
  ++series_;
  s.id = database_->last_row_id();
  return s;
}

bool AnswerStore::find(const Subject& subject, const Answer& a, Row& row) {
  const bool found = row_.start(subject.id, count_ns(a.start), a.revision).next();
  if (found) {
    row.position = row_.integer(0);
    row.appended = event_time(row_.integer(1));
    row.origin = row_.count(2);
    row.same = event_time(row_.integer(3)) == a.known_at &&
               std::ranges::equal(row_.blob(4), scratch_);
  }
  row_.rewind();
  return found;
}

Result<> AnswerStore::take(const Answer& a, EventTime appended, int place) {
  TIDE_ASSIGN(auto* view, view_of(a));
  TIDE_ASSIGN(const auto subject, subject_of(*view, a, place));
  ++counts_.records;
  note_version(*view, a, appended, place);
  note_figures(*view, a);
  scratch_.clear();
  ByteWriter out(scratch_);
  encode_body(out, a);
  Row row;
  if (find(subject, a, row)) {
    if (appended < row.appended) {  // the other topic, or the first of two, was read later
      earlier_.run(count_ns(appended), row.position);
      supersede_.run(subject.id, count_ns(a.start), a.revision, count_ns(appended));
    }
    if (row.same || a.position <= row.origin) {
      ++(row.same ? counts_.repeated : counts_.older);
      return {};
    }
    remove_row_.run(row.position);
    appended = std::min(appended, row.appended);
  }
  add(subject, a, appended);
  return {};
}

void AnswerStore::add(const Subject& subject, const Answer& a, EventTime appended) {
  const auto start = count_ns(a.start);
  // Of a revision that has just been removed there is none.
  const bool older = newest_.start(subject.id, start).next() && newest_.count(0) > a.revision;
  newest_.rewind();
  std::int64_t gone = 0;
  if (older) {
    ++counts_.older;
    if (next_after_.start(subject.id, start, a.revision).next()) gone = next_after_.integer(0);
    next_after_.rewind();
  }
  if (a.revision > 0) supersede_.run(subject.id, start, a.revision, count_ns(appended));
  const auto position = older ? --behind_ : static_cast<std::int64_t>(++position_);
  add_row_.run(position, subject.id, start, a.revision, count_ns(appended), older, gone,
               a.position, count_ns(a.known_at), scratch_);
  if (older) return;
  save_newest_.run(subject.id, start, position);
  if (subject.other) save_subject_.run(encode_labels(a.labels), a.unit, subject.id);
}

void AnswerStore::refuse(const std::string& record, const std::string& reason, EventTime at) {
  ++counts_.refused;
  add_refusal_.run(record, reason, count_ns(at));
  bound_refusals_.run(database_->last_row_id() - kRefusalsKept);
}

void AnswerStore::lose(std::uint64_t records, EventTime at) {
  counts_.lost += records;
  known_from_ = std::max(known_from_, at);
}

bool AnswerStore::maintain(EventTime now) {
  const auto before = now - options_.keep_revisions;
  prune_.run(count_ns(before), kPrunedMax);
  const auto pruned = static_cast<std::size_t>(database_->rows_changed());
  if (pruned > 0) known_from_ = std::max(known_from_, before);
  const bool windows = forget_windows();
  const bool versions = forget_versions(before);
  return pruned == kPrunedMax || windows || versions;
}

// Whether one of those that were looked at has more.
bool AnswerStore::forget_windows() {
  std::vector<std::pair<std::int64_t, Nanoseconds>> some;
  subjects_after_.start(forget_next_, kSubjectsATurn);
  while (subjects_after_.next()) {
    some.emplace_back(subjects_after_.integer(0), Nanoseconds(subjects_after_.integer(1)));
  }
  std::size_t forgotten = 0;
  for (const auto& [subject, width] : some) {
    auto newest = kEventTimeMin;
    if (newest_start_.start(subject).next() && !newest_start_.is_null(0)) {
      newest = event_time(newest_start_.integer(0)) + width;
    }
    newest_start_.rewind();
    const auto floor = options_.horizons.floor(tier_of(width), newest);
    if (floor >= kEventTimeMin + kFrozenShown) {
      forget_rows_.run(subject, count_ns(floor - kFrozenShown), kPrunedMax - forgotten);
      forgotten += static_cast<std::size_t>(database_->rows_changed());
      forget_newest_.run(subject, count_ns(floor - kFrozenShown), kPrunedMax);
      if (forgotten >= kPrunedMax) return true;  // this one is looked at again
    }
    forget_next_ = subject;
  }
  if (some.size() < kSubjectsATurn) forget_next_ = 0;
  return false;
}

// Definitions that have been in force nowhere for as long as superseded revisions are kept.
bool AnswerStore::forget_versions(EventTime before) {
  std::vector<std::int64_t> gone, subjects;
  forget_log_.run(count_ns(before));
  if (database_->rows_changed() > 0) known_from_ = std::max(known_from_, before);
  gone_versions_.start();
  while (gone_versions_.next()) gone.push_back(gone_versions_.integer(0));
  for (const auto view : gone) {
    subjects.clear();
    subjects_of_.start(view, kSubjectsATurn);
    while (subjects_of_.next()) subjects.push_back(subjects_of_.integer(0));
    for (const auto subject : subjects) {
      forget_rows_.run(subject, count_ns(kEventTimeMax), kPrunedMax);
      const bool all = database_->rows_changed() < static_cast<std::int64_t>(kPrunedMax);
      forget_newest_.run(subject, count_ns(kEventTimeMax), kPrunedMax);
      if (!all) return true;
      forget_subject_.run(subject);
      --series_;
    }
    if (subjects.size() == kSubjectsATurn) return true;
    forget_view(view);
  }
  return false;
}

void AnswerStore::forget_view(std::int64_t id) {
  remove_view_.run(id);
  std::erase_if(all_views_, [&](const auto& v) { return v.second.id == id; });
  std::erase_if(since_, [&](const auto& s) { return s.first.first == id; });
}

}  // namespace tidemark::serve
