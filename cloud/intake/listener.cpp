#include "cloud/intake/listener.h"

#include <algorithm>

namespace tidemark::intake {
namespace {

constexpr auto kIdleTurn = std::chrono::milliseconds(1000);
constexpr auto kLookEvery = std::chrono::milliseconds(100);

}  // namespace

Result<> Listener::commit(Intake& intake, const StopSignal& stop, bool last) {
  TIDE_TRY(may_commit(stop));
  seal_batch(intake);
  TIDE_ASSIGN(auto replies, last ? intake.finish() : intake.commit());
  answer(intake, std::move(replies));
  return {};
}

void Listener::look_at_gateways(Intake& intake) {
  const auto now = clock_.steady();
  if (now < gateways_looked_at_ + kLookEvery) return;
  gateways_looked_at_ = now;
  for (const auto& ended : gateways_.look(now)) {
    intake.lose(ended.edge, ended.session, to_words(ended, clock_.wall()));
  }
}

Result<> Listener::run(Intake& intake, const StopSignal& stop,
                       const std::function<void()>& committed) {
  std::size_t frames = 0;
  std::size_t bytes = 0;
  SteadyTime batch_end{};
  SteadyTime committed_at{};
  bool ran_out = false;  // of frames, since the batch began
  while (!stop.asked()) {
    const auto now = clock_.steady();
    if (frames == 0) {
      batch_end = std::max(now + kCompany, committed_at + kBatchWait);
      ran_out = false;
    }
    const bool busy = !ran_out && !intake.has_backlog();
    const auto lasts = catches_up() ? kCatchUpBatchWait : kBusyBatchWait;
    const auto end = busy ? std::max(batch_end, committed_at + lasts) : batch_end;
    const bool full = frames >= kBatchFramesMax || bytes >= kBatchBytesMax || intake.full();
    if (full || (frames > 0 && now >= end)) {
      TIDE_TRY(commit(intake, stop, false));
      committed();
      committed_at = clock_.steady();
      frames = bytes = 0;
      continue;
    }
    if (const auto size = receive(intake); size > 0) {
      ++frames;
      bytes += size;
      continue;
    }
    ran_out = true;
    // After what edges sent: a long list of answers to write must not keep them waiting.
    if (frames == 0 && intake.due() <= now) {
      TIDE_TRY(commit(intake, stop, false));
      committed();
      continue;
    }
    auto most = std::chrono::duration_cast<std::chrono::milliseconds>(
        (frames > 0 ? batch_end : std::min(intake.due(), now + kIdleTurn)) - now);
    most = std::clamp(most + std::chrono::milliseconds(1), std::chrono::milliseconds(0), kIdleTurn);
    wait(most, stop);
    if (frames == 0) committed();
  }
  TIDE_TRY(commit(intake, stop, true));
  committed();
  return {};
}

}  // namespace tidemark::intake
