#include "cloud/answers/group_judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace tidemark::answers {

Answer GroupJudge::add(const Basis& source) {
  Answer alone;
  alone.start = start_;
  alone.end = end_;
  judge(alone, source);
  auto& t = total_;
  // Nor does what one source has more than it counted hide what another lacks.
  t.manifest.sent += source.manifest.all();
  t.manifest.received += source.manifest.received;
  t.manifest.lacking += source.manifest.lacking;
  t.manifest.dropped += source.manifest.dropped;
  t.readings += source.readings;
  t.unplaced += source.unplaced;
  t.forgotten += source.forgotten;
  t.waiting += source.waiting;
  t.uncounted += source.uncounted;
  t.reaches_back = t.reaches_back || source.reaches_back;
  t.deadband = std::max(t.deadband, source.deadband);
  any_ = true;
  all_sealed_ = all_sealed_ && source.sealed;
  all_done_ = all_done_ && (source.sealed || source.waived);
  all_whole_minutes_ = all_whole_minutes_ && source.whole_minutes;
  all_kept_ = all_kept_ && source.none_given_up;
  estimated_ = estimated_ || alone.estimated;
  lost_ += alone.lost;
  const auto width = end_ - start_;
  if (source.off >= width) {
    ++off_;
  } else if (source.whole_minutes && source.manifest.due > 0) {
    const auto on = static_cast<std::uint64_t>((width - source.off).count());
    heard_.add_product(static_cast<std::int64_t>(source.manifest.good), on);
    due_ += source.manifest.due;
    ++with_due_;
  } else {
    ++others_;
  }
  return alone;
}

void GroupJudge::finish(Answer& answer) const {
  auto total = total_;
  total.sealed = any_ && all_sealed_;
  total.waived = any_ && all_done_ && !all_sealed_;
  total.whole_minutes = all_whole_minutes_;
  total.none_given_up = all_kept_;
  judge(answer, total);
  answer.estimated = answer.estimated || estimated_;
  answer.lost = lost_;
  if (total_.manifest.dropped.unknown()) {
    answer.coverage.reset();  // of one of them nobody knows when it was heard
  } else if (with_due_ > 0) {
    const auto due = static_cast<double>(due_);
    const auto of_off = due / static_cast<double>(with_due_) * static_cast<double>(off_);
    answer.coverage = heard_.to_double() / static_cast<double>((end_ - start_).count()) /
                      (due + of_off);
  } else if (off_ > 0 && others_ == 0) {
    answer.coverage = 0;
  }
}

MemberNotes::MemberNotes(const std::vector<std::string>& needed)
    : wanted_(std::find(needed.begin(), needed.end(), "increase") != needed.end()) {}

void MemberNotes::add(const std::string& name, const SeriesDescription& series,
                      const window::Summary& sum, const window::OrderedOptions& options,
                      EventTime start, EventTime end) {
  if (!wanted_ || !sum.totals()) return;
  Answer alone;
  alone.start = start;
  alone.end = end;
  alone.values["increase"] = std::nullopt;
  note_increase(alone, sum, options, series);
  estimated_ = estimated_ || alone.estimated;
  for (const auto& note : alone.notes) notes_.insert(fmt::format("{}: {}", name, note));
  bound();
}

void MemberNotes::bound() {
  while (notes_.size() > GroupJudge::kMissingMax) notes_.erase(std::prev(notes_.end()));
}

void MemberNotes::merge(const MemberNotes& other) {
  estimated_ = estimated_ || other.estimated_;
  notes_.insert(other.notes_.begin(), other.notes_.end());
  bound();
}

void MemberNotes::encode(ByteWriter& out) const {
  out.u8(estimated_ ? 1 : 0);
  out.varint(notes_.size());
  for (const auto& note : notes_) out.text(note);
}

MemberNotes MemberNotes::decode(ByteReader& in) {
  MemberNotes notes;
  const auto head = in.u8();
  notes.estimated_ = head == 1;
  const auto n = in.length();
  if (head > 1 || n > GroupJudge::kMissingMax) in.fail();
  for (std::size_t i = 0; i < n && in.ok(); ++i) notes.notes_.emplace(in.text());
  return notes;
}

void MemberNotes::put(Answer& answer) const {
  answer.estimated = answer.estimated || estimated_;
  answer.notes.insert(answer.notes.end(), notes_.begin(), notes_.end());
}

void bound_missing(std::vector<Missing>& missing) {
  std::stable_sort(missing.begin(), missing.end(),
                   [](const Missing& a, const Missing& b) { return a.source < b.source; });
  if (missing.size() <= GroupJudge::kMissingMax) return;
  const auto more = missing.size() - GroupJudge::kMissingMax;
  missing.resize(GroupJudge::kMissingMax);
  missing.push_back({"", fmt::format("and {} more", more)});
}

}  // namespace tidemark::answers
