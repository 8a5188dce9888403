// QEMU as the judge: its device tree, and its devices through the qtest protocol (docs/devel/testing/qtest of QEMU). Time stands still (-S).
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace monochord {

inline constexpr const char* kQemu = "qemu-system-riscv64";

inline bool have_qemu() { return system("command -v qemu-system-riscv64 > /dev/null 2>&1") == 0; }

class QemuProcess {
 public:
  explicit QemuProcess(std::vector<std::string> arguments) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    std::vector<std::string> all = {kQemu, "-M", "virt", "-accel", "tcg", "-S", "-qtest", "stdio", "-qtest-log", "none", "-display", "none", "-serial", "null", "-monitor", "none"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(pair[1], 0);
      dup2(pair[1], 1);
      execvp(kQemu, argv.data());
      _exit(127);
    }
    close(pair[1]);
    fd_ = pair[0];
  }
  ~QemuProcess() {
    close(fd_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  QemuProcess(const QemuProcess&) = delete;

  // One command, one answer.
  std::string command(const std::string& text) {
    const std::string line = text + "\n";
    EXPECT_EQ(::write(fd_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    std::string answer;
    char c;
    while (::read(fd_, &c, 1) == 1 && c != '\n') answer += c;
    EXPECT_EQ(answer.substr(0, 2), "OK") << text << " -> " << answer;
    return answer;
  }
  uint64_t read(uint64_t address, unsigned size) { return strtoull(command(std::string("read") + letter(size) + " " + hex(address)).c_str() + 3, nullptr, 0); }
  void write(uint64_t address, unsigned size, uint64_t value) { command(std::string("write") + letter(size) + " " + hex(address) + " " + hex(value)); }
  std::vector<uint8_t> read_bytes(uint64_t address, size_t size) {
    const std::string answer = command("read " + hex(address) + " " + hex(size));
    std::vector<uint8_t> bytes;
    for (size_t i = 5; i + 1 < answer.size(); i += 2) bytes.push_back(strtoul(answer.substr(i, 2).c_str(), nullptr, 16));
    EXPECT_EQ(bytes.size(), size);
    return bytes;
  }

 private:
  static char letter(unsigned size) { return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q'; }
  static std::string hex(uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)value);
    return text;
  }
  pid_t pid_ = -1;
  int fd_ = -1;
};

}  // namespace monochord
