// Columns as bytes: each call writes or reads the values of one column, whose number both sides
// know. Private to this folder; the layouts are in FORMAT.md under "Values".
//
// Readers make `in` fail on anything that no writer has written; what they then return is not for
// use. They allocate for `count` values, which the caller has bounded.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/model/block.h"

namespace tidemark::codec {

void write_integers(std::span<const std::int64_t> values, ByteWriter& out);
std::vector<std::int64_t> read_integers(ByteReader& in, std::size_t count);

// "constant", "delta" … of the first byte that write_integers() wrote.
std::string_view predictor_of(std::uint8_t method);

void write_doubles(std::span<const double> values, ByteWriter& out);
std::vector<double> read_doubles(ByteReader& in, std::size_t count);
// "decimal" (then integers follow), "bits" … of the first byte that write_doubles() wrote.
std::string_view mode_of(std::uint8_t head);

void write_booleans(std::span<const std::int64_t> values, ByteWriter& out);
std::vector<std::int64_t> read_booleans(ByteReader& in, std::size_t count);

void write_texts(std::span<const std::string> values, ByteWriter& out);
// `bytes_left` falls by the bytes of the texts; `in` fails when it would pass zero.
std::vector<std::string> read_texts(ByteReader& in, std::size_t count, std::size_t& bytes_left);

void write_presence(const std::vector<bool>& present, ByteWriter& out);
std::vector<bool> read_presence(ByteReader& in, std::size_t rows);

void write_qualities(std::span<const Quality> qualities, ByteWriter& out);
std::vector<Quality> read_qualities(ByteReader& in, std::size_t count);

}  // namespace tidemark::codec
