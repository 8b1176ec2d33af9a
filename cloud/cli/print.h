// The API's JSON as tables for people. Each takes the parsed body of one path.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cloud/cli/cloud_cli.h"
#include "common/cli/terminal.h"

namespace tidemark::cloud_cli {

using Json = nlohmann::ordered_json;

// Each prints to stdout and returns the exit code.
int print_status(const Json& body, const std::string& node, cli::Output& output);  // 2: degraded
bool adds_up(const Json& status);  // its ledger
bool serves_only(const Json& status);  // answers of others
int print_answers(const Json& body, bool every_revision, cli::Output& output);
int print_series(const Json& body, cli::Output& output);
int print_watermark(const Json& body, cli::Output& output);
int print_late(const Json& body, cli::Output& output);
int print_events(const Json& body, const std::string& limit, cli::Output& output);
int print_swaps(const Json& body, cli::Output& output);
int print_waived(const Json& body, cli::Output& output);
int print_letters(const Json& body, cli::Output& output);
int print_letter(const Json& body, cli::Output& output);
std::string letter_name(const Json& letter);  // "7", or "3/7" of partition 3
int print_views(const Json& body, cli::Output& output);
// `waits`: what is said of parts that have not answered.
int print_outcomes(const std::vector<Outcome>& outcomes, const std::string& waits, bool as_json,
                   cli::Output& output);
int print_orders(const std::vector<ListedOrder>& orders, bool as_json, cli::Output& output);

// "4 802.5": thousands apart, at most six significant digits after which nobody reads.
std::string figure(double v);

}  // namespace tidemark::cloud_cli
