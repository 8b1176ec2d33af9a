// The plant is what all system tests rest on, so its own parts are tested too.
#include <gtest/gtest.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "bench/plant/register_image.h"
#include "bench/plant/sensor.h"
#include "bench/plant/slave.h"

namespace tidemark::plant {
namespace {

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, '\t');) out.push_back(field);
  return out;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(RegisterImage, WordsOfKnownValues) {
  // A model with one constant point of each kind.
  const Model abcd{4, false, {{"v", 0, Type::f32, 0, {231.2, 0, 0, 60, 0}}}};
  std::vector<std::uint16_t> registers(kRegisters);
  EXPECT_EQ(fill_registers(abcd, 0, 1, 7, registers).at(0), "f231.1999969482422");
  EXPECT_EQ(registers[0], 0x4367);
  EXPECT_EQ(registers[1], 0x3333);
  EXPECT_EQ(registers[kSerialAddress + 1], 7);
  const Model cdab{4, true, {{"w", 2, Type::i32, -1, {-7000.1, 0, 0, 60, 0}},
                             {"t", 5, Type::i16, -2, {-3.25, 0, 0, 60, 0}}}};
  const auto values = fill_registers(cdab, 0, 1, 8, registers);
  EXPECT_EQ(values.at(0), "d-70001e-1");
  EXPECT_EQ(registers[2], 0xEE8F);
  EXPECT_EQ(registers[3], 0xFFFE);
  EXPECT_EQ(values.at(1), "d-325e-2");
  EXPECT_EQ(static_cast<std::int16_t>(registers[5]), -325);
}

TEST(RegisterImage, PointsOfAModelDoNotOverlap) {
  for (const auto* name : {"sdm630", "em340", "qm30vt2"}) {
    const auto model = find_model(name);
    ASSERT_TRUE(model);
    std::set<int> used;
    for (const auto& point : model->points) {
      for (int i = 0; i < words(point.type); ++i) {
        EXPECT_TRUE(used.insert(point.address + i).second) << name << " " << point.name;
      }
    }
  }
  EXPECT_FALSE(find_model("toaster"));
}

TEST(Sensor, SameSeedSameMessages) {
  SensorOptions options{.name = "p", .topic = "plant/p/data", .channels = {"a", "b"}, .rate = 100};
  Sensor one(options, 3, 1'700'000'000'123'456'789);
  Sensor two(options, 3, 1'700'000'000'123'456'789);
  std::uint64_t serial_one = 0;
  std::uint64_t serial_two = 0;
  for (int i = 0; i < 100; ++i) {
    const auto message = one.next(serial_one);
    EXPECT_EQ(message.payload, two.next(serial_two).payload);
    EXPECT_EQ(message.due_ns, 1'700'000'000'123'000'000 + i * 10'000'000LL);
    const auto told = lines(message.lines);
    ASSERT_EQ(told.size(), 4U);  // the message, its serial, two channels
    EXPECT_NE(message.payload.find(fields(told[2])[4].substr(1)), std::string::npos);
  }
  EXPECT_EQ(serial_one, 100U);
}

TEST(Sensor, SwapsLosesNothing) {
  SensorOptions options{.name = "p", .topic = "t", .channels = {"a"}, .rate = 100, .count = 50};
  options.swap_every = 10;
  Sensor sensor(options, 1, 1'700'000'000'000'000'000);
  std::uint64_t serial = 0;
  std::vector<std::string> serials;
  while (sensor.more()) serials.push_back(fields(lines(sensor.next(serial).lines)[0])[2]);
  EXPECT_EQ(std::set(serials.begin(), serials.end()).size(), 50U);
  EXPECT_EQ(serials[9], "11");
  EXPECT_EQ(serials[10], "10");
}

TEST(Sensor, PackedSamplesAreWhatTheLogSays) {
  SensorOptions options{.name = "p", .topic = "t", .format = Format::packed, .channels = {"x"},
                        .rate = 1000, .batch = 10};
  Sensor sensor(options, 1, 1'700'000'000'000'000'000);
  std::uint64_t serial = 0;
  const auto message = sensor.next(serial);
  ASSERT_EQ(message.payload.size(), 24U + 10 * 2);
  const auto told = lines(message.lines);
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(message.payload[i]); };
  for (std::size_t i = 0; i < 10; ++i) {
    const auto raw = static_cast<std::int16_t>(byte(24 + 2 * i) | (byte(25 + 2 * i) << 8));
    EXPECT_EQ(fields(told[i + 1])[4], "d" + std::to_string(raw) + "e-2");
  }
}

TEST(Slave, AnswersAtItsTimes) {
  SlaveOptions options;
  EXPECT_TRUE(answers_at(options, 59));
  options.answers = 20;
  options.of = 60;
  EXPECT_TRUE(answers_at(options, 60 * 1000 + 19));
  EXPECT_FALSE(answers_at(options, 60 * 1000 + 20));
  options.spread = true;
  int answered = 0;
  for (int s = 0; s < 60; ++s) answered += answers_at(options, s) ? 1 : 0;
  EXPECT_EQ(answered, 20);
}

TEST(Slave, AnswersWhatItLogs) {
  const auto path = std::filesystem::temp_directory_path() / ("plant-" + std::to_string(getpid()));
  PlantLog log;
  ASSERT_TRUE(PlantLog::create(path, log));
  auto slave = Slave::start({.name = "m", .model = "em340"}, 1, log);
  ASSERT_TRUE(slave);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(slave.value()->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::array<std::uint8_t, 12> request{0, 1, 0, 0, 0, 6, 1, 4, 0, 0, 0, 2};
  ASSERT_EQ(::send(fd, request.data(), request.size(), 0), 12);
  std::array<std::uint8_t, 13> reply{};
  ASSERT_EQ(::recv(fd, reply.data(), reply.size(), MSG_WAITALL), 13);
  ::close(fd);
  slave.value().reset();
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::filesystem::remove(path);
  const auto told = lines(text.str());
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(fields(told[0]).back(), "ok");
  const auto reading = fields(told[1]);
  EXPECT_EQ(reading[2], "m/voltage_l1");
  const int mantissa = (reply[9] << 8 | reply[10]) | (reply[11] << 24 | reply[12] << 16);
  EXPECT_EQ(reading[4], "d" + std::to_string(mantissa) + "e-1");
}

}  // namespace
}  // namespace tidemark::plant
