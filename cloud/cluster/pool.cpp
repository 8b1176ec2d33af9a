#include "cloud/cluster/pool.h"

#include <fmt/format.h>

#include "cloud/store/part_folder.h"
#include "cloud/store/store.h"
#include "common/base/log.h"

namespace tidemark::cluster {
namespace {

constexpr std::chrono::milliseconds kTurn{100};
constexpr auto kTellEvery = std::chrono::seconds(1);
// Two that publish under one prefix and are not of one group take it from each other no faster: one
// that worked with it for less than kWorked has it again after kOpenAgain, any other at once.
constexpr auto kOpenAgain = std::chrono::seconds(5);
constexpr auto kWorked = 2 * kOpenAgain;

void add(intake::Counters& sum, const intake::Counters& c) {
  sum.frames += c.frames;
  sum.blocks += c.blocks;
  sum.readings += c.readings;
  sum.duplicates += c.duplicates;
  sum.dead_letters += c.dead_letters;
  sum.events += c.events;
  sum.commits += c.commits;
  sum.answers += c.answers;
  sum.parked += c.parked;
  sum.alarms += c.alarms;
  sum.put_off += c.put_off;
  sum.refused += c.refused;
  sum.orders += c.orders;
  sum.orders_waiting += c.orders_waiting;
  sum.blocks_ordered += c.blocks_ordered;
  for (std::size_t i = 0; i < sum.letters.size(); ++i) sum.letters[i] += c.letters[i];
}

using ReadLayout = std::function<Result<kafka::Layout>(const kafka::Settings&)>;

// Topics are checked for all partitions at once: that takes a second, and their layout is fixed.
ReadLayout once(ReadLayout read) {
  struct Known {
    std::mutex mutex;
    std::optional<kafka::Layout> layout;
  };
  return [read = std::move(read), known = std::make_shared<Known>()](
             const kafka::Settings& settings) -> Result<kafka::Layout> {
    const std::lock_guard lock(known->mutex);
    if (!known->layout) {
      TIDE_ASSIGN(known->layout, read(settings));
    }
    return *known->layout;
  };
}

std::uint64_t microseconds(EventTime t) {
  return static_cast<std::uint64_t>(count_ns(t)) / 1000;
}

}  // namespace

Pool::Pool(PoolOptions options, Disk& disk, const Clock& clock)
    : options_(std::move(options)), disk_(disk), clock_(clock),
      readers_(query::Parts::make(microseconds(clock.wall()))) {}

Pool::~Pool() {
  if (member_) member_->leave();
}

Result<std::unique_ptr<Pool>> Pool::open(PoolOptions options, Disk& disk, const Clock& clock) {
  options.listener.layout = once(std::move(options.listener.layout));
  TIDE_TRY(kafka::check(options.listener.settings));
  std::error_code ignored;
  if (const auto file = store::database_path(options.data_dir);
      std::filesystem::exists(file, ignored)) {
    return Error{Fault::bad_input, fmt::format("{} is of a node without a group; give this one "
                                               "another data_dir: it makes all answers anew from "
                                               "Kafka", file.string())};
  }
  std::unique_ptr<Pool> pool(new Pool(std::move(options), disk, clock));
  const auto& o = pool->options_;
  TIDE_ASSIGN(pool->member_,
              kafka::Member::open(o.listener.settings,
                                  {o.group, o.listener.settings.live(), o.name, o.session,
                                   o.asks_owners}, *pool, clock));
  if (o.asks_owners) {
    TIDE_ASSIGN(pool->owners_, kafka::OwnerWatch::start(o.listener.settings, o.group,
                                                        o.listener.settings.live()));
  }
  return pool;
}

Result<> Pool::run(const StopSignal& stop, const std::function<void()>& turned) {
  SteadyTime told{};
  while (!stop.asked()) {
    member_->turn(kTurn);
    if (auto broken = fault()) {
      member_->leave();
      return *broken;
    }
    if (const auto now = clock_.steady(); now >= told + kTellEvery) {
      told = now;
      open_again();
      tell();
    }
    turned();
  }
  member_->leave();
  turned();
  return {};
}

std::unique_ptr<Partition> Pool::start(int number) {
  PartitionOptions o;
  o.number = number;
  o.intake = options_.intake;
  o.intake.data_dir = store::part_folder(options_.data_dir, number);
  o.intake.from_log = true;
  o.listener = options_.listener;
  o.checkpoint_every = options_.checkpoint_every;
  o.listener.partition = number;
  o.listener.reader = [folder = o.intake.data_dir] { return query::Reader::open(folder); };
  o.listener.holds = [member = member_.get()] { return member->holds(); };
  o.opened = [this, number, folder = o.intake.data_dir] {
    const auto opened =
        readers_->open(number, [folder] { return query::Reader::open(folder); });
    if (!opened) {
      log::error("a partition cannot be read", "partition={} error={}", number,
                 opened.error().text());
    }
  };
  return std::make_unique<Partition>(std::move(o), disk_, clock_);
}

void Pool::taken(const std::vector<int>& partitions) {
  const std::lock_guard lock(mutex_);
  for (const auto p : partitions) partitions_[p] = start(p);
}

void Pool::open_again() {
  if (!member_->holds()) return;
  const std::lock_guard lock(mutex_);
  for (auto& [number, p] : partitions_) {
    const auto ended = p->let_go();
    if (!ended) continue;
    const auto ready = p->takeover().ready;
    const bool worked = ready && *ended >= p->begun() + *ready + kWorked;
    if (!worked && clock_.steady() < *ended + kOpenAgain) continue;
    log::warning("a partition is opened again", "partition={} why={}", number,
                 p->condition().problem);
    keep_sums(p->counters());
    p.reset();  // its store is closed before it is opened
    p = start(number);
  }
}

void Pool::dropped(const std::vector<int>& partitions, bool /*lost*/) {
  std::vector<std::unique_ptr<Partition>> going;
  {
    const std::lock_guard lock(mutex_);
    for (const auto p : partitions) {
      auto gone = partitions_.extract(p);
      if (!gone.empty()) going.push_back(std::move(gone.mapped()));
    }
  }
  for (const auto& p : going) p->ask_to_stop();
  for (const auto& p : going) {
    p->wait();
    readers_->close(p->number());
    const std::lock_guard lock(mutex_);
    keep_sums(p->counters());
  }
  tell();
}

// What there is now, whoever has the partition counts.
void Pool::keep_sums(intake::Counters counters) {
  counters.letters = {};
  counters.orders_waiting = 0;
  add(gone_, counters);
}

std::int64_t Pool::position(int partition) const {
  const std::lock_guard lock(mutex_);
  const auto at = partitions_.find(partition);
  return at == partitions_.end() ? 0 : at->second->condition().position;
}

intake::Counters Pool::counters() const {
  const std::lock_guard lock(mutex_);
  auto sum = gone_;
  for (const auto& [number, p] : partitions_) add(sum, p->counters());
  return sum;
}

Condition Pool::condition() const {
  const std::lock_guard lock(mutex_);
  Condition sum;
  sum.problem = member_->problem();
  if (sum.problem.empty() && !partitions_.empty() && !member_->holds()) {
    sum.problem = "the brokers have not confirmed for a while that this node has its partitions";
  }
  for (const auto& [number, p] : partitions_) {
    const auto c = p->condition();
    sum.behind += c.behind;
    sum.unpublished += c.unpublished;
    sum.lost += c.lost;
    sum.refused += c.refused;
    if (sum.problem.empty() && !c.problem.empty()) {
      sum.problem = fmt::format("partition {}: {}", number, c.problem);
    }
  }
  return sum;
}

std::optional<Error> Pool::fault() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, p] : partitions_) {
    if (auto fault = p->fault()) return fault;
  }
  return std::nullopt;
}

void Pool::tell() {
  std::map<int, query::PartitionState> states;
  if (owners_) {
    for (const auto& [number, owner] : owners_->owners()) {
      states[number] = {.number = number, .owner = owner};
    }
  }
  {
    // The brokers are a little behind.
    const std::lock_guard lock(mutex_);
    for (const auto& [number, p] : partitions_) {
      const auto takeover = p->takeover();
      const auto condition = p->condition();
      states[number] = {.number = number,
                        .here = true,
                        .owner = options_.name,
                        .since = p->since(),
                        .behind = condition.behind,
                        .unpublished = condition.unpublished,
                        .problem = condition.problem,
                        .restored = takeover.restored,
                        .ready = takeover.ready,
                        .checkpoint = takeover.written.at,
                        .checkpoint_problem = takeover.problem};
    }
  }
  std::vector<query::PartitionState> all;
  for (auto& [number, state] : states) all.push_back(std::move(state));
  readers_->tell(std::move(all));
}

}  // namespace tidemark::cluster
