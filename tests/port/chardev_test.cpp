// Character backends in one process: unix sockets, pty, the multiplexer, bad names.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include "process.h"

namespace monochord {
namespace {

// A device at the end of a backend.
struct Device {
  explicit Device(CharBackend& chr) : backend(chr) {
    CharReceiver receiver;
    receiver.can_receive = [](void* opaque) { return static_cast<Device*>(opaque)->room; };
    receiver.receive = [](void* opaque, const uint8_t* bytes, size_t size) {
      Device& self = *static_cast<Device*>(opaque);
      EXPECT_LE(size, self.room);
      self.got.append(reinterpret_cast<const char*>(bytes), size);
      if (self.room < 1000) self.room -= size;
    };
    receiver.event = [](void* opaque, CharEvent event) { static_cast<Device*>(opaque)->events += "bocif"[static_cast<int>(event)]; };
    receiver.opaque = this;
    backend.set_receiver(receiver);
  }
  void send(const std::string& text) { backend.write(reinterpret_cast<const uint8_t*>(text.data()), text.size()); }
  CharBackend& backend;
  std::string got;
  std::string events;  // b: break, o: opened, c: closed, i: focus in, f: focus out
  size_t room = 1000;
};

class Chardev : public ::testing::Test {
 protected:
  Chardev() {
    char folder[] = "/tmp/monochord-chr-XXXXXX";
    CHECK(mkdtemp(folder) != nullptr);
    path = std::string(folder) + "/socket";
  }
  ~Chardev() override {
    unlink(path.c_str());
    rmdir(path.substr(0, path.rfind('/')).c_str());
  }
  template <typename Done>
  bool turn_until(Done done) {
    for (int64_t end = now_ms() + 5'000; now_ms() < end;) {
      main_loop_wait(1);
      if (done()) return true;
    }
    return false;
  }
  int connect_client() {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static std::string read_some(int fd) {
    char bytes[4096];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    return got > 0 ? std::string(bytes, static_cast<size_t>(got)) : "";
  }

  LoopRig rig{Kind::kPosixLazy};
  std::string path;
};

TEST_F(Chardev, UnixServerTakesOneClientAfterAnother) {
  Result<std::unique_ptr<CharBackend>> made = make_chardev("unix:" + path + ",server=on,wait=off", "serial0");
  ASSERT_TRUE(made.ok());
  Device device(**made);
  device.send("nobody hears this");
  for (int round = 0; round < 3; round++) {
    device.events.clear();
    device.got.clear();
    const int fd = connect_client();
    ASSERT_TRUE(turn_until([&] { return device.events == "o"; }));
    ASSERT_EQ(write(fd, "hello", 5), 5);
    ASSERT_TRUE(turn_until([&] { return device.got == "hello"; }));
    device.send("world");
    EXPECT_EQ(read_some(fd), "world");
    close(fd);
    ASSERT_TRUE(turn_until([&] { return device.events == "oc"; }));
    device.send("dropped");
  }
  made->reset();
  struct stat info;
  EXPECT_NE(stat(path.c_str(), &info), 0) << "the socket is taken away";
}

TEST_F(Chardev, UnixServerMayWaitForItsClient) {
  const pid_t client = fork();
  if (client == 0) {
    struct stat info;
    while (stat(path.c_str(), &info) != 0) usleep(1000);
    usleep(20'000);
    const int fd = connect_client();
    _exit(read_some(fd) == "boot" ? 0 : 1);
  }
  Result<std::unique_ptr<CharBackend>> made = make_chardev("unix:" + path + ",server", "serial0");
  ASSERT_TRUE(made.ok());
  Device device(**made);
  ASSERT_TRUE(turn_until([&] { return device.events == "o"; }));
  device.send("boot");
  int status;
  waitpid(client, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Chardev, UnixClientConnects) {
  Result<std::unique_ptr<CharBackend>> none = make_chardev("unix:" + path, "serial0");
  ASSERT_FALSE(none.ok());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  Result<std::unique_ptr<CharBackend>> made = make_chardev("unix:" + path, "serial0");
  ASSERT_TRUE(made.ok());
  Device device(**made);
  const int fd = accept(listener, nullptr, nullptr);
  ASSERT_EQ(write(fd, "hello", 5), 5);
  ASSERT_TRUE(turn_until([&] { return device.got == "hello"; }));
  close(fd);
  close(listener);
  ASSERT_TRUE(turn_until([&] { return device.events == "c"; }));
}

TEST_F(Chardev, UnixServerDoesNotTakeSomebodysFileAway) {
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  close(fd);
  EXPECT_FALSE(make_chardev("unix:" + path + ",server=on,wait=off", "serial0").ok());
  struct stat info;
  EXPECT_EQ(stat(path.c_str(), &info), 0);
}

TEST_F(Chardev, AReceiverThatTakesLittleGetsEverythingInItsOwnTime) {
  Result<std::unique_ptr<CharBackend>> made = make_chardev("unix:" + path + ",server=on,wait=off", "serial0");
  ASSERT_TRUE(made.ok());
  Device device(**made);
  device.room = 0;
  const int fd = connect_client();
  std::string all;
  for (int i = 0; i < 300; i++) all += std::to_string(i) + ",";
  ASSERT_EQ(write(fd, all.data(), all.size()), static_cast<ssize_t>(all.size()));
  for (int i = 0; i < 20; i++) main_loop_wait(1);
  EXPECT_EQ(device.got, "");
  // Not served: the loop may sleep.
  EXPECT_FALSE(loop_has_work());
  while (device.got.size() < all.size()) {
    device.room = 3;
    device.backend.accept_input();
    const size_t before = device.got.size();
    ASSERT_TRUE(turn_until([&] { return device.got.size() > before; }));
  }
  EXPECT_EQ(device.got, all);
  close(fd);
}

TEST_F(Chardev, PtyComesAndGoes) {
  testing::internal::CaptureStderr();
  Result<std::unique_ptr<CharBackend>> made = make_pty_chardev("serial0");
  const std::string said = testing::internal::GetCapturedStderr();
  if (!made.ok()) GTEST_SKIP() << made.error().message;
  char name[64];
  ASSERT_EQ(sscanf(said.c_str(), "char device redirected to %63s (label serial0)", name), 1) << said;
  Device device(**made);
  device.send("nobody is there");
  for (int i = 0; i < 20; i++) main_loop_wait(1);
  EXPECT_FALSE(loop_has_work()) << "a pty that nobody opened keeps the loop busy";
  for (int round = 0; round < 3; round++) {
    device.got.clear();
    device.events.clear();
    const int fd = open(name, O_RDWR | O_NOCTTY);
    ASSERT_GE(fd, 0);
    ASSERT_TRUE(turn_until([&] { return device.events == "o"; }));
    ASSERT_EQ(write(fd, "hello\r", 6), 6);
    ASSERT_TRUE(turn_until([&] { return device.got == "hello\r"; }));
    device.send("world\r\n");
    EXPECT_EQ(read_some(fd), "world\r\n") << "raw: nothing is added, nothing from before";
    close(fd);
    // The kernel sends no SIGIO for this hangup: output finds it, or the idle wait does.
    if (round == 1) {
      device.send("nobody is there");
    } else {
      main_loop_wait(0);
    }
    ASSERT_TRUE(turn_until([&] { return device.events == "oc"; }));
  }
}

TEST_F(Chardev, BadNamesAreOneClearLine) {
  for (const char* spec : {"", "tcp:1234", "stdioo", "file:", "file:/nowhere/at/all", "unix:", "unix:/tmp/x,server=maybe", "unix:/tmp/x,speed=1",
                           "vc", "unix:/nowhere/at/all,server=on,wait=off"}) {
    Result<std::unique_ptr<CharBackend>> made = make_chardev(spec, "serial0");
    ASSERT_FALSE(made.ok()) << spec;
    EXPECT_EQ(made.error().message.find('\n'), std::string::npos);
    EXPECT_GT(made.error().message.size(), 10u);
  }
  const std::string fifo = path + "f";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(make_chardev("file:" + fifo, "serial0").ok()) << "and does not hang";
  unlink(fifo.c_str());
  EXPECT_TRUE(make_chardev("null", "serial0").ok());
}

TEST_F(Chardev, StdioCanBeHadOnce) {
  Result<std::unique_ptr<CharBackend>> first = make_stdio_chardev(TerminalMode::kSignalKeys);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(make_stdio_chardev(TerminalMode::kSignalKeys).ok());
  first->reset();
  EXPECT_TRUE(make_stdio_chardev(TerminalMode::kSignalKeys).ok());
}

// --- the multiplexer ----------------------------------------------------------------------------------------
struct Keyboard final : CharBackend {
  explicit Keyboard(bool person) : person_(person) {}
  void write(const uint8_t* bytes, size_t size) override { shown.append(reinterpret_cast<const char*>(bytes), size); }
  bool is_terminal() const override { return person_; }
  // Delivers what the receiver takes; returns how much that was.
  size_t type(const std::string& text) {
    size_t done = 0;
    while (done < text.size()) {
      const size_t room = receiver_.can_receive(receiver_.opaque);
      if (room == 0) break;
      const size_t part = std::min(room, text.size() - done);
      receiver_.receive(receiver_.opaque, reinterpret_cast<const uint8_t*>(text.data()) + done, part);
      done += part;
    }
    return done;
  }
  std::string shown;
  const bool person_;
};

class Mux : public ::testing::Test {
 protected:
  void make(bool person = true) {
    auto owned = std::make_unique<Keyboard>(person);
    keyboard = owned.get();
    mux = std::make_unique<CharMux>(std::move(owned));
    console = std::make_unique<Device>(mux->add_front_end());
    monitor = std::make_unique<Device>(mux->add_front_end());
  }
  LoopRig rig{Kind::kVirtualLazy};
  Keyboard* keyboard = nullptr;
  std::unique_ptr<CharMux> mux;
  std::unique_ptr<Device> console, monitor;
};

TEST_F(Mux, CtrlACSwitchesTheKeyboardAndBothMayWrite) {
  make();
  keyboard->type("one\x01" "ctwo\x01" "cthree");
  EXPECT_EQ(console->got, "onethree");
  EXPECT_EQ(monitor->got, "two");
  EXPECT_EQ(monitor->events, "if");
  EXPECT_EQ(console->events, "fi");
  console->send("a");
  monitor->send("b");
  EXPECT_EQ(keyboard->shown, "ab");
}

TEST_F(Mux, CtrlAQuitsHelpsBreaksSavesAndSendsItself) {
  make();
  int saves = 0;
  mux->set_save_handler([](void* opaque) { ++*static_cast<int*>(opaque); }, &saves);
  keyboard->type("x\x01\x01y\x01z");
  EXPECT_EQ(console->got, "x\x01y");
  keyboard->type("\x01h");
  for (const char* key : {"C-a h", "C-a x", "C-a c", "C-a b", "C-a s", "C-a t", "C-a C-a"}) {
    EXPECT_NE(keyboard->shown.find(key), std::string::npos) << key;
  }
  keyboard->type("\x01" "b\x01s");
  EXPECT_EQ(console->events, "b");
  EXPECT_EQ(saves, 1);
  EXPECT_FALSE(qemu_shutdown_requested());
  keyboard->type("\x01x");
  EXPECT_TRUE(qemu_shutdown_requested());
  EXPECT_EQ(run_loop(RunOptions{}), 0);
}

TEST_F(Mux, QuitsAlsoWhileTheGuestReadsNothing) {
  make(true);
  console->room = 0;
  keyboard->type(std::string(200'000, 'k'));
  EXPECT_EQ(keyboard->type("\x01x"), 2u);
  EXPECT_TRUE(qemu_shutdown_requested());
}

TEST_F(Mux, WhatAPipeSendsWaitsForTheGuestAndNothingIsLost) {
  make(false);
  console->room = 0;
  const std::string much(200'000, 'k');
  const size_t taken = keyboard->type(much);
  EXPECT_LT(taken, much.size());
  size_t typed = taken;
  std::string got;
  while (got.size() < much.size()) {
    console->room = 900;
    console->backend.accept_input();
    EXPECT_EQ(console->got, "") << "not in the middle of the register access that made room";
    main_loop_wait(1);
    typed += keyboard->type(much.substr(typed));
    ASSERT_GT(console->got.size(), 0u);
    got += console->got;
    console->got.clear();
  }
  EXPECT_EQ(got.size(), much.size());
}

TEST_F(Mux, TimeStampsStandAtTheBeginningOfLines) {
  make();
  keyboard->type("\x01t");
  console->send("rest\nline\n");
  virtual_timer_host_set_ns(virtual_timer_host_ns() + 1'234'000'000);
  console->send("next");
  EXPECT_EQ(keyboard->shown, "rest\n[00:00:00.000] line\n[00:00:01.234] next");
}

}  // namespace
}  // namespace monochord
