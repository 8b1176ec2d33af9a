#include "cloud/cluster/plain_topic.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <map>

#include "common/base/text.h"
#include "common/kafka/records.h"

namespace tidemark::cluster {
namespace {

ByteVector text_of(const std::vector<std::pair<std::string, std::uint64_t>>& notes) {
  std::string text;
  for (const auto& [name, value] : notes) text += fmt::format("{} {}\n", value, name);
  return {text.begin(), text.end()};
}

}  // namespace

PlainTopic::PlainTopic(kafka::Settings settings, std::string edge, int partition, int event)
    : settings_(std::move(settings)), edge_(std::move(edge)), partition_(partition),
      event_(event), flush_name_(fmt::format("{}{} flush", kPlainNotes, edge_)) {}

bool PlainTopic::takes(intake::Intake& intake) {
  noted_ = intake.noted(flush_name_);
  return !said_ || noted_ == *said_;
}

Outbox::Record PlainTopic::record(std::string_view type, ByteVector value) const {
  return {settings_.live(), partition_, edge_, std::move(value), {{"type", std::string(type)}}};
}

void PlainTopic::take(const plain::PlainEdge& edge, PlainFlush flush) {
  const std::map<Incarnation, std::uint64_t> ordinals{
      {edge.state().incarnation, plain::PlainEdge::kStart}};
  const kafka::Sender sender{edge_, "", kPlainSession, ordinals};
  std::vector<Outbox::Record> dictionaries, rest;
  for (const auto& frame : flush.frames) {
    auto made = kafka::record_of(settings_, sender, frame.type, frame.payload);
    TIDE_CHECK(made.ok(), "a frame of plain readings is a record");
    auto& to = frame.type == wire::FrameType::dictionary ? dictionaries : rest;
    to.push_back({std::move(made->topic), partition_, std::move(made->key), std::move(made->value),
                  std::move(made->headers)});
  }
  for (auto& l : flush.letters) {
    auto& r = rest.emplace_back(record(kRefusedType, std::move(l.bytes)));
    r.headers.push_back({"source", std::move(l.from)});
    r.headers.push_back({"reason", std::move(l.reason)});
  }
  said_ = noted_ + 1;
  flush.notes.emplace_back(flush_name_, *said_);
  rest.push_back(record(kNotedType, text_of(flush.notes)));
  {
    const std::lock_guard lock(queue_->mutex);
    if (!dictionaries.empty()) queue_->transactions.push_back(std::move(dictionaries));
    queue_->transactions.push_back(std::move(rest));
  }
  if (on_more) on_more();
}

Outbox::Feed PlainTopic::feed() const {
  const auto next = [queue = queue_, event = event_](
                        query::Reader& /*reader*/, std::uint64_t after) -> Result<Outbox::Batch> {
    Outbox::Batch batch;
    const std::lock_guard lock(queue->mutex);
    if (queue->transactions.empty()) return batch;
    batch.records = queue->transactions.front();  // which may have to be said again
    batch.to = after + 1;
    batch.gone = [queue, event] {
      const std::lock_guard gone(queue->mutex);
      queue->transactions.pop_front();
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto n = ::write(event, &one, sizeof one);
    };
    return batch;
  };
  return {"", next};
}

bool take_noted(intake::Intake& intake, ByteSpan value) {
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  std::vector<std::pair<std::string, std::uint64_t>> notes;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    const auto name = line.substr(static_cast<std::size_t>(end - line.data()));
    if (error != std::errc{} || !name.starts_with(" " + std::string(kPlainNotes))) return false;
    notes.emplace_back(name.substr(1), number);
  }
  for (const auto& [name, number] : notes) intake.note(name, number);
  return true;
}

}  // namespace tidemark::cluster
