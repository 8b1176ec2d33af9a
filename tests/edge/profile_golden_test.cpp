// What ships in firmware-profiles/: register images as the devices send them, and what people read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <map>

#include "common/base/text.h"
#include "edge/profile/decode.h"
#include "edge/profile/library.h"

namespace tidemark::profile {
namespace {

struct Golden {
  const char* id;
  // "address: register register …", all in hex; one run a line.
  const char* image;
  std::map<std::string, double> expected;
  ByteOrder wrong_order;  // that must not look plausible
};
void PrintTo(const Golden& g, std::ostream* out) { *out << g.id; }

std::uint16_t hex(std::string_view text) {
  std::uint16_t v = 0;
  std::from_chars(text.data(), text.data() + text.size(), v, 16);
  return v;
}

std::map<std::uint16_t, std::uint16_t> parse_image(std::string_view text) {
  std::map<std::uint16_t, std::uint16_t> image;
  for (const auto line : split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto address = hex(trim(line.substr(0, colon)));
    for (const auto word : split(trim(line.substr(colon + 1)), ' ')) image[address++] = hex(word);
  }
  return image;
}

Value read(const Point& p, const std::map<std::uint16_t, std::uint16_t>& image) {
  std::vector<std::uint16_t> registers;
  for (std::uint16_t i = 0; i < p.registers; ++i) {
    registers.push_back(image.at(static_cast<std::uint16_t>(p.address + i)));
  }
  return decode(p, registers);
}

class ShippedProfile : public ::testing::TestWithParam<Golden> {};

TEST_P(ShippedProfile, ReadsItsRegisterImage) {
  const auto loaded = Library({TIDEMARK_PROFILES}).load(GetParam().id);
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  const auto image = parse_image(GetParam().image);
  for (const auto& [name, value] : GetParam().expected) {
    const auto* p = loaded->find(name);
    ASSERT_NE(p, nullptr) << name;
    const auto v = read(*p, image);
    EXPECT_EQ(v.quality, Quality::good) << name;
    EXPECT_DOUBLE_EQ(number_of(*p, v), value) << name;
  }
}

TEST_P(ShippedProfile, AWrongWordOrderIsSeenByItsRanges) {
  auto loaded = Library({TIDEMARK_PROFILES}).load(GetParam().id);
  ASSERT_TRUE(loaded.ok());
  const auto* probe = loaded->find(loaded->probe);
  ASSERT_NE(probe, nullptr);
  if (probe->registers == 1) return;  // one register has one order
  const auto image = parse_image(GetParam().image);
  loaded->set_byte_order(GetParam().wrong_order);
  EXPECT_EQ(read(*loaded->find(loaded->probe), image).quality, Quality::bad_range);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ShippedProfile,
    ::testing::Values(
        Golden{"eastron-sdm630",
               R"(
0000: 4367 3333 4366 CCCD 4368 0000 40A0 0000 40C0 0000 40E0 0000
000C: 4489 8000 4489 8000 4489 8000
001E: 3F7A E148
0034: 454E 4000
0046: 4248 0000 461C 4000
)",
               {{"voltage_l1", static_cast<double>(231.2f)},
                {"voltage_l2", static_cast<double>(230.8f)},
                {"voltage_l3", 232},
                {"current_l1", 5},
                {"current_l3", 7},
                {"power_l2", 1100},
                {"power_factor_l1", static_cast<double>(0.98f)},
                {"power_total", 3300},
                {"frequency", 50},
                {"energy_import", 10000}},
               ByteOrder::badc},
        Golden{"carlogavazzi-em340",
               R"(
0000: 0908 0000 0904 0000 0910 0000
000C: 1388 0000 FFFF FFFF 0000 0001
0012: 2AF8 0000 D508 FFFF
0028: 80E8 0000
002E: 03D4 FC2C 03E8 03D4
0033: 01F4 86A0 0001
004E: 000A 0000
)",
               {{"voltage_l1", 231.2},
                {"voltage_l2", 230.8},
                {"voltage_l3", 232},
                {"current_l1", 5},
                {"current_l2", -0.001},
                {"current_l3", 65.536},
                {"power_l1", 1100},
                {"power_l2", -1100},
                {"power_total", 3300},
                {"power_factor_l1", 0.98},
                {"power_factor_l2", -0.98},
                {"power_factor_total", 0.98},
                {"frequency", 50},
                {"energy_import", 10000},
                {"energy_export", 1}},
               ByteOrder::abcd},
        Golden{"banner-qm30vt2",
               R"(
1450: 0190 03F8 1B58 07D0 0064 00FE 0BB8 03E8 0258 04B0
145C: 0BB8 0C1C 0FA0 1004
1464: 01F4 FFFF
)",
               {{"velocity_rms_z_inch", 0.04},
                {"velocity_rms_z", 1.016},
                {"temperature_fahrenheit", 70},
                {"temperature", 20},
                {"velocity_rms_x_inch", 0.01},
                {"velocity_rms_x", 0.254},
                {"acceleration_peak_z", 3},
                {"acceleration_peak_x", 1},
                {"peak_frequency_z", 60},
                {"peak_frequency_x", 120},
                {"kurtosis_z", 3},
                {"kurtosis_x", 3.1},
                {"crest_factor_z", 4},
                {"crest_factor_x", 4.1},
                {"acceleration_hf_rms_z", 0.5},
                {"acceleration_hf_rms_x", 65.535}},
               ByteOrder::abcd}));

TEST(ShippedProfiles, AreAllWithoutProblems) {
  const Library library({TIDEMARK_PROFILES});
  ASSERT_GE(library.names().size(), 3u);
  for (const auto& name : library.names()) {
    const auto protocol = library.protocol(name);
    ASSERT_TRUE(protocol.ok()) << protocol.error().text();
    if (*protocol != "modbus") continue;  // others are tested where they are read
    const auto loaded = library.load(name);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().text());
  }
}

}  // namespace
}  // namespace tidemark::profile
