#include "cloud/http/fan_out.h"

#include <fmt/format.h>

#include "cloud/http/json.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 250ms;
constexpr int kTicksPerStatus = 4;
constexpr int kTicksPerNames = 40;  // ten seconds
constexpr std::size_t kBatch = 500;          // answers read at once, ~250 kB as JSON
constexpr int kBatchesPerTick = 8;           // so that one backlog does not hold up the rest
constexpr std::size_t kStatusBytes = 48 * 1024;  // of one status each second
constexpr std::uint64_t kResumeMax = 100'000;  // further behind than this: load afresh

}  // namespace

FanOut::FanOut(OpenReader open, metrics::Registry& registry, const Clock& clock)
    : open_(std::move(open)),
      clock_(clock),
      sent_(registry.counter("tidemark_cloud_stream_events_total", "Events sent to listeners.")),
      cut_(registry.counter("tidemark_cloud_stream_cut_total",
                            "Listeners that went away or were too slow.")),
      failed_(registry.counter("tidemark_cloud_stream_read_failures_total",
                               "Reads of the store that failed for the stream.")),
      listening_(registry.gauge("tidemark_cloud_stream_listeners", "Listeners now.")) {}

FanOut::~FanOut() { stop(); }

void FanOut::start() {
  thread_ = std::thread([this] { run(); });
}

void FanOut::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void FanOut::add(std::shared_ptr<Stream> stream, Filter filter,
                 std::optional<std::uint64_t> position) {
  {
    const std::lock_guard lock(mutex_);
    joining_.push_back({std::move(stream), std::move(filter), position, {}});
  }
  changed_.notify_all();  // its first events need not wait for the next tick
}

void FanOut::run() {
  std::unique_ptr<query::Reader> reader;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (listeners_.empty()) {
      changed_.wait(lock, [&] { return stopping_ || !joining_.empty(); });
    } else {
      changed_.wait_for(lock, kTick, [&] { return stopping_ || !joining_.empty(); });
    }
    auto joined = std::move(joining_);
    joining_.clear();
    lock.unlock();
    if (!joined.empty()) ticks_to_status_ = 0;
    for (auto& l : joined) listeners_.push_back(std::move(l));
    if (!reader) {
      if (auto opened = open_()) {
        reader = std::move(*opened);
      } else {
        failed_.add();
        log::warning("stream: the store does not open", "error={}", opened.error().text());
      }
    }
    if (reader) tick(*reader);
    lock.lock();
    if (!reader) changed_.wait_for(lock, kTick, [&] { return stopping_; });
  }
}

void FanOut::place(Listener& listener, std::uint64_t newest) {
  const auto wanted = listener.at;
  const bool ours = !wanted || (*wanted <= newest && newest - *wanted <= kResumeMax);
  listener.at = wanted && ours ? *wanted : newest;
  listener.stream->send(ours ? "hello" : "reset", "",
                        fmt::format(R"({{"v":1,"position":{}}})", *listener.at));
}

void FanOut::tick(query::Reader& reader) {
  const auto newest = reader.position();
  if (!newest) {
    failed_.add();
    return;
  }
  name_series(reader);
  bool any_placed = false;
  for (auto& l : listeners_) any_placed = any_placed || (l.at && *l.at == at_);
  if (!any_placed) at_ = *newest;  // nobody needs what was before

  for (auto& l : listeners_) {
    if (!l.at || *l.at > *newest) place(l, *newest);
    if (*l.at < at_) {
      if (const auto caught = catch_up(l, reader); !caught) failed_.add();
    }
  }
  for (int i = 0; i < kBatchesPerTick && at_ < *newest; ++i) {
    const auto batch = reader.since(at_, kBatch);
    if (!batch) {
      failed_.add();
      break;
    }
    if (batch->empty()) break;
    const auto before = at_;
    at_ = batch->back().position;
    for (const auto& answer : *batch) {
      const auto json = answers::to_json(answer);
      for (auto& l : listeners_) {
        if (*l.at == before) deliver(l, answer, json);
      }
    }
    for (auto& l : listeners_) {
      if (*l.at == before) l.at = at_;
    }
  }
  if (--ticks_to_status_ <= 0) send_status(reader);
  const auto gone = std::erase_if(listeners_, [](const auto& l) { return !l.stream->open(); });
  cut_.add(gone);
  listening_.set(static_cast<double>(listeners_.size()));
}

Result<> FanOut::catch_up(Listener& l, query::Reader& reader) {
  for (int i = 0; i < kBatchesPerTick && *l.at < at_; ++i) {
    TIDE_ASSIGN(const auto batch, reader.since(*l.at, kBatch));
    for (const auto& answer : batch) {
      if (answer.position > at_) break;  // those it gets with all others
      deliver(l, answer, answers::to_json(answer));
      l.at = answer.position;
    }
    if (batch.empty() || batch.back().position > at_) l.at = at_;
  }
  return {};
}

void FanOut::name_series(query::Reader& reader) {
  for (auto& l : listeners_) {
    if (l.filter.select.labels.empty() || --l.ticks_to_names >= 0) continue;
    l.ticks_to_names = kTicksPerNames;
    const auto series = reader.series(l.filter.select);
    if (!series) {
      failed_.add();
      continue;
    }
    l.names.clear();
    for (const auto& s : *series) l.names.insert(s.name);
  }
}

namespace {

bool wants(const answers::Selection& select, const std::set<std::string>& names,
           const answers::Answer& answer) {
  if (select.everything()) return true;
  if (answer.series.empty()) {  // of a group, which has no name
    auto by_labels = select;
    by_labels.patterns = {"**"};
    const bool named = select.patterns != by_labels.patterns;
    return !named && by_labels.matches("", answer.labels);
  }
  return select.labels.empty() ? select.matches(answer.series, {}) : names.contains(answer.series);
}

}  // namespace

void FanOut::deliver(Listener& l, const answers::Answer& answer, const std::string& json) {
  if (!l.filter.view.empty() && l.filter.view != answer.view) return;
  if (!wants(l.filter.select, l.names, answer)) return;
  if (l.stream->send("answer", std::to_string(answer.position), json)) sent_.add();
}

void FanOut::send_status(query::Reader& reader) {
  const auto status = status_json(reader, clock_.wall());
  if (!status) {
    ticks_to_status_ = kTicksPerStatus;
    failed_.add();
    return;
  }
  // Of a thousand edges it is half a megabyte: then it comes every ten seconds or so.
  ticks_to_status_ = kTicksPerStatus * (1 + static_cast<int>(status->size() / kStatusBytes));
  // Even when nothing changed: its `now` is what the page's stale banner watches.
  for (auto& l : listeners_) l.stream->send("status", "", *status);
}

}  // namespace tidemark::http
