#include "cloud/cluster/voice.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <thread>

#include "cloud/answers/answer.h"
#include "common/base/log.h"
#include "common/kafka/consumer.h"
#include "common/kafka/records.h"
#include "common/kafka/stretch.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {
namespace {

constexpr std::chrono::milliseconds kTurn{1000};
constexpr std::chrono::milliseconds kLookAgain{20};
constexpr std::chrono::milliseconds kEndsWithin{10'000};
constexpr std::chrono::milliseconds kRecordPatience{10'000};
constexpr std::uint64_t kQueueBytes = 64 << 20;
constexpr std::size_t kRecordsOfCommit = 5'000;

std::uint64_t number_in(const kafka::Record& r, std::string_view name) {
  return kafka::number_of(r.header(name));
}

// What the topic holds behind what the store noted of it.
class Tail {
 public:
  Tail(const checkpoint::Place& place, intake::Intake& intake)
      : place_(place),
        intake_(intake),
        names_(place.layout),
        said_(intake.noted(names_.said)),
        offset_(intake.noted(names_.offset)),
        live_(intake.noted(names_.live)),
        backlog_(intake.noted(names_.backlog)),
        partials_(intake.noted(names_.partials)) {}

  // False: `stop` was asked.
  Result<bool> read(const StopSignal& stop) {
    const kafka::Stretch tail{place_.settings.answers(), place_.partitions, place_.partition,
                              static_cast<std::int64_t>(offset_)};
    Result<> saved;
    TIDE_ASSIGN(const bool read, kafka::read(place_.settings, tail, stop,
                                             [&](const kafka::Record& r) {
      take(r);
      if (++taken_ % kRecordsOfCommit == 0) saved = intake_.save_notes();
      return !saved;
    }));
    TIDE_TRY(saved);
    return read;
  }

  // With the next commit.
  void settle() {
    if (answers_ > 0) {
      said_ = intake_.settle_unsaid(said_, intake_.noted(names_.partials_said));
      log::info("published answers are taken over", "partition={} records={} passed_over={}",
                place_.partition, answers_, bad_);
    }
    intake_.note(names_.said, said_);
    intake_.note(names_.offset, offset_);
    intake_.note(names_.live, live_);
    intake_.note(names_.backlog, backlog_);
    intake_.note(names_.partials, partials_);
  }

 private:
  void take(const kafka::Record& r) {
    offset_ = static_cast<std::uint64_t>(r.offset) + 1;
    const auto answer = answers::from_json(as_text(r.value));
    if (!answer) return pass_over(r, answer.error().text());
    const auto of = kafka::partition_of(answers::place_of(*answer), place_.partitions);
    if (of != place_.partition) {
      return pass_over(r, fmt::format("what it is about belongs to partition {}", of));
    }
    ++answers_;
    live_ = std::max(live_, number_in(r, "live"));
    backlog_ = std::max(backlog_, number_in(r, "backlog"));
    partials_ = std::max(partials_, number_in(r, "partials"));
    intake_.note_published(*answer);
  }

  void pass_over(const kafka::Record& r, const std::string& why) {
    if (++bad_ > 1) return;
    log::warning("an answer in the topic cannot be used", "partition={} offset={} error={}",
                 r.partition, r.offset, why);
  }

  const checkpoint::Place& place_;
  intake::Intake& intake_;
  const VoiceNames names_;
  std::uint64_t said_, offset_, live_, backlog_, partials_;
  std::uint64_t taken_ = 0, answers_ = 0, bad_ = 0;
};

// Who said the last of the answers in any partition.
enum class Last : std::uint8_t { nobody, alone, group };
Result<Last> last_of(const kafka::Settings& settings, int partitions) {
  kafka::ConsumerOptions options;
  options.topic = settings.answers();
  options.from = kafka::ConsumerOptions::none_of(partitions);
  TIDE_ASSIGN(const auto ends, kafka::Consumer::open(settings, options));
  for (int p = 0; p < partitions; ++p) {
    TIDE_ASSIGN(const auto extent, ends->extent_of(p, kEndsWithin));
    if (extent.end > 0) options.from[static_cast<std::size_t>(p)] = extent.end - 1;
  }
  const auto from = options.from;
  TIDE_ASSIGN(const auto consumer, kafka::Consumer::open(settings, std::move(options)));
  auto last = Last::nobody;
  std::set<int> plain;  // partitions that end with a record
  const auto take = [&](const kafka::Record& r) {
    plain.insert(r.partition);
    last = std::max(last, r.header("partials").empty() ? Last::alone : Last::group);
  };
  for (auto left = kEndsWithin; !consumer->at_end();) {
    if (consumer->poll(take)) continue;
    if (left.count() <= 0) {
      return Error{Fault::unavailable, settings.answers() + " is not read: " + consumer->problem()};
    }
    std::this_thread::sleep_for(kLookAgain);
    left -= kLookAgain;
  }
  // The end of a transaction has a place of its own; and who is in none says nothing in any.
  for (int p = 0; p < partitions; ++p) {
    const auto at = from[static_cast<std::size_t>(p)];
    const bool any = at != kafka::ConsumerOptions::kNotRead && consumer->oldest_of(p) <= at;
    if (any && !plain.contains(p)) last = Last::group;
  }
  return last;
}

// Empty: `stop` was asked.
Result<Voice> own(const checkpoint::Place& place, const std::function<bool()>& holds,
                  const StopSignal& stop, const std::function<void(const std::string&)>& wait) {
  kafka::ProducerOptions options;
  options.queue_bytes_max = kQueueBytes;
  options.patience = kRecordPatience;
  const auto& s = place.settings;
  options.topics = {s.answers(), s.history(), s.partials()};
  options.transactional_id =
      fmt::format("{}.{}.{}", place.settings.prefix, place.layout, place.partition);
  TIDE_ASSIGN(Voice producer, kafka::Producer::open(place.settings, options));
  for (;;) {
    if (stop.asked()) return Voice();
    if (!holds()) {  // who stood still must not refuse the new owner
      std::this_thread::sleep_for(kLookAgain);
      continue;
    }
    const auto owns = producer->be_owner(kTurn);
    if (owns && owns->done) return producer;
    wait("this node may not publish the partition's answers yet: " +
         (owns ? owns->why : owns.error().text()));
    if (owns) continue;
    TIDE_ASSIGN(producer, kafka::Producer::open(place.settings, options));  // that one never may
  }
}

}  // namespace

VoiceNames::VoiceNames(const std::string& layout)
    : said("kafka " + layout + " answers"),
      offset(said + " offset"),
      live(said + " live"),
      backlog(said + " backlog"),
      partials(said + " partials"),
      partials_said("kafka " + layout + " " + std::string(kPartialsSaid)),
      events_offset("kafka " + layout + " events offset"),
      alone(said + " alone") {}

Result<Voice> take_voice(const checkpoint::Place& place, bool answers, intake::Intake& intake,
                         const std::function<bool()>& holds, const StopSignal& stop,
                         const std::function<void(const std::string&)>& wait) {
  if (!answers) return own(place, holds, stop, wait);
  intake.hold_published(true);
  for (;;) {
    TIDE_ASSIGN(auto producer, own(place, holds, stop, wait));
    if (!producer) return producer;
    Tail tail(place, intake);
    const auto read = tail.read(stop);
    if (read) {
      if (!*read) return Voice();
      tail.settle();
      TIDE_TRY(intake.save_notes());
      return producer;
    }
    if (read.error().fault() != Fault::unavailable) return read.error();
    wait(read.error().text());
  }
}

Result<std::string> others_spoke(const kafka::Settings& settings, const kafka::Layout& layout,
                                 intake::Intake& intake) {
  TIDE_ASSIGN(const auto last, last_of(settings, layout.partitions));
  const VoiceNames names(layout.id);
  const bool began = intake.noted(names.said) > 0 || intake.noted(names.alone) > 0;
  if (last == Last::group || (last == Last::alone && !began)) {
    return fmt::format(
        "{0} has answers that {1} published, and those of this node would begin anew behind them. "
        "Name a group (intake.kafka.group), whose nodes go on where others stopped; or delete {0} "
        "and {2}, and the data_dir of nodes that serve them, make the topics again by `tidemark "
        "gateway topics init`, and start this node again",
        settings.answers(),
        last == Last::group ? "nodes of a group" : "another node, or this one with another store,",
        settings.history());
  }
  intake.note(names.alone, 1);
  return std::string();
}

}  // namespace tidemark::cluster
