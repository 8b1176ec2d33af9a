// A Reader over the readers of all partitions that are open. Private to this folder.
#pragma once

#include "cloud/query/parts.h"

namespace tidemark::query {

class PartedReader final : public Reader {
 public:
  explicit PartedReader(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}

  Result<std::vector<SeriesState>> series(const answers::Selection& select) override;
  Result<std::vector<EdgeState>> edges() override;
  Result<std::vector<std::string>> views() override;
  Result<std::vector<ViewVersion>> view_versions() override;
  Result<std::vector<answers::Answer>> answers(const AnswerQuery& query) override;
  Result<std::vector<answers::Answer>> revisions(const AnswerQuery& query) override;
  Result<std::vector<LateRow>> late(const answers::Selection& select, std::size_t limit) override;
  Result<Ledger> ledger() override;
  Result<std::vector<WaivedSource>> waived_sources() override;
  Result<std::vector<MeterSwap>> swaps(const answers::Selection& select) override;
  Result<std::vector<answers::Answer>> since(std::uint64_t position, std::size_t limit) override;
  Result<std::uint64_t> position() override;
  Result<std::vector<store::Event>> events(const EventQuery& query) override;
  Result<std::vector<store::Letter>> dead_letters(const LetterQuery& query) override;
  Result<std::optional<store::Letter>> dead_letter(std::int64_t id,
                                                   std::optional<int> partition) override;
  Result<LetterCounts> letter_counts() override;
  Result<std::vector<PartitionState>> partitions() override;

 private:
  struct Part {
    std::uint64_t opened = 0;
    std::unique_ptr<Reader> reader;
  };
  // Readers of what is open by now, and of nothing else.
  Result<> follow();
  // The same, where nothing that is open would be no answer.
  Result<> follow_some();
  // What was emitted since somebody looked gets its positions.
  Result<> number();
  template <typename T, typename Ask>
  Result<std::vector<T>> gather(Ask ask);
  template <typename T, typename Ask>
  Result<std::vector<T>> gather_newest(Ask ask, EventTime T::*time, std::size_t limit);

  std::shared_ptr<Parts> parts_;
  std::map<int, Part> readers_;
};

}  // namespace tidemark::query
