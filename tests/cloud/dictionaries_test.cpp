// Dictionaries that nothing names any more go, and an edge that uses up their bound goes on.
#include <gmock/gmock.h>

#include "cloud/intake/catalogue.h"
#include "tests/cloud/alarms_of.h"

namespace tidemark::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Dictionary naming(const std::string& metric, const std::string& unit) {
  SeriesDescription d;
  d.source = "line1";
  d.device = "line1";
  d.metric = metric;
  d.unit = unit;
  return Dictionary({d});
}

// A catalogue without its intake.
struct Bare {
  Bare() {
    store = store::Store::open(disk, folder.path).value();
    store->begin();
    edge.row.name = "press-07";
    edge.row.id = store->edges().add("press-07");
    open();
  }
  void open() {
    catalogue = std::make_unique<intake::Catalogue>(*store);
    catalogue->on_new = [](auto&, auto&) {};
    catalogue->on_moved = [](auto&, auto&) {};
    catalogue->on_described = [](auto&) {};
  }
  // A block that names it is archived; where the next one begins.
  store::ArchivePosition use(const Dictionary& d, std::uint64_t sequence) {
    EXPECT_TRUE(catalogue->add_dictionary(edge, d.bytes(), kEventTimeMax).ok());
    std::vector<intake::Bound> series;
    const BlockName name{{11}, {sequence}};
    EXPECT_TRUE(catalogue->bind(edge, {d.hash()}, name, series).ok());
    catalogue->note_archived(edge, {d.hash()});
    BlockRecord record;
    record.name = name;
    store->archive().append("press-07", record);
    catalogue->save_used();
    return store->archive().end();
  }
  Folder folder;
  SystemDisk disk;
  std::unique_ptr<store::Store> store;
  intake::Edge edge;
  std::unique_ptr<intake::Catalogue> catalogue;
};

TEST(Dictionaries, GoWithTheBlocksThatNameThem) {
  Bare bare;
  const auto first = naming("speed", "rpm"), again = naming("speed", "1/s"),
             other = naming("power", "W");
  bare.use(first, 1);
  const auto behind = bare.use(other, 2);
  bare.use(again, 3);  // describes the series of the first one from here on
  auto& catalogue = *bare.catalogue;
  const std::vector<DictionaryHash> all{first.hash(), again.hash(), other.hash()};
  EXPECT_TRUE(catalogue.unknown(bare.edge, all).empty());
  const auto bytes = bare.edge.dictionary_bytes;
  catalogue.forget_before(bare.edge, behind);
  EXPECT_THAT(catalogue.unknown(bare.edge, all), ElementsAre(first.hash(), other.hash()));
  EXPECT_EQ(bare.edge.dictionary_bytes, bytes - first.bytes().size() - other.bytes().size());
  // Of the one that still describes a series its rank stays: an older one does not take over.
  EXPECT_FALSE(bare.edge.dictionaries.contains(first.hash()));
  EXPECT_TRUE(bare.edge.dictionaries.contains(other.hash()));
  std::vector<intake::Bound> series;
  EXPECT_EQ(catalogue.bind_known(bare.edge, {other.hash()}, series).error().fault(),
            Fault::unavailable);
  bare.use(other, 4);
  EXPECT_THAT(catalogue.unknown(bare.edge, all), ElementsAre(first.hash()));
  EXPECT_TRUE(bare.store->commit().ok());
}

TEST(Dictionaries, AreTheSameAfterARestart) {
  Bare bare;
  const auto one = naming("speed", "rpm"), two = naming("speed", "1/s");
  const auto behind = bare.use(one, 1);
  bare.use(two, 2);
  bare.catalogue->forget_before(bare.edge, behind);
  EXPECT_TRUE(bare.store->commit().ok());
  std::vector<std::pair<DictionaryHash, std::size_t>> kept;
  bare.store->dictionaries().each({}, [&](const store::DictionaryRow& row) {
    kept.emplace_back(row.hash, row.bytes);
    EXPECT_EQ(row.position.value, bare.edge.dictionaries.at(row.hash).position.value);
    EXPECT_EQ(row.said, bare.edge.dictionaries.at(row.hash).said);
  });
  EXPECT_THAT(kept, ElementsAre(std::pair{two.hash(), two.bytes().size()}));
}

// As of an edge that starts again and again, and whose series come in another order each time.
TEST(Dictionaries, ThatPassTheirBoundDoNotLockTheEdgeOut) {
  Node node;
  EdgeDouble edge("press-07", 11, 1, false, 8);
  const auto describe = [&](int start) {
    for (std::uint32_t s = 0; s < 8; ++s) {
      edge.describe(s, [&](SeriesDescription& d) {
        for (int l = 0; l < 32; ++l) {
          d.labels[std::string(240, 'k') + std::to_string(l)] =
              std::string(240, 'v') + std::to_string(start);
        }
      });
    }
  };
  node.take(edge, edge.hello());
  constexpr int kStarts = 700;
  for (int start = 0; start < kStarts; ++start) {
    describe(start);
    edge.take(0, kStart + start * kSecond, 1);
    const auto block = edge.flush(kStart + (start + 1) * kSecond);
    node.take(edge, edge.dictionary());
    node.take(edge, edge.block(block));
    node.take(edge, edge.last_seal());
    if (start % 50 == 0) node.commit();
  }
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, std::uint64_t{kStarts});
  EXPECT_EQ(node.intake->counters().parked, 0u);
  auto alarms = alarms_of(node, "press-07");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].kind, "bound");
  EXPECT_THAT(alarms[0].text, HasSubstr("named longest ago are gone"));
  // What the archive can no longer be read for is told; the panes have it all.
  auto q = query::Reader::parse("count press-07/line1/m0 by 1s").value();
  q.from = event_time(kStart);
  q.to = event_time(kStart + kStarts * kSecond);
  const auto seconds = node.ask(q);
  ASSERT_EQ(seconds.size(), std::size_t{kStarts});
  EXPECT_LT(seconds.front().completeness.value(), 1.0);
  EXPECT_EQ(seconds.back().completeness, 1.0);
  EXPECT_EQ(node.answers("minute", "**/m0").at(0).values.at("count"), 60.0);
  // The first one again, after a restart: it is asked for, and taken.
  node.kill();
  node.start();
  node.take(edge, edge.hello());
  describe(0);
  edge.take(0, kStart + 700 * kSecond, 1);
  const auto block = edge.flush(kStart + 701 * kSecond);
  node.take(edge, edge.block(block));
  const auto replies = node.commit();
  EXPECT_THAT(wire::decode_request(replies.back().payload).value().dictionaries,
              ElementsAre(edge.dictionary_hash()));
  node.take(edge, edge.dictionary());
  node.commit();
  EXPECT_EQ(node.intake->ledger().answered, kStarts + 1u);
  // The alarm goes by itself.
  node.clock.jump_wall(std::chrono::hours(25));
  node.clock.advance(std::chrono::seconds(61));
  node.commit();
  EXPECT_TRUE(alarms_of(node, "press-07").empty());
}

}  // namespace
}  // namespace tidemark::test
