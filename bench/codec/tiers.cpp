// Our own coders: the values of a column as they lie in a block, and a checksum over them.
#include <bit>

#include "bench/codec/coder.h"
#include "common/base/hash.h"
#include "common/codec/codec.h"

namespace tidemark::bench {
namespace {

constexpr std::size_t kChecksumBytes = 8;

class Ours final : public Coder {
 public:
  Ours(std::string name, codec::Tier tier) : Coder(std::move(name)), tier_(tier) {}
  void begin_series() override { memory_ = {}; }
  void encode(const Batch& batch, ByteVector& out) override {
    out = codec::encode_values(batch.column, tier_, &memory_);
    ByteWriter(out).fixed(xxh3(out));
  }
  bool decode(ByteSpan bytes, const Batch& batch) override {
    if (bytes.size() < kChecksumBytes) return false;
    const auto values = bytes.first(bytes.size() - kChecksumBytes);
    ByteReader checksum(bytes.last(kChecksumBytes));
    if (checksum.fixed<std::uint64_t>() != xxh3(values)) return false;
    column_.type = batch.column.type;
    column_.f64.resize(batch.column.f64.size());
    column_.i64.resize(batch.column.i64.size());
    return codec::decode_values(values, tier_, column_).ok();
  }
  [[nodiscard]] bool same(const Batch& batch) const override {
    const auto as_bits = [](auto v) { return std::bit_cast<std::uint64_t>(v); };
    return batch.integers ? std::ranges::equal(column_.i64, batch.bits, {}, as_bits)
                          : std::ranges::equal(column_.f64, batch.bits, {}, as_bits);
  }
  std::size_t payload(ByteSpan bytes, const Batch&) override {
    return bytes.size() - kChecksumBytes;
  }

 private:
  codec::Tier tier_;
  codec::Memory memory_;
  Column column_;
};

}  // namespace

std::vector<std::unique_ptr<Coder>> our_coders() {
  std::vector<std::unique_ptr<Coder>> coders;
  coders.push_back(std::make_unique<Ours>("fast", codec::Tier::fast));
  coders.push_back(std::make_unique<Ours>("standard", codec::Tier::standard));
  coders.push_back(std::make_unique<Ours>("dense", codec::Tier::dense));
  return coders;
}

}  // namespace tidemark::bench
