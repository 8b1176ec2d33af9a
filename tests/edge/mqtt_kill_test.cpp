// kill -9 of the agent while a real broker delivers with QoS 1, with and without TLS: what was
// acknowledged lies in the journal, and what was not comes again and counts once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/edge/mqtt_tls_fixture.h"

namespace tidemark::mqtt {
namespace {

using testing::ElementsAre;

enum class Link { plain, tls, tls_v5 };

class KillNineTest : public MqttTlsTest {
 protected:
  void serve_link(Link link) {
    if (link == Link::plain) return;
    if (link == Link::tls_v5) options_.version = Version::v5;
    serve_tls();
  }
  // The broker knows the session from now on.
  void begin_session() {
    connect();
    ASSERT_TRUE(take_one(milliseconds(1000)));
    close();
  }
  // A source of another process, which dies when it has appended so many messages.
  void run_and_kill(int after, const std::function<void()>& before_death = [] {}) {
    const pid_t child = ::fork();
    if (child == 0) {
      open();
      int appended = 0;
      journal_->after_append = [&](const journal::Entry&) {
        if (++appended < after) return;
        before_death();
        ::kill(::getpid(), SIGKILL);
      };
      start(position_);
      for (;;) ::pause();
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }
};

// It dies right after a message is in the journal and before its PUBACK: the broker repeats it, and
// it counts once. `flushed`: its entry was read and released before that.
class KillNine : public KillNineTest,
                 public testing::WithParamInterface<std::tuple<bool, Link>> {};

TEST_P(KillNine, CountsARepeatedMessageOnce) {
  const auto [flushed, link] = GetParam();
  serve_link(link);
  begin_session();
  broker_->publish("s/a", {"1", "2", "3", "4"});
  run_and_kill(3, [&, flushed = flushed] {
    while (flushed && take_one(milliseconds(0))) {}
  });

  open();
  int repeated = 0;
  std::mutex mutex;
  journal_->after_append = [&](const journal::Entry& entry) {
    const std::lock_guard lock(mutex);
    if ((entry.kind & kMessage) != 0 && (entry.kind & kDuplicate) != 0) ++repeated;
  };
  start();  // at the oldest that was never released
  broker_->publish("s/a", {"5"});
  ASSERT_TRUE(take(flushed ? 2 : 5));
  while (take_one(milliseconds(100))) {}
  if (flushed) {
    EXPECT_THAT(values_, ElementsAre(4, 5));
  } else {
    EXPECT_THAT(values_, ElementsAre(1, 2, 3, 4, 5));
  }
  const std::lock_guard lock(mutex);
  EXPECT_GE(repeated, 1) << "the broker repeats, and libmosquitto lets us see it";
  source_->stop();
  close();
}

INSTANTIATE_TEST_SUITE_P(Journal, KillNine,
                         testing::Combine(testing::Bool(), testing::Values(Link::plain, Link::tls,
                                                                           Link::tls_v5)));

class KilledOften : public KillNineTest, public testing::WithParamInterface<Link> {};

TEST_P(KilledOften, NothingAcknowledgedIsLostAndNothingCountsTwice) {
  serve_link(GetParam());
  begin_session();
  std::vector<double> expected(500);  // mosquitto keeps a thousand for a client that is away
  std::iota(expected.begin(), expected.end(), 0.0);
  std::vector<std::string> payloads;
  for (const auto v : expected) payloads.push_back(fmt::format("{}", v));
  broker_->publish("s/a", payloads);
  SeededRandom random(7);
  for (int turn = 0; turn < 6; ++turn) run_and_kill(1 + static_cast<int>(random.below(70)));
  connect();
  ASSERT_TRUE(take(expected.size()));
  while (take_one(milliseconds(100))) {}
  EXPECT_THAT(values_, testing::ElementsAreArray(expected));
  close();
}

INSTANTIATE_TEST_SUITE_P(Links, KilledOften,
                         testing::Values(Link::plain, Link::tls, Link::tls_v5));

}  // namespace
}  // namespace tidemark::mqtt
