// The archive of a store that was restored from a checkpoint: room for its blocks, and how they
// come back.
#include "cloud/store/archive.h"

#include <gmock/gmock.h>

#include "tests/support/folder.h"

namespace tidemark::test {
namespace {

using store::Archive;
using store::ArchivePosition;

BlockRecord block(std::uint64_t sequence) {
  BlockRecord r;
  r.name = {Incarnation{11}, Sequence{sequence}};
  r.readings = sequence;
  r.bytes = ByteVector(100 + sequence, 7);
  return r;
}

struct Restored : testing::Test {
  // What an archive of two blocks leaves of them in a checkpoint.
  void SetUp() override {
    {
      auto archive = Archive::open(disk, folder.path / "before", {}).value();
      first = archive->append("press-07", block(1));
      second = archive->append("press-07", block(2));
      ASSERT_TRUE(archive->sync().ok());
      end = archive->end();
    }
    ASSERT_TRUE(Archive::make_holes(disk, folder.path / "after", 0, end).ok());
    restored = Archive::open(disk, folder.path / "after", end).value();
  }
  SystemDisk disk;
  Folder folder;
  ArchivePosition first, second, end;
  std::unique_ptr<Archive> restored;
};

TEST_F(Restored, BlocksComeBackToWhereTheyWere) {
  EXPECT_EQ(restored->read(second).error().fault(), Fault::unavailable);
  EXPECT_TRUE(restored->fill(second, "press-07", block(2)).value());
  EXPECT_FALSE(restored->fill(second, "press-07", block(2)).value()) << "it is there";
  EXPECT_EQ(restored->read(second)->record, block(2));
  EXPECT_EQ(restored->read(first).error().fault(), Fault::unavailable);
  const auto third = restored->append("press-07", block(3));
  EXPECT_EQ(third.value, end.value);
  EXPECT_FALSE(restored->fill(third, "press-07", block(3)).value()) << "it came later";
  ASSERT_TRUE(restored->fill(first, "press-07", block(1)).value());
  ASSERT_TRUE(restored->sync().ok());
  for (std::uint64_t n = 1; n <= 3; ++n) {
    const auto at = n == 1 ? first : n == 2 ? second : third;
    EXPECT_EQ(restored->read(at)->record, block(n));
    EXPECT_EQ(store::ArchiveReader(disk, folder.path / "after").read(at)->record, block(n));
  }
}

TEST_F(Restored, ABlockThatIsAskedForIsFetched) {
  restored->on_hole([&](ArchivePosition at) -> Result<> {
    EXPECT_EQ(at.value, second.value);
    TIDE_TRY(restored->fill(at, "press-07", block(2)));
    return {};
  });
  EXPECT_EQ(restored->read(second)->record, block(2));
  restored->on_hole([](ArchivePosition /*at*/) { return Result<>(); });
  EXPECT_EQ(restored->read(first).error().fault(), Fault::unavailable) << "it is in no topic";
  EXPECT_TRUE(restored->sync().ok());
}

// Who could not look whether a reading is a repeat must not commit what it made of that.
TEST_F(Restored, ABlockThatCannotBeFetchedEndsTheBatch) {
  restored->on_hole([](ArchivePosition /*at*/) -> Result<> {
    return Error{Fault::denied, "the partition may be another node's"};
  });
  EXPECT_EQ(restored->read(first).error().fault(), Fault::denied);
  EXPECT_EQ(restored->sync().error().fault(), Fault::denied);
}

TEST_F(Restored, WhatAPowerCutToreIsWrittenAnew) {
  const auto file = disk.open(store::segment_path(folder.path / "after", 1)).value();
  const ByteVector torn{90, 0, 0, 0, 5, 'p'};
  ASSERT_TRUE(file->write_at(second.offset(), torn).ok());
  EXPECT_TRUE(restored->fill(second, "press-07", block(2)).value());
  EXPECT_EQ(restored->read(second)->record, block(2));
}

}  // namespace
}  // namespace tidemark::test
