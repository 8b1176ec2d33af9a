#include "common/codec/codec.h"

#include <gtest/gtest.h>

#include <random>

#include "common/base/hash.h"
#include "common/codec/packing.h"
#include "common/model/record.h"
#include "tests/common/blocks.h"

namespace tidemark::codec {
namespace {

constexpr std::int64_t kNow = 1'763'690'400'000'000'000;
constexpr Tier kTiers[] = {Tier::fast, Tier::standard, Tier::dense};

Block one_column(Column column, std::size_t rows) {
  Block b;
  b.groups.resize(1);
  for (std::size_t i = 0; i < rows; ++i) {
    b.groups[0].times.push_back(kNow + static_cast<std::int64_t>(i) * 1'000'000'000);
  }
  b.groups[0].columns.push_back(std::move(column));
  return b;
}

TEST(Codec, GivesBackEveryBlockBitForBit) {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    std::mt19937_64 random(seed);
    const auto block = any_block(random, seed % 50 == 0 ? 3000 : 40);
    const auto bytes = encode(block, kTiers[seed % 3]);
    ASSERT_TRUE(bytes.ok()) << "seed " << seed << ": " << bytes.error().text();
    const auto back = decode(*bytes);
    ASSERT_TRUE(back.ok()) << "seed " << seed << ": " << back.error().text();
    ASSERT_TRUE(same_bits(*back, block)) << "seed " << seed;
    Memories none;
    const auto own = decode(*encode(block, kTiers[seed % 3], none, Clocks::own));
    ASSERT_TRUE(own.ok() && same_bits(*own, block)) << "seed " << seed;
  }
}

// Times that a sender shuffles: every second one of a grid, at random.
TEST(Codec, ClocksOfOneColumnEachTakeLittleMore) {
  std::mt19937_64 random(1);
  Block b;
  b.groups.resize(100);
  for (std::uint32_t i = 0; i < b.groups.size(); ++i) {
    auto& g = b.groups[i];
    auto& column = g.columns.emplace_back();
    column.series = i;
    for (std::int64_t at = 0; g.times.size() < 131; ++at) {
      if (random() % 2 == 0) continue;
      g.times.push_back(kNow + at * 10'000'000);
      column.f64.push_back(static_cast<double>(random() % 1000) / 100);
    }
  }
  Memories shared, own;
  const auto best = encode(b, Tier::fast, shared)->size();
  const auto first = encode(b, Tier::fast, own, Clocks::own)->size();
  EXPECT_GE(first, best);
  EXPECT_LE(first, best + best / 6);
}

TEST(Codec, SummaryIsThatOfTheContent) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto block = any_block(random);
    const auto bytes = encode(block, Tier::standard);
    const auto told = summary(ByteSpan(*bytes));
    ASSERT_TRUE(told.ok());
    EXPECT_EQ(told->readings, readings_carried(block));
    EXPECT_EQ(told->dictionaries, block.dictionaries);
    std::uint64_t rows = 0;
    for (const auto& g : block.groups) {
      rows += g.times.size();
      for (const auto t : g.times) {
        EXPECT_LE(told->time_min, t);
        EXPECT_GE(told->time_max, t);
      }
    }
    EXPECT_EQ(told->rows, rows);
  }
}

TEST(Codec, SummaryCoversTheWindowsOfPartials) {
  Block b;
  PartialRow p;
  p.start = 60'000;
  p.size = 60'000;
  b.partials = {p};
  EXPECT_EQ(summary(b).time_min, 60'000);
  EXPECT_EQ(summary(b).time_max, 119'999);
  EXPECT_EQ(summary(Block{}).time_min, 0);
  EXPECT_EQ(summary(Block{}).time_max, 0);
  b.partials[0].start = std::numeric_limits<std::int64_t>::max() - 5;
  EXPECT_EQ(summary(b).time_max, std::numeric_limits<std::int64_t>::max());
}

TEST(Codec, RefusesEverySingleByteChange) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    std::mt19937_64 random(seed);
    const auto good = *encode(any_block(random, 12), kTiers[seed % 3]);
    for (std::size_t at = 0; at < good.size(); ++at) {
      auto bytes = good;
      for (unsigned change = 1; change < 256; ++change) {
        bytes[at] = static_cast<std::uint8_t>(good[at] ^ change);
        ASSERT_FALSE(decode(bytes).ok()) << "seed " << seed << " byte " << at;
        ASSERT_FALSE(summary(ByteSpan(bytes)).ok()) << "seed " << seed << " byte " << at;
      }
    }
    for (std::size_t length = 0; length < good.size(); ++length) {
      ASSERT_FALSE(decode(ByteSpan(good).first(length)).ok()) << length;
    }
  }
}

// A writer with a fault, or a hostile edge, makes the checksum right over wrong content.
TEST(Codec, SurvivesDamageUnderARightChecksum) {
  std::size_t refused = 0, tried = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    std::mt19937_64 random(seed);
    auto bytes = *encode(any_block(random, 12), kTiers[seed % 3]);
    const auto content = bytes.size() - 8;
    for (int round = 0; round < 40; ++round) {
      auto damaged = bytes;
      for (auto n = 1 + random() % 3; n > 0; --n) {
        const auto at = static_cast<std::size_t>(2 + random() % (content - 2));
        damaged[at] = static_cast<std::uint8_t>(random());
      }
      damaged.resize(content);
      ByteWriter(damaged).fixed(xxh3(damaged));
      const auto block = decode(damaged);
      ++tried;
      if (!block.ok()) {
        ++refused;
        continue;
      }
      ASSERT_TRUE(encode(*block, Tier::standard).ok());  // what is taken is a block
    }
  }
  EXPECT_GT(refused, tried / 4);
}

// A hundred bytes must not make a reader fill gigabytes with entries that no row uses.
TEST(Codec, ChargesEntriesOfTextThatNoRowUses) {
  const auto block_of = [](std::size_t columns, std::size_t entry_bytes) {
    ByteVector entries;
    ByteWriter(entries).text("");
    ByteWriter(entries).text(std::string(entry_bytes, 'a'));
    ByteVector bytes;
    ByteWriter out(bytes);
    out.u8(0xd2);
    out.u8(static_cast<std::uint8_t>(static_cast<int>(Tier::standard) << 1));
    for (const auto v : {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{2 * columns}}) {
      out.varint(v);
    }
    out.svarint(0);
    out.varint(1);           // the last instant
    out.varint(1);           // a group
    out.varint(1);           // its unit
    out.varint(2 * 2);       // rows
    out.raw(encode_times(std::vector<std::int64_t>{0, 1}, Tier::standard));
    out.varint(columns);
    for (std::size_t i = 0; i < columns; ++i) {
      out.varint(3);         // text of the next series
      out.u8(1);             // dictionary
      out.varint(2);
      out.u8(2);             // packed
      out.varint(entries.size());
      out.blob(pack(entries, 3));
      out.raw(ByteVector{4, 0});  // both rows the first entry
    }
    out.varint(0);           // partials
    out.fixed(xxh3(bytes));
    return bytes;
  };
  EXPECT_TRUE(decode(block_of(3, 5'000'000)).ok());
  EXPECT_FALSE(decode(block_of(4, 5'000'000)).ok());
}

// The distance of two instants may pass 2^63 ns.
TEST(Codec, GivesBackTimesOfCenturies) {
  for (const std::int64_t rows : {180, 190, 195, 199}) {
    std::mt19937_64 random(static_cast<std::uint64_t>(rows));
    const std::int64_t step = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 / rows;
    Block b;
    b.groups.resize(1);
    for (std::int64_t i = 0; i < 200; ++i) {
      const auto jitter = static_cast<std::int64_t>(random() % 200'000) - 100'000;
      b.groups[0].times.push_back(((i - 100) * step + jitter) * 1'000'000'000);
    }
    for (const auto tier : kTiers) {
      const auto back = decode(*encode(b, tier));
      ASSERT_TRUE(back.ok() && same_bits(*back, b)) << rows;
      std::vector<std::int64_t> times(b.groups[0].times.size());
      ASSERT_TRUE(decode_times(encode_times(b.groups[0].times, tier), tier, times).ok());
      EXPECT_EQ(times, b.groups[0].times) << rows;
    }
  }
}

TEST(Codec, TellsANewerVersionApart) {
  auto bytes = *encode(Block{}, Tier::standard);
  bytes[0] = 0xd3;
  EXPECT_EQ(decode(bytes).error().fault(), Fault::unsupported);
  bytes[0] = 0x11;
  EXPECT_EQ(decode(bytes).error().fault(), Fault::corrupt);
}

TEST(Codec, SaysFullPastItsBounds) {
  const auto fault_of = [](const Block& b) {
    const auto bytes = encode(b, Tier::standard);
    return bytes.ok() ? std::string("none") : std::string(to_string(bytes.error().fault()));
  };
  Column zeros;
  zeros.type = ValueType::i64;
  zeros.i64.resize(kRowsMax);
  EXPECT_EQ(fault_of(one_column(zeros, kRowsMax)), "none");
  zeros.i64.resize(kRowsMax + 1);
  EXPECT_EQ(fault_of(one_column(zeros, kRowsMax + 1)), "full");

  Block wide;
  wide.groups.resize(1);
  wide.groups[0].columns.resize(kColumnsMax);
  EXPECT_EQ(fault_of(wide), "none");
  wide.groups[0].columns.resize(kColumnsMax + 1);
  EXPECT_EQ(fault_of(wide), "full");

  zeros.i64.resize(kRowsMax);
  auto many = one_column(zeros, kRowsMax);
  many.groups[0].columns.resize(kValuesMax / kRowsMax, zeros);
  EXPECT_EQ(fault_of(many), "none");
  EXPECT_TRUE(same_bits(*decode(*encode(many, Tier::fast)), many));
  many.groups[0].columns.push_back(zeros);
  EXPECT_EQ(fault_of(many), "full");

  std::mt19937_64 random(1);
  Column noise;
  for (std::size_t i = 0; i < kRowsMax; ++i) noise.f64.push_back(std::bit_cast<double>(random()));
  auto large = one_column(noise, kRowsMax);
  EXPECT_EQ(fault_of(large), "none");
  for (auto& v : noise.f64) v = std::bit_cast<double>(random());
  large.groups[0].columns.push_back(noise);
  EXPECT_EQ(fault_of(large), "full");  // more than 900 KiB as bytes

  Column words;
  words.type = ValueType::text;
  words.text.assign(3, std::string(kTextBytesMax / 3, 'x'));
  EXPECT_EQ(fault_of(one_column(words, 3)), "none");
  words.text.push_back("xx");
  EXPECT_EQ(fault_of(one_column(words, 4)), "full");
}

TEST(Codec, RefusesPartsThatDoNotFit) {
  Column c;
  c.f64 = {1, 2, 3};
  EXPECT_TRUE(encode(one_column(c, 3), Tier::fast).ok());
  const auto refused = [](const Column& column, std::size_t rows) {
    const auto bytes = encode(one_column(column, rows), Tier::fast);
    return !bytes.ok() && bytes.error().fault() == Fault::bad_input;
  };
  EXPECT_TRUE(refused(c, 4));
  auto other = c;
  other.type = ValueType::i64;
  EXPECT_TRUE(refused(other, 3));
  other = c;
  other.present = {true, false, true, false};
  EXPECT_TRUE(refused(other, 4));
  other = c;
  other.quality = {Quality::good};
  EXPECT_TRUE(refused(other, 3));
}

TEST(Codec, RefusesMoreThanTheLimitOfBytes) {
  const ByteVector bytes(kBlockBytesMax + 1, 0xd2);
  EXPECT_EQ(decode(bytes).error().fault(), Fault::bad_input);
}

TEST(Codec, IsSmallForManySeriesOfFewRows) {
  // A thousand channels of 0.1 steps, polled five times, fifty to a poll.
  std::mt19937_64 random(5);
  Block b;
  b.dictionaries = {{1}};
  for (std::uint32_t device = 0; device < 20; ++device) {
    Group g;
    for (int i = 0; i < 5; ++i) g.times.push_back(kNow + i * 1'000'000'000LL + device * 7'000'000);
    for (std::uint32_t metric = 0; metric < 50; ++metric) {
      Column c;
      c.series = device * 50 + metric;
      c.type = ValueType::i64;
      const auto level = static_cast<std::int64_t>(random() % 3000);
      for (int i = 0; i < 5; ++i) c.i64.push_back(level + static_cast<std::int64_t>(random() % 5));
      g.columns.push_back(std::move(c));
    }
    b.groups.push_back(std::move(g));
  }
  EXPECT_LE(encode(b, Tier::standard)->size(), 5000 * 9 / 10);
  EXPECT_LE(encode(Block{}, Tier::standard)->size(), 20u);
}

// Short columns share a stream: each must get its own steps back, whatever lies between them.
TEST(Codec, KeepsShortColumnsApart) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    std::mt19937_64 random(seed);
    Block b;
    for (auto groups = 1 + random() % 4; groups > 0; --groups) {
      Group g;
      g.times = any_integers(random, static_cast<std::size_t>(random() % 20));  // 16 are short
      for (auto columns = random() % 30; columns > 0; --columns) {
        g.columns.push_back(any_column(random, g.times.size()));
      }
      b.groups.push_back(std::move(g));
    }
    Memories memories;
    for (const auto tier : kTiers) {
      const auto bytes = encode(b, tier, memories);
      ASSERT_TRUE(bytes.ok()) << "seed " << seed;
      const auto back = decode(*bytes);
      ASSERT_TRUE(back.ok()) << "seed " << seed << ": " << back.error().text();
      ASSERT_TRUE(same_bits(*back, b)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace tidemark::codec
