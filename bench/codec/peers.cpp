// zstd over the raw little-endian column, and pcodec from its crate through pco/.
#include <dlfcn.h>
#include <zstd.h>

#include <cstring>

#include "bench/codec/coder.h"

namespace tidemark::bench {
namespace {

class Zstd final : public Coder {
 public:
  explicit Zstd(int level) : Coder("zstd-" + std::to_string(level)), level_(level) {}
  ~Zstd() override {
    ZSTD_freeCCtx(compressor_);
    ZSTD_freeDCtx(decompressor_);
  }
  void encode(const Batch& batch, ByteVector& out) override {
    out.resize(ZSTD_compressBound(batch.bits.size_bytes()));
    out.resize(ZSTD_compressCCtx(compressor_, out.data(), out.size(), batch.bits.data(),
                                 batch.bits.size_bytes(), level_));
  }
  bool decode(ByteSpan bytes, const Batch& batch) override {
    decoded_.resize(batch.bits.size());
    return ZSTD_decompressDCtx(decompressor_, decoded_.data(), batch.bits.size_bytes(),
                               bytes.data(), bytes.size()) == batch.bits.size_bytes();
  }
  std::size_t payload(ByteSpan bytes, const Batch&) override { return bytes.size(); }

 private:
  int level_;
  ZSTD_CCtx* compressor_ = ZSTD_createCCtx();
  ZSTD_DCtx* decompressor_ = ZSTD_createDCtx();
};

using Compress = std::size_t (*)(const std::uint64_t*, std::size_t, bool, std::size_t,
                                 std::uint8_t*, std::size_t);
using Decompress = std::size_t (*)(const std::uint8_t*, std::size_t, bool, std::uint64_t*,
                                   std::size_t);

class Pcodec final : public Coder {
 public:
  Pcodec(int level, Compress compress, Decompress decompress)
      : Coder("pcodec-" + std::to_string(level)), level_(static_cast<std::size_t>(level)),
        compress_(compress), decompress_(decompress) {}
  void encode(const Batch& batch, ByteVector& out) override {
    out.resize(batch.bits.size_bytes() + batch.bits.size() + 4096);
    const auto n = compress_(batch.bits.data(), batch.bits.size(), batch.integers, level_,
                             out.data(), out.size());
    out.resize(n == SIZE_MAX ? 0 : n);
  }
  bool decode(ByteSpan bytes, const Batch& batch) override {
    decoded_.resize(batch.bits.size());
    return decompress_(bytes.data(), bytes.size(), batch.integers, decoded_.data(),
                       decoded_.size()) == decoded_.size();
  }
  std::size_t payload(ByteSpan bytes, const Batch&) override { return bytes.size(); }

 private:
  std::size_t level_;
  Compress compress_;
  Decompress decompress_;
};

}  // namespace

std::unique_ptr<Coder> zstd_coder(int level) { return std::make_unique<Zstd>(level); }

std::unique_ptr<Coder> pcodec_coder(const std::filesystem::path& library, int level) {
  void* handle = library.empty() ? nullptr : ::dlopen(library.c_str(), RTLD_NOW);
  if (handle == nullptr) return nullptr;
  void* compress = ::dlsym(handle, "tidemark_pco_compress");
  void* decompress = ::dlsym(handle, "tidemark_pco_decompress");
  if (compress == nullptr || decompress == nullptr) return nullptr;
  return std::make_unique<Pcodec>(level, reinterpret_cast<Compress>(compress),
                                  reinterpret_cast<Decompress>(decompress));
}

}  // namespace tidemark::bench
