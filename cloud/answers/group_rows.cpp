#include "cloud/answers/group_rows.h"

namespace tidemark::answers {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

ByteVector GroupKey::encode() const {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.u8(kVersion);
  out.text(unit);
  out.u8(texts ? 1 : 0);
  for (const auto& v : values) out.text(v);
  return bytes;
}

GroupKey GroupKey::decode(ByteSpan bytes) {
  ByteReader in(bytes);
  GroupKey key;
  (void)in.u8();
  key.unit = in.text();
  key.texts = in.u8() != 0;
  while (in.ok() && !in.done()) key.values.emplace_back(in.text());
  return key;
}

Labels GroupKey::labels(const std::vector<std::string>& group_by) const {
  Labels labels;
  for (std::size_t i = 0; i < std::min(group_by.size(), values.size()); ++i) {
    if (!values[i].empty()) labels[group_by[i]] = values[i];
  }
  if (!unit.empty()) labels["unit"] = unit;
  if (texts) labels["type"] = "text";
  return labels;
}

GroupKey key_of(const std::vector<std::string>& group_by, const Labels& labels,
                const SeriesDescription& series, bool with_kind) {
  GroupKey key;
  if (with_kind) key.unit = series.unit;
  key.texts = with_kind && series.type == ValueType::text;
  for (const auto& name : group_by) {
    const auto label = labels.find(name);
    key.values.push_back(label == labels.end() ? std::string() : label->second);
  }
  return key;
}

GroupRows::GroupRows(sqlite::Database& db)
    : database_(db),
      find_(db, "SELECT id FROM groups WHERE view=? AND key=?"),
      add_(db, "INSERT INTO groups(view,key) VALUES(?,?)"),
      key_(db, "SELECT key FROM groups WHERE id=?"),
      of_series_(db, "SELECT g.id,m.since,m.until,m.inputs FROM members m"
                     " JOIN groups g ON g.id=m.grp"
                     " WHERE m.series=? AND g.view=? ORDER BY m.since"),
      save_(db, "INSERT INTO members VALUES(?,?,?,?,?)"
                " ON CONFLICT DO UPDATE SET until=excluded.until, inputs=excluded.inputs"),
      remove_(db, "DELETE FROM members WHERE grp=? AND series=? AND since=?"),
      forget_(db, "DELETE FROM groups WHERE id=?"),
      left_(db, "SELECT view,id FROM groups g WHERE NOT EXISTS"
                " (SELECT 1 FROM members m WHERE m.grp=g.id) AND NOT EXISTS"
                " (SELECT 1 FROM reaches r WHERE r.view=g.view AND r.series=-g.id) AND NOT EXISTS"
                " (SELECT 1 FROM answers a WHERE a.view=g.view AND a.series=-g.id)") {}

Subject GroupRows::find(std::int64_t view, const GroupKey& key) {
  const auto bytes = key.encode();
  const Subject group = find_.start(view, bytes).next() ? -find_.integer(0) : 0;
  find_.rewind();
  return group;
}

Subject GroupRows::add(std::int64_t view, const GroupKey& key) {
  add_.run(view, key.encode());
  return -database_.last_row_id();
}

GroupKey GroupRows::key(Subject group) {
  GroupKey key;
  if (key_.start(-group).next()) key = GroupKey::decode(key_.blob(0));
  key_.rewind();
  return key;
}

std::vector<std::pair<Subject, Member>> GroupRows::of_series(std::int64_t view, SeriesId series) {
  std::vector<std::pair<Subject, Member>> all;
  of_series_.start(series, view);
  while (of_series_.next()) {
    all.emplace_back(-of_series_.integer(0),
                     Member{series, event_time(of_series_.integer(1)),
                            event_time(of_series_.integer(2)),
                            static_cast<std::uint32_t>(of_series_.integer(3))});
  }
  return all;
}

void GroupRows::save(Subject group, const Member& m) {
  save_.run(-group, m.series, count_ns(m.since), count_ns(m.until), m.inputs);
}

void GroupRows::remove(Subject group, const Member& m) {
  remove_.run(-group, m.series, count_ns(m.since));
}

std::vector<std::pair<std::int64_t, Subject>> GroupRows::left() {
  std::vector<std::pair<std::int64_t, Subject>> all;
  left_.start();
  while (left_.next()) all.emplace_back(left_.integer(0), -left_.integer(1));
  return all;
}

void GroupRows::forget(Subject group) { forget_.run(-group); }

}  // namespace tidemark::answers
