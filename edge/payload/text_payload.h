// Lines of text into a Payload: Influx line protocol and CSV. FORMAT.md says what becomes of what.
//
// Errors     parse() fails, with the byte offset, when nothing can be used. A line that is wrong is
//            in Payload::refused with its number, the others count; a quote of CSV without an end
//            takes with it what follows.
// Bounds     kValuesMax values of a message (JsonParser's) and Payload::kPathBytesMax of their
//            names. Of CSV what is beyond is refused as one; of lines those with too many names,
//            and the message when it has too many values.
// Threads    one at a time; texts of the Payload live until the next call.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "edge/payload/payload.h"

namespace tidemark::payload {

// A number as people of this payload write it; a value of kind unusable when it is none.
Value number_value(std::string_view text, std::size_t at);

// measurement[,tag=value…] field=value[,field=value…] [time]
class LineParser {
 public:
  Result<> parse(ByteSpan payload, TimeUnit unit, Payload& out);

 private:
  struct Line;
  Result<> take_line(Line& line, TimeUnit unit, Payload& out);
  Result<Value> field_value(Line& line);
  std::deque<std::string> texts_;  // without their escapes
};

class CsvParser {
 public:
  // Names of the columns; empty: they are in the first line of each message.
  explicit CsvParser(std::vector<std::string> columns) : columns_(std::move(columns)) {}
  Result<> parse(ByteSpan payload, const TimeKeys& keys, Payload& out);

 private:
  struct Cell {
    std::string_view text;
    std::size_t at = 0;
    bool quoted = false;
  };
  // The cells of the line that begins at `at`, which is moved behind it.
  bool read_row(std::string_view text, std::size_t& at);
  // The number of values that found no room.
  std::uint64_t take_row(std::size_t line, const std::vector<std::string>& names, std::size_t time,
                         const TimeKeys& keys, Payload& out);
  Value value_of(const Cell& cell);

  std::vector<std::string> columns_;
  char separator_ = ',';
  std::vector<Cell> row_;
  std::deque<std::string> texts_;
};

}  // namespace tidemark::payload
