// What ships in firmware-profiles/: register images as the devices send them, what people read, and
// that a wrong byte order is found and not printed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "edge/modbus/request_plan.h"
#include "edge/probe/scan.h"
#include "edge/profile/library.h"
#include "tests/edge/register_image.h"

namespace tidemark::probe {
namespace {

using profile::ByteOrder;
using profile::Library;
using profile::Profile;

constexpr std::array kOrders = {ByteOrder::abcd, ByteOrder::cdab, ByteOrder::badc, ByteOrder::dcba};
const std::filesystem::path kProfiles = TIDEMARK_PROFILES;
const std::filesystem::path kImages = TIDEMARK_IMAGES;

std::vector<std::string> modbus_profiles() {
  const Library library({kProfiles});
  auto names = library.names();
  std::erase_if(names, [&](const std::string& name) {
    return library.protocol(name).value() != "modbus";  // others are tested where they are read
  });
  return names;
}

class ShippedProfile : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto checked = Library({kProfiles}).check(kProfiles / (GetParam() + ".toml"));
    for (const auto& problem : checked.problems) ADD_FAILURE() << config::render(problem);
    profile_ = checked.profile;
    image_ = test::RegisterImage::read(kImages / (GetParam() + ".txt"));
    ASSERT_FALSE(image_.registers.empty()) << "it has no golden image";
  }
  Profile profile_;
  test::RegisterImage image_;
};

TEST_P(ShippedProfile, ReadsItsRegisterImage) {
  const auto read = image_.reader();
  modbus::SunSpecMap map;
  if (profile_.is_sunspec()) map = modbus::find_sunspec(1, read);
  std::map<std::string, std::string> expected(image_.expected.begin(), image_.expected.end());
  for (const auto& p : profile_.points) {
    const auto* model = p.models.empty() ? nullptr : map.find(p.models, p.end());
    if (!p.models.empty() && model == nullptr) continue;  // the device does not have it
    ASSERT_TRUE(expected.contains(p.name)) << p.name;
    const auto base = model == nullptr ? 0 : model->address;
    std::vector<std::uint16_t> registers;
    const auto reply = read({1, p.function, static_cast<std::uint16_t>(base + p.begin()),
                             static_cast<std::uint16_t>(p.end() - p.begin())}, registers);
    ASSERT_EQ(reply.kind, modbus::Reply::Kind::good) << p.name;
    const auto v = decode_at(p, registers);
    EXPECT_EQ(v.quality, Quality::good) << p.name;
    const auto& text = expected[p.name];
    expected.erase(p.name);
    if (p.value_type == ValueType::text) {
      EXPECT_EQ('"' + v.text + '"', text);
      continue;
    }
    const auto number = number_of(p, v), wanted = std::strtod(text.c_str(), nullptr);
    if (p.type == profile::RegisterType::f32) {
      EXPECT_NEAR(number, wanted, std::abs(wanted) * 1e-6) << p.name;
    } else {
      EXPECT_DOUBLE_EQ(number, wanted) << p.name;
    }
  }
  for (const auto& [name, text] : expected) ADD_FAILURE() << name << " is not in the profile";
}

TEST_P(ShippedProfile, IsRecognised) {
  const auto outcome = probe(profile_, 1, image_.reader());
  const bool undecidable = image_.probe == "undecidable";
  EXPECT_EQ(outcome.verdict, undecidable ? Verdict::undecidable : Verdict::follows)
      << outcome.reason;
}

// Whatever the order of the device is: it is named, or nothing is.
TEST_P(ShippedProfile, ASwappedOrderIsNamedOrRefused) {
  const bool wide = std::any_of(profile_.points.begin(), profile_.points.end(), [](const auto& p) {
    return p.registers > 1 && p.is_number() && p.models.empty();
  });
  if (!wide) return;
  for (const auto order : kOrders) {
    const auto other = image_.reordered(profile_, order);
    const auto outcome = probe(profile_, 1, other.reader());
    if (image_.probe == "undecidable") {
      EXPECT_EQ(outcome.verdict, Verdict::undecidable) << to_string(order) << outcome.reason;
      continue;
    }
    const bool own = to_string(order) == image_.probe;
    EXPECT_EQ(outcome.verdict, own ? Verdict::follows : Verdict::differs)
        << to_string(order) << ": " << outcome.reason;
    EXPECT_EQ(outcome.found, (Variant{false, 0, order})) << to_string(order);
  }
}

TEST_P(ShippedProfile, ZerosAreNeverAnAnswer) {
  for (auto& [at, word] : image_.registers) {
    if (!profile_.is_sunspec()) word = 0;
  }
  if (profile_.is_sunspec()) return;
  const auto outcome = probe(profile_, 1, image_.reader());
  EXPECT_EQ(outcome.verdict, Verdict::undecidable);
  EXPECT_THAT(outcome.reason, ::testing::HasSubstr("every register is 0"));
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  auto name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, ShippedProfile, ::testing::ValuesIn(modbus_profiles()), test_name);

struct Device {
  Profile profile;
  test::RegisterImage image;
};
Device device(const std::string& id) {
  return {Library({kProfiles}).load(id).value(),
          test::RegisterImage::read(kImages / (id + ".txt"))};
}

TEST(Probe, FindsTheOtherFunctionAndBase) {
  const auto [profile, image] = device("eastron-sdm630");
  for (const int shift : {-1, 0, 1}) {
    for (const bool other : {false, true}) {
      if (shift == 0 && !other) continue;
      // A shift down needs room: the first register is at 0.
      if (shift < 0) continue;
      const auto moved = image.moved(shift, other);
      const auto outcome = probe(profile, 1, moved.reader());
      EXPECT_EQ(outcome.verdict, Verdict::differs) << shift << other << outcome.reason;
      EXPECT_EQ(outcome.found, (Variant{other, shift, ByteOrder::abcd})) << outcome.reason;
    }
  }
}

TEST(Probe, TellsTheTwoEm24Apart) {
  const auto serial = device("carlogavazzi-em24"), ethernet = device("carlogavazzi-em340");
  EXPECT_EQ(probe(serial.profile, 1, serial.image.reader()).verdict, Verdict::follows);
  EXPECT_NE(probe(serial.profile, 1, ethernet.image.reader()).verdict, Verdict::follows);
  EXPECT_NE(probe(ethernet.profile, 1, serial.image.reader()).verdict, Verdict::follows);
}

TEST(Probe, RefusesToGuess) {
  auto [profile, image] = device("eastron-sdm630");
  std::erase_if(profile.points, [](const auto& p) { return p.name != "voltage_l1"; });
  // 2.0 as ABCD is 4000 0000; both 4040 and 0000 are alike in ABCD and BADC.
  image.registers[{4, 0}] = 0x4242;
  image.registers[{4, 1}] = 0x0000;
  const auto outcome = probe(profile, 1, image.reader());
  EXPECT_EQ(outcome.verdict, Verdict::undecidable);
  EXPECT_THAT(outcome.reason, ::testing::HasSubstr("more than one reading is plausible: byte order "
                                                   "ABCD; byte order BADC"));
}

TEST(Probe, SilenceAndRefusalAreNoVerdict) {
  const auto [profile, image] = device("eastron-sdm630");
  const auto reply = [](modbus::Reply r) {
    return [r](const modbus::Request&, std::vector<std::uint16_t>&) { return r; };
  };
  EXPECT_EQ(probe(profile, 1, reply({modbus::Reply::Kind::silent, 0, ""})).verdict,
            Verdict::no_answer);
  EXPECT_EQ(probe(profile, 1, reply({modbus::Reply::Kind::garbled, 0, "its CRC is wrong"})).reason,
            "half or wrong answers (its CRC is wrong)");
  EXPECT_EQ(probe(profile, 1, reply({modbus::Reply::Kind::exception, 2, ""})).verdict,
            Verdict::refused);
}

TEST(Scan, NamesTheProfilesThatADeviceFollows) {
  std::vector<Profile> profiles;
  for (const auto& id : modbus_profiles()) profiles.push_back(device(id).profile);
  for (const auto* id : {"abb-b23", "chint-dtsu666", "sunspec-meter", "lovato-dmg610"}) {
    const auto found = identify(7, profiles, device(id).image.reader());
    EXPECT_THAT(found.profiles, ::testing::ElementsAre(id));
  }
}

TEST(Scan, TriesEachFrameAtEachSpeedOnceTheLinesOwnFirst) {
  const auto line = config::parse_bus_url("rtu:///dev/x?baud=19200&parity=none&stop=2").value();
  const auto all = line_settings(line);
  EXPECT_EQ(all.front(), line);
  std::set<std::string> texts;
  for (const auto& url : all) texts.insert(url.text());
  EXPECT_EQ(texts.size(), all.size());
  EXPECT_EQ(all.size(), 8u * 4);
  for (const auto* frame : {"baud=9600&parity=none&stop=1", "baud=9600&parity=none&stop=2",
                            "baud=9600&parity=even&stop=1", "baud=19200&parity=odd&stop=1"}) {
    EXPECT_TRUE(texts.contains(fmt::format("rtu:///dev/x?{}&rs485=adapter", frame))) << frame;
  }
}

TEST(Scan, FindsSpeedAndParityOfALine) {
  const auto line = config::parse_bus_url("rtu:///dev/x?baud=19200&parity=even").value();
  const auto open = [](const config::BusUrl& url) -> Result<modbus::ReadRegisters> {
    const bool right = url.baud == 38'400 && url.parity == config::BusUrl::Parity::odd;
    const bool near = url.baud == 38'400;
    return modbus::ReadRegisters([right, near](const modbus::Request& r,
                                               std::vector<std::uint16_t>& out) {
      out.assign(r.count, 1);
      using Kind = modbus::Reply::Kind;
      if (r.unit != 9) return modbus::Reply{Kind::silent, 0, ""};
      return modbus::Reply{right ? Kind::good : near ? Kind::garbled : Kind::silent, 0, ""};
    });
  };
  std::size_t tried = 0;
  const auto done = sweep(line, {1, 9}, open, [&](const auto&, Presence) { ++tried; });
  ASSERT_TRUE(done.ok());
  ASSERT_TRUE(done->found.has_value());
  EXPECT_EQ(done->found->text(), "rtu:///dev/x?baud=38400&parity=odd&stop=1&rs485=adapter");
  EXPECT_EQ(done->garbled.size(), 2u);
  EXPECT_GT(tried, 3u);
  const auto nobody = sweep(line, {1, 2}, open, [](const auto&, Presence) {});
  EXPECT_FALSE(nobody->found.has_value());
}

}  // namespace
}  // namespace tidemark::probe
