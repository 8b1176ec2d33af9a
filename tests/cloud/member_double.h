// Nodes of a group and edges in all of its partitions, on librdkafka's mock brokers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "cloud/cluster/pool.h"
#include "cloud/store/part_folder.h"
#include "tests/cloud/kafka_double.h"

namespace tidemark::test {

inline constexpr auto kLong = std::chrono::seconds(60);  // the group's first members are waited for

class Member {
 public:
  Member(MockKafka& kafka, const std::filesystem::path& folder, std::string name,
         Nanoseconds checkpoint_every = {}, bool publishes = false,
         std::vector<answers::View> views = {}, cluster::JsonOptions json = {}) {
    cluster::PoolOptions o;
    o.listener.settings = kafka.settings;
    o.listener.look_every = o.listener.look_again = kSoon;
    o.listener.layout = layout_of_mock;
    o.listener.answers = publishes;
    o.listener.json = std::move(json);
    o.group = "cloud";
    o.name = std::move(name);
    o.session = std::chrono::seconds(6);
    o.data_dir = folder;
    o.intake.views = answers::views_in_force(std::move(views)).value();
    o.asks_owners = false;
    o.checkpoint_every = checkpoint_every;
    pool_ = cluster::Pool::open(std::move(o), disk_, clock_).value();
    reader_ = pool_->readers()->reader();
    thread_ = std::thread([this] { EXPECT_TRUE(pool_->run(stop_, [] {}).ok()); });
  }
  ~Member() { stop(); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  void stop() {
    stop_.ask();
    if (thread_.joinable()) thread_.join();
  }

  // Partitions that can be read here.
  std::vector<int> has() {
    std::vector<int> all;
    const auto states = reader_->partitions().value();
    for (const auto& p : states) {
      if (p.here) all.push_back(p.number);
    }
    return all;
  }
  std::vector<query::PartitionState> partitions() { return reader_->partitions().value(); }
  Ledger ledger() { return reader_->ledger().value(); }
  // Of a view, as far as they fall to partitions that are here; nothing while none is.
  std::vector<answers::Answer> answers(const std::string& view) {
    query::AnswerQuery query;
    query.view = view;
    auto all = reader_->answers(query);
    return all ? std::move(all).value() : std::vector<answers::Answer>{};
  }
  std::vector<query::WaivedSource> waived() {
    auto all = reader_->waived_sources();
    return all ? std::move(all).value() : std::vector<query::WaivedSource>{};
  }
  cluster::Pool& pool() { return *pool_; }

 private:
  SystemDisk disk_;
  SystemClock clock_;
  StopSignal stop_{StopSignal::ByHand{}};
  std::unique_ptr<cluster::Pool> pool_;
  std::unique_ptr<query::Reader> reader_;
  std::thread thread_;
};

// An edge for each partition, with a gateway.
class Fleet {
 public:
  explicit Fleet(MockKafka& kafka, bool device_stamped = false) {
    std::vector<bool> taken(MockKafka::kPartitions);
    for (int n = 0; edges_.size() < taken.size(); ++n) {
      const auto name = "press-" + std::to_string(n);
      const auto p = static_cast<std::size_t>(kafka::partition_of(name, MockKafka::kPartitions));
      if (taken[p]) continue;
      taken[p] = true;
      edges_.push_back(std::make_unique<EdgeDouble>(name, 11, 1, device_stamped));
      gateways_.push_back(std::make_unique<Gateway>(kafka, *edges_.back()));
      gateways_.back()->send(edges_.back()->dictionary());
    }
  }
  // A block of three readings of each.
  void send(int minute) {
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      const auto block = next_block(*edges_[i], minute);
      gateways_[i]->send(edges_[i]->block(block));
      gateways_[i]->send(edges_[i]->last_seal());
      EXPECT_TRUE(gateways_[i]->acknowledged(block));
      readings += 3;
    }
  }
  // The edge in that partition.
  [[nodiscard]] const EdgeDouble& edge(int partition) const {
    const auto at = std::ranges::find_if(edges_, [&](const auto& e) {
      return kafka::partition_of(e->name(), MockKafka::kPartitions) == partition;
    });
    return **at;
  }
  std::uint64_t readings = 0;

 private:
  std::vector<std::unique_ptr<EdgeDouble>> edges_;
  std::vector<std::unique_ptr<Gateway>> gateways_;
};

// In time.
inline bool answers_all(Member& node, const Fleet& fleet) {
  return eventually([&] { return node.ledger().answered == fleet.readings; }, kLong);
}

// A checkpoint of each partition that holds all that was sent.
inline bool all_kept(Member& node, EventTime since) {
  const auto all = node.partitions();
  return all.size() == 4 && std::ranges::all_of(all, [&](const auto& p) {
    return p.checkpoint > since && p.behind == 0;
  });
}

// It has read all that was there when it got its partitions.
inline bool ready(Member& node) {
  return eventually([&] {
    const auto all = node.partitions();
    return !all.empty() &&
           std::ranges::all_of(all, [](const auto& p) { return p.ready.has_value(); });
  }, kLong);
}

// Over series of all partitions.
inline answers::View view_by_site() {
  auto view = answers::built_in_view();
  view.name = "site";
  view.group_by = {"site"};
  view.emit.revision_interval = std::chrono::milliseconds(100);
  return view;
}

// Sealed windows of a group that has a series in every partition, of these nodes together.
inline std::size_t proved_windows(const std::vector<Member*>& nodes, double count) {
  std::set<EventTime> windows;
  for (auto* node : nodes) {
    for (const auto& a : node->answers("site")) {
      const bool all = a.values.at("count") == count && a.completeness == 1.0;
      if (all && proved(a.state) && !windows.insert(a.start).second) return 0;
    }
  }
  return windows.size();
}

}  // namespace tidemark::test
