#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "edge/profile/decode.h"
#include "edge/profile/library.h"

namespace tidemark::profile {
namespace {

using ::testing::HasSubstr;

TEST(Decimal, IsWhatTheFileSays) {
  EXPECT_EQ(decimal_of(0.1), (Decimal{1, -1}));
  EXPECT_EQ(decimal_of(0.025), (Decimal{25, -3}));
  EXPECT_EQ(decimal_of(-1.5), (Decimal{-15, -1}));
  EXPECT_EQ(decimal_of(1000), (Decimal{1, 3}));
  EXPECT_EQ(decimal_of(0), (Decimal{0, 0}));
  EXPECT_EQ(decimal_of(0.00390625), (Decimal{390625, -8}));
  EXPECT_EQ(decimal_of(1e-18), (Decimal{1, -18}));
  EXPECT_EQ(decimal_of(1e-19), std::nullopt);
  EXPECT_EQ(decimal_of(1e19), std::nullopt);
  EXPECT_EQ(decimal_of(NAN), std::nullopt);
}

struct Order {
  const char* name;
  ByteOrder order;
  std::uint16_t first, second;
};
class WordOrder : public ::testing::TestWithParam<Order> {};
TEST_P(WordOrder, JoinsAndSplits) {  // 0xAABBCCDD, and 231.2 V as a measured device sends it
  const auto [name, order, first, second] = GetParam();
  const std::array registers = {first, second};
  EXPECT_EQ(join_registers(registers, order), 0xAABBCCDDu);
  std::array<std::uint16_t, 2> back{};
  split_registers(0xAABBCCDDu, order, back);
  EXPECT_EQ(back, registers);
  std::array<std::uint16_t, 4> wide{};
  split_registers(0x0102030405060708u, order, wide);
  EXPECT_EQ(join_registers(wide, order), 0x0102030405060708u);
}
INSTANTIATE_TEST_SUITE_P(All, WordOrder,
                         ::testing::Values(Order{"ABCD", ByteOrder::abcd, 0xAABB, 0xCCDD},
                                           Order{"CDAB", ByteOrder::cdab, 0xCCDD, 0xAABB},
                                           Order{"BADC", ByteOrder::badc, 0xBBAA, 0xDDCC},
                                           Order{"DCBA", ByteOrder::dcba, 0xDDCC, 0xBBAA}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(AsWritten, IsTheShortestTextOfTheFloat) {
  for (const auto* text : {"231.2", "0.1", "-40.5", "0", "1e+20", "3.4028235e+38", "1e-45"}) {
    const auto v = std::strtof(text, nullptr);
    EXPECT_EQ(fmt::format("{}", as_written(v)), fmt::format("{}", std::strtod(text, nullptr)));
    EXPECT_EQ(static_cast<float>(as_written(v)), v) << text;
  }
  EXPECT_TRUE(std::isnan(as_written(std::nanf(""))));
}

TEST(WordOrder, OnlyTheRightOneIsPlausible) {
  Point p;
  p.type = RegisterType::f32;
  p.value_type = ValueType::f64;
  p.registers = 2;
  p.min = 0.1;
  p.max = 500;
  const std::array<std::uint16_t, 2> registers = {0x6743, 0x3333};  // 231.2 as BADC
  std::vector<ByteOrder> plausible;
  for (const auto order : {ByteOrder::abcd, ByteOrder::cdab, ByteOrder::badc, ByteOrder::dcba}) {
    p.byte_order = order;
    if (decode(p, registers).quality == Quality::good) plausible.push_back(order);
  }
  EXPECT_EQ(plausible, std::vector{ByteOrder::badc});
  p.byte_order = ByteOrder::badc;
  EXPECT_EQ(decode(p, registers).f64, static_cast<double>(231.2f));
}

class ProfileFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "profile_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    for (const auto* sub : {"local", "installed"}) std::filesystem::create_directory(folder_ / sub);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& file, std::string_view content) const {
    std::ofstream(folder_ / file) << content;
  }
  // A profile around `rest`; the points of `rest` are its only ones.
  void profile(const std::string& id, std::string_view rest, std::string_view meta = "") const {
    write("local/" + id + ".toml",
          "schema = 1\n[profile]\nid = \"" + id +
              "\"\nprotocol = \"modbus\"\nsource = \"test\"\nverified = \"one source\"\n" +
              std::string(meta) + "\n" + std::string(rest));
  }
  [[nodiscard]] Library library() const {
    return Library({folder_ / "local", folder_ / "installed"});
  }
  [[nodiscard]] Point point(std::string_view lines) const {
    profile("p", "[[point]]\nname = \"x\"\naddress = 0\n" + std::string(lines));
    auto loaded = library().load("p");
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().text());
    return loaded.ok() ? loaded->points.at(0) : Point{};
  }
  [[nodiscard]] std::string fault(const std::string& id) const {
    auto loaded = library().load(id);
    return loaded.ok() ? "" : loaded.error().text();
  }
  std::filesystem::path folder_;
};

Value decode_words(const Point& p, std::vector<std::uint16_t> registers) {
  return decode(p, registers);
}

TEST_F(ProfileFiles, IntegersStayExact) {
  const auto p = point("type = \"u16\"\nscale = 0.1\n");
  EXPECT_EQ(p.value_type, ValueType::i64);
  EXPECT_EQ(p.exponent, -1);
  EXPECT_EQ(decode_words(p, {2312}).i64, 2312);
  const auto q = point("type = \"i16\"\nscale = 0.025\noffset = -40\n");
  EXPECT_EQ(q.exponent, -3);
  EXPECT_EQ(decode_words(q, {0xffff}).i64, -25 - 40'000);  // -40.025
  EXPECT_EQ(number_of(q, decode_words(q, {0xffff})), -40.025);
  const auto k = point("type = \"u16\"\nscale = 1000\n");
  EXPECT_EQ(k.exponent, 0);
  EXPECT_EQ(decode_words(k, {3}).i64, 3000);
}

TEST_F(ProfileFiles, EveryIntegerTypeAtItsBounds) {
  EXPECT_EQ(decode_words(point("type = \"u16\""), {0xffff}).i64, 65'535);
  EXPECT_EQ(decode_words(point("type = \"i16\""), {0x8000}).i64, -32'768);
  EXPECT_EQ(decode_words(point("type = \"u32\""), {0xffff, 0xffff}).i64, 4'294'967'295);
  EXPECT_EQ(decode_words(point("type = \"i32\""), {0x8000, 0}).i64, INT32_MIN);
  EXPECT_EQ(decode_words(point("type = \"i64\""), {0x8000, 0, 0, 0}).i64, INT64_MIN);
  const auto wide = point("type = \"u64\"");
  EXPECT_EQ(decode_words(wide, {0x7fff, 0xffff, 0xffff, 0xffff}).i64, INT64_MAX);
  const auto over = decode_words(wide, {0x8000, 0, 0, 0});
  EXPECT_EQ(over.quality, Quality::bad_range);
  EXPECT_EQ(over.i64, INT64_MAX);
  auto with_scale = wide;
  with_scale.scale_address = 8;
  const std::vector<std::uint16_t> most{0x8000, 0, 0, 0};
  EXPECT_EQ(decode(with_scale, most, 0).quality, Quality::bad_range);
  EXPECT_EQ(decode(with_scale, most, 0).i64, INT64_MAX);
}

TEST_F(ProfileFiles, FloatsBitsAndTexts) {
  EXPECT_EQ(decode_words(point("type = \"f32\""), {0x4367, 0x3333}).f64,
            static_cast<double>(231.2f));
  EXPECT_EQ(decode_words(point("type = \"f32\"\nscale = 1000"), {0x3fc0, 0}).f64, 1500);
  EXPECT_EQ(decode_words(point("type = \"f64\""), {0x3ff8, 0, 0, 0}).f64, 1.5);
  EXPECT_TRUE(std::signbit(decode_words(point("type = \"f32\""), {0x8000, 0}).f64));
  const auto bit = point("type = \"bits\"\nbit = 3");
  EXPECT_EQ(bit.value_type, ValueType::boolean);
  EXPECT_EQ(decode_words(bit, {0x0008}).i64, 1);
  EXPECT_EQ(decode_words(bit, {0xfff7}).i64, 0);
  EXPECT_EQ(decode_words(point("type = \"bits\""), {0xfff7}).i64, 0xfff7);
  const auto text = point("type = \"string\"\nregisters = 3");
  EXPECT_EQ(decode_words(text, {0x4142, 0x4320, 0x2000}).text, "ABC");
}

TEST_F(ProfileFiles, OutOfRangeAndNotAvailable) {
  const auto p = point("type = \"i16\"\nscale = 0.1\nmin = 0\nmax = 500\ninvalid = [\"0x8000\"]");
  EXPECT_EQ(decode_words(p, {0}).quality, Quality::good);
  EXPECT_EQ(decode_words(p, {5000}).quality, Quality::good);
  EXPECT_EQ(decode_words(p, {5001}).quality, Quality::bad_range);
  EXPECT_EQ(decode_words(p, {0xffff}).quality, Quality::bad_range);
  EXPECT_EQ(decode_words(p, {0x8000}).quality, Quality::bad_sentinel);
  const auto f = point("type = \"f32\"\ninvalid = [\"nan\"]");
  EXPECT_EQ(decode_words(f, {0x7fc0, 0}).quality, Quality::bad_sentinel);
}

TEST_F(ProfileFiles, ExtendsTakesOverAndReplaces) {
  profile("base", "[modbus]\nfunction = 4\nbyte_order = \"CDAB\"\nmax_registers = 40\n"
                  "[[point]]\nname = \"a\"\naddress = 1\ntype = \"u32\"\n"
                  "[[point]]\nname = \"b\"\naddress = 3\ntype = \"u32\"\n"
                  "[[point]]\nname = \"c\"\naddress = 5\ntype = \"u16\"\n");
  profile("child", "[[point]]\nname = \"b\"\naddress = 9\ntype = \"f32\"\n",
          "extends = \"base\"\nomit = [\"c\"]");
  const auto loaded = library().load("child");
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(loaded->id, "child");
  EXPECT_EQ(loaded->max_registers, 40);
  ASSERT_EQ(loaded->points.size(), 2u);
  EXPECT_EQ(loaded->find("a")->function, 4);
  EXPECT_EQ(loaded->find("b")->address, 9);
  EXPECT_EQ(loaded->find("b")->function, 4);
  EXPECT_EQ(loaded->find("b")->byte_order, ByteOrder::cdab);
  EXPECT_EQ(loaded->find("c"), nullptr);
}

TEST_F(ProfileFiles, LocalFoldersWin) {
  profile("p", "[[point]]\nname = \"here\"\naddress = 0\ntype = \"u16\"\n");
  write("installed/p.toml", "not even toml");
  write("installed/other.toml", "");
  EXPECT_EQ(library().load("p")->points.at(0).name, "here");
  EXPECT_THAT(library().names(), ::testing::ElementsAre("other", "p"));
}

TEST_F(ProfileFiles, NamesThatAreNotThere) {
  profile("eastron", "[[point]]\nname = \"x\"\naddress = 0\ntype = \"u16\"\n");
  EXPECT_THAT(fault("eastrom"), HasSubstr("unknown profile 'eastrom'; did you mean 'eastron'?"));
  EXPECT_THAT(fault("zzz"), HasSubstr("known are eastron"));
  EXPECT_THAT(fault("../local/eastron"), HasSubstr("unknown profile"));
  EXPECT_THAT(Library({folder_ / "none"}).load("x").error().text(), HasSubstr("there are none in"));
}

TEST_F(ProfileFiles, ExtendsThatCannotBeFollowed) {
  profile("a", "", "extends = \"b\"");
  profile("b", "", "extends = \"a\"");
  EXPECT_THAT(fault("a"), HasSubstr("goes round in a circle: a -> b -> a"));
  profile("self", "", "extends = \"self\"");
  EXPECT_THAT(fault("self"), HasSubstr("circle: self -> self"));
  profile("orphan", "", "extends = \"nobody\"");
  EXPECT_THAT(fault("orphan"), HasSubstr("profile.extends: unknown profile 'nobody'"));
  for (int i = 0; i < 10; ++i) {
    profile("deep" + std::to_string(i), "", "extends = \"deep" + std::to_string(i + 1) + "\"");
  }
  EXPECT_THAT(fault("deep0"), HasSubstr("deeper than 8"));
}

TEST_F(ProfileFiles, OtherProtocolsAreNotForModbus) {
  write("local/m.toml", "schema = 1\n[profile]\nprotocol = \"mqtt-json\"\n[mqtt]\nx = 1\n");
  EXPECT_EQ(library().protocol("m").value(), "mqtt-json");
  EXPECT_THAT(fault("m"), HasSubstr("profile 'm' is for mqtt-json, not for modbus"));
}

struct Mistake {
  const char* name;
  const char* toml;
  const char* text;
};
void PrintTo(const Mistake& m, std::ostream* out) { *out << m.name; }
class ProfileMistake : public ProfileFiles, public ::testing::WithParamInterface<Mistake> {};
TEST_P(ProfileMistake, IsToldInItsPlace) {
  profile("p", GetParam().toml);
  auto checked = library().check(folder_ / "local/p.toml");
  std::erase_if(checked.problems, [](const auto& problem) { return problem.warning; });
  ASSERT_EQ(checked.problems.size(), 1u);
  EXPECT_GT(checked.problems[0].line, 0);
  EXPECT_THAT(checked.problems[0].text, HasSubstr(GetParam().text));
  EXPECT_FALSE(checked.ok);
}
#define POINT "[[point]]\nname = \"x\"\naddress = 0\n"
INSTANTIATE_TEST_SUITE_P(
    Table, ProfileMistake,
    ::testing::Values(
        Mistake{"unknown key", POINT "type = \"u16\"\nscle = 5", "did you mean 'scale'?"},
        Mistake{"unknown type", POINT "type = \"u17\"", "'u17' is not one of u16"},
        Mistake{"writing function", "[modbus]\nfunction = 6\n" POINT "type = \"u16\"",
                "6 is above the maximum of 4"},
        Mistake{"twice", POINT "type = \"u16\"\n" POINT "type = \"u16\"", "'x' is there already"},
        Mistake{"past the end", "[[point]]\nname = \"x\"\naddress = 0xffff\ntype = \"u32\"",
                "2 registers from 0xffff on pass the end"},
        Mistake{"address from the manual", "[[point]]\nname = \"x\"\naddress = 400001\n"
                                           "type = \"u16\"",
                "400001 is above the maximum of 65535"},
        Mistake{"does not fit a request", "[modbus]\nmax_registers = 1\n" POINT "type = \"f32\"",
                "2 registers do not fit into a request of at most 1"},
        Mistake{"sentinel too wide", POINT "type = \"u16\"\ninvalid = [\"0x10000\"]",
                "'0x10000' is not a raw value of 16 bits"},
        Mistake{"nan of an integer", POINT "type = \"u16\"\ninvalid = [\"nan\"]",
                "'nan' is not a raw value"},
        Mistake{"bounds", POINT "type = \"u16\"\nmin = 5\nmax = 5", "not below max"},
        Mistake{"scale of nothing", POINT "type = \"u16\"\nscale = 0", "it is 0"},
        Mistake{"scale of a text", POINT "type = \"string\"\nscale = 2", "does not have it"},
        Mistake{"bit of a number", POINT "type = \"u16\"\nbit = 2", "only bits has"},
        Mistake{"coils are bits", "[modbus]\nfunction = 1\n" POINT "type = \"u16\"",
                "function 1 reads single bits"},
        Mistake{"probe", "[probe]\npoint = \"y\"\n" POINT "type = \"u16\"",
                "'y' is not a point of this profile"},
        Mistake{"metric", "[[point]]\nname = \"a/b\"\naddress = 0\ntype = \"u16\"",
                "'a/b' cannot be a metric"},
        Mistake{"no points", "[modbus]\nfunction = 3", "at least one"}));

TEST_F(ProfileFiles, FileNameAndIdAgree) {
  write("local/q.toml",
        "schema = 1\n[profile]\nid = \"p\"\nprotocol = \"modbus\"\nsource = \"t\"\n"
        "verified = \"x\"\n[[point]]\nname = \"x\"\naddress = 0\ntype = \"u16\"\n");
  EXPECT_THAT(fault("q"), HasSubstr("profile.id: 'p' is not the file's name 'q'"));
}

}  // namespace
}  // namespace tidemark::profile
