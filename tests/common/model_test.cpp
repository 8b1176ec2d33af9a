// Dictionaries, records, seals, closings: their bounds, round trips, and what they refuse.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "common/model/block.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/series.h"

namespace tidemark {
namespace {

std::string any_name(std::mt19937_64& random) {
  return std::string(random() % 8, static_cast<char>('a' + random() % 26)) +
         std::to_string(random() % 100);
}

SeriesDescription any_series(std::mt19937_64& random) {
  SeriesDescription s;
  s.source = any_name(random);
  s.device = any_name(random);
  s.metric = any_name(random);
  s.poll_class = random() % 2 == 0 ? "" : "fast";
  s.unit = random() % 2 == 0 ? "" : "kW.h";
  s.kind = static_cast<SeriesKind>(random() % 3);
  s.type = static_cast<ValueType>(random() % 4);
  s.exponent = static_cast<std::int8_t>(static_cast<int>(random() % 37) - 18);
  s.device_stamped = random() % 2 == 0;
  if (random() % 4 == 0) s.deadband = static_cast<double>(random() % 100) / 8;
  for (auto n = random() % 4; n > 0; --n) s.labels[any_name(random)] = any_name(random);
  return s;
}

TEST(DictionaryBytes, ReadBackAndAreTheirName) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<SeriesDescription> series(random() % 20);
    for (auto& s : series) s = any_series(random);
    const Dictionary written(series);
    const auto read = Dictionary::decode(written.bytes());
    ASSERT_TRUE(read.ok()) << read.error().text();
    EXPECT_EQ(read->series(), series);
    EXPECT_EQ(read->hash(), written.hash());
    EXPECT_EQ(read->bytes(), written.bytes());
  }
}

TEST(DictionaryBytes, HaveOneFormOnly) {
  std::mt19937_64 random(3);
  const Dictionary good({any_series(random), any_series(random)});
  for (std::size_t at = 0; at < good.bytes().size(); ++at) {
    for (unsigned change = 1; change < 256; ++change) {
      auto bytes = good.bytes();
      bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ change);
      const auto read = Dictionary::decode(bytes);
      if (read.ok()) {
        ASSERT_EQ(read->bytes(), bytes);
        ASSERT_NE(read->hash(), good.hash());
      }
    }
    ASSERT_FALSE(Dictionary::decode(ByteSpan(good.bytes()).first(at)).ok());
  }
}

TEST(DictionaryBytes, KeepTheirBounds) {
  const auto reads = [](std::vector<SeriesDescription> series) {
    const auto read = Dictionary::decode(Dictionary(std::move(series)).bytes());
    return read.ok() || read.error().fault() != Fault::bad_input;
  };
  EXPECT_TRUE(reads(std::vector<SeriesDescription>(Dictionary::kSeriesMax)));
  SeriesDescription s;
  s.metric = std::string(Dictionary::kNameBytesMax, 'x');
  EXPECT_TRUE(reads({s}));
  s.metric += 'x';
  EXPECT_FALSE(reads({s}));
  s = {};
  for (std::size_t i = 0; i < Dictionary::kLabelsMax; ++i) s.labels[std::to_string(i)] = "";
  EXPECT_TRUE(reads({s}));
  s.labels["more"] = "";
  EXPECT_FALSE(reads({s}));
  s = {};
  s.exponent = 18;
  EXPECT_TRUE(reads({s}));
  s.exponent = -19;
  EXPECT_FALSE(reads({s}));
  s = {};
  s.deadband = 0.0;
  EXPECT_TRUE(reads({s}));
  s.deadband = -0.5;
  EXPECT_FALSE(reads({s}));

  ByteVector many;
  ByteWriter out(many);
  out.u8(1);
  out.varint(Dictionary::kSeriesMax + 1);
  many.resize(many.size() + (Dictionary::kSeriesMax + 1) * 10);
  EXPECT_EQ(Dictionary::decode(many).error().fault(), Fault::bad_input);
  many[0] = 3;
  EXPECT_EQ(Dictionary::decode(many).error().fault(), Fault::unsupported);
}

TEST(Decimals, BecomeTheNearestDouble) {
  struct Case {
    std::int64_t mantissa;
    int exponent;
    double value;
  };
  const Case cases[] = {{2312, -1, 231.2},
                        {-5, 0, -5},
                        {1, -18, 1e-18},
                        {1, 18, 1e18},
                        {9'007'199'254'740'993, 0, 9007199254740992.0},
                        {9'007'199'254'740'993, -1, 900719925474099.3},
                        {std::numeric_limits<std::int64_t>::min(), -18, -9.223372036854775808},
                        {std::numeric_limits<std::int64_t>::max(), 18, 9.223372036854775807e36},
                        {0, -3, 0.0}};
  for (const auto& c : cases) {
    EXPECT_EQ(decimal_to_double(c.mantissa, c.exponent), c.value)
        << c.mantissa << "e" << c.exponent;
  }
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    const auto m = static_cast<std::int64_t>(random()) >> (random() % 64);
    const auto e = static_cast<int>(random() % 37) - 18;
    const auto text = std::to_string(m) + "e" + std::to_string(e);
    ASSERT_EQ(decimal_to_double(m, e), std::strtod(text.c_str(), nullptr)) << text;
  }
}

BlockRecord any_record(std::mt19937_64& random) {
  BlockRecord r;
  r.name = {{random()}, {1 + random() % 1000}};
  r.time_min = static_cast<std::int64_t>(random());
  r.time_max = static_cast<std::int64_t>(random());
  r.readings = random() % 10'000;
  r.alarm = random() % 2 == 0;
  r.bytes.resize(random() % 60);
  for (auto& b : r.bytes) b = static_cast<std::uint8_t>(random());
  return r;
}

TEST(Record, ReadsBackBetweenOthers) {
  std::mt19937_64 random(5);
  ByteVector bytes;
  ByteWriter out(bytes);
  std::vector<BlockRecord> records;
  for (int i = 0; i < 100; ++i) {
    records.push_back(any_record(random));
    records.back().encode(out);
  }
  ByteReader in(bytes);
  for (const auto& r : records) {
    const auto back = BlockRecord::decode(in);
    ASSERT_TRUE(back.ok()) << back.error().text();
    ASSERT_EQ(*back, r);
  }
  EXPECT_TRUE(in.done());
}

TEST(Record, RefusesEverySingleByteChange) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 5; ++round) {
    ByteVector good;
    ByteWriter out(good);
    any_record(random).encode(out);
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (unsigned change = 1; change < 256; ++change) {
        auto bytes = good;
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ change);
        ByteReader in(bytes);
        ASSERT_FALSE(BlockRecord::decode(in).ok()) << at;
      }
      ByteReader cut(ByteSpan(good).first(at));
      const auto back = BlockRecord::decode(cut);
      ASSERT_EQ(back.error().fault(), Fault::corrupt) << at;
    }
  }
}

TEST(Record, RefusesWhatNoEdgeMayName) {
  BlockRecord r;  // sequence 0
  ByteVector bytes;
  ByteWriter out(bytes);
  r.encode(out);
  ByteReader in(bytes);
  EXPECT_EQ(BlockRecord::decode(in).error().fault(), Fault::bad_input);
}

Seal any_seal(std::mt19937_64& random) {
  Seal s;
  s.incarnation = {random()};
  s.number = random() % 1000;
  s.next = {random() % 100'000};
  s.ledger.taken = random() % 1000;
  s.ledger.thinned = s.ledger.taken;
  s.clock = static_cast<ClockState>(random() % 3);
  for (auto n = random() % 4; n > 0; --n) {
    const auto first = random() % 1000;
    s.evicted.add({first, first + random() % 5});
  }
  s.sources.resize(random() % 4);
  for (auto& source : s.sources) {
    source.source = any_name(random);
    source.poll_class = any_name(random);
    source.device_stamped = random() % 2 == 0;
    source.sealed_until = event_time(static_cast<std::int64_t>(random()));
    source.minutes.resize(random() % 5);
    for (auto& m : source.minutes) {
      m = {static_cast<std::int64_t>(random() % 1000) - 500, random() % 60, random() % 60,
           random() % 600, random() % 600};
    }
    if (random() % 3 > 0) continue;
    source.dropped.resize(random() % 4);
    for (auto& d : source.dropped) {
      d.first = static_cast<std::int64_t>(random() % 1000) - 500;
      d.last = d.first + static_cast<std::int64_t>(random() % 1000);
      d.number = random() % 1000;
      d.readings = random() % 1000;
      d.why = static_cast<DroppedCounts::Why>(random() % DroppedCounts::kWhysSaid);
    }
  }
  if (random() % 2 == 0) s.rest = event_time(static_cast<std::int64_t>(random()));
  if (random() % 3 == 0) {
    auto& opening = s.opening.emplace();
    for (auto* t : {&opening.begun, &opening.uncounted_from, &opening.uncounted_until}) {
      *t = event_time(static_cast<std::int64_t>(random()));
    }
    opening.settled = {random()};
    opening.told.resize(random() % 4);
    for (auto& told : opening.told) told = {{random()}, random() % 1000};
  }
  return s;
}

// A broken edge, or one that is none, makes no names of a megabyte that end up in JSON.
TEST(SealBytes, NamesAndLinesHaveBounds) {
  const auto reads = [](const Seal& seal) {
    ByteVector bytes;
    ByteWriter out(bytes);
    seal.encode(out);
    return Seal::decode(bytes).ok();
  };
  const auto named = [](const std::string& source, const std::string& poll_class) {
    Seal s;
    s.sources.push_back({source, poll_class, false, event_time(0), {}});
    return s;
  };
  const std::string longest(Seal::kNameBytesMax, 'x');
  EXPECT_TRUE(reads(named(longest, longest)));
  EXPECT_FALSE(reads(named(longest + 'x', "")));
  EXPECT_FALSE(reads(named("", longest + 'x')));
  EXPECT_TRUE(reads(named("\xc3\xbc" "fen-\xe2\x82\xac", "")));
  for (const char* damaged : {"\xc3", "\xff", "a\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(reads(named(damaged, ""))) << to_hex(as_bytes(damaged));
    EXPECT_FALSE(reads(named("", damaged)));
  }
  Seal many;
  many.sources.resize(Seal::kSourcesMax);
  EXPECT_TRUE(reads(many));
  many.sources.emplace_back();
  EXPECT_FALSE(reads(many));
}

TEST(SealBytes, ReadBackAndHaveOneForm) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random(seed);
    const auto seal = any_seal(random);
    ByteVector good;
    ByteWriter out(good);
    seal.encode(out);
    const auto back = Seal::decode(good);
    ASSERT_TRUE(back.ok()) << seed;
    ASSERT_EQ(*back, seal);
    for (std::size_t at = 0; at < good.size(); ++at) {
      ASSERT_FALSE(Seal::decode(ByteSpan(good).first(at)).ok());
      auto bytes = good;
      bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1 + random() % 255));
      const auto other = Seal::decode(bytes);
      if (!other.ok()) continue;
      ByteVector again;
      ByteWriter again_out(again);
      other->encode(again_out);
      ASSERT_EQ(to_hex(again), to_hex(bytes)) << seed;
    }
  }
  EXPECT_EQ(Seal::decode(ByteVector{5}).error().fault(), Fault::unsupported);
}

TEST(ClosingBytes, ReadBack) {
  const Closing c{{7}, 3, {99}, event_time(-5), event_time(17)};
  ByteVector bytes;
  ByteWriter out(bytes);
  c.encode(out);
  ByteReader in(bytes);
  EXPECT_EQ(Closing::decode(in), c);
  EXPECT_TRUE(in.done());
}

TEST(LedgerOf, AddsUpAndSums) {
  Ledger a;
  a.taken = 10;
  a.answered = 7;
  a.lost = 2;
  EXPECT_FALSE(a.adds_up());
  a.pending = 1;
  EXPECT_TRUE(a.adds_up());
  a += a;
  EXPECT_EQ(a.taken, 20u);
  EXPECT_TRUE(a.adds_up());
}

TEST(BlockOf, CarriesWhatIsNoCopy) {
  Block b;
  Group g;
  g.times = {1, 2};
  Column c;
  c.f64 = {1, 2};
  g.columns = {c, c};
  b.groups = {g, g};
  b.groups[1].copy = true;
  PartialRow p;
  p.readings = 60;
  b.partials = {p, p};
  b.partials[0].copy = true;
  EXPECT_EQ(readings_carried(b), 64u);
}

}  // namespace
}  // namespace tidemark
