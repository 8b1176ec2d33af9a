// What is compared: our tiers and their peers, behind one face.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/model/block.h"

namespace tidemark::bench {

// One batch: it is encoded, and decodes, alone. `column` has the same numbers as `bits`, for our
// own coders.
struct Batch {
  std::span<const std::uint64_t> bits;
  bool integers = false;
  Column column;
};

class Coder {
 public:
  explicit Coder(std::string name) : name_(std::move(name)) {}
  virtual ~Coder() = default;
  [[nodiscard]] const std::string& name() const { return name_; }

  // A new series begins: what was remembered of the last one goes.
  virtual void begin_series() {}
  virtual void encode(const Batch& batch, ByteVector& out) = 0;
  // Into memory of the coder's own, as its readers get it. `batch` gives number and type only.
  virtual bool decode(ByteSpan bytes, const Batch& batch) = 0;
  // Whether decode() gave back every bit.
  [[nodiscard]] virtual bool same(const Batch& batch) const {
    return std::ranges::equal(decoded_, batch.bits);
  }
  // Bytes that count for the values.
  virtual std::size_t payload(ByteSpan bytes, const Batch& batch) = 0;

 protected:
  std::vector<std::uint64_t> decoded_;

 private:
  std::string name_;
};

// fast, standard, dense
std::vector<std::unique_ptr<Coder>> our_coders();
std::unique_ptr<Coder> gorilla_coder();
std::unique_ptr<Coder> zstd_coder(int level);
// None when there is no such library, or it is another one.
std::unique_ptr<Coder> pcodec_coder(const std::filesystem::path& library, int level);

}  // namespace tidemark::bench
