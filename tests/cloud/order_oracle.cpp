#include "tests/cloud/order_oracle.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

namespace tidemark::test {

OrderOracle::OrderOracle(const std::string& script) {
  int down[2];
  int up[2];
  if (::pipe(down) != 0 || ::pipe(up) != 0) return;
  ::signal(SIGPIPE, SIG_IGN);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, down[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, up[1], 1);
  for (const int fd : {down[0], down[1], up[0], up[1]}) {
    ::posix_spawn_file_actions_addclose(&actions, fd);
  }
  std::string program = "python3";
  std::string file = script;
  std::vector<char*> arguments{program.data(), file.data(), nullptr};
  ::pid_t child = -1;
  if (::posix_spawnp(&child, "python3", &actions, nullptr, arguments.data(), environ) == 0) {
    process_ = child;
  }
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(down[0]);
  ::close(up[1]);
  to_ = ::fdopen(down[1], "w");
  from_ = ::fdopen(up[0], "r");
}

OrderOracle::~OrderOracle() {
  if (to_ != nullptr) std::fclose(to_);
  if (from_ != nullptr) std::fclose(from_);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

std::string OrderOracle::ask(const std::string& line) {
  std::string reply;
  if (to_ == nullptr || from_ == nullptr) return reply;
  std::fputs(line.c_str(), to_);
  std::fputc('\n', to_);
  std::fflush(to_);
  for (int c = std::fgetc(from_); c != EOF && c != '\n'; c = std::fgetc(from_)) {
    reply.push_back(static_cast<char>(c));
  }
  return reply;
}

}  // namespace tidemark::test
