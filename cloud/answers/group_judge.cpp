#include "cloud/answers/group_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace tidemark::answers {
namespace {

// Flags of its bytes.
constexpr unsigned kAny = 1, kWholeMinutes = 2, kKept = 4, kSealed = 8, kDone = 16,
                   kEstimated = 32, kReachesBack = 64, kDeadband = 128;

}  // namespace

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

void GroupJudge::merge(const GroupJudge& o) {
  auto& t = total_;
  t.manifest.sent += o.total_.manifest.sent;
  t.manifest.received += o.total_.manifest.received;
  t.manifest.lacking += o.total_.manifest.lacking;
  t.manifest.dropped += o.total_.manifest.dropped;
  t.readings += o.total_.readings;
  t.unplaced += o.total_.unplaced;
  t.forgotten += o.total_.forgotten;
  t.waiting += o.total_.waiting;
  t.uncounted += o.total_.uncounted;
  t.reaches_back = t.reaches_back || o.total_.reaches_back;
  t.deadband = std::max(t.deadband, o.total_.deadband);
  any_ = any_ || o.any_;
  all_whole_minutes_ = all_whole_minutes_ && o.all_whole_minutes_;
  all_kept_ = all_kept_ && o.all_kept_;
  all_sealed_ = all_sealed_ && o.all_sealed_;
  all_done_ = all_done_ && o.all_done_;
  estimated_ = estimated_ || o.estimated_;
  lost_ += o.lost_;
  heard_.merge(o.heard_);
  due_ += o.due_;
  with_due_ += o.with_due_;
  off_ += o.off_;
  others_ += o.others_;
}

void GroupJudge::encode(ByteWriter& out) const {
  const auto& t = total_;
  out.u8(static_cast<std::uint8_t>(
      (any_ ? kAny : 0U) | (all_whole_minutes_ ? kWholeMinutes : 0U) | (all_kept_ ? kKept : 0U) |
      (all_sealed_ ? kSealed : 0U) | (all_done_ ? kDone : 0U) | (estimated_ ? kEstimated : 0U) |
      (t.reaches_back ? kReachesBack : 0U) | (t.deadband ? kDeadband : 0U)));
  for (const auto n : {t.manifest.sent, t.manifest.received, t.manifest.lacking, t.readings,
                       t.unplaced, t.forgotten, t.waiting, t.uncounted, lost_, due_, with_due_,
                       off_, others_}) {
    out.varint(n);
  }
  t.manifest.dropped.encode(out);
  if (t.deadband) out.fixed(std::bit_cast<std::uint64_t>(*t.deadband));
  heard_.encode(out);
}

GroupJudge GroupJudge::decode(ByteReader& in, EventTime start, EventTime end) {
  GroupJudge judge(start, end);
  auto& t = judge.total_;
  const unsigned flags = in.u8();
  judge.any_ = (flags & kAny) != 0;
  judge.all_whole_minutes_ = (flags & kWholeMinutes) != 0;
  judge.all_kept_ = (flags & kKept) != 0;
  judge.all_sealed_ = (flags & kSealed) != 0;
  judge.all_done_ = (flags & kDone) != 0;
  judge.estimated_ = (flags & kEstimated) != 0;
  t.reaches_back = (flags & kReachesBack) != 0;
  for (auto* n : {&t.manifest.sent, &t.manifest.received, &t.manifest.lacking, &t.readings,
                  &t.unplaced, &t.forgotten, &t.waiting, &t.uncounted, &judge.lost_, &judge.due_,
                  &judge.with_due_, &judge.off_, &judge.others_}) {
    *n = in.varint();
  }
  t.manifest.dropped = reconcile::DroppedSum::decode(in);
  if ((flags & kDeadband) != 0) t.deadband = std::bit_cast<double>(in.fixed<std::uint64_t>());
  judge.heard_ = window::ExactSum::decode(in);
  return judge;
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

void bound_missing(std::vector<Missing>& missing, std::uint64_t more) {
  std::stable_sort(missing.begin(), missing.end(),
                   [](const Missing& a, const Missing& b) { return a.source < b.source; });
  if (missing.size() > GroupJudge::kMissingMax) {
    more += missing.size() - GroupJudge::kMissingMax;
    missing.resize(GroupJudge::kMissingMax);
  }
  if (more > 0) missing.push_back({"", fmt::format("and {} more", more)});
}

}  // namespace tidemark::answers
