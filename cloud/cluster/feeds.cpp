// What goes into the topics of answers and of dead letters (common/kafka/FORMAT.md).
#include <fmt/format.h>

#include "cloud/cluster/outbox.h"
#include "common/kafka/records.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {
namespace {

constexpr std::size_t kAnswers = 500;  // in a batch
constexpr std::size_t kLetters = 20;   // of up to 1 MiB
// Beside it the key and the headers, of which the longest are a reason and an edge's name.
constexpr std::size_t kValueBytesMax = kafka::kRecordBytesMax - (64 << 10);

Outbox::Record record_of(const answers::Answer& answer, const std::string& topic, int partitions) {
  const auto group = fmt::format("{}\t{}", answer.view, answer.series);
  Outbox::Record r;
  r.topic = topic;
  r.partition = kafka::partition_of(group, partitions);
  r.key = fmt::format("{}\t{}", group, format_utc(answer.start));
  const auto json = answers::to_json(answer);
  r.value.assign(json.begin(), json.end());
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

}  // namespace

Outbox::Feed answers_feed(const kafka::Settings& settings, int partitions) {
  const auto next = [topic = settings.answers(), partitions](
                        query::Reader& reader, std::uint64_t after) -> Result<Outbox::Batch> {
    TIDE_ASSIGN(const auto some, reader.since(after, kAnswers));
    Outbox::Batch batch;
    for (const auto& answer : some) {
      batch.records.push_back(record_of(answer, topic, partitions));
      batch.to = answer.position;
    }
    return batch;
  };
  return {"answers", next, 0};
}

Outbox::Feed letters_feed(const kafka::Settings& settings, int partitions) {
  const auto next = [topic = settings.dead_letters(), partitions](
                        query::Reader& reader, std::uint64_t after) -> Result<Outbox::Batch> {
    TIDE_ASSIGN(const auto some, reader.letters_since(static_cast<std::int64_t>(after), kLetters));
    Outbox::Batch batch;
    for (const auto& letter : some) {
      batch.records.push_back(record_of(letter, topic, partitions));
      batch.to = static_cast<std::uint64_t>(letter.id);
    }
    return batch;
  };
  return {"deadletters", next, 0};
}

}  // namespace tidemark::cluster
