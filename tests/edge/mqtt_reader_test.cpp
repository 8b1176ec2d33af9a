// PUBLISH packets past libmosquitto: whatever pieces they come in, each is taken once and whole,
// and what is not ours stays in the socket.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/random.h"
#include "edge/mqtt/publish_reader.h"
#include "tests/edge/broker_process.h"

namespace tidemark::mqtt {
namespace {

using testing::HasSubstr;

struct Taken {
  std::string topic;
  std::string payload;
  std::uint64_t size;
  std::uint16_t packet_id;
  bool duplicate;
  bool retained;
  friend bool operator==(const Taken&, const Taken&) = default;
};

std::string packet(std::uint8_t first, const std::string& body) {
  std::string out(1, static_cast<char>(first));
  auto left = body.size();
  do {
    out += static_cast<char>(left % 128 + (left >= 128 ? 128 : 0));
    left /= 128;
  } while (left > 0);
  return out + body;
}

std::string publish(const Taken& t) {
  std::string body{static_cast<char>(t.topic.size() >> 8), static_cast<char>(t.topic.size())};
  body += t.topic;
  if (t.packet_id != 0) {
    body += static_cast<char>(t.packet_id >> 8);
    body += static_cast<char>(t.packet_id);
  }
  const auto flags = 0x30 | (t.duplicate ? 8 : 0) | (t.packet_id != 0 ? 2 : 0) | t.retained;
  return packet(static_cast<std::uint8_t>(flags), body + t.payload);
}

class PublishReaderTest : public testing::Test {
 protected:
  PublishReaderTest() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = test::loopback(0);
    socklen_t size = sizeof address;
    ::bind(listener, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener, 1);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    client_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(client_, reinterpret_cast<sockaddr*>(&address), size), 0);
    broker_ = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    reader_.begin();
  }
  ~PublishReaderTest() override {
    ::close(client_);
    ::close(broker_);
  }
  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(broker_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  // Waits until the socket says readable, then reads; whatever is not ours is taken out here.
  PublishReader::Turn turn() {
    pollfd p{.fd = client_, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&p, 1, 20'000), 1);
    auto turn = reader_.read(client_);
    EXPECT_TRUE(turn.ok()) << turn.error().text();
    if (turn->other) {
      std::string other(2, 0);
      EXPECT_EQ(::recv(client_, other.data(), 2, MSG_WAITALL), 2);
      others_ += other;
    }
    return *turn;
  }

  static constexpr std::size_t kKept = 70'000;
  int client_ = -1, broker_ = -1;
  std::vector<Taken> taken_;
  std::string others_;
  bool store_ = true;
  PublishReader reader_{[this](const Delivery& d) {
                          if (store_) {
                            taken_.push_back({std::string(d.topic),
                                              std::string(as_text(d.payload)), d.size,
                                              d.packet_id, d.duplicate, d.retained});
                          }
                          return store_;
                        },
                        kKept};
};

TEST_F(PublishReaderTest, TakesPacketsInWhateverPiecesTheyCome) {
  SeededRandom random(7);
  std::vector<Taken> sent;
  std::string bytes;
  std::string others;
  std::string acks;
  for (int i = 0; i < 400; ++i) {
    if (random.below(10) == 0) {
      others += packet(0xd0, "");  // PINGRESP
      bytes += packet(0xd0, "");
      continue;
    }
    const auto size = random.below(40) == 0 ? random.below(200'000) : random.below(200);
    Taken t{"s/" + std::to_string(i), std::string(size, static_cast<char>('a' + i % 26)), size,
            static_cast<std::uint16_t>(random.below(3) * 257), random.below(2) == 0,
            random.below(2) == 0};
    bytes += publish(t);
    if (t.packet_id != 0) {
      acks += std::string{0x40, 2, static_cast<char>(t.packet_id >> 8),
                          static_cast<char>(t.packet_id)};
    }
    sent.push_back(t);
  }
  std::size_t at = 0;
  while (taken_.size() < sent.size() || others_.size() < others.size()) {
    if (at < bytes.size()) {
      const auto n = std::min<std::size_t>(1 + random.below(random.below(4) == 0 ? 30'000 : 30),
                                           bytes.size() - at);
      send(std::string_view(bytes).substr(at, n));
      at += n;
      pollfd p{.fd = client_, .events = POLLIN, .revents = 0};
      if (::poll(&p, 1, 0) == 0) continue;
    }
    turn();
  }
  ASSERT_EQ(taken_.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(taken_[i].size, sent[i].size);
    EXPECT_GE(taken_[i].payload.size(), std::min<std::size_t>(kKept, sent[i].size));
    EXPECT_EQ(taken_[i].payload, sent[i].payload.substr(0, taken_[i].payload.size()));
    taken_[i].payload = sent[i].payload;
    EXPECT_EQ(taken_[i], sent[i]) << i;
  }
  EXPECT_EQ(others_, others);
  EXPECT_EQ(as_text(reader_.acks()), acks);
}

TEST_F(PublishReaderTest, HalfAPacketDoesNotKeepTheThreadAwake) {
  const auto whole = publish({"s/a", std::string(1000, 'x'), 1000, 0, false, false});
  for (const auto half : {std::size_t{1}, std::size_t{2}, std::size_t{500}}) {
    send(std::string_view(whole).substr(0, half));
    EXPECT_EQ(turn().messages, 0u);
    pollfd p{.fd = client_, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&p, 1, 0), 0) << "after " << half;
    send(std::string_view(whole).substr(half));
    while (turn().messages == 0) {
    }
  }
}

TEST_F(PublishReaderTest, WhatIsNotStoredIsNotAcknowledged) {
  send(publish({"s/a", "1", 1, 7, false, false}));
  store_ = false;
  EXPECT_TRUE(turn().refused);
  EXPECT_TRUE(reader_.acks().empty());
}

TEST_F(PublishReaderTest, PropertiesOfVersion5ArePassedOver) {
  reader_.begin(true);
  const auto with = [](const std::string& properties) {
    auto bytes = publish({"s/a", "", 0, 7, false, false}).substr(2);
    return packet(0x32, bytes + properties + "21.5");
  };
  // none; a user property of 8 bytes; 130 bytes of them, whose length takes two
  const std::string user("\x08\x26\x00\x02kk\x00\x01v", 9);
  const std::string many = std::string("\x82\x01", 2) + std::string(130, 'p');
  for (const auto& properties : {std::string(1, '\0'), user, many}) {
    taken_.clear();
    send(with(properties));
    EXPECT_EQ(turn().messages, 1u);
    ASSERT_EQ(taken_.size(), 1u);
    EXPECT_EQ(taken_[0].payload, "21.5");
    EXPECT_EQ(taken_[0].size, 4u);
  }
  for (const auto& properties : {std::string("\xff\xff\xff\xff\x01"), std::string("\x20")}) {
    send(packet(0x30, std::string("\0\1a", 3) + properties));
    pollfd p{.fd = client_, .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&p, 1, 20'000), 1);
    const auto turn = reader_.read(client_);
    ASSERT_FALSE(turn.ok());
    EXPECT_THAT(turn.error().text(), HasSubstr("properties do not fit"));
    std::string rest(5 + properties.size(), 0);
    ::recv(client_, rest.data(), rest.size(), MSG_WAITALL);
  }
}

TEST_F(PublishReaderTest, WhatIsNoMqttIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {std::string("\x30\xff\xff\xff\xff\x01", 6), "more than four bytes"},
      {packet(0x34, std::string("\0\1a\0\1x", 6)), "QoS 2"},
      {packet(0x30, std::string(1, '\0')), "without a topic"},
      {packet(0x30, std::string("\0\0x", 3)), "topic does not fit"},
      {packet(0x32, std::string("\0\3abc", 5)), "topic does not fit"},
  };
  for (const auto& [bytes, why] : cases) {
    send(bytes);
    pollfd p{.fd = client_, .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&p, 1, 20'000), 1);
    const auto turn = reader_.read(client_);
    ASSERT_FALSE(turn.ok());
    EXPECT_EQ(turn.error().fault(), Fault::bad_input);
    EXPECT_THAT(turn.error().text(), HasSubstr(why));
    std::string rest(bytes.size(), 0);
    ::recv(client_, rest.data(), rest.size(), MSG_WAITALL);
  }
}

}  // namespace
}  // namespace tidemark::mqtt
