// Cloud nodes that share the partitions, over librdkafka's mock brokers: who comes gets some, who
// goes hands over, and whoever has a partition answers what the one before did.
#include "cloud/checkpoint/marker.h"
#include "cloud/checkpoint/writer.h"
#include "cloud/store/store.h"
#include "tests/cloud/member_double.h"

namespace tidemark::test {
namespace {

TEST(Group, AloneANodeHasAllPartitionsAndAStoreForEach) {
  MockKafka kafka;
  Folder folder;
  Fleet fleet(kafka);
  fleet.send(0);
  {
    Member node(kafka, folder.path, "hall-1");
    ASSERT_TRUE(answers_all(node, fleet));
    EXPECT_TRUE(eventually([&] { return node.has() == std::vector<int>{0, 1, 2, 3}; }));
    EXPECT_TRUE(eventually([&] { return node.pool().condition().problem.empty(); }))
        << node.pool().condition().problem;
  }
  for (int p = 0; p < MockKafka::kPartitions; ++p) {
    EXPECT_TRUE(exists(store::database_path(store::part_folder(folder.path, p)))) << p;
  }
  EXPECT_EQ(query::Reader::open(folder.path).value()->ledger()->answered, fleet.readings)
      << "the stores of a stopped node read as one";
  fleet.send(1);
  Member node(kafka, folder.path, "hall-1");
  ASSERT_TRUE(answers_all(node, fleet));
  EXPECT_EQ(node.ledger().taken, fleet.readings);
  node.stop();
  EXPECT_EQ(node.pool().counters().blocks, 4u) << "what was committed is not read again";
}

TEST(Group, GroupsOverPartitionsAreAnsweredByOneOfThem) {
  const auto view = view_by_site();
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  fleet.send(1);
  constexpr double kCount = 3.0 * MockKafka::kPartitions;
  Member first(kafka, here.path, "hall-1", {}, false, {view});
  EXPECT_TRUE(eventually([&] { return proved_windows({&first}, kCount) == 2; }, kLong));
  Member second(kafka, there.path, "hall-2", {}, false, {view});
  ASSERT_TRUE(eventually([&] { return first.has().size() == 2 && second.has().size() == 2; },
                         kLong));
  fleet.send(2);
  EXPECT_TRUE(eventually([&] { return proved_windows({&first, &second}, kCount) == 3; }, kLong));
  first.stop();
  ASSERT_TRUE(eventually([&] { return second.has().size() == MockKafka::kPartitions; }, kLong));
  fleet.send(3);
  EXPECT_TRUE(eventually([&] { return proved_windows({&second}, kCount) == 4; }, kLong));
}

TEST(Group, NodesThatComeGetTheirShareAndThoseThatGoHandOver) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  Member first(kafka, here.path, "hall-1");
  ASSERT_TRUE(answers_all(first, fleet));
  Member second(kafka, there.path, "hall-2");
  ASSERT_TRUE(eventually([&] { return first.has().size() == 2 && second.has().size() == 2; },
                         kLong));
  fleet.send(1);
  ASSERT_TRUE(eventually([&] {
    return first.ledger().answered + second.ledger().answered == fleet.readings;
  }, kLong));
  first.stop();
  EXPECT_TRUE(first.has().empty());
  fleet.send(2);
  ASSERT_TRUE(answers_all(second, fleet));
  EXPECT_EQ(second.ledger().taken, fleet.readings) << "nothing counts twice";
  EXPECT_EQ(second.ledger().duplicate, 0u);
}

TEST(Group, ANodeThatWasCountedOutLetsGoAndComesAgain) {
  MockKafka kafka;
  Folder folder;
  Fleet fleet(kafka);
  Member node(kafka, folder.path, "hall-1");
  fleet.send(0);
  ASSERT_TRUE(answers_all(node, fleet));
  const auto since = [&] {
    const auto all = node.pool().readers()->reader()->partitions().value();
    return all.empty() ? EventTime{} : all[0].since;
  };
  const auto before = since();
  kafka.refuse_heartbeat(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
  ASSERT_TRUE(eventually([&] { return node.has().size() == 4 && since() > before; }, kLong));
  fleet.send(1);
  ASSERT_TRUE(answers_all(node, fleet));
  EXPECT_EQ(node.ledger().taken, fleet.readings);
}

// All bytes of a partition's archive.
std::string archive_of(const std::filesystem::path& data_dir, int partition) {
  const auto folder = store::archive_folder(store::part_folder(data_dir, partition));
  const auto bytes = read_file(store::segment_path(folder, 1), 1 << 20);
  return bytes ? *bytes : "";
}

TEST(Group, ANodeTakesOverFromACheckpointAndFetchesTheArchiveAgain) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka, true);
  fleet.send(0);
  fleet.send(1);
  const SystemClock clock;
  {
    Member first(kafka, here.path, "hall-1", std::chrono::milliseconds(50));
    ASSERT_TRUE(answers_all(first, fleet));
    const auto answered = clock.wall();
    fleet.send(2);  // a checkpoint is written where something has moved
    ASSERT_TRUE(answers_all(first, fleet));
    ASSERT_TRUE(eventually([&] { return all_kept(first, answered); }, kLong));
  }
  Member second(kafka, there.path, "hall-2");
  ASSERT_TRUE(answers_all(second, fleet));
  ASSERT_TRUE(ready(second));
  for (const auto& p : second.partitions()) EXPECT_TRUE(p.restored) << p.number;
  EXPECT_LE(second.pool().counters().blocks, 4u) << "what the checkpoints hold is not taken again";

  // Blocks with the same readings: only the archive knows that they are repeats.
  const auto readings = fleet.readings;
  fleet.send(0);
  ASSERT_TRUE(eventually([&] { return second.ledger().taken == fleet.readings; }, kLong));
  ASSERT_TRUE(eventually([&] { return second.ledger().pending == 0; }, kLong));
  EXPECT_EQ(second.ledger().answered, readings);
  EXPECT_EQ(second.ledger().duplicate, fleet.readings - readings);
  for (int p = 0; p < MockKafka::kPartitions; ++p) {
    const auto before = archive_of(here.path, p);
    EXPECT_FALSE(before.empty());
    EXPECT_TRUE(eventually([&] { return archive_of(there.path, p).starts_with(before); }, kLong))
        << "partition " << p;
  }
}

TEST(Group, ACheckpointThatIsNotWholeIsPassedOver) {
  MockKafka kafka;
  Folder here;
  Folder there;
  Fleet fleet(kafka);
  fleet.send(0);
  {
    Member first(kafka, here.path, "hall-1");
    ASSERT_TRUE(answers_all(first, fleet));
  }
  checkpoint::Marker marker;
  marker.layout = "mock";
  marker.live = 1'000'000;
  marker.bytes = 3 * checkpoint::kPieceBytes;
  marker.pieces = {1, 2, 3};
  const auto producer = kafka::Producer::open(kafka.settings, {}).value();
  for (int p = 0; p < MockKafka::kPartitions; ++p) {
    ASSERT_TRUE(producer->send(kafka.settings.checkpoints(), p, as_bytes(checkpoint::kMarkerKey),
                               marker.encode(), {}, 0).ok());
  }
  producer->finish(std::chrono::seconds(10));
  Member second(kafka, there.path, "hall-2");
  ASSERT_TRUE(answers_all(second, fleet));
  EXPECT_GE(second.pool().counters().blocks, 4u) << "all was read from the start";
  for (const auto& p : second.partitions()) EXPECT_FALSE(p.restored) << p.number;
}

// What is here is read on from while that is sooner done than a checkpoint is fetched.
TEST(Group, HowFarACheckpointIsAheadIsCountedInRecordsAndInBytes) {
  MockKafka kafka;
  Folder here;
  Fleet fleet(kafka);
  fleet.send(0);
  {
    Member first(kafka, here.path, "hall-1");
    ASSERT_TRUE(answers_all(first, fleet));
  }
  const checkpoint::Place place{kafka.settings, "mock", MockKafka::kPartitions, 0,
                                store::part_folder(here.path, 0)};
  const auto producer = kafka::Producer::open(kafka.settings, {}).value();
  SystemDisk disk;
  StopSignal stop{StopSignal::ByHand{}};
  checkpoint::Marker marker;
  marker.layout = "mock";
  marker.bytes = 3 * checkpoint::kPieceBytes;  // that are nowhere
  marker.pieces = {1, 2, 3};
  const auto is_fetched = [&](std::uint64_t live, std::uint64_t archive,
                              std::uint64_t partials = 0) {
    marker.live = live;
    marker.partials = partials;
    marker.archive = archive;
    EXPECT_TRUE(producer->send(kafka.settings.checkpoints(), 0, as_bytes(checkpoint::kMarkerKey),
                               marker.encode(), {}, 0).ok());
    producer->finish(std::chrono::seconds(10));
    return !checkpoint::bring(place, disk, stop).value().damage.empty();
  };
  EXPECT_FALSE(is_fetched(0, 0, checkpoint::kNearRecords));
  EXPECT_TRUE(is_fetched(0, 0, 2 * checkpoint::kNearRecords)) << "what groups are put together of";
  EXPECT_FALSE(is_fetched(checkpoint::kNearRecords, 0));
  const auto here_ends = store::kSegmentBytes;  // and a few bytes: segments count from 1
  EXPECT_FALSE(is_fetched(checkpoint::kNearRecords, here_ends + checkpoint::kNearBytes));
  EXPECT_TRUE(is_fetched(checkpoint::kNearRecords, here_ends + 2 * checkpoint::kNearBytes));
  EXPECT_TRUE(is_fetched(2 * checkpoint::kNearRecords, 0));
}

// It may have no edges, and put together what other partitions say of groups.
TEST(Checkpoint, IsWrittenWhereOnlyPartialAnswersCame) {
  MockKafka kafka;
  Folder folder;
  SystemDisk disk;
  const SystemClock clock;
  const auto store = store::Store::open(disk, folder.path).value();
  checkpoint::Marker newest;
  newest.layout = "mock";
  newest.number = 1;
  checkpoint::Writer writer({.settings = kafka.settings, .layout = "mock",
                             .data_dir = folder.path,
                             .every = std::chrono::milliseconds(10), .newest = newest}, clock);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    store->small().set_meta(checkpoint::position_name("mock", "partials", 0), n);
    EXPECT_TRUE(eventually([&] { return writer.written().generations >= n; }));
  }
  EXPECT_EQ(writer.written().generations, 3u) << "one for each that moved";
  EXPECT_EQ(writer.problem(), "");
}

class ReadOnlyDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path) override {
    return system_error("open " + path.string(), EACCES);
  }
  Result<> sync_folder(const std::filesystem::path& folder) override {
    return system_error("sync " + folder.string(), EACCES);
  }
};

// Opened again and again, it would keep the partition from nodes that can.
TEST(Group, AStoreThatMayNotBeOpenedIsTheNodesFault) {
  MockKafka kafka;
  Folder folder;
  ReadOnlyDisk disk;
  const SystemClock clock;
  cluster::PartitionOptions o;
  o.intake.data_dir = folder.path;
  o.intake.from_log = true;
  o.listener.settings = kafka.settings;
  o.listener.layout = layout_of_mock;
  o.listener.answers = true;
  o.listener.partition = 0;
  o.opened = [] {};
  cluster::Partition partition(std::move(o), disk, clock);
  ASSERT_TRUE(eventually([&] { return partition.fault() || partition.let_go(); }, kLong));
  ASSERT_TRUE(partition.fault());
  EXPECT_EQ(partition.fault()->fault(), Fault::denied) << partition.fault()->text();
  EXPECT_FALSE(partition.let_go());
}

TEST(Checkpoint, MarkersAreReadAsTheyWereWritten) {
  checkpoint::Marker m;
  m.layout = "5f3a";
  m.number = 7;
  m.version = 7;
  m.live = 1000;
  m.backlog = 3;
  m.partials = 9;
  m.archive = 1 << 20;
  m.at = event_time(5);
  m.bytes = checkpoint::kPieceBytes + 1;
  m.pieces = {11, 12};
  const auto bytes = m.encode();
  const auto read = checkpoint::Marker::decode(bytes).value();
  EXPECT_EQ(read.layout, m.layout);
  EXPECT_EQ(read.live, m.live);
  EXPECT_EQ(read.partials, m.partials);
  EXPECT_EQ(read.archive, m.archive);
  EXPECT_EQ(read.at, m.at);
  EXPECT_EQ(read.pieces, m.pieces);
  EXPECT_EQ(read.size_of(0), checkpoint::kPieceBytes);
  EXPECT_EQ(read.size_of(1), 1u);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(checkpoint::Marker::decode(ByteSpan(bytes).first(n)).ok()) << n;
  }
  auto without = bytes;  // of the version before, which had no such position
  without[0] = 2;
  without.erase(std::find(without.begin(), without.end(), std::uint8_t{9}));
  const auto older = checkpoint::Marker::decode(without).value();
  EXPECT_EQ(older.partials, 0u);
  EXPECT_EQ(older.archive, m.archive);
  EXPECT_EQ(older.pieces, m.pieces);
  auto newer = bytes;
  ++newer[0];
  EXPECT_EQ(checkpoint::Marker::decode(newer).error().fault(), Fault::unsupported);
}

TEST(Group, ANodeDoesNotTakeTheStoreOfOneWithoutAGroup) {
  MockKafka kafka;
  Folder folder;
  SystemDisk disk;
  const SystemClock clock;
  { const auto of_old = store::Store::open(disk, folder.path).value(); }
  cluster::PoolOptions o;
  o.listener.settings = kafka.settings;
  o.group = "cloud";
  o.data_dir = folder.path;
  const auto pool = cluster::Pool::open(std::move(o), disk, clock);
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error().fault(), Fault::bad_input);
}

}  // namespace
}  // namespace tidemark::test
