#include "core/log.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "core/main_loop.h"
#include "core/suggest.h"

namespace monochord {

uint32_t log_mask = 0;

namespace {

struct Item {
  uint32_t mask;
  std::string_view name;
  const char* help;
};

constexpr Item kItems[] = {
#define MONOCHORD_LOG_ROW(flag, name, help) {flag, name, help},
    MONOCHORD_LOG_ITEMS(MONOCHORD_LOG_ROW)
#undef MONOCHORD_LOG_ROW
};

int log_fd = STDERR_FILENO;

}  // namespace

void write_all(int fd, const char* text, size_t size) {
  while (size > 0) {
    // Whoever reads a pipe may be slow, and we wait for it; but who asks us to end does not wait for a reader that has stopped.
    pollfd room = {fd, POLLOUT, 0};
    while (poll(&room, 1, 1000) <= 0) {
      if (qemu_shutdown_requested()) return;
    }
    const ssize_t written = write(fd, text, size);
    if (written > 0) {
      text += written;
      size -= static_cast<size_t>(written);
    } else if (written < 0 && errno == EINTR) {
      continue;
    } else if (written < 0 && errno == EAGAIN) {
      // The console made the terminal non-blocking, and stderr is the same open file.
      pollfd wait = {fd, POLLOUT, 0};
      if (poll(&wait, 1, 1000) == 0) return;
    } else {
      return;  // a closed stderr or a full disk must not stop the machine
    }
  }
}

void log_write(const char* text, size_t size) { write_all(log_fd, text, size); }

void qemu_log_mask(uint32_t items, const char* format, ...) {
  if (!log_enabled(items)) return;
  va_list args;
  va_start(args, format);
  std::string line = vstringf(format, args);
  va_end(args);
  line += '\n';
  log_write(line.data(), line.size());  // one write a line: lines of several processes on one file don't mix
}

Result<uint32_t> parse_log_items(const char* text) {
  uint32_t mask = 0;
  std::string_view rest = text;
  for (;;) {
    const size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    uint32_t found = 0;
    for (const Item& item : kItems) {
      if (word == item.name || word == "all") found |= item.mask;
    }
    if (word.empty()) return errorf("-d %s: an item is missing; -d help lists them", text);
    if (found == 0) {
      std::array<std::string_view, std::size(kItems)> names;
      for (size_t i = 0; i < names.size(); i++) names[i] = kItems[i].name;
      const std::string_view near = nearest_name(word, names);
      return errorf("-d %.*s: no such log item; did you mean '%.*s'? (-d help lists them)", static_cast<int>(word.size()), word.data(),
                    static_cast<int>(near.size()), near.data());
    }
    mask |= found;
    if (comma == std::string_view::npos) return mask;
    rest.remove_prefix(comma + 1);
  }
}

Status open_log_file(const char* path) {
  // As in QEMU, one %d in the name is the process id.
  std::string name = path;
  if (const size_t at = name.find("%d"); at != std::string::npos) name.replace(at, 2, stringf("%d", static_cast<int>(getpid())));
  const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) return errorf("-D %s: %s; name a file that can be written", name.c_str(), strerror(errno));
  if (log_fd != STDERR_FILENO) close(log_fd);
  log_fd = fd;
  return {};
}

std::string log_help() {
  std::string text = "Log items (comma separated):\n";
  for (const Item& item : kItems) text += stringf("%-15s %s\n", item.name.data(), item.help);
  text += stringf("%-15s %s\n", "all", "all of them");
  return text;
}

namespace {

void report(const char* prefix, const char* format, va_list args) {
  std::string line = prefix;
  line += vstringf(format, args);
  line += '\n';
  write_all(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void warn_report(const char* format, ...) {
  va_list args;
  va_start(args, format);
  report("monochord: warning: ", format, args);
  va_end(args);
}

void error_report(const char* format, ...) {
  va_list args;
  va_start(args, format);
  report("monochord: ", format, args);
  va_end(args);
}

}  // namespace monochord
