// Signals whose law is known. Only +, -, *, / and sqrt, so that every machine makes the same ones.
#include <bit>
#include <cmath>
#include <numbers>

#include "bench/codec/series.h"
#include "common/base/random.h"

namespace tidemark::bench {
namespace {

constexpr std::size_t kRows = 60'000;
constexpr std::int64_t kBegin = 1'795'224'000'000'000'000;  // 2026-11-21, ns
constexpr std::int64_t kMillisecond = 1'000'000;

class Noise {
 public:
  explicit Noise(std::uint64_t seed) : random_(seed) {}
  double uniform() { return static_cast<double>(random_.next() >> 11) * 0x1p-53; }
  // Twelve uniform ones: a bell to three standard deviations and beyond, without a logarithm.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }
  bool once_in(double n) { return uniform() * n < 1; }

 private:
  SeededRandom random_;
};

// A sine and cosine that turn by a fixed angle: exact enough over these lengths, and the same bits
// on every machine, which std::sin does not promise.
class Turn {
 public:
  explicit Turn(double rows_a_turn) : step_(2 * std::numbers::pi / rows_a_turn) {}
  double next() {
    const double before = sine_;
    sine_ += step_ * cosine_;
    cosine_ -= step_ * sine_;
    return before;
  }

 private:
  double step_, sine_ = 0, cosine_ = 1;
};

template <typename Next>
Recording integers(std::string name, Next next) {
  Recording r{std::move(name), true, {}};
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto value = static_cast<std::int64_t>(std::nearbyint(next()));
    r.bits.push_back(static_cast<std::uint64_t>(value));
  }
  return r;
}

template <typename Next>
Recording floats(std::string name, Next next) {
  Recording r{std::move(name), false, {}};
  for (std::size_t i = 0; i < kRows; ++i) {
    r.bits.push_back(std::bit_cast<std::uint64_t>(double{static_cast<float>(next())}));
  }
  return r;
}

Set modbus() {
  Set set{"gen-modbus", {}};
  Noise n(11);
  Turn day(9000), hum(700), load_turn(4000);
  set.recordings.push_back(integers("voltage 0.1 V", [&] {
    return 2312 + 18 * day.next() + 2.5 * n.normal();
  }));
  double load = 120;
  set.recordings.push_back(integers("current 0.01 A", [&] {
    if (n.once_in(400)) load = 60 + 400 * n.uniform();
    return load + 12 * hum.next() + 4 * n.normal();
  }));
  set.recordings.push_back(integers("frequency 0.01 Hz", [&] { return 5000 + 1.4 * n.normal(); }));
  double temperature = 215;
  set.recordings.push_back(integers("temperature 0.1 C", [&] {
    temperature += 0.02 * (215 + 30 * load_turn.next() - temperature) + 0.08 * n.normal();
    return temperature;
  }));
  double setpoint = 650;
  set.recordings.push_back(integers("setpoint", [&] {
    if (n.once_in(900)) setpoint = 500 + 50 * std::floor(7 * n.uniform());
    return setpoint;
  }));
  return set;
}

Set inertial() {
  Set set{"gen-imu", {}};
  Noise n(12);
  Turn fast(41), slow(730), sway(260);
  constexpr double kStep = 9.80665 / 4096;  // of a 16-bit converter at +-8 g
  const auto axis = [&](double base, double a, Turn& turn, double noise) {
    return std::nearbyint((base + a * turn.next() + noise * n.normal()) / kStep) * kStep;
  };
  set.recordings.push_back(floats("x", [&] { return axis(0.1, 1.5, fast, 0.05); }));
  set.recordings.push_back(floats("y", [&] { return axis(-0.3, 0.8, slow, 0.05); }));
  set.recordings.push_back(floats("z", [&] { return axis(9.8, 0.4, sway, 0.08); }));
  return set;
}

Set counters() {
  Set set{"gen-counter", {}};
  Noise n(13);
  double energy = 184'512'000, pulses = 0, bytes = 91'000'000'000;
  Turn day(8000);
  set.recordings.push_back(integers("energy Wh", [&] {
    return energy += 40 + 15 * day.next() + 3 * n.normal();
  }));
  set.recordings.push_back(integers("pulses", [&] { return pulses += n.once_in(3) ? 1 : 0; }));
  set.recordings.push_back(integers("bytes", [&] {
    return bytes += n.once_in(8) ? 1460 * std::floor(40 * n.uniform()) : 66;
  }));
  return set;
}

}  // namespace

std::vector<Set> generated_sets() { return {modbus(), inertial(), counters()}; }

std::vector<Clock> generated_clocks() {
  Clock regular{"regular 1 s", 0.12, {}};
  Clock poll{"Modbus poll, 3 ms jitter", 4.2, {}};
  Clock coarse{"117 Hz by a 15.6 ms tick", 1.7, {}};
  Noise n(14);
  double at = 0;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    regular.times.push_back(kBegin + i * 1000 * kMillisecond);
    const auto jitter = static_cast<std::int64_t>(std::nearbyint(3 * n.normal()));
    poll.times.push_back(kBegin + (i * 1000 + jitter) * kMillisecond);
    // Two samples fall into most ticks; the tick is told in whole milliseconds.
    at += 8.547 + 0.02 * n.normal();
    const auto tick = std::floor(at / 15.625) * 15.625;
    coarse.times.push_back(kBegin + static_cast<std::int64_t>(tick) * kMillisecond);
  }
  return {regular, poll, coarse};
}

}  // namespace tidemark::bench
