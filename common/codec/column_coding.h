// Columns as bytes: each call writes or reads the values of one column, whose number both sides
// know. Private to this folder; the layouts are in FORMAT.md under "Values".
//
// Readers make `in` fail, and return false, on anything that no writer has written; what they then
// leave is not for use. They fill what the caller has made, whose size the caller has bounded.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/codec/codec.h"
#include "common/model/block.h"

namespace tidemark::codec {

void write_doubles(Tier tier, std::span<const double> values, Memory& memory, ByteWriter& out);
bool read_doubles(Tier tier, ByteReader& in, std::span<double> values);
// The exponent, if these are decimals; -1: of another mode.
int decimal_exponent(ByteSpan written);
// "decimal2", "float-bits" … of what write_doubles() wrote.
std::string words_of_doubles(ByteSpan written);

void write_integers(Tier tier, std::span<const std::int64_t> values, ByteWriter& out);
bool read_integers(Tier tier, ByteReader& in, std::span<std::int64_t> values);

void write_times(Tier tier, Clocks clocks, std::span<const std::int64_t> times, ByteWriter& out);
bool read_times(Tier tier, ByteReader& in, std::span<std::int64_t> times);

void write_booleans(Tier tier, std::span<const std::int64_t> values, ByteWriter& out);
bool read_booleans(Tier tier, ByteReader& in, std::span<std::int64_t> values);

void write_texts(Tier tier, std::span<const std::string> values, ByteWriter& out);
// Bytes of text that a block may still hold. Entries of dictionaries are charged apart, whether a
// row uses them or not: each that a writer wrote is at least one row's text.
struct TextBudget {
  std::size_t values = kTextBytesMax;
  std::size_t entries = kTextBytesMax;
};
// `left` falls by the bytes of the texts; `in` fails when it would pass zero.
bool read_texts(Tier tier, ByteReader& in, std::span<std::string> values, TextBudget& left);

void write_presence(Tier tier, const std::vector<bool>& present, ByteWriter& out);
bool read_presence(Tier tier, ByteReader& in, std::vector<bool>& present);

void write_qualities(Tier tier, std::span<const Quality> qualities, ByteWriter& out);
bool read_qualities(Tier tier, ByteReader& in, std::span<Quality> qualities);

// The values of a column by its type.
void write_values(Tier tier, const Column& column, Memory& memory, ByteWriter& out);
// Into the vector of its type, which has the right size.
bool read_values(Tier tier, ByteReader& in, TextBudget& texts_left, Column& column);

}  // namespace tidemark::codec
