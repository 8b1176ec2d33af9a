// What the intake hands on: a block that is decoded, known and new.
#pragma once

#include <vector>

#include "cloud/answers/cause.h"
#include "cloud/intake/catalogue.h"
#include "common/model/block.h"
#include "common/window/partial.h"

namespace tidemark::intake {

// A decoded block with the series of its columns.
struct Incoming {
  Edge& edge;
  const BlockName& name;
  const Block& block;
  const std::vector<Bound>& series;              // by column index
  const std::vector<window::Partial>& partials;  // decoded states of block.partials
  store::ArchivePosition at;
  answers::Cause cause;
  EventTime latest;  // readings from then on are of times to come
};

}  // namespace tidemark::intake
