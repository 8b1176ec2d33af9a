#include "common/cli/parts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "common/base/text.h"

namespace tidemark::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<char*> arguments_of(const std::string& program, std::vector<std::string>& words) {
  std::vector<char*> arguments = {const_cast<char*>(program.c_str())};
  for (auto& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  return arguments;
}

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int both[2];
    if (pipe2(both, O_CLOEXEC) == 0) {
      read = both[0];
      write = both[1];
    }
  }
  ~Pipe() {
    close_end(read);
    close_end(write);
  }
  static void close_end(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

// Reads both to their ends; false when the time is over first.
bool drain(Pipe& out, Pipe& errors, Ran& ran, Clock::time_point deadline) {
  std::array<pollfd, 2> set = {{{out.read, POLLIN, 0}, {errors.read, POLLIN, 0}}};
  std::array<std::string*, 2> texts = {&ran.out, &ran.errors};
  while (set[0].fd >= 0 || set[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0 || poll(set.data(), set.size(), static_cast<int>(left)) == 0) return false;
    for (std::size_t i = 0; i < set.size(); ++i) {
      if (set[i].fd < 0 || set[i].revents == 0) continue;
      char buffer[16384];
      const auto n = read(set[i].fd, buffer, sizeof buffer);
      if (n <= 0) {
        set[i].fd = -1;
      } else if (texts[i]->size() < kOutputBytesMax) {
        texts[i]->append(buffer, static_cast<std::size_t>(n));
      }
    }
  }
  return true;
}

}  // namespace

const std::vector<Part>& parts() {
  static const std::vector<Part> all = {
      {"edge",
       {{"edge", "The agent on this machine: status, reload, clock, what it refused."},
        {"tap", "Readings, results of windows and events as they pass."},
        {"series", "The series of this edge, and the history of their windows."},
        {"event", "What the detectors raised, and who has seen it."},
        {"buffer", "What waits for the link."},
        {"enroll", "Gives this edge an identity that the gateway knows."},
        {"profile", "What devices have: register maps with plausible ranges."},
        {"modbus", "Reads registers of a device, as they are."}}},
      {"gateway", {{"gateway", "The gateway on this machine: edges, tokens, dead letters."}}},
      {"cloud", {{"cloud", "The cloud node on this machine: answers, revisions, views."}}},
  };
  return all;
}

const Part* part_of(std::string_view command) {
  for (const auto& part : parts()) {
    for (const auto& c : part.commands) {
      if (c.name == command) return &part;
    }
  }
  return nullptr;
}

Programs Programs::beside_this_one() {
  std::error_code code;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", code);
  const char* path = std::getenv("PATH");
  return {self.parent_path(), path == nullptr ? "/usr/bin" : path};
}

std::optional<std::filesystem::path> Programs::find(std::string_view part) const {
  const auto name = "tidemark-" + std::string(part);
  std::vector<std::filesystem::path> folders = {folder_};
  for (const auto folder : split(path_, ':')) folders.emplace_back(folder);
  for (const auto& folder : folders) {
    if (folder.empty()) continue;  // never the current folder by accident
    auto program = folder / name;
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

Result<Ran> run_program(const std::filesystem::path& program, const std::vector<std::string>& words,
                        int seconds_max) {
  Pipe out;
  Pipe errors;
  if (out.read < 0 || errors.read < 0) return system_error("pipe", errno);
  auto copy = words;
  const std::string path = program.string();
  auto arguments = arguments_of(path, copy);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.write, STDERR_FILENO);
  pid_t pid = 0;
  const int spawned =
      posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) return system_error(path, spawned);
  Pipe::close_end(out.write);
  Pipe::close_end(errors.write);

  Ran ran;
  const bool in_time = drain(out, errors, ran, Clock::now() + std::chrono::seconds(seconds_max));
  if (!in_time) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return Error(Fault::unavailable, fmt::format("{} did not end within {} s", path, seconds_max));
  }
  ran.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return ran;
}

Error become_program(const std::filesystem::path& program, const std::vector<std::string>& words) {
  auto copy = words;
  const std::string path = program.string();
  const auto arguments = arguments_of(path, copy);
  execv(path.c_str(), arguments.data());
  return system_error(path, errno);
}

}  // namespace tidemark::cli
