// Edges of a site in several partitions, nodes with a partition each and the topics between them in
// memory; and one node that has all.
#pragma once

#include <gtest/gtest.h>

#include <bit>

#include "cloud/cluster/outbox.h"
#include "tests/cloud/edge_double.h"

namespace tidemark::test {

using answers::Answer;
using answers::State;

inline answers::View by_metric(std::vector<std::string> aggregates = {}) {
  auto view = answers::built_in_view();
  view.name = "hall";
  view.group_by = {"site", "metric"};
  if (!aggregates.empty()) view.aggregates = std::move(aggregates);
  return view;
}

inline const std::vector<std::string> kFigures{"count", "sum",      "stddev",   "first",
                                               "last",  "min",      "twa",      "integral",
                                               "increase", "p50",   "distinct"};

// Also what waits for its revision_interval.
inline void settle_all(Node& node) {
  for (int i = 0; i < 4; ++i) node.settle();
}

// Nodes with a partition each, and the topic of partial answers between them, in memory.
class Partitions {
 public:
  explicit Partitions(std::vector<answers::View> views, int n = 3)
      : topic_(n), said_(n), parts_(n) {
    for (int p = 0; p < n; ++p) {
      parts_[p].node = std::make_unique<Node>(reconcile::Horizons{}, views,
                                              std::vector<intake::SeriesRule>{},
                                              static_cast<std::uint32_t>(n));
      begin_run(p);
    }
  }
  int partition_of(const EdgeDouble& edge) const {
    return kafka::partition_of(edge.name(), static_cast<int>(parts_.size()));
  }
  Node& node(int p) { return *parts_[p].node; }
  Node& node(const EdgeDouble& edge) { return node(partition_of(edge)); }

  // Another owner's time begins: it takes over what was published behind what its store notes.
  void begin_run(int p) {
    auto& part = parts_[p];
    auto& intake = *part.node->intake;
    intake.hold_published(true);
    auto partials = intake.noted("answers partials");
    const auto from = intake.noted("answers offset");
    for (auto n = from; n < said_[p].size(); ++n) {
      partials = std::max(partials, said_[p][n].partials);
      intake.note_published(answers::from_json(said_[p][n].json).value());
    }
    if (from < said_[p].size()) {
      intake.note("answers", intake.settle_unsaid(intake.noted("answers"), intake.noted("said")));
    }
    intake.number_behind(intake.noted("answers"));
    intake.note("answers partials", partials);
    intake.note("answers offset", said_[p].size());
    EXPECT_TRUE(intake.save_notes().ok());
    look_at_others(p);
    part.read = std::make_shared<cluster::ReadState>();
    part.read->live = part.read->all = true;
    part.feed = cluster::partials_feed({}, static_cast<int>(parts_.size()), p, ++runs_, part.read);
    part.said = part.node->intake->noted("said");
  }
  // Has not read what there is.
  void hold_back(int p, bool live, bool all) {
    parts_[p].read->live = live;
    parts_[p].read->all = all;
  }
  void kill(int p) {
    node(p).kill();
    node(p).start();
    begin_run(p);
  }
  // What a partition's store has to say goes into the topic.
  std::size_t say(int p) {
    auto& part = parts_[p];
    const auto reader = query::Reader::open(part.node->folder.path).value();
    const auto count = say(part.feed, *reader, part.said);
    if (count > 0) {
      part.node->intake->note("said", part.said);
      part.node->intake->note_said(part.said);
      part.node->commit();
    }
    return count;
  }
  std::size_t say(cluster::Outbox::Feed& feed, query::Reader& reader, std::uint64_t& said) {
    std::size_t count = 0;
    for (;;) {
      const auto batch = feed.next(reader, said).value();
      if (batch.records.empty()) return count;
      for (const auto& r : batch.records) topic_[r.partition].push_back(r.value);
      count += batch.records.size();
      said = batch.to;
      if (batch.gone) batch.gone();
    }
  }
  void look_at_others(int p) {
    auto& intake = *node(p).intake;
    intake.hold_published(intake.noted("heard") < intake.noted("answers partials"));
  }
  // What it answers goes into the topic of answers, where nothing goes back.
  void publish(int p) {
    auto& intake = *node(p).intake;
    const auto heard = static_cast<std::int64_t>(intake.noted("heard"));
    const auto input = [heard](int) { return cluster::InputPosition{0, 0, heard}; };
    const kafka::Settings settings;
    const auto feed = cluster::answers_feed(settings, {size(), input, p});
    const auto reader = query::Reader::open(node(p).folder.path).value();
    auto at = intake.noted("answers");
    for (;;) {
      const auto batch = feed.next(*reader, at).value();
      if (batch.to == 0) break;
      at = batch.to;
      for (const auto& r : batch.records) {
        if (r.topic != settings.answers()) continue;
        ASSERT_EQ(r.partition, p) << r.key;
        const auto a = answers::from_json(as_text(r.value)).value();
        ASSERT_EQ(r.headers.back().name, "partials");
        said_[p].push_back({std::string(as_text(r.value)), std::stoull(r.headers.back().value)});
        EXPECT_GT(a.position, std::exchange(newest_[p], a.position));
        const auto [before, first] = published_.try_emplace(r.key, a);
        if (first) continue;
        EXPECT_GT(a.revision, before->second.revision) << r.key;
        before->second = a;
      }
    }
    intake.note("answers", at);
    intake.note("answers offset", said_[p].size());
    node(p).commit();
  }
  // By key, of a view.
  std::vector<Answer> published(const std::string& view = "hall") {
    std::vector<Answer> all;
    for (const auto& [key, a] : published_) {
      if (a.view == view) all.push_back(a);
    }
    return all;
  }
  void hear(int p, std::size_t most = SIZE_MAX) {
    auto& intake = *node(p).intake;
    auto at = intake.noted("heard");
    for (; at < topic_[p].size() && most > 0; ++at, --most) {
      EXPECT_TRUE(intake.take_partial(topic_[p][at], at + 1).ok());
    }
    intake.note("heard", at);
    look_at_others(p);
    node(p).commit();
  }
  void settle() {
    for (bool more = true; more;) {
      more = false;
      for (int p = 0; p < size(); ++p) {
        settle_all(node(p));
        more = say(p) > 0 || more;
      }
      for (int p = 0; p < size(); ++p) hear(p);
    }
    for (int p = 0; p < size(); ++p) {
      settle_all(node(p));
      publish(p);
    }
  }
  std::vector<Answer> answers(const std::string& view = "hall") {
    std::vector<Answer> all;
    for (int p = 0; p < size(); ++p) {
      auto some = node(p).answers(view);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  [[nodiscard]] int size() const { return static_cast<int>(parts_.size()); }
  std::vector<std::vector<ByteVector>>& topic() { return topic_; }
  cluster::Outbox::Feed& feed(int p) { return parts_[p].feed; }
  std::uint64_t said(int p) { return parts_[p].said; }
  // Revisions that this group's answers have had.
  std::uint64_t emitted() {
    std::uint64_t n = 0;
    for (int p = 0; p < size(); ++p) n += node(p).intake->counters().answers;
    return n;
  }

 private:
  struct Part {
    std::unique_ptr<Node> node;
    std::shared_ptr<cluster::ReadState> read;
    cluster::Outbox::Feed feed;
    std::uint64_t said = 0;
  };
  struct SaidAnswer {
    std::string json;
    std::uint64_t partials = 0;
  };
  std::vector<std::vector<ByteVector>> topic_;  // by partition
  std::vector<std::vector<SaidAnswer>> said_;   // likewise, the topic of answers
  std::map<std::string, Answer> published_;     // the last of each key
  std::map<int, std::uint64_t> newest_;         // position
  std::vector<Part> parts_;
  std::uint64_t runs_ = 0;
};

// What an answer says, but for when it was said.
inline std::string words_of(const Answer& a) {
  auto plain = a;
  plain.position = 0;
  plain.known_at = {};
  plain.revision = 0;
  plain.cause.clear();
  plain.previous.clear();
  if (plain.state == State::revised) plain.state = State::sealed;
  std::string bits;
  for (const auto& [name, value] : a.values) {
    bits += value ? std::to_string(std::bit_cast<std::uint64_t>(*value)) + " " : "none ";
  }
  return to_json(plain) + bits;
}

inline std::map<std::string, std::string> all_words(const std::vector<Answer>& answers) {
  std::map<std::string, std::string> all;
  for (const auto& a : answers) {
    auto key = format_utc(a.start);
    for (const auto& [name, value] : a.labels) key += " " + value;
    EXPECT_TRUE(all.emplace(key, words_of(a)).second) << key << " twice";
  }
  return all;
}

inline void take_minutes(EdgeDouble& edge, int from, int to, double value = 10) {
  for (auto t = kStart + from * kMinute; t < kStart + to * kMinute; t += 10 * kSecond) {
    for (std::uint32_t s = 0; s < edge.series().size(); ++s) edge.take(s, t, value);
    edge.poll(t, t % (20 * kSecond) == 0);
  }
}

// Edges of a site in several partitions, and one node that has all of them.
struct Plant {
  explicit Plant(answers::View view = by_metric(kFigures), std::size_t count = 4)
      : parts({view}), whole({}, {view}) {
    for (std::size_t i = 0; i < count; ++i) {
      edges.push_back(std::make_unique<EdgeDouble>("press-0" + std::to_string(i), i + 1, 1));
    }
  }
  void take(EdgeDouble& edge, const wire::Frame& frame) {
    parts.node(edge).take(edge, frame);
    whole.take(edge, frame);
  }
  void send(EdgeDouble& edge) {
    test::send(parts.node(edge), edge);
    test::send(whole, edge);
  }
  // Minutes of each edge, sealed.
  void run(int minutes) {
    for (auto& edge : edges) {
      take_minutes(*edge, 0, minutes, 10 + static_cast<double>(edge->incarnation().count));
      edge->flush(kStart + minutes * kMinute);
      send(*edge);
    }
    settle();
  }
  void settle() {
    whole.commit();
    settle_all(whole);
    parts.settle();
  }
  // What the nodes answer, and what is in the topic.
  void expect_equal() {
    const auto wanted = all_words(whole.answers("hall"));
    for (const auto& some : {parts.answers(), parts.published()}) {
      const auto found = all_words(some);
      EXPECT_EQ(found.size(), wanted.size());
      for (const auto& [key, words] : wanted) {
        const auto at = found.find(key);
        ASSERT_NE(at, found.end()) << key << " is not answered";
        EXPECT_EQ(at->second, words) << key;
      }
    }
  }
  Partitions parts;
  Node whole;
  std::vector<std::unique_ptr<EdgeDouble>> edges;
};

}  // namespace tidemark::test
