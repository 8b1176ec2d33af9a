#include "cloud/cluster/json_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "cloud/cluster/gone_records.h"
#include "cloud/intake/placer.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/kafka/topics.h"
#include "common/model/poll_class.h"

namespace tidemark::cluster {
namespace {

constexpr std::size_t kAtOnce = 10'000;  // records of one take(): 10 ms
constexpr std::size_t kPiece = 500;      // between looks whether a flush is due
constexpr std::uint64_t kFetchBytes = 2 << 20;  // of all partitions
constexpr std::uint64_t kFetchBytesMin = 256 << 10;  // of a partition: a batch of records
constexpr auto kTryAgain = std::chrono::seconds(1);
constexpr auto kSealEvery = std::chrono::seconds(1);  // while nothing comes

}  // namespace

JsonInput::JsonInput(JsonOptions options, kafka::Settings settings, Nanoseconds look_every,
                     Nanoseconds look_again, const Clock& clock, int event,
                     OpenReader reader)
    : options_(std::move(options)), settings_(std::move(settings)), look_every_(look_every),
      look_again_(look_again), clock_(clock), event_(event), reader_(std::move(reader)),
      records_(options_.fields) {}

Result<std::unique_ptr<JsonInput>> JsonInput::open(JsonOptions options,
                                                   const kafka::Settings& settings,
                                                   Nanoseconds look_every, Nanoseconds look_again,
                                                   const Clock& clock, int event,
                                                   OpenReader reader) {
  std::unique_ptr<JsonInput> input(new JsonInput(std::move(options), settings, look_every,
                                                 look_again, clock, event, std::move(reader)));
  TIDE_TRY(input->watch());
  return input;
}

Result<> JsonInput::watch() {
  kafka::WatchOptions options{settings_, {options_.topic}, look_every_, look_again_, nullptr};
  options.layout = [topic = options_.topic](const kafka::Settings& s) -> Result<kafka::Layout> {
    TIDE_ASSIGN(const auto partitions, kafka::partitions_of(s, topic));
    return kafka::Layout{.id = topic, .partitions = partitions};
  };
  TIDE_ASSIGN(auto watch, kafka::Watch::start(std::move(options), clock_, event_));
  const std::lock_guard lock(mutex_);
  watch_ = std::move(watch);
  return {};
}

std::string JsonInput::problem() const {
  std::shared_ptr<kafka::Watch> watch;
  std::shared_ptr<kafka::Consumer> consumer;
  {
    const std::lock_guard lock(mutex_);
    watch = watch_;
    consumer = consumer_;
  }
  if (auto why = watch->problem(); !why.empty() || consumer == nullptr) return why;
  return consumer->problem();
}

std::string JsonInput::key(std::string_view of) const {
  return fmt::format("json {} {}", options_.edge, of);
}

// Whether there is something to read from; opens it when its topic is there, and anew when that has
// other partitions.
bool JsonInput::ready(intake::Intake& intake, PlainSink& sink) {
  const auto layout = watch_->layout();
  const auto now = clock_.steady();
  if (consumer_ != nullptr && layout) return true;
  if (now < tries_again_) return false;
  tries_again_ = now + kTryAgain;
  if (!layout) {
    // Of a topic that is another one than it was, a new look tells.
    if (consumer_ == nullptr) return false;
    if (edge_ && gathered_ && sink.takes(intake)) flush(sink, estimate());
    if (gathered_ || !sink.takes(intake)) return false;  // positions are not noted yet
    const auto looks = watch();
    {
      const std::lock_guard lock(mutex_);
      consumer_.reset();
    }
    if (!looks) {
      log::error("not reading", "topic={} error={}", options_.topic, looks.error().text());
    }
    return false;
  }
  if (const auto begun = begin(intake, layout->partitions); !begun) {
    log::error("not reading", "topic={} error={}", options_.topic, begun.error().text());
    return false;
  }
  return true;
}

void JsonInput::open_edge(intake::Intake& intake) {
  plain::PlainEdge::State s;
  s.incarnation = {intake.noted(key("start"))};
  if (s.incarnation == Incarnation{}) {
    const auto drawn = fmt::format("{} {} {}", options_.topic, options_.edge,
                                   count_ns(clock_.wall()));
    s.incarnation = {xxh3(as_bytes(drawn)) | 1};
  } else {
    s.next = std::max<std::uint64_t>(1, intake.noted(key("next")));
    s.seals = intake.noted(key("seals"));
    s.taken = intake.noted(key("taken"));
    const auto until = static_cast<std::int64_t>(intake.noted(key("until")));
    if (until != 0) s.until = event_time(until);
  }
  const auto name = options_.topic.substr(0, Dictionary::kNameBytesMax);
  edge_.emplace(plain::PlainEdge::Options{options_.edge, name, options_.once}, s);
  if (auto known = known_series()) {
    edge_->know(std::move(known).value());
  } else {
    log::warning("what is known of plain readings cannot be read; their dictionaries are made anew",
                 "edge={} error={}", options_.edge, known.error().text());
  }
  progress_.emplace(
      plain::Progress::Options{options_.lateness, options_.idle, intake::kAheadMax}, s.until,
      clock_.steady());
  gathered_ = true;  // it is greeted
}

Result<std::vector<SeriesDescription>> JsonInput::known_series() const {
  std::vector<SeriesDescription> known;
  if (!reader_) return known;
  TIDE_ASSIGN(const auto reader, reader_());
  TIDE_ASSIGN(auto all, reader->series(options_.edge + "/**"));
  for (auto& s : all) {
    if (s.edge == options_.edge && is_estimated(s.description)) {
      known.push_back(std::move(s.description));
    }
  }
  return known;
}

Result<> JsonInput::begin(intake::Intake& intake, int partitions) {
  kafka::ConsumerOptions options;
  options.topic = options_.topic;
  options.event = event_;
  options.queue_bytes_max = kQueueBytes;
  options.queue_records_max = kQueueRecords;
  options.queue_records_low = kQueueRecords / 2;
  options.fetch_bytes_of_partition =
      std::max(kFetchBytesMin, kFetchBytes / static_cast<std::uint64_t>(std::max(partitions, 1)));
  std::vector<Partition> all;
  for (int p = 0; p < partitions; ++p) {
    Partition one;
    one.name = fmt::format("json {} topic {} {}", options_.edge, options_.topic, p);
    one.next = one.saved = static_cast<std::int64_t>(intake.noted(one.name));
    options.from.push_back(one.next);
    all.push_back(std::move(one));
  }
  TIDE_ASSIGN(auto consumer, kafka::Consumer::open(settings_, std::move(options)));
  partitions_ = std::move(all);
  if (!edge_) open_edge(intake);
  progress_->partitions(partitions_.size());
  log::info("reading plain JSON", "topic={} partitions={} edge={}", options_.topic, partitions,
            options_.edge);
  const std::lock_guard lock(mutex_);
  consumer_ = std::move(consumer);
  return {};
}

std::size_t JsonInput::take(intake::Intake& intake, PlainSink& sink) {
  if (waits_ = !ready(intake, sink); waits_) return 0;
  bytes_ = 0;
  progress_->at(clock_.wall());
  for (std::size_t taken = 0; taken < kAtOnce && !edge_->full();) {
    const auto n = consumer_->poll_many(kPiece, [&](const kafka::Record& r) { on_record(r); });
    if (n == 0) break;
    taken += n;
  }
  const auto now = clock_.steady();
  if (bytes_ > 0 && !std::exchange(gathered_, true)) flush_at_ = now + options_.gather;
  const bool full = edge_->full() || letters_.size() >= kLettersMax;
  if (!full && now < flush_at_) return bytes_;
  if (waits_ = !sink.takes(intake); waits_) return bytes_;
  flush_at_ = now + options_.gather;
  behind_ = consumer_->behind();
  const auto until = estimate();
  const bool passed = until > edge_->state().until && now >= sealed_at_ + kSealEvery;
  if (!gathered_ && !passed) return bytes_;
  sealed_at_ = now;
  flush(sink, until);
  return bytes_ + 1;
}

void JsonInput::say_dictionaries() {
  if (!edge_) return;
  forgotten_ = gathered_ = true;
  log::info("dictionaries of plain readings are said again", "edge={}", options_.edge);
}

SteadyTime JsonInput::due() const {
  return waits_ ? clock_.steady() + kTryAgain : flush_at_;
}

EventTime JsonInput::estimate() {
  return progress_->estimate(
      [this](std::size_t p) { return consumer_->read_to_its_end(static_cast<int>(p)); },
      clock_.steady(), clock_.wall());
}

void JsonInput::compare(Partition& p, const kafka::Record& r) {
  // What was there before the first look is not known; transactions and compaction leave gaps.
  const auto oldest = std::min(r.offset, consumer_->oldest_of(r.partition));
  lost_ += gone_before(options_.topic, r, p.next, oldest, "");
}

void JsonInput::on_record(const kafka::Record& r) {
  auto& p = partitions_[static_cast<std::size_t>(r.partition)];
  if (r.offset != p.next) compare(p, r);
  p.next = r.offset + 1;
  bytes_ += r.value.size() + 1;
  if (const auto parsed = records_.parse(r.value); !parsed) {
    return refuse(r, parsed.error().text());
  }
  std::size_t refused = records_.refused();
  std::string why = refused > 0 ? records_.why() : std::string();
  for (const auto& reading : records_.readings()) {
    progress_->take(static_cast<std::size_t>(r.partition), reading.time);
    const auto taken = edge_->take(reading);
    if (!taken && refused++ == 0) why = taken.error().text();
  }
  if (refused == 0) return;
  refuse(r, records_.readings().size() + records_.refused() == 1
                ? why
                : fmt::format("{} of its readings cannot be used: {}", refused, why));
}

void JsonInput::refuse(const kafka::Record& r, const std::string& reason) {
  ++refused_;
  const auto bytes = r.value.first(std::min(r.value.size(), kLetterBytesMax));
  if (letters_kept_ + letters_.size() < kLettersMax &&
      letters_bytes_ + bytes.size() <= kLettersBytesMax) {
    letters_bytes_ += bytes.size();
    const auto text = bytes.size() == r.value.size()
                          ? reason
                          : fmt::format("{}; the first {} of its {} B are kept", reason,
                                        bytes.size(), r.value.size());
    letters_.push_back({r.partition, r.offset, text, {bytes.begin(), bytes.end()}, r.offset, 0});
    return;
  }
  const auto same = std::ranges::find_if(letters_, [&](const Letter& l) {
    return l.partition == r.partition && l.bytes.empty();
  });
  if (same == letters_.end()) {
    letters_.push_back({r.partition, r.offset, reason, {}, r.offset, 0});
  } else {
    same->last = r.offset;
    ++same->more;
  }
}

void JsonInput::put_letters(PlainFlush& flush) {
  const auto now = clock_.steady();
  if (now >= letters_since_ + kLettersWithin) {
    letters_since_ = now;
    letters_kept_ = letters_bytes_ = 0;
    for (const auto& l : letters_) letters_bytes_ += l.bytes.size();
  }
  letters_kept_ += letters_.size();
  for (auto& l : letters_) {
    const intake::Origin from{options_.topic, l.partition, l.offset};
    auto reason = l.more == 0
                      ? l.reason
                      : fmt::format("{}; and {} more up to offset {}", l.reason, l.more, l.last);
    flush.letters.push_back({from.text(), std::move(reason), std::move(l.bytes)});
  }
  letters_.clear();
}

void JsonInput::flush(PlainSink& sink, EventTime until) {
  PlainFlush all;
  if (std::exchange(forgotten_, false)) all.frames = edge_->dictionaries();
  if (!std::exchange(greeted_, true)) all.frames.push_back(edge_->hello());
  if (!edge_->empty() || until > edge_->state().until) {
    for (auto& frame : edge_->flush(until)) all.frames.push_back(std::move(frame));
  }
  put_letters(all);
  for (auto& p : partitions_) {
    if (p.next == p.saved) continue;
    all.notes.emplace_back(p.name, static_cast<std::uint64_t>(p.next));
    p.saved = p.next;
  }
  const auto& s = edge_->state();
  all.notes.insert(all.notes.end(), {{key("start"), s.incarnation.count},
                                     {key("next"), s.next},
                                     {key("seals"), s.seals},
                                     {key("taken"), s.taken}});
  if (s.until != kEventTimeMin) {
    all.notes.emplace_back(key("until"), static_cast<std::uint64_t>(count_ns(s.until)));
  }
  sink.take(*edge_, std::move(all));
  gathered_ = false;
}

}  // namespace tidemark::cluster
