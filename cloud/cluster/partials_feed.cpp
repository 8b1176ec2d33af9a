// What a partition's store says of groups, into the topic of partial answers (common/kafka/
// FORMAT.md): to the partition that puts the group together.
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "cloud/answers/answer.h"
#include "cloud/answers/group_rows.h"
#include "cloud/answers/view.h"
#include "cloud/cluster/outbox.h"
#include "common/kafka/records.h"
#include "common/kafka/topics.h"

namespace tidemark::cluster {
namespace {

using answers::PartialRecord;
using Kind = PartialRecord::Kind;

constexpr std::size_t kPartials = 500;  // in a batch

class PartialsFeed : public std::enable_shared_from_this<PartialsFeed> {
 public:
  PartialsFeed(const kafka::Settings& settings, int partitions, int own, std::uint64_t run,
               std::shared_ptr<const ReadState> read)
      : topic_(settings.partials()),
        partitions_(partitions),
        own_(own),
        run_(run),
        read_(std::move(read)) {}

  // The run begins with the first batch, and is complete once all that was there has been read and
  // said; again when other views are in force, whose reaches came in one commit with them.
  Result<Outbox::Batch> next(query::Reader& reader, std::uint64_t after) {
    Outbox::Batch batch;
    const bool all = read_->all.load();
    if (!read_->live.load()) return batch;
    TIDE_ASSIGN(const auto some, reader.said_since(after, kPartials));
    auto complete = record(Kind::complete);
    if (some.empty() && all) {
      TIDE_ASSIGN(const auto definitions, reader.definitions(false));
      for (const auto& d : definitions) complete.views.push_back(answers::hash_of_definition(d));
    }
    const bool completes = some.empty() && all && complete_ != complete.views;
    if (some.empty() && !completes) return batch;
    batch.to = after;
    if (!begun_) say_to_all(record(Kind::begin), "begin", batch);
    // The brokers have the shares before they hear of a reach that speaks of them: of records under
    // way together some may fail.
    bool shares = false;
    for (const auto& said : some) {
      if (said.partial.kind == Kind::reach && shares) break;
      shares = shares || said.partial.kind == Kind::share;
      batch.to = said.position;
      if (!said.view.empty()) TIDE_TRY(say(said, batch));
    }
    if (completes) say_to_all(complete, "complete", batch);
    batch.gone = [feed = shared_from_this(), completes, views = std::move(complete.views)] {
      feed->begun_ = true;
      if (completes) feed->complete_ = views;
    };
    return batch;
  }

 private:
  [[nodiscard]] PartialRecord record(Kind kind) const {
    PartialRecord r;
    r.kind = kind;
    r.partition = static_cast<std::uint32_t>(own_);
    r.run = run_;
    return r;
  }
  // Records of another run have other keys: compaction keeps the last of each.
  [[nodiscard]] std::string key(std::string_view what) const {
    return fmt::format("{}\t{}\t{}", own_, kafka::hex_of(run_), what);
  }
  void say_to_all(const PartialRecord& r, std::string_view what, Outbox::Batch& batch) const {
    for (int p = 0; p < partitions_; ++p) {
      batch.records.push_back({topic_, p, key(what), r.encode()});
    }
  }
  Result<> say(const query::Reader::Said& said, Outbox::Batch& batch) const {
    TIDE_ASSIGN(const auto view, answers::View::from_definition(said.view));
    auto r = record(said.partial.kind);
    r.view = said.view;
    r.group = said.partial.group;
    r.start = said.start;
    r.state = said.partial.state;
    answers::Answer whole;  // that it is put into
    whole.view = view.name;
    whole.labels = answers::GroupKey::decode(r.group).labels(view.group_by);
    const auto version = kafka::hex_of(answers::hash_of_definition(r.view));
    const auto when = r.kind == Kind::share ? format_utc(r.start) : "reach";
    auto group = view.name + "\t";
    group += as_text(r.group);
    batch.records.push_back({topic_, kafka::partition_of(answers::place_of(whole), partitions_),
                             key(fmt::format("{}\t{}\t{}", version, group, when)), r.encode()});
    return {};
  }

  const std::string topic_;
  const int partitions_, own_;
  const std::uint64_t run_;
  const std::shared_ptr<const ReadState> read_;
  // As far as the brokers have it:
  bool begun_ = false;
  std::optional<std::vector<std::uint64_t>> complete_;  // for the views of these hashes
};

}  // namespace

Outbox::Feed partials_feed(const kafka::Settings& settings, int partitions, int own,
                           std::uint64_t run, std::shared_ptr<const ReadState> read) {
  const auto feed =
      std::make_shared<PartialsFeed>(settings, partitions, own, run, std::move(read));
  return {std::string(kPartialsSaid),
          [feed](query::Reader& reader, std::uint64_t after) { return feed->next(reader, after); }};
}

}  // namespace tidemark::cluster
