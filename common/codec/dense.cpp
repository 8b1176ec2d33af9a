#include "common/codec/dense.h"

#include <bit>
#include <vector>

namespace tidemark::codec::dense {
namespace {

// The head: one byte.
constexpr std::uint8_t kPredicted = 0x40;
constexpr std::uint8_t kWidthMask = 0x3f;  // bits of the mean magnitude
constexpr int kWidthMax = 49;

constexpr std::size_t kMeanOver = 256;     // residuals that the first expectation is taken from
constexpr std::size_t kPredictedMin = 64;  // a predictor learns nothing from fewer
constexpr std::size_t kTrial = 2048;       // residuals after which it must have paid

std::int64_t difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// Of the mean magnitude. What passes 49 bits counts as that, so that sums do not overflow.
int mean_width(std::span<const std::int64_t> residuals) {
  const auto some = residuals.first(std::min(residuals.size(), kMeanOver));
  std::uint64_t total = 0;
  for (const auto r : some) total += std::min(magnitude(r), std::uint64_t{1} << (kWidthMax - 1));
  return static_cast<int>(std::bit_width(total / some.size()));
}

// About log2(1 + 2 * magnitude), in 1/256 bit: the logarithm is drawn as straight lines.
std::uint64_t cost(std::int64_t residual) {
  const auto v = std::min(magnitude(residual), std::uint64_t{1} << 54) * 2 + 1;
  const auto width = static_cast<unsigned>(std::bit_width(v)) - 1;
  return (std::uint64_t{width} << 8) + ((v << 8 >> width) & 255);
}

// What a predictor that learns leaves over; none when that is not less.
std::vector<std::int64_t> predicted(std::span<const std::int64_t> residuals, int width) {
  if (residuals.size() < kPredictedMin) return {};
  std::vector<std::int64_t> rest;
  rest.reserve(residuals.size());
  Predictor predictor(width);
  std::uint64_t before = 0, after = residuals.size();
  for (const auto r : residuals) {
    rest.push_back(difference(r, predictor.next()));
    predictor.learn(r);
    before += cost(r);
    after += cost(rest.back());
    if (rest.size() == kTrial && after >= before) break;
  }
  if (after >= before) rest.clear();
  return rest;
}

}  // namespace

void write(std::span<const std::int64_t> residuals, ByteWriter& out) {
  if (residuals.empty()) return;
  const int width = mean_width(residuals);
  const auto rest = predicted(residuals, width);
  out.u8(static_cast<std::uint8_t>(width | (rest.empty() ? 0 : kPredicted)));
  RangeEncoder coder(out.out());
  Model model = prior();
  Stream<RangeEncoder> stream(coder, model, width);
  for (const auto r : rest.empty() ? residuals : std::span<const std::int64_t>(rest)) {
    stream.step(r);
  }
  coder.finish();
}

Reader::Reader(ByteReader& in, std::size_t residuals)
    : count_(residuals),
      left_(residuals),
      head_(residuals == 0 ? std::uint8_t{0} : in.u8()),
      width_(std::min<int>(head_ & kWidthMask, kWidthMax)),
      bytes_(in.left()),
      coder_(ByteReader(in).raw(bytes_)),
      model_(prior()),
      stream_(coder_, model_, width_),
      predictor_(width_) {
  if (in.ok() && (head_ & ~kPredicted) == width_) return;
  in.fail();
  left_ = 0;
}

std::size_t Reader::next(std::int64_t* to) {
  // A stream that has run out gives what its zeros mean, up to here.
  const auto n = coder_.consumed() > bytes_ ? 0 : std::min(left_, kRun);
  for (std::size_t i = 0; i < n; ++i) {
    to[i] = stream_.step(0);
    if ((head_ & kPredicted) == 0) continue;
    to[i] = sum(to[i], predictor_.next());
    predictor_.learn(to[i]);
  }
  left_ -= n;
  return n;
}

bool Reader::finish(ByteReader& in) {
  if (left_ != 0) in.fail();
  if (in.ok() && count_ != 0) in.raw(coder_.consumed());
  return in.ok();
}

}  // namespace tidemark::codec::dense
