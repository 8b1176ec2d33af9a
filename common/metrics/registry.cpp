#include "common/metrics/registry.h"

#include <fmt/format.h>

#include <cmath>

#include "common/base/check.h"
#include "common/base/text.h"

namespace tidemark::metrics {

struct Registry::Sample {
  Counter counter;
  Gauge gauge;
  std::function<double()> ask;
};

struct Registry::Family {
  Kind kind = Kind::gauge;
  std::string help;
  std::map<Labels, std::unique_ptr<Sample>> samples;  // by pointer: references outlive rehashing
};

namespace {

bool valid_name(std::string_view name) {
  if (!name.starts_with("tidemark_")) return false;
  for (const char c : name) {
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') return false;
  }
  return true;
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return json_number(v);
}

void append_labels(std::string& out, const Labels& labels) {
  if (labels.empty()) return;
  char before = '{';
  for (const auto& [key, value] : labels) {
    out += before;
    out += key;
    out += "=\"";
    append_escaped(out, value, true);
    out += '"';
    before = ',';
  }
  out += '}';
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

Format format_for(std::string_view accept) {
  return accept.find("application/openmetrics-text") != std::string_view::npos
             ? Format::openmetrics
             : Format::prometheus;
}

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Sample& Registry::sample(Kind kind, std::string_view name, std::string_view help,
                                   const Labels& labels) {
  TIDE_CHECK(valid_name(name), "metric name must be tidemark_[a-z0-9_]+");
  TIDE_CHECK((kind == Kind::counter) == name.ends_with("_total"),
             "names of counters, and only those, end in _total");
  auto at = families_.find(name);
  if (at == families_.end()) {
    at = families_.try_emplace(std::string(name)).first;
    at->second.kind = kind;
    at->second.help = help;
  }
  auto& samples = at->second.samples;
  auto found = samples.find(labels);
  if (found != samples.end()) return *found->second;
  auto key = labels;
  if (samples.size() >= kLabelSetsMax) {
    for (auto& [label, value] : key) value = "other";
  }
  auto& slot = samples[std::move(key)];
  if (!slot) slot = std::make_unique<Sample>();
  return *slot;
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return sample(Kind::counter, name, help, labels).counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return sample(Kind::gauge, name, help, labels).gauge;
}

void Registry::gauge_of(std::string_view name, std::string_view help, const Labels& labels,
                        std::function<double()> value) {
  const std::lock_guard lock(mutex_);
  sample(Kind::gauge, name, help, labels).ask = std::move(value);
}

void Registry::counter_of(std::string_view name, std::string_view help, const Labels& labels,
                          std::function<double()> value) {
  const std::lock_guard lock(mutex_);
  sample(Kind::counter, name, help, labels).ask = std::move(value);
}

void Registry::forget(std::string_view name, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) return;
  const auto at = family->second.samples.find(labels);
  // A plain counter or gauge stays: somebody may hold a reference to it.
  if (at != family->second.samples.end() && at->second->ask) family->second.samples.erase(at);
}

std::string Registry::text(Format format) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    std::string_view shown = name;  // OpenMetrics names the family of a counter without _total
    if (family.kind == Kind::counter && format == Format::openmetrics) {
      shown.remove_suffix(std::string_view("_total").size());
    }
    out += fmt::format("# HELP {} ", shown);
    append_escaped(out, family.help, format == Format::openmetrics);
    out += fmt::format("\n# TYPE {} {}\n", shown,
                       family.kind == Kind::counter ? "counter" : "gauge");
    for (const auto& [labels, s] : family.samples) {
      out += name;
      append_labels(out, labels);
      out += ' ';
      if (s->ask) {
        out += number(s->ask());
      } else if (family.kind == Kind::counter) {
        out += fmt::format("{}", s->counter.value());
      } else {
        out += number(s->gauge.value());
      }
      out += '\n';
    }
  }
  if (format == Format::openmetrics) out += "# EOF\n";
  return out;
}

}  // namespace tidemark::metrics
