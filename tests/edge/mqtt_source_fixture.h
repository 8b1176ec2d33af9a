// A source with its journal, read as the pipeline would; and the same with a mosquitto of its own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "edge/mqtt/message.h"
#include "edge/mqtt/mqtt_source.h"
#include "tests/edge/broker_process.h"

namespace tidemark::mqtt {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline bool eventually(const std::function<bool()>& condition) {
  return test::eventually(condition, seconds(20));
}

// A journal whose append() and wait_durable() do what the test says before, or instead.
class ScriptedJournal final : public journal::Journal {
 public:
  explicit ScriptedJournal(std::unique_ptr<journal::Journal> real) : real_(std::move(real)) {}
  std::function<void(const journal::Entry&)> after_append = [](const journal::Entry&) {};
  std::atomic<bool> full{false};
  std::atomic<int> waits{0};

  Result<journal::Position> append(const journal::Entry& entry, milliseconds patience) override {
    if (full) {
      ++waits;
      const auto until = std::chrono::steady_clock::now() + patience;
      eventually([&] { return !full || std::chrono::steady_clock::now() > until; });
      if (full) return Error(Fault::full, "scripted");
    }
    auto stored = real_->append(entry, patience);
    if (stored) after_append(entry);
    return stored;
  }
  void start_at(journal::Position from) override { real_->start_at(from); }
  std::optional<std::pair<journal::Entry, journal::Position>> next(milliseconds wait) override {
    return real_->next(wait);
  }
  void release(journal::Position until) override { real_->release(until); }
  bool wait_durable(journal::Position position, milliseconds patience) override {
    ++waits;
    return real_->wait_durable(position, patience);
  }
  void durable(journal::Position position) override { real_->durable(position); }
  void stop() override { real_->stop(); }
  [[nodiscard]] Bytes used() const override { return real_->used(); }
  [[nodiscard]] journal::Position end() const override { return real_->end(); }

 private:
  std::unique_ptr<journal::Journal> real_;
};

class MqttSourceTest : public testing::Test {
 protected:
  MqttSourceTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-mqtt-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.name = "floor";
    options_.topics = {"s/#"};
    options_.folder = folder_;
    options_.backoff_min = milliseconds(20);
    options_.backoff_max = milliseconds(100);
  }
  ~MqttSourceTest() override { std::filesystem::remove_all(folder_); }

  void open(std::uint64_t capacity = 1 << 20) {
    auto real = journal::Journal::open({folder_ / "journal", Bytes{capacity}});
    ASSERT_TRUE(real.ok());
    journal_ = std::make_unique<ScriptedJournal>(std::move(real).value());
    auto source = make_source(options_, *journal_, clock_, random_);
    ASSERT_TRUE(source.ok()) << source.error().text();
    source_ = std::move(source).value();
    table_.owners().keep_if([this](const std::string& series, const source::Way& way) {
      return source_->decoder().leads(way, series);
    });
  }
  void start(journal::Position from = {}) {
    journal_->start_at(from);
    ASSERT_TRUE(source_->start().ok());
  }
  void close() {
    if (source_) source_->stop();
    source_.reset();
    journal_.reset();
  }
  bool connected() {
    return eventually([&] { return source_->status().state == "ok"; });
  }
  // Decodes what is in the journal until `count` readings came, into values_.
  bool take(std::size_t count) {
    return eventually([&] {
      take_one(milliseconds(1));
      return values_.size() >= count;
    });
  }
  bool take_one(milliseconds wait) {
    const auto next = journal_->next(wait);
    if (!next) return false;
    source::Decoded out;
    source_->decoder().decode(next->first, table_, out);
    for (const auto& group : out.groups) {
      for (const auto& column : group.columns) {
        values_.insert(values_.end(), column.f64.begin(), column.f64.end());
      }
    }
    for (const auto& r : out.rejected) reasons_.push_back(r.reason);
    position_ = next->second;
    journal_->release(next->second);
    return true;
  }

  std::filesystem::path folder_;
  Options options_;
  SystemClock clock_;
  SeededRandom random_{3};
  std::unique_ptr<ScriptedJournal> journal_;
  std::unique_ptr<source::Source> source_;
  source::SeriesTable table_;
  std::vector<double> values_;
  std::vector<std::string> reasons_;
  journal::Position position_;
};

// Needs mosquitto; skipped where it is not installed.
class MqttBrokerTest : public MqttSourceTest {
 protected:
  void SetUp() override {
    if (!test::BrokerProcess::installed()) GTEST_SKIP() << "mosquitto is not installed";
    serve();
  }
  // A broker anew, with these lines in its configuration and these options for its clients.
  void serve(std::string_view settings = "allow_anonymous true",
             std::string_view client = "-h 127.0.0.1") {
    broker_.emplace(folder_, settings, client);
    options_.url = broker_->url();
  }
  void connect(journal::Position from = {}) {
    open();
    start(from);
    ASSERT_TRUE(connected()) << source_->status().error;
  }

  std::optional<test::BrokerProcess> broker_;
};

}  // namespace tidemark::mqtt
