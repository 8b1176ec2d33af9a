// Apart from face.cpp so that its tests need no store: only this names the real reader.
#include "cloud/http/face.h"

namespace tidemark::http {

Face::Face(const std::filesystem::path& data_dir, std::string listen, metrics::Registry& registry,
           const Clock& clock, Problem problem)
    : Face([data_dir] { return query::Reader::open(data_dir); }, std::move(listen), registry,
           clock, std::move(problem)) {}

}  // namespace tidemark::http
