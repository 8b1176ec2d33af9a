// The intake's frames from Kafka (records: common/kafka/FORMAT.md): of every partition, or of one.
//
// Promise    how far each partition was read is committed with what was taken from it: a node that
//            dies reads on from there, and what it takes again is known by its name. A block is not
//            passed over before its dictionary is here: its topic stands still until then.
//            What edges are to hear goes through the control topic; dead letters, and answers if
//            they are to be there, go into theirs.
// Owner      while `holds` says no, nothing is taken, committed or said; a node that stops then
//            lets go of what it has taken since its last commit: who may reads it again.
//            So does one whose partition another node has begun to speak for.
// Gateways   say nothing of themselves; but their edges seal twice a minute at least, where nobody
//            pays for the link. One of which nothing came for silence_max, while all topics are
//            read to their end, is taken for gone, until a record of it comes.
// Order      live data before the backlog, which has a share of the turns; at the start the backlog
//            waits until live data has been read to its end. Plain readings have every second turn,
//            and need no topic but their own; where live topics are there they begin once these
//            have been read to their end, which says how far nodes of a group read them; and
//            without a group they end when others go on doing so.
// Groups     with a partition of its own, what its store has to say of groups goes into their topic
//            once live data was read to its end, so that who took a partition over says nothing
//            older than the last owner did; and what all partitions say of this one's groups is
//            read in turns with the rest.
// Orders     of persons to that partition are read before all else: where one was obeyed before,
//            live data and backlog are read to there, and it is obeyed, before they go on.
// Up         while brokers are away nothing is read and all else goes on; problem() says why.
// Threads    condition() from any; the rest is the intake's.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cloud/checkpoint/refill.h"
#include "cloud/cluster/control.h"
#include "cloud/cluster/json_input.h"
#include "cloud/cluster/kafka_input.h"
#include "cloud/cluster/outbox.h"
#include "cloud/cluster/plain_topic.h"
#include "cloud/intake/listener.h"
#include "common/kafka/watch.h"

namespace tidemark::cluster {

struct KafkaListenerOptions {
  kafka::Settings settings;
  Nanoseconds look_every = std::chrono::seconds(5);
  Nanoseconds look_again = std::chrono::seconds(1);  // while something is wrong
  std::function<Result<kafka::Layout>(const kafka::Settings&)> layout = kafka::good_layout;
  // Reads what goes into topics: dead letters; empty: nothing does.
  Outbox::OpenReader reader = nullptr;
  bool answers = false;  // they do as well
  // Of the owner of `partition`, where answers or plain readings go into topics: when it is
  // refused, run() ends so, denied.
  Voice voice = nullptr;
  Nanoseconds silence_max = std::chrono::minutes(5);  // of a gateway
  std::optional<int> partition = std::nullopt;        // empty: all
  // Plain readings beside what edges send. With a partition of its own, which is that of their
  // edge, they go through it, and there is a voice.
  JsonOptions json = {};
  checkpoint::Refill* refill = nullptr;  // what is left of it is done beside the rest
  // Whether this node owns what it reads; empty: nobody else can. From any thread.
  std::function<bool()> holds = nullptr;
};

// How the way is, for people.
struct Condition {
  std::string problem;        // what, where, why and what to do; empty: none
  std::uint64_t behind = 0;   // records that are there and have not been taken
  std::uint64_t lost = 0;     // records that retention took before they were read
  std::uint64_t refused = 0;  // records of plain readings that cannot be used, in all or part
  std::int64_t position = 0;  // of live data, as committed: the sum over partitions
  std::uint64_t unpublished = 0;  // answers that are to go into their topic, at most
};

class KafkaListener final : public intake::Listener {
 public:
  // Reaches nobody yet. Fault::bad_input for settings that do not fit together. The intake's
  // Options::from_log is set.
  static Result<std::unique_ptr<KafkaListener>> open(KafkaListenerOptions options,
                                                     const Clock& clock);
  ~KafkaListener() override;
  [[nodiscard]] std::string address() const override { return options_.settings.brokers; }
  [[nodiscard]] Condition condition() const;
  // Once all that was there at the start has been taken. The intake's thread.
  [[nodiscard]] bool caught_up() const {
    return reads_.load() && live_was_read_ && listens() && !behind_others_;
  }
  // And all that other partitions had said of groups.
  [[nodiscard]] bool ready() const { return caught_up() && (!partials_ || partials_->at_end()); }
  // The brokers take `voice` for one that another owner has replaced.
  [[nodiscard]] bool silenced() const { return outbox_ && outbox_->silenced(); }

 private:
  KafkaListener(KafkaListenerOptions options, const Clock& clock, int event);
  std::size_t receive(intake::Intake& intake) override;
  void wait(std::chrono::milliseconds most, const StopSignal& stop) override;
  Result<> may_commit(const StopSignal& stop) override;
  [[nodiscard]] bool catches_up() const override { return reads_.load() && !live_was_read_; }
  void seal_batch(intake::Intake& intake) override;
  void answer(intake::Intake& intake, std::vector<intake::Reply> replies) override;

  std::size_t receive_plain(intake::Intake& intake);
  bool may_begin_plain(const intake::Intake& intake);
  bool there_is_no_log();
  std::size_t receive_of_edges(intake::Intake& intake);
  std::size_t receive_new(intake::Intake& intake);
  Result<> begin(intake::Intake& intake, const kafka::Layout& layout);
  [[nodiscard]] intake::InputRead how_far() const;
  // Live data and backlog, which are not read beyond where the next order was obeyed before.
  [[nodiscard]] std::pair<bool, bool> wait_for_order(intake::Intake& intake) const;
  // Those that are open.
  [[nodiscard]] std::vector<KafkaInput*> inputs() const;
  // While all that was taken is committed.
  void note_read();
  std::size_t take(KafkaInput& input, intake::Intake& intake);
  void resolve(intake::Intake& intake);
  [[nodiscard]] bool holds() const { return !options_.holds || options_.holds(); }
  // `barred`: why answers must not be said; empty: they may.
  [[nodiscard]] Outbox::Options said(intake::Intake& intake, const kafka::Layout& layout,
                                     const std::string& barred) const;
  // Once the input is where that of earlier owners was, or at its end, their answers are taken
  // over.
  void look_at_others(intake::Intake& intake);
  // All that is there was read: who says nothing now, is silent.
  [[nodiscard]] bool listens() const;

  const KafkaListenerOptions options_;
  const int event_;
  std::unique_ptr<kafka::Watch> watch_;
  std::unique_ptr<KafkaInput> live_, backlog_, dictionaries_;
  std::unique_ptr<KafkaInput> partials_, orders_;  // of a node with one partition
  std::string partials_said_;             // the feed's name
  const std::shared_ptr<ReadState> read_ = std::make_shared<ReadState>();
  std::unique_ptr<JsonInput> json_;
  std::unique_ptr<PlainTopic> plain_;  // where json_ goes into the partition
  std::int64_t plain_from_ = 0;        // all that was said of it before lies before that
  bool plain_begun_ = false;
  SteadyTime looks_for_log_{};
  int looks_without_log_ = 0;  // one behind the other
  std::unique_ptr<Control> control_;
  std::unique_ptr<Outbox> outbox_;
  std::atomic<bool> reads_{false};
  bool behind_others_ = false;
  std::int64_t others_live_ = 0, others_backlog_ = 0, others_partials_ = 0;  // how far they were
  bool live_was_read_ = false;  // to its end
  bool stands_ = false;         // a block waits for a dictionary that cannot be read just now
  SteadyTime tries_again_{};
  unsigned turn_ = 0;
  bool partials_next_ = false;
  unsigned refill_turn_ = 0;
  bool json_next_ = false;
};

}  // namespace tidemark::cluster
