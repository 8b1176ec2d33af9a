// Sparkplug B: from bytes of the specification's protobuf message to readings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/edge/mqtt_bench.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kMs = 1'700'000'000'000;

// Field numbers and wire types as in sparkplug_b.proto.
struct Message {
  std::string bytes;

  static void varint(std::string& to, std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) to += static_cast<char>(v | 0x80);
    to += static_cast<char>(v);
  }
  Message& number(unsigned field, std::uint64_t v) {
    varint(bytes, field << 3);
    varint(bytes, v);
    return *this;
  }
  Message& text(unsigned field, const std::string& v) {
    varint(bytes, field << 3 | 2);
    varint(bytes, v.size());
    bytes += v;
    return *this;
  }
  Message& real(unsigned field, double v) {
    varint(bytes, field << 3 | 1);
    bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
    return *this;
  }
  Message& real32(unsigned field, float v) {
    varint(bytes, field << 3 | 5);
    bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
    return *this;
  }
  Message& metric(const Message& m) { return text(2, m.bytes); }
};

Message born(const std::string& name, unsigned alias, unsigned type) {
  return Message{}.text(1, name).number(2, alias).number(4, type);
}
Message payload(std::uint64_t seq, std::uint64_t ms = kMs) {
  return Message{}.number(1, ms).number(3, seq);
}
Message bd_seq(std::uint64_t v) { return Message{}.text(1, "bdSeq").number(4, 8).number(11, v); }
Message node_birth(std::uint64_t seq = 0, std::uint64_t session = 4) {
  return payload(seq).metric(bd_seq(session))
      .metric(born("Node Control/Rebirth", 0, 11).number(14, 0))
      .metric(born("Load", 1, 10).real(13, 0.5));
}
Message device_birth(std::uint64_t seq) {
  return payload(seq)
      .metric(born("Speed", 2, 9).real32(12, 1.5F))
      .metric(born("Count", 3, 3).number(10, 0xfffffffe))
      .metric(born("Run", 4, 11).number(14, 1))
      .metric(born("State", 5, 12).text(15, "idle"));
}
Message by_alias(unsigned alias) { return Message{}.number(2, alias); }

class SparkplugTest : public testing::Test {
 protected:
  SparkplugTest() : bench(options()) {}
  static Options options() {
    Options o;
    o.format = Format::sparkplug;
    o.topics = {"spBv1.0/#"};
    o.device = "-";
    return o;
  }
  std::vector<std::string> say(const std::string& topic, const Message& m) {
    return bench.lines("spBv1.0/" + topic, m.bytes);
  }
  void born_device() {
    say("G/NBIRTH/E", node_birth());
    say("G/DBIRTH/E/D", device_birth(1));
    ASSERT_THAT(bench.reason(), IsEmpty());
  }
  [[nodiscard]] std::vector<std::string> away() const {
    std::vector<std::string> out;
    for (const auto& a : bench.away()) out.push_back(a.device + ": " + a.reason);
    return out;
  }
  Bench bench;
};

TEST_F(SparkplugTest, BirthsNameAliasesAndTypesForWhatFollows) {
  EXPECT_THAT(say("G/NBIRTH/E", node_birth()), ElementsAre("G-E/Load=0.5@2023-11-14T22:13:20Z"));
  EXPECT_THAT(say("G/DBIRTH/E/D", device_birth(1)),
              ElementsAre("G-E-D/Speed=1.5@2023-11-14T22:13:20Z",
                          "G-E-D/Count=-2e0@2023-11-14T22:13:20Z",
                          "G-E-D/Run=true@2023-11-14T22:13:20Z",
                          "G-E-D/State='idle'@2023-11-14T22:13:20Z"));
  EXPECT_THAT(say("G/DDATA/E/D", payload(2, kMs + 1000)
                                     .metric(by_alias(2).real32(12, 2.5F).number(3, kMs + 500))
                                     .metric(by_alias(3).number(10, 7))),
              ElementsAre("G-E-D/Speed=2.5@2023-11-14T22:13:20.500Z",
                          "G-E-D/Count=7e0@2023-11-14T22:13:21Z"));
  EXPECT_THAT(say("G/NDATA/E", payload(3, kMs + 2000).metric(by_alias(1).real(13, 0.25))),
              ElementsAre("G-E/Load=0.25@2023-11-14T22:13:22Z"));
  EXPECT_THAT(bench.reason(), IsEmpty());
  EXPECT_THAT(bench.commands, IsEmpty());
}

// A double holds them up to 2^53 only.
TEST_F(SparkplugTest, IntegersAreKeptExactly) {
  const auto birth = payload(0).metric(bd_seq(4))
                         .metric(born("Energy", 1, 4).number(11, (1ull << 53) + 1))
                         .metric(born("Depth", 2, 4).number(11, ~(1ull << 53)))
                         .metric(born("Total", 3, 8).number(11, (1ull << 63) - 1))
                         .metric(born("Level", 4, 1).number(10, 0xfffffffb));
  EXPECT_THAT(say("G/NBIRTH/E", birth),
              ElementsAre("G-E/Energy=9007199254740993e0@2023-11-14T22:13:20Z",
                          "G-E/Depth=-9007199254740993e0@2023-11-14T22:13:20Z",
                          "G-E/Total=9223372036854775807e0@2023-11-14T22:13:20Z",
                          "G-E/Level=-5e0@2023-11-14T22:13:20Z"));
  EXPECT_THAT(bench.reason(), IsEmpty());
  EXPECT_THAT(say("G/NDATA/E", payload(1).metric(by_alias(3).number(11, 1ull << 63))), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("9223372036854775808 does not fit"));
  EXPECT_EQ(bench.rejected.at(0).readings, 1u);
}

// The bytes, encoded apart from our code.
TEST_F(SparkplugTest, TheGoldenMessageIsRead) {
  born_device();
  const auto hex = [](std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    }
    return bytes;
  };
  const auto bytes = hex(
      "0880d095ffbc31"                            // timestamp = 1700000000000
      "1212" "1002" "18f4d395ffbc31" "2009" "2801" "6500002040"  // alias 2, + 500 ms, historical
      "1209" "0a0352756e" "200b" "3801"           // "Run" is null
      "120d" "0a05436f756e74" "50f6ffffff0f"      // "Count" = -10
      "1802");                                    // seq = 2
  EXPECT_THAT(bench.lines("spBv1.0/G/DDATA/E/D", bytes),
              ElementsAre("G-E-D/Count=-10e0@2023-11-14T22:13:20Z",
                          "G-E-D/Speed=2.5@2023-11-14T22:13:20.500Z")) << "historical ones last";
  EXPECT_THAT(bench.reason(), IsEmpty());
}

TEST_F(SparkplugTest, AGapInTheSequenceAsksForARebirthAndTheReadingsCount) {
  born_device();
  EXPECT_THAT(say("G/DDATA/E/D", payload(5).metric(by_alias(3).number(10, 7))),
              ElementsAre("G-E-D/Count=7e0@2023-11-14T22:13:20Z"));
  EXPECT_THAT(bench.reason(), HasSubstr("sends seq 5, expected 2"));
  EXPECT_EQ(bench.rejected[0].readings, 0u);
  ASSERT_EQ(bench.commands.size(), 1u);
  EXPECT_EQ(bench.commands[0].first, "spBv1.0/G/NCMD/E");
  EXPECT_EQ(bench.commands[0].second,
            Message{}.number(1, 0).metric(Message{}.text(1, "Node Control/Rebirth").number(3, 0)
                                              .number(4, 11).number(14, 1)).bytes);
  say("G/DDATA/E/D", payload(6).metric(by_alias(3).number(10, 8)));
  EXPECT_THAT(bench.reason(), IsEmpty()) << "it goes on from there";
}

TEST_F(SparkplugTest, TheSequenceWrapsAt255) {
  say("G/NBIRTH/E", node_birth(255));
  say("G/NDATA/E", payload(0).metric(by_alias(1).real(13, 1)));
  EXPECT_THAT(bench.reason(), IsEmpty());
}

TEST_F(SparkplugTest, WhatNoBirthNamedIsRefusedAndAskedForOnceInAWhile) {
  say("G/DDATA/E/D",
      payload(9).metric(by_alias(2).real32(12, 1)).metric(by_alias(3).number(10, 1)));
  EXPECT_THAT(bench.reason(), HasSubstr("node G/E was not born since this agent began"));
  EXPECT_EQ(bench.rejected[0].readings, 2u);
  say("G/DDATA/E/D", payload(10).metric(by_alias(2).real32(12, 1)));
  EXPECT_EQ(bench.commands.size(), 1u);
  bench.steady += sparkplug::Session::kRebirthPause.count();
  say("G/DDATA/E/D", payload(11).metric(by_alias(2).real32(12, 1)));
  EXPECT_EQ(bench.commands.size(), 2u);
  born_device();
  say("G/DDATA/E/D", payload(2).metric(by_alias(77).real32(12, 1)));
  EXPECT_THAT(bench.reason(), HasSubstr("alias 77 of G-E-D is in no birth"));
}

TEST_F(SparkplugTest, ADeathMarksWhatWasReadLastAsBad) {
  born_device();
  EXPECT_THAT(say("G/DDEATH/E/D", payload(2)),
              ElementsAre("G-E-D/Speed=1.5 bad", "G-E-D/Count=-2e0 bad", "G-E-D/Run=true bad",
                          "G-E-D/State='idle' bad")) << "at the arrival of the death";
  EXPECT_THAT(away(), ElementsAre("G-E-D: 'spBv1.0/G/DDEATH/E/D' says that it died"));
  EXPECT_THAT(say("G/DDEATH/E/D", payload(3)), IsEmpty()) << "it is dead already";
  EXPECT_THAT(say("G/NDEATH/E", Message{}.metric(bd_seq(4))),
              ElementsAre("G-E/Load=0.5 bad"));
  EXPECT_THAT(away(), testing::SizeIs(2));
  say("G/NDATA/E", payload(4).metric(by_alias(1).real(13, 1)));
  EXPECT_THAT(bench.reason(), HasSubstr("was not born"));
  born_device();
  EXPECT_THAT(away(), IsEmpty()) << "who is born anew is there";
}

// After a restart of the agent: nobody knows what the node had said, but that it died is known.
TEST_F(SparkplugTest, TheDeathOfANodeThatWasNeverBornHereIsTold) {
  EXPECT_THAT(say("G/NDEATH/E", Message{}.metric(bd_seq(4))), IsEmpty());
  EXPECT_THAT(bench.reason(), IsEmpty());
  EXPECT_THAT(away(), ElementsAre("G-E: 'spBv1.0/G/NDEATH/E' says that it died"));
  EXPECT_THAT(bench.commands, IsEmpty()) << "a dead node is not asked for a birth";
  say("G/DDEATH/F/D", payload(7));
  EXPECT_THAT(away(), ElementsAre(HasSubstr("G-E: "), HasSubstr("G-F-D: ")));
  born_device();
  EXPECT_THAT(away(), ElementsAre(HasSubstr("G-F-D: ")));
}

// A node whose births do not help is asked as seldom as one that is silent.
TEST_F(SparkplugTest, ANodeThatIsAlwaysOutOfOrderIsAskedOnceInAWhile) {
  for (int i = 0; i < 5; ++i) {
    born_device();
    say("G/DDATA/E/D", payload(9).metric(by_alias(3).number(10, 7)));
    EXPECT_THAT(bench.reason(), HasSubstr("sends seq 9, expected 2"));
  }
  EXPECT_THAT(bench.commands, testing::SizeIs(1));
  bench.steady += sparkplug::Session::kRebirthPause.count();
  say("G/DDATA/E/D", payload(20).metric(by_alias(3).number(10, 7)));
  EXPECT_THAT(bench.commands, testing::SizeIs(2));
}

// After a restart in a plant of a thousand nodes.
TEST_F(SparkplugTest, NodesAreNotAskedAllAtOnce) {
  const auto all = [&] {
    for (int n = 0; n < 50; ++n) {
      say(fmt::format("G/NDATA/N{}", n), payload(9).metric(by_alias(1).real(13, 1)));
    }
  };
  all();
  EXPECT_THAT(bench.commands, testing::SizeIs(sparkplug::Session::kRebirthsASecond));
  bench.steady += 1'000'000'000;
  all();
  bench.steady += 1'000'000'000;
  all();
  std::set<std::string> asked;
  for (const auto& [topic, payload] : bench.commands) asked.insert(topic);
  EXPECT_EQ(bench.commands.size(), 50u);
  EXPECT_EQ(asked.size(), 50u) << "each once";
}

// What a device kept while its host was away is of its own time, and no word about now.
TEST_F(SparkplugTest, HistoricalReadingsAreNotTheLastOnes) {
  born_device();
  const auto historical = [](unsigned alias, std::uint64_t ms) {
    return by_alias(alias).number(3, ms).number(5, 1);
  };
  const auto m = payload(2, kMs + 2000)
                     .metric(historical(2, kMs - 5000).real32(12, 8.5F))
                     .metric(by_alias(2).number(3, kMs + 1000).real32(12, 2.5F))
                     .metric(historical(2, kMs - 4000).real32(12, 9.5F));
  const auto out = bench.decode("spBv1.0/G/DDATA/E/D", m.bytes);
  ASSERT_EQ(out.groups.size(), 2u);
  EXPECT_EQ(out.historical_from, 1u);
  EXPECT_THAT(out.groups[0].columns.at(0).f64, ElementsAre(2.5));
  EXPECT_THAT(out.groups[1].columns.at(0).f64, ElementsAre(8.5, 9.5));
  EXPECT_THAT(out.groups[1].times, ElementsAre((kMs - 5000) * 1'000'000, (kMs - 4000) * 1'000'000));
  EXPECT_THAT(say("G/DDEATH/E/D", payload(3)), testing::Contains("G-E-D/Speed=2.5 bad"));
  say("G/DBIRTH/E/D", payload(4).metric(born("Speed", 2, 9).real32(12, 1.5F)));
  EXPECT_EQ(bench.decode("spBv1.0/G/DDEATH/E/D", payload(5).bytes).away_from, 0u);
}

TEST_F(SparkplugTest, TheDeathOfAnEarlierSessionKillsNobody) {
  born_device();
  EXPECT_THAT(say("G/NDEATH/E", Message{}.metric(bd_seq(3))), IsEmpty());
  EXPECT_THAT(bench.reason(), HasSubstr("that of session 3, it lives in session 4"));
  EXPECT_THAT(say("G/NDATA/E", payload(2).metric(by_alias(1).real(13, 1))), testing::SizeIs(1));
}

TEST_F(SparkplugTest, ANewBirthBeginsAnew) {
  born_device();
  say("G/NBIRTH/E", payload(0).metric(bd_seq(5)).metric(born("Other", 2, 10).real(13, 3)));
  say("G/DDATA/E/D", payload(1).metric(by_alias(2).real32(12, 1)));
  EXPECT_THAT(bench.reason(), HasSubstr("device G/E/D was not born"));
  EXPECT_EQ(bench.commands.size(), 1u);
  EXPECT_THAT(say("G/NDATA/E", payload(2, kMs + 1).metric(by_alias(2).real(13, 4))),
              ElementsAre("G-E/Other=4@2023-11-14T22:13:20.001Z"));
}

struct TypeRow {
  const char* name;
  unsigned type;
  std::uint64_t field;
  std::uint64_t bits;
  const char* value;  // a whole number; empty: refused
};
void PrintTo(const TypeRow& row, std::ostream* out) { *out << row.name; }
class SparkplugType : public testing::TestWithParam<TypeRow> {};

TEST_P(SparkplugType, IsReadAsItIsMeant) {
  Options o;
  o.format = Format::sparkplug;
  o.topics = {"spBv1.0/#"};
  Bench bench(o);
  const auto m = payload(0).metric(born("x", 1, GetParam().type)
                                       .number(static_cast<unsigned>(GetParam().field),
                                               GetParam().bits));
  const auto lines = bench.lines("spBv1.0/G/NBIRTH/E", m.bytes);
  if (*GetParam().value == '\0') {
    EXPECT_THAT(lines, IsEmpty());
    EXPECT_THAT(bench.reason(), HasSubstr("the value of 'x' is none of its type"));
    EXPECT_EQ(bench.rejected[0].readings, 1u);
  } else {
    EXPECT_THAT(lines, ElementsAre(fmt::format("G-E/x={}e0@2023-11-14T22:13:20Z",
                                               GetParam().value)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, SparkplugType,
    testing::Values(TypeRow{"Int8 in 32 bits", 1, 10, 0xffffff80, "-128"},
                    TypeRow{"Int8 in 8 bits", 1, 10, 0x80, "-128"},
                    TypeRow{"Int8 above", 1, 10, 0x100, ""},
                    TypeRow{"Int16", 2, 10, 0xffff, "-1"}, TypeRow{"Int32", 3, 10, 0x80000000,
                                                                   "-2147483648"},
                    TypeRow{"Int64", 4, 11, ~std::uint64_t{0}, "-1"},
                    TypeRow{"Int64 in the field of Int32", 4, 10, 1, ""},
                    TypeRow{"UInt8", 5, 10, 255, "255"}, TypeRow{"UInt8 above", 5, 10, 256, ""},
                    TypeRow{"UInt32 in the long field", 7, 11, 4294967295, "4294967295"},
                    TypeRow{"UInt64", 8, 11, 7, "7"},
                    TypeRow{"a float in the int field", 9, 10, 1, ""},
                    TypeRow{"a type nobody knows", 99, 10, 1, ""}));

TEST(Sparkplug, MalformedBytesAreToldWithTheirPlace) {
  const std::pair<std::string, const char*> kBad[] = {
      {"\x08", "at byte 1: a number that does not end"},
      {"\x12\x05\x0a", "a field of 5 B, 1 are left"},
      {"\x0b", "wire type 3 is not known"},
      {std::string("\x02\x00", 2), "it is no key of a field"},
      {std::string("\x12\x02\x51\x00", 4), "at byte 3: it ends within a number"},
      {std::string("\x12\x02\x0a\x7f", 4), "a field of 127 B, 0 are left"},
      {std::string("\x12\x02\x50", 2) + std::string("\x52\x00", 2), "field 10 has wire type 2"},
      {std::string(11, '\xff'), "a number that does not end"}};
  for (const auto& [bytes, why] : kBad) {
    const auto parsed = sparkplug::parse(as_bytes(bytes));
    ASSERT_FALSE(parsed) << why;
    EXPECT_EQ(parsed.error().fault(), Fault::bad_input);
    EXPECT_THAT(parsed.error().text(), HasSubstr(why));
  }
}

TEST(Sparkplug, TopicsAreThoseOfTheSpecification) {
  using sparkplug::MessageKind;
  EXPECT_EQ(sparkplug::parse_topic("spBv1.0/G/DDATA/E/D")->kind, MessageKind::ddata);
  EXPECT_EQ(sparkplug::parse_topic("spBv1.0/STATE/host")->kind, MessageKind::other);
  EXPECT_EQ(sparkplug::parse_topic("spBv1.0/G/NCMD/E")->kind, MessageKind::other);
  for (const auto* topic : {"spBv1.0/G/NDATA/E/D", "spBv1.0/G/DDATA/E", "spBv1.0/G/DATA/E",
                            "spAv1.0/G/NDATA/E", "spBv1.0//NDATA/E", "a/b"}) {
    EXPECT_FALSE(sparkplug::parse_topic(topic)) << topic;
  }
}

}  // namespace
}  // namespace tidemark::mqtt
