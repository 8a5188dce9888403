// stdio, files and nothing.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/posix/chardev.h"
#include "port/posix/fd_channel.h"

namespace monochord {

namespace {

bool stdio_taken = false;

class StdioChardev final : public CharBackend {
 public:
  StdioChardev() : channel_({&receiver_, nullptr, this}) { channel_.open(STDIN_FILENO, STDOUT_FILENO, "stdout"); }
  ~StdioChardev() override {
    channel_.flush();
    channel_.close();
    stdio_taken = false;
  }
  void write(const uint8_t* bytes, size_t size) override { channel_.write(bytes, size); }
  void accept_input() override { channel_.accept_input(); }
  void flush() override { channel_.flush(); }
  bool is_terminal() const override { return isatty(STDIN_FILENO) == 1; }

 private:
  FdChannel channel_;
};

class FileChardev final : public CharBackend {
 public:
  FileChardev(int fd, const std::string& path) : fd_(fd), channel_({&receiver_, nullptr, this}) { channel_.open(-1, fd, path); }
  ~FileChardev() override {
    channel_.flush();
    channel_.close();
    close(fd_);
  }
  void write(const uint8_t* bytes, size_t size) override { channel_.write(bytes, size); }
  void flush() override { channel_.flush(); }

 private:
  const int fd_;
  FdChannel channel_;
};

class NullChardev final : public CharBackend {
 public:
  void write(const uint8_t*, size_t) override {}
};

}  // namespace

Result<std::unique_ptr<CharBackend>> make_stdio_chardev(TerminalMode mode) {
  if (stdio_taken) return errorf("stdio is used twice; only one serial port or monitor can have it (mon:stdio puts both on it)");
  Status status = terminal_raw(STDIN_FILENO, mode);
  if (!status.ok()) return status.error();
  stdio_taken = true;
  return std::unique_ptr<CharBackend>(new StdioChardev());
}

Result<std::unique_ptr<CharBackend>> make_file_chardev(const std::string& path, bool append) {
  // O_NONBLOCK: a FIFO that nobody reads is an error here, not a wait without a word.
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0666);
  if (fd < 0 && errno == ENXIO) return errorf("%s: nobody reads this pipe; start its reader first", path.c_str());
  if (fd < 0) return errorf("%s: can't be opened for writing: %s", path.c_str(), strerror(errno));
  return std::unique_ptr<CharBackend>(new FileChardev(fd, path));
}

std::unique_ptr<CharBackend> make_null_chardev() { return std::unique_ptr<CharBackend>(new NullChardev()); }

}  // namespace monochord
