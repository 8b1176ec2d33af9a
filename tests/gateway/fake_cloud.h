// A cloud in memory behind the gateway's log: welcomes, acknowledges, remembers. Any thread.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <mutex>

#include "common/base/hash.h"
#include "common/wire/frame.h"
#include "gateway/log/log.h"

namespace tidemark::test {

class FakeCloud final : public gateway::Log {
 public:
  struct Edge {
    std::vector<wire::Hello> hellos;
    std::vector<std::uint64_t> sessions;
    std::map<Incarnation, SequenceRanges> blocks;
    std::map<Incarnation, std::uint64_t> seals;
    std::vector<std::pair<Lane, BlockName>> order;  // as blocks came
    std::vector<std::uint64_t> seal_at_block;  // the highest seal of its start when each came
    std::vector<wire::FrameType> types;             // as frames came
    std::vector<DictionaryHash> dictionaries;
    std::vector<Opening> openings;
    std::uint64_t twice = 0;  // blocks that it had already
    std::uint64_t byes = 0;
  };

  FakeCloud() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~FakeCloud() override { close(event_); }
  FakeCloud(const FakeCloud&) = delete;
  FakeCloud& operator=(const FakeCloud&) = delete;

  Edge edge(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return edges_[name];
  }
  void be_there(bool there) {
    const std::lock_guard lock(mutex_);
    there_ = there;
  }
  void start_anew() {
    const std::lock_guard lock(mutex_);
    ++instance_;
  }
  void come_back_empty() {
    const std::lock_guard lock(mutex_);
    ++instance_;
    for (auto& [name, e] : edges_) {
      e.blocks.clear();
      e.seals.clear();
      e.openings.clear();
    }
  }
  // While off, blocks are taken and acknowledged later.
  void acknowledge(bool on) {
    const std::lock_guard lock(mutex_);
    acknowledges_ = on;
    if (!on) return;
    for (const auto& [name, session] : owed_) answer_ack(name, session, edges_[name]);
    owed_.clear();
    tell();
  }
  // Which version of the frames it agrees on.
  void speak(std::uint8_t version) {
    const std::lock_guard lock(mutex_);
    speaks_ = version;
  }
  void say(const std::string& name, wire::FrameType type, ByteSpan payload) {
    const std::lock_guard lock(mutex_);
    answer(name, edges_[name].sessions.back(), type, payload);
    tell();
  }

  bool send(std::string_view name, std::uint64_t session, ByteSpan bytes) override {
    const std::lock_guard lock(mutex_);
    if (!there_) return false;
    wire::FrameReader reader(wire::kFramePayloadMax);
    reader.feed(bytes);
    take(std::string(name), session, *reader.next().value());
    tell();
    return true;
  }
  std::optional<gateway::Envelope> receive() override {
    const std::lock_guard lock(mutex_);
    if (answers_.empty()) {
      std::uint64_t n = 0;
      [[maybe_unused]] const auto r = read(event_, &n, sizeof n);
      return std::nullopt;
    }
    auto first = std::move(answers_.front());
    answers_.pop_front();
    return first;
  }
  int descriptor() const override { return event_; }

 private:
  void take(const std::string& name, std::uint64_t session, const wire::Frame& frame) {
    if (name.empty()) {
      auto payload = frame.payload;
      ByteWriter(payload).fixed(instance_);
      return answer(name, session, wire::FrameType::pong, payload);
    }
    auto& e = edges_[name];
    e.types.push_back(frame.type);
    switch (frame.type) {
      case wire::FrameType::hello: {
        e.hellos.push_back(wire::decode_hello(frame.payload).value());
        e.sessions.push_back(session);
        wire::Welcome welcome;
        welcome.version = speaks_;
        for (const auto& [incarnation, blocks] : e.blocks) {
          welcome.holdings.push_back({incarnation, blocks, e.seals[incarnation]});
        }
        return answer(name, session, wire::FrameType::welcome, wire::encode(welcome));
      }
      case wire::FrameType::block: {
        const auto block = wire::decode_block(frame.payload).value();
        const auto& at = block.second.name;
        e.order.emplace_back(block.first, at);
        e.seal_at_block.push_back(e.seals[at.incarnation]);
        if (!e.blocks[at.incarnation].add(at.sequence)) ++e.twice;
        break;
      }
      case wire::FrameType::seal: {
        const auto seal = Seal::decode(frame.payload).value();
        auto& highest = e.seals[seal.incarnation];
        highest = std::max(highest, seal.number);
        if (seal.opening) e.openings.push_back(*seal.opening);
        break;
      }
      case wire::FrameType::dictionary: e.dictionaries.push_back({xxh3(frame.payload)}); break;
      case wire::FrameType::bye: ++e.byes; return;
      default: return;
    }
    if (acknowledges_) {
      answer_ack(name, session, e);
    } else {
      owed_[name] = session;
    }
  }
  void answer_ack(const std::string& name, std::uint64_t session, Edge& e) {
    wire::Ack ack;
    for (const auto& [incarnation, number] : e.seals) e.blocks[incarnation];
    for (const auto& [incarnation, blocks] : e.blocks) {
      ack.holdings.push_back({incarnation, blocks, e.seals[incarnation]});
    }
    ack.dictionaries = e.dictionaries;
    ack.ledger.taken = ack.ledger.answered = 10 * e.order.size();
    answer(name, session, wire::FrameType::ack, wire::encode(ack));
  }
  void answer(const std::string& name, std::uint64_t session, wire::FrameType type,
              ByteSpan payload) {
    gateway::Envelope envelope{name, session, {}};
    wire::append_frame(envelope.frame, type, payload);
    answers_.push_back(std::move(envelope));
  }
  void tell() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = write(event_, &one, sizeof one);
  }

  std::mutex mutex_;
  int event_;
  bool there_ = true;
  bool acknowledges_ = true;
  std::uint8_t speaks_ = wire::kVersionMax;
  std::uint64_t instance_ = 1;
  std::map<std::string, Edge> edges_;
  std::map<std::string, std::uint64_t> owed_;
  std::deque<gateway::Envelope> answers_;
};

}  // namespace tidemark::test
