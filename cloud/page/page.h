// The page and what it needs, embedded at build time, plain and compressed. Served as they are.
#pragma once

#include <span>
#include <string_view>

namespace tidemark::page {

struct Asset {
  std::string_view path;  // "/page.js"
  std::string_view content_type;
  std::string_view etag;   // with its quotes; of the plain content
  std::string_view plain;
  std::string_view gzip;
};

std::span<const Asset> assets();

}  // namespace tidemark::page
