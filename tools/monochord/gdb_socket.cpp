// The stub's sockets: listening, the one client, and the framing of packets ($data#checksum with acknowledgements).
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <qemu/timer.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "core/log.h"
#include "core/main_loop.h"
#include "tools/monochord/gdb_hex.h"
#include "tools/monochord/gdbstub.h"
#include "tools/monochord/options.h"

namespace monochord {

namespace {

constexpr size_t kPacketSizeMax = 0x4000;  // bytes, as told to the client in qSupported
constexpr int64_t kPatienceNs = 10 * NANOSECONDS_PER_SECOND;  // with a client that does not read

Result<int> listen_tcp(const std::string& host, const std::string& port) {
  const std::optional<uint64_t> number = parse_u64(port);
  if (!number || *number == 0 || *number > 65535) return errorf("-gdb: '%s' is not a tcp port", port.c_str());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(*number));
  // Without a host only this machine may connect: whoever connects controls the guest.
  const std::string numeric = host.empty() || host == "localhost" ? "127.0.0.1" : host;
  if (inet_pton(AF_INET, numeric.c_str(), &address.sin_addr) != 1) return errorf("-gdb: '%s' is not an IPv4 address", host.c_str());
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errorf("-gdb: no socket: %s", strerror(errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 1) != 0) {
    const int error = errno;
    close(fd);
    return errorf("-gdb: can't listen on tcp port %s: %s; choose another with -gdb tcp::PORT", port.c_str(), strerror(error));
  }
  return fd;
}

Result<int> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return errorf("-gdb: the socket's path '%s' is empty or too long", path.c_str());
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errorf("-gdb: no socket: %s", strerror(errno));
  unlink(path.c_str());
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 1) != 0) {
    const int error = errno;
    close(fd);
    return errorf("-gdb: can't listen on %s: %s", path.c_str(), strerror(error));
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<GdbStub>> GdbStub::listen(const std::string& spec, AddressSpace& as, std::string (*run_command)(const std::string&)) {
  std::string unix_path;
  Result<int> fd = errorf("-gdb: '%s' is neither tcp:[HOST]:PORT nor unix:PATH", spec.c_str());
  const std::string where = spec.substr(0, spec.find(','));
  if (where.compare(0, 4, "tcp:") == 0) {
    const size_t colon = where.rfind(':');
    fd = colon < 4 ? listen_tcp("", where.substr(4)) : listen_tcp(where.substr(4, colon - 4), where.substr(colon + 1));
  } else if (where.compare(0, 5, "unix:") == 0) {
    unix_path = where.substr(5);
    fd = listen_unix(unix_path);
  }
  if (!fd) return fd.error();
  return std::unique_ptr<GdbStub>(new GdbStub(*fd, unix_path, as, run_command));
}

GdbStub::GdbStub(int fd, std::string unix_path, AddressSpace& as, std::string (*run_command)(const std::string&))
    : listen_fd_(fd), unix_path_(std::move(unix_path)), as_(as), run_command_(run_command), hart_(cpu_list().front()) {
  qemu_set_fd_handler(listen_fd_, on_accept, nullptr, this);
}

GdbStub::~GdbStub() {
  if (client_fd_ >= 0) drop_client();
  qemu_set_fd_handler(listen_fd_, nullptr, nullptr, nullptr);
  close(listen_fd_);
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
}

void GdbStub::on_accept(void* opaque) { static_cast<GdbStub*>(opaque)->accept_client(); }
void GdbStub::on_readable(void* opaque) { static_cast<GdbStub*>(opaque)->read_client(); }

void GdbStub::accept_client() {
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (client_fd_ >= 0) {
    close(fd);  // one debugger at a time
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails on a unix socket, which needs it not
  client_fd_ = fd;
  parse_ = Parse::kIdle;
  packet_.clear();
  ack_ = true;
  physical_ = false;
  waiting_for_stop_ = false;
  hart_ = cpu_list().front();
  qemu_set_fd_handler(fd, on_readable, nullptr, this);
  if (runstate() == RunState::kRunning) vm_stop(RunState::kDebug);
}

void GdbStub::drop_client() {
  qemu_set_fd_handler(client_fd_, nullptr, nullptr, nullptr);
  close(client_fd_);
  client_fd_ = -1;
  for (uint64_t pc : breakpoints_)
    for (Cpu* cpu : cpu_list()) cpu->remove_breakpoint(pc);
  breakpoints_.clear();
}

void GdbStub::read_client() {
  // A step turns the loop, which may find more packets here: they wait until the loop comes to us again.
  if (reading_) return;
  reading_ = true;
  read_packets();
  reading_ = false;
}

void GdbStub::read_packets() {
  uint8_t buffer[4096];
  const ssize_t size = read(client_fd_, buffer, sizeof buffer);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    drop_client();
    go_on();
    return;
  }
  for (ssize_t i = 0; i < size && client_fd_ >= 0; ++i) byte(buffer[i]);
}

void GdbStub::byte(uint8_t c) {
  switch (parse_) {
    case Parse::kIdle:
      if (c == '$') {
        packet_.clear();
        sum_ = 0;
        parse_ = Parse::kData;
      } else if (c == 0x03) {
        if (runstate() == RunState::kRunning) vm_stop(RunState::kPaused);
        if (waiting_for_stop_) send_stop(2);
      }
      return;
    case Parse::kData:
      if (c == '#') {
        parse_ = Parse::kChecksum1;
        return;
      }
      sum_ += c;
      if (packet_.size() < kPacketSizeMax) packet_ += static_cast<char>(c);
      else parse_ = Parse::kIdle;  // longer than agreed: dropped
      return;
    case Parse::kChecksum1:
      sum_sent_ = static_cast<uint8_t>(hex_digit(static_cast<char>(c)) << 4);
      parse_ = Parse::kChecksum2;
      return;
    case Parse::kChecksum2:
      parse_ = Parse::kIdle;
      sum_sent_ |= static_cast<uint8_t>(hex_digit(static_cast<char>(c)) & 15);
      if (sum_sent_ != sum_) {
        if (ack_) send_raw("-", 1);
        return;
      }
      if (ack_) send_raw("+", 1);
      handle_packet(packet_);
      return;
  }
}

void GdbStub::send_raw(const char* data, size_t size) {
  const int64_t patient_until_ns = get_clock() + kPatienceNs;
  while (size > 0 && client_fd_ >= 0) {
    const ssize_t sent = send(client_fd_, data, size, MSG_NOSIGNAL);
    if (sent > 0) {
      data += sent;
      size -= static_cast<size_t>(sent);
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN && !qemu_shutdown_requested()) {
      pollfd wait{client_fd_, POLLOUT, 0};
      const int64_t left_ns = patient_until_ns - get_clock();
      // A signal ends the wait early: look again.
      if (left_ns > 0 && (poll(&wait, 1, static_cast<int>(left_ns / 1000000) + 1) >= 0 || errno == EINTR)) continue;
    }
    // A debugger that doesn't read is gone: no later packet waits for it again, and the next read finds the end.
    shutdown(client_fd_, SHUT_RDWR);
    return;
  }
}

void GdbStub::send_packet(const std::string& data) {
  uint8_t sum = 0;
  for (char c : data) sum += static_cast<uint8_t>(c);
  const std::string framed = "$" + data + "#" + to_hex(&sum, 1);
  send_raw(framed.data(), framed.size());
}

}  // namespace monochord
