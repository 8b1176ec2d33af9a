// What goes into the topics of answers, events, dead letters and orders (common/kafka/FORMAT.md).
#include <fmt/format.h>

#include <map>

#include "cloud/answers/view.h"
#include "cloud/cluster/order_record.h"
#include "cloud/cluster/outbox.h"
#include "common/kafka/records.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {
namespace {

using cluster::record_of;  // of outcomes

constexpr std::size_t kAnswers = 1000;  // in a batch
constexpr std::size_t kEvents = 1000;
constexpr std::size_t kLetters = 20;   // of up to 1 MiB
constexpr std::size_t kOutcomes = 100;
// Beside it the key and the headers, of which the longest are a reason and an edge's name.
constexpr std::size_t kValueBytesMax = kafka::kRecordBytesMax - (64 << 10);

Outbox::Record record_of(const answers::Answer& answer, const std::string& topic,
                         const AnswersOf& of) {
  Outbox::Record r;
  r.topic = topic;
  r.partition = kafka::partition_of(answers::place_of(answer), of.partitions);
  r.key = fmt::format("{}\t{}\t{}", answer.view, answers::subject_of(answer),
                      format_utc(answer.start));
  const auto json = answers::to_json(answer);
  r.value.assign(json.begin(), json.end());
  // A group that one store has all of is made of no partition's input.
  if (answer.series.empty() && !of.only) return r;
  const auto input = of.input(r.partition);
  r.headers = {{"live", std::to_string(input.live)}, {"backlog", std::to_string(input.backlog)}};
  if (input.partials) r.headers.push_back({"partials", std::to_string(*input.partials)});
  return r;
}

// Which answers are whole: a store of one partition has of a group what is in that partition
// alone, unless it puts the group together.
class Whole {
 public:
  explicit Whole(bool parted) : parted_(parted) {}
  Result<bool> is(const answers::Answer& answer, query::Reader& reader) {
    if (!parted_ || !answer.series.empty()) return true;
    const auto known = over_partitions_.find(answer.view_hash);
    if (known != over_partitions_.end()) return known->second;
    TIDE_ASSIGN(const auto definitions, reader.definitions(true));
    for (const auto& d : definitions) {
      TIDE_ASSIGN(const auto view, answers::View::from_definition(d));
      over_partitions_[answers::hash_of_definition(d)] = view.over_partitions();
    }
    return over_partitions_[answer.view_hash];
  }

 private:
  bool parted_;
  std::map<std::uint64_t, bool> over_partitions_;  // by definition
};

Outbox::Record record_of(const store::Event& event, const std::string& topic, int partitions) {
  Outbox::Record r;
  r.topic = topic;
  r.partition = kafka::partition_of(event.edge, partitions);
  r.key = fmt::format("{}\t{}\t{}\t{}\t{}", event.series, format_utc(event.time), event.cause,
                      event.state, event.number);
  r.value.assign(event.json.begin(), event.json.end());
  return r;
}

Outbox::Record record_of(const store::Letter& letter, const std::string& topic, int partitions) {
  Outbox::Record r;
  r.topic = topic;
  r.partition = kafka::partition_of(letter.edge, partitions);
  r.key = letter.edge;
  r.headers = {{"edge", letter.edge},
               {"why", std::string(store::to_string(letter.why))},
               {"reason", letter.reason},
               {"at", format_utc(letter.at)},
               {"readings", std::to_string(letter.readings)}};
  const auto say = [&](std::string_view name, std::string value) {
    if (!value.empty()) r.headers.push_back({name, std::move(value)});
  };
  say("type", letter.frame);
  say("source", letter.origin);
  if (letter.block.incarnation.count != 0) {
    say("incarnation", kafka::hex_of(letter.block.incarnation.count));
    say("sequence", std::to_string(letter.block.sequence.count));
    say("lane", std::string(kafka::name_of(letter.lane)));
  }
  // No broker takes it, and those behind it must not wait: it is kept in the store alone.
  if (letter.bytes.size() > kValueBytesMax) {
    say("bytes", std::to_string(letter.size));
  } else {
    r.value = letter.bytes;
  }
  return r;
}

// Of rows that have a number and a record_of(row, topic, place).
template <typename Row>
Outbox::Feed feed_of_rows(const char* name,
                          Result<std::vector<Row>> (query::Reader::*since)(std::int64_t,
                                                                           std::size_t),
                          std::size_t most, const std::string& topic, int place) {
  const auto next = [=](query::Reader& reader, std::uint64_t after) -> Result<Outbox::Batch> {
    TIDE_ASSIGN(const auto some, (reader.*since)(static_cast<std::int64_t>(after), most));
    Outbox::Batch batch;
    for (const auto& row : some) {
      batch.records.push_back(record_of(row, topic, place));
      batch.to = static_cast<std::uint64_t>(row.id);
    }
    return batch;
  };
  return {name, next};
}

}  // namespace

Outbox::Feed answers_feed(const kafka::Settings& settings, AnswersOf of) {
  const auto next = [topic = settings.answers(), history = settings.history(),
                     whole = Whole(of.only.has_value()), of = std::move(of)](
                        query::Reader& reader,
                        std::uint64_t after) mutable -> Result<Outbox::Batch> {
    TIDE_ASSIGN(const auto some, reader.since(after, kAnswers));
    Outbox::Batch batch;
    for (const auto& answer : some) {
      batch.to = answer.position;
      TIDE_ASSIGN(const bool said, whole.is(answer, reader));
      if (!said) continue;
      auto record = record_of(answer, topic, of);
      batch.records.push_back(record);
      record.topic = history;  // where no later one replaces it
      batch.records.push_back(std::move(record));
    }
    if (batch.to == 0) return batch;
    TIDE_ASSIGN(const auto newest, reader.position());
    batch.waits = newest - after;
    return batch;
  };
  return {"answers", next};
}

Outbox::Feed events_feed(const kafka::Settings& settings, int partitions,
                         std::shared_ptr<const SaidEvents> said) {
  auto feed = feed_of_rows("events", &query::Reader::events_since, kEvents, settings.events(),
                           partitions);
  if (said == nullptr) return feed;
  feed.next = [all = std::move(feed.next), said = std::move(said)](
                  query::Reader& reader, std::uint64_t after) -> Result<Outbox::Batch> {
    TIDE_ASSIGN(const bool known, said->known());
    if (!known) return Outbox::Batch{};
    TIDE_ASSIGN(auto batch, all(reader, after));
    std::erase_if(batch.records, [&](const Outbox::Record& r) { return said->has(r.key); });
    return batch;
  };
  return feed;
}

Outbox::Feed letters_feed(const kafka::Settings& settings, int partitions) {
  return feed_of_rows("deadletters", &query::Reader::letters_since, kLetters,
                      settings.dead_letters(), partitions);
}

Outbox::Feed outcomes_feed(const kafka::Settings& settings, int own) {
  return feed_of_rows("outcomes", &query::Reader::outcomes_since, kOutcomes, settings.orders(),
                      own);
}

}  // namespace tidemark::cluster
