#include "cloud/daemon/node.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "cloud/cluster/kafka_listener.h"
#include "cloud/cluster/pool.h"
#include "cloud/http/face.h"
#include "cloud/intake/intake.h"
#include "cloud/intake/listener.h"
#include "cloud/serve/served_reader.h"
#include "cloud/serve/serving.h"
#include "cloud/store/part_folder.h"
#include "cloud/store/store.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/metrics/registry.h"

namespace tidemark::cloud {
namespace {

// The intake's counters, copied after each commit: the registry is read by other threads.
class Metrics {
 public:
  explicit Metrics(metrics::Registry& r)
      : frames_(r.counter("tidemark_cloud_frames_total", "Frames taken in.")),
        blocks_(r.counter("tidemark_cloud_blocks_total", "Blocks taken in, repeats included.")),
        readings_(r.counter("tidemark_cloud_readings_total", "Readings placed.")),
        repeats_(r.counter("tidemark_cloud_repeated_blocks_total", "Blocks that came again.")),
        compared_(r.counter("tidemark_cloud_compared_blocks_total",
                            "Archived blocks read again to find repeats of readings.")),
        letters_(r.counter("tidemark_cloud_dead_letters_total", "Frames and blocks kept aside.")),
        events_(r.counter("tidemark_cloud_events_total", "Events of anomalies taken in.")),
        commits_(r.counter("tidemark_cloud_commits_total", "Batches committed.")),
        answers_(r.counter("tidemark_cloud_answers_total", "Answers emitted.")),
        parked_(r.counter("tidemark_cloud_parked_blocks_total",
                          "Blocks that waited for a dictionary.")),
        alarms_(r.counter("tidemark_cloud_alarms_total",
                          "Clones, contradictions and bounds of one edge that were met.")),
        put_off_(r.counter("tidemark_cloud_put_off_frames_total",
                           "Frames not taken because a bound of their edge was reached.")),
        refused_(r.counter("tidemark_cloud_refused_frames_total",
                           "Frames of a second box that says it is an edge.")),
        orders_(r.counter("tidemark_cloud_orders_total", "Orders of persons that are done.")),
        orders_waiting_(r.gauge("tidemark_cloud_waiting_orders",
                                "Orders of persons that are not done yet.")) {
    for (std::size_t i = 0; i < store::kLetterReasons; ++i) {
      const auto why = store::to_string(static_cast<store::LetterReason>(i + 1));
      kept_.push_back(&r.gauge("tidemark_cloud_dead_letters", "Dead letters that are kept.",
                               {{"reason", std::string(why)}}));
    }
  }

  void update(const intake::Counters& now) {
    frames_.add(now.frames - last_.frames);
    blocks_.add(now.blocks - last_.blocks);
    readings_.add(now.readings - last_.readings);
    repeats_.add(now.duplicates - last_.duplicates);
    compared_.add(now.blocks_compared - last_.blocks_compared);
    letters_.add(now.dead_letters - last_.dead_letters);
    events_.add(now.events - last_.events);
    commits_.add(now.commits - last_.commits);
    answers_.add(now.answers - last_.answers);
    parked_.add(now.parked - last_.parked);
    alarms_.add(now.alarms - last_.alarms);
    put_off_.add(now.put_off - last_.put_off);
    refused_.add(now.refused - last_.refused);
    orders_.add(now.orders - last_.orders);
    orders_waiting_.set(static_cast<double>(now.orders_waiting));
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      kept_[i]->set(static_cast<double>(now.letters[i]));
    }
    last_ = now;
  }

 private:
  metrics::Counter &frames_, &blocks_, &readings_, &repeats_, &compared_, &letters_, &events_,
      &commits_, &answers_, &parked_, &alarms_, &put_off_, &refused_, &orders_;
  metrics::Gauge& orders_waiting_;
  std::vector<metrics::Gauge*> kept_;  // by reason
  intake::Counters last_;
};

void show(metrics::Registry& registry, const std::function<cluster::Condition()>& condition) {
  registry.gauge_of("tidemark_cloud_kafka_behind_records",
                    "Records in Kafka that have not been taken in.", {},
                    [condition] { return static_cast<double>(condition().behind); });
  registry.counter_of("tidemark_cloud_kafka_lost_records_total",
                      "Records that retention took before they were read.", {},
                      [condition] { return static_cast<double>(condition().lost); });
  registry.counter_of("tidemark_cloud_json_refused_records_total",
                      "Records of intake.json of which something cannot be used.", {},
                      [condition] { return static_cast<double>(condition().refused); });
  registry.gauge_of("tidemark_cloud_unpublished_answers",
                    "Answers that are to go into their topic, at most.", {},
                    [condition] { return static_cast<double>(condition().unpublished); });
  registry.gauge_of("tidemark_cloud_kafka_problem", "1 while Kafka cannot be read.", {},
                    [condition] { return condition().problem.empty() ? 0.0 : 1.0; });
}

cluster::JsonOptions json_options(const JsonConfig& json) {
  return {.topic = json.topic,
          .edge = json.edge,
          .fields = {json.series, json.device, json.metric, json.time, json.value,
                     json.time_unit()},
          .lateness = json.lateness,
          .idle = json.idle,
          .gather = json.gather,
          .once = json.once};
}

// `problem` becomes what asks the listener why it cannot read, if it has an answer to that.
Result<std::unique_ptr<intake::Listener>> open_listener(const CloudConfig& config,
                                                        const Clock& clock, Random& random,
                                                        metrics::Registry& registry,
                                                        std::function<std::string()>& problem) {
  const auto& way = config.intake;
  if (!way.by_kafka()) return intake::open_zmq_listener(way.zmq, clock, random);
  cluster::KafkaListenerOptions options;
  options.settings = way.kafka;
  options.reader = [folder = config.data_dir] { return query::Reader::open(folder); };
  options.answers = config.publish.answers;
  options.json = json_options(way.json);
  TIDE_ASSIGN(auto listener, cluster::KafkaListener::open(std::move(options), clock));
  const auto* kafka = listener.get();
  problem = [kafka] { return kafka->condition().problem; };
  show(registry, [kafka] { return kafka->condition(); });
  return std::unique_ptr<intake::Listener>(std::move(listener));
}

// Once a second.
class Watchdog {
 public:
  explicit Watchdog(const Clock& clock) : clock_(clock) {}
  void lives() {
    if (clock_.steady() < told_ + std::chrono::seconds(1)) return;
    told_ = clock_.steady();
    notify_service("WATCHDOG=1");
  }

 private:
  const Clock& clock_;
  SteadyTime told_{};
};

// "hall-2:8080": where people find this node.
std::string name_of_node(const std::string& listen) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return listen;
  const auto colon = listen.rfind(':');
  return std::string(host.data()) + (colon == std::string::npos ? "" : listen.substr(colon));
}

// With others of its group.
Result<> run_member(const CloudConfig& config, intake::Options intake, Disk& disk,
                    const Clock& clock, const StopSignal& stop) {
  const auto& kafka = config.intake.kafka;
  cluster::PoolOptions options;
  options.listener.settings = kafka;
  options.listener.answers = config.publish.answers;
  options.listener.json = json_options(config.intake.json);
  options.group = kafka.group;
  options.name = name_of_node(config.http.listen);
  options.session = std::chrono::duration_cast<std::chrono::milliseconds>(kafka.session);
  options.data_dir = config.data_dir;
  options.checkpoint_every = kafka.checkpoint_interval;
  options.intake = std::move(intake);
  TIDE_ASSIGN(const auto pool, cluster::Pool::open(std::move(options), disk, clock));
  metrics::Registry registry;
  Metrics metrics(registry);
  show(registry, [&] { return pool->condition(); });
  http::Face face([readers = pool->readers()] {
    return Result<std::unique_ptr<query::Reader>>(readers->reader());
  }, config.http.listen, registry, clock, [&] { return pool->condition().problem; });
  TIDE_TRY(face.start());
  log::info("cloud node is ready", "intake={} group={} http={} data_dir={}", kafka.brokers,
            kafka.group, face.address(), config.data_dir);
  notify_service("READY=1");
  Watchdog watchdog(clock);
  const auto outcome = pool->run(stop, [&] {
    metrics.update(pool->counters());
    watchdog.lives();
  });
  notify_service("STOPPING=1");
  face.stop();
  return outcome;
}

void show(metrics::Registry& registry, const serve::Serving& serving) {
  using Count = std::uint64_t serve::ServedCounts::*;
  const auto counter = [&](const char* name, const char* help, Count count) {
    registry.counter_of(name, help, {}, [&serving, count] {
      return static_cast<double>(serving.condition().counts.*count);
    });
  };
  counter("tidemark_cloud_served_records_total", "Records of answers taken.",
          &serve::ServedCounts::records);
  counter("tidemark_cloud_served_repeated_records_total", "Of them the same again.",
          &serve::ServedCounts::repeated);
  counter("tidemark_cloud_served_older_records_total", "Of them behind a newer revision.",
          &serve::ServedCounts::older);
  counter("tidemark_cloud_served_refused_records_total", "Records that cannot be read.",
          &serve::ServedCounts::refused);
  counter("tidemark_cloud_served_lost_records_total",
          "Revisions that retention took before they were read.", &serve::ServedCounts::lost);
  registry.gauge_of("tidemark_cloud_served_behind_records",
                    "Records of answers in Kafka that have not been taken.", {},
                    [&serving] { return static_cast<double>(serving.condition().behind); });
  registry.gauge_of("tidemark_cloud_kafka_problem", "1 while Kafka cannot be read.", {},
                    [&serving] { return serving.condition().problem.empty() ? 0.0 : 1.0; });
}

// A store of the other kind lies there: it would be neither read nor kept up.
Error other_store(const std::filesystem::path& folder, const std::filesystem::path& file,
                  std::string_view kind) {
  return {Fault::bad_input,
          fmt::format("data_dir: {} holds {} of a node that {}; give this one a folder of its own",
                      folder.string(), file.filename().string(), kind)};
}

// Answers of others.
Result<> run_serving(const CloudConfig& config, const Clock& clock, Random& random,
                     const StopSignal& stop) {
  const auto& folder = config.data_dir;
  std::error_code ignored;
  for (const auto& own : {store::database_path(folder), store::parts_folder(folder)}) {
    if (std::filesystem::exists(own, ignored)) return other_store(folder, own, "makes answers");
  }
  TIDE_ASSIGN(const auto store, serve::AnswerStore::open({folder, config.retention.revisions,
                                                          config.horizons()}, random));
  TIDE_ASSIGN(const auto serving, serve::Serving::open({config.intake.kafka}, *store, clock));
  metrics::Registry registry;
  show(registry, *serving);
  const auto live = [&serving](query::Serving& s) {
    const auto now = serving->condition();
    s.running = true;
    s.ready = now.ready;
    s.behind = now.behind;
    s.problem = now.problem;
  };
  http::Face face([&] { return serve::open_served(folder, live); }, config.http.listen, registry,
                  clock, [&serving] { return serving->condition().not_ready(); });
  TIDE_TRY(face.start());
  log::info("cloud node serves answers", "kafka={} http={} data_dir={}",
            config.intake.kafka.brokers, face.address(), folder);
  notify_service("READY=1");
  Watchdog watchdog(clock);
  const auto outcome = serving->run(stop, [&] { watchdog.lives(); });
  notify_service("STOPPING=1");
  face.stop();
  return outcome;
}

}  // namespace

Result<> run_node(const CloudConfig& config,
                  std::function<Result<answers::Definitions>()> read_views,
                  const Clock& clock, Random& random, const StopSignal& stop) {
  TIDE_ASSIGN(const auto lock, FolderLock::take(config.data_dir));
  if (config.intake.serves_only()) return run_serving(config, clock, random, stop);
  if (serve::is_served(config.data_dir)) {
    return other_store(config.data_dir, serve::served_path(config.data_dir), "serves answers");
  }
  TIDE_ASSIGN(auto views, answers::views_in_force(config.views));
  intake::Options options;
  options.data_dir = config.data_dir;
  options.views = std::move(views);
  options.relabels = config.relabels;
  options.read_views = std::move(read_views);
  options.horizons = config.horizons();
  for (const auto& s : config.series) {
    options.series_rules.push_back({s.select, s.max_hold, s.rollover});
  }
  options.keep_blocks = config.retention.blocks;
  options.keep_revisions = config.retention.revisions;
  SystemDisk disk;
  options.from_log = config.intake.by_kafka();
  if (!config.intake.kafka.group.empty()) {
    return run_member(config, std::move(options), disk, clock, stop);
  }
  TIDE_ASSIGN(auto intake, intake::Intake::open(disk, clock, std::move(options)));
  metrics::Registry registry;
  std::function<std::string()> problem = [] { return std::string(); };
  TIDE_ASSIGN(auto listener, open_listener(config, clock, random, registry, problem));
  Metrics metrics(registry);
  http::Face face(config.data_dir, config.http.listen, registry, clock, problem);
  TIDE_TRY(face.start());
  log::info("cloud node is ready", "intake={} http={} data_dir={}", listener->address(),
            face.address(), config.data_dir);
  notify_service("READY=1");
  Watchdog watchdog(clock);
  const auto outcome = listener->run(*intake, stop, [&] {
    metrics.update(intake->counters());
    watchdog.lives();
  });
  notify_service("STOPPING=1");
  face.stop();
  return outcome;
}

}  // namespace tidemark::cloud
