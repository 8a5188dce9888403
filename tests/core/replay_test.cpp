// Record and replay in the run loop: what was recorded with signals, timers and input at any time comes back instruction by instruction; a file that is
// damaged, unfinished or another machine's is refused.
#include "core/replay.h"

#include <unistd.h>

#include <fstream>
#include <iterator>

#include "core/guest_time.h"
#include "core/input_gate.h"
#include "core/log.h"
#include "tests/core/loop_fixture.h"

namespace monochord {
namespace {

std::string temporary(const char* name) { return ::testing::TempDir() + "monochord-" + std::to_string(getpid()) + "-" + name; }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class Keyboard final : public CharBackend {
 public:
  void write(const uint8_t*, size_t) override {}
  void type(const std::string& text) {
    if (receiver_.can_receive(receiver_.opaque) < text.size()) return;
    receiver_.receive(receiver_.opaque, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }
  void hold() { send_event(CharEvent::kBreak); }
};

struct Telling {
  std::string text;
  int status = 0;
};

// A guest with a periodic timer, sleeps and a keyboard, as text. `seed` decides when the host does what.
Telling tell(Kind kind, const char* icount, ReplayMode mode, const std::string& file, unsigned seed, int block = 1) {
  LoopRig rig(kind);
  FakeCpu cpu;
  cpu.block = block;
  IcountOptions options = {ICOUNT_SAMPLED, 0, false, false};
  if (*icount != '\0') EXPECT_EQ(icount_parse(icount, &options), nullptr);
  if (mode == ReplayMode::kRecord) {
    auto writer = ReplayWriter::create(file, "machine=fake\n");
    EXPECT_TRUE(writer.ok());
    replay_start_recording(std::move(*writer));
  } else {
    auto reader = ReplayReader::open(file);
    EXPECT_TRUE(reader.ok()) << (reader.ok() ? "" : reader.error().message);
    if (!reader.ok()) return {};
    EXPECT_EQ((*reader)->header(), "machine=fake\n");
    replay_start_playing(std::move(*reader));
    options.sleep = false;
  }
  guest_time_start(options);

  Telling telling;
  const auto say = [&](const std::string& what) {
    telling.text += what + "@" + std::to_string(cpu.instructions()) + "," + std::to_string(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) + " ";
  };
  Keyboard keyboard;
  InputGate gate("keys", keyboard);
  struct Device {
    const std::function<void(const std::string&)> say;
    FakeCpu& cpu;
  } device{say, cpu};
  CharReceiver receiver;
  receiver.opaque = &device;
  receiver.can_receive = [](void*) { return size_t{16}; };
  receiver.receive = [](void* opaque, const uint8_t* bytes, size_t size) {
    Device& d = *static_cast<Device*>(opaque);
    d.say("key:" + std::string(reinterpret_cast<const char*>(bytes), size));
    cpu_interrupt(d.cpu, CPU_INTERRUPT_HARD);
  };
  receiver.event = [](void* opaque, CharEvent) { static_cast<Device*>(opaque)->say("break"); };
  gate.set_receiver(receiver);

  // The host's part: keys at times that the guest doesn't know. A replay's own keyboard reaches nobody.
  std::mt19937 random(seed);
  struct Typist {
    Keyboard& keyboard;
    QEMUBH* bh;
    std::mt19937& random;
    int keys = 0;
  } typist{keyboard, nullptr, random};
  typist.bh = qemu_bh_new(
      [](void* opaque) {
        Typist& t = *static_cast<Typist*>(opaque);
        if (++t.keys % 7 == 0) t.keyboard.hold();
        else t.keyboard.type(std::string(1 + t.keys % 3, static_cast<char>('a' + t.keys % 26)));
      },
      &typist);
  TestTimer* again = nullptr;
  TestTimer hand(QEMU_CLOCK_REALTIME, [&] {
    qemu_bh_schedule(typist.bh);
    again->mod_in(static_cast<int64_t>(20'000 + random() % 200'000));
  });
  again = &hand;
  hand.mod_in(30'000);

  TestTimer* next = nullptr;
  TestTimer tick(QEMU_CLOCK_VIRTUAL, [&] {
    say("tick");
    cpu_interrupt(cpu, CPU_INTERRUPT_HARD);
    next->mod_in(50'000);
  });
  next = &tick;
  tick.mod_in(10'000);
  TestTimer device_timer(QEMU_CLOCK_VIRTUAL, [&] { say("device"); });
  cpu.insn = [&](uint64_t n) {
    rig.pass(static_cast<int64_t>(random() % 200));
    if (n % 500 == 77) cpu.mmio([&] { device_timer.mod_in(static_cast<int64_t>(n % 3000)); });
    if (n % 300 == 299) {
      cpu.mmio([&] { cpu_reset_interrupt(cpu, CPU_INTERRUPT_HARD); });
      cpu.wfi = true;
    }
    if (n == 6000) cpu.mmio([&] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 0); });
  };
  vm_start();
  telling.status = run_loop(RunOptions{});
  say("end");
  hand.del();
  tick.del();
  device_timer.del();
  qemu_bh_delete(typist.bh);
  return telling;
}

class ReplayTest : public ::testing::Test {
 protected:
  ~ReplayTest() override { unlink(file_.c_str()); }
  const std::string file_ = temporary("recording");
};

TEST_F(ReplayTest, a_recording_of_real_time_comes_back_instruction_by_instruction) {
  for (const Kind kind : {Kind::kVirtualLazy, Kind::kVirtualStrict, Kind::kPosixLazy, Kind::kPosixStrict}) {
    for (unsigned seed = 1; seed <= 20; seed++) {
      const Telling recorded = tell(kind, "", ReplayMode::kRecord, file_, seed, seed % 2 ? 1 : 40);
      EXPECT_NE(recorded.text.find("tick"), std::string::npos);
      if (kind == Kind::kVirtualLazy) EXPECT_NE(recorded.text.find("key:"), std::string::npos);
      const Telling replayed = tell(Kind::kVirtualLazy, "", ReplayMode::kPlay, file_, seed + 100, seed % 3 ? 1 : 40);
      ASSERT_EQ(replayed.text, recorded.text) << kind_name({kind, 0}) << " " << seed;
      EXPECT_EQ(replayed.status, recorded.status);
    }
  }
}

TEST_F(ReplayTest, a_recording_with_icount_holds_the_inputs) {
  for (const char* icount : {"shift=0,sleep=off", "shift=3,sleep=on", "shift=6,sleep=off"}) {
    for (unsigned seed = 1; seed <= 10; seed++) {
      const Telling recorded = tell(Kind::kVirtualLazy, icount, ReplayMode::kRecord, file_, seed);
      const Telling replayed = tell(Kind::kVirtualLazy, icount, ReplayMode::kPlay, file_, seed + 50, 17);
      ASSERT_EQ(replayed.text, recorded.text) << icount << " " << seed;
    }
  }
}

TEST_F(ReplayTest, an_alarm_in_the_middle_of_a_look_is_not_the_last_one) {
  LoopRig rig(Kind::kPosixLazy);
  FakeCpu cpu;
  auto writer = ReplayWriter::create(file_, "machine=fake\n");
  ASSERT_TRUE(writer.ok());
  replay_start_recording(std::move(*writer));
  guest_time_start({ICOUNT_SAMPLED, 0, false, false});
  vm_start();
  // Interrupts of the guest's own bring look after look, each while an alarm is armed. The second digest takes until that alarm has come; afterwards
  // only alarms end slices.
  int digests = 0, execs = 0;
  int64_t since_ns = INT64_MAX, last_ns = get_clock();
  cpu.on_digest = [&] {
    if (++digests != 2) return;
    execs = cpu.execs;
    const int64_t began = get_clock();
    while (get_clock() - began < 20 * SCALE_MS) {
    }
    since_ns = get_clock();
  };
  cpu.insn = [&](uint64_t) {
    const int64_t now = get_clock();
    if (since_ns == INT64_MAX && now - last_ns > 200 * SCALE_US) {
      last_ns = now;
      cpu.mmio([&] { cpu_interrupt(cpu, CPU_INTERRUPT_HARD); });
    }
    if (since_ns != INT64_MAX && now - since_ns > 200 * SCALE_MS)
      cpu.mmio([&] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 0); });
  };
  EXPECT_EQ(run_loop(RunOptions{}), 0);
  EXPECT_GT(cpu.execs, execs + 2) << "a look every 4 ms goes on";
}

TEST_F(ReplayTest, a_run_that_goes_another_way_is_told_of) {
  tell(Kind::kVirtualLazy, "", ReplayMode::kRecord, file_, 1);
  std::string bytes = read_file(file_);
  // The same file for a guest of which an instruction is missing: its registers are others.
  LoopRig rig(Kind::kVirtualLazy);
  FakeCpu cpu;
  auto reader = ReplayReader::open(file_);
  ASSERT_TRUE(reader.ok());
  replay_start_playing(std::move(*reader));
  guest_time_start({ICOUNT_SAMPLED, 0, false, false});
  vm_start();
  cpu.insn = [&](uint64_t n) {
    if (n == 10) cpu.mmio([&] { qemu_system_shutdown_request(ShutdownCause::kGuestShutdown, 0); });
  };
  EXPECT_EQ(run_loop(RunOptions{}), 1);
}

TEST_F(ReplayTest, a_damaged_or_unfinished_file_is_refused) {
  tell(Kind::kVirtualLazy, "", ReplayMode::kRecord, file_, 3);
  const std::string good = read_file(file_);
  ASSERT_GT(good.size(), 200u);
  for (size_t size = 0; size < good.size(); size += 1 + size / 40) {
    write_file(file_, good.substr(0, size));
    EXPECT_FALSE(ReplayReader::open(file_).ok()) << "cut to " << size;
  }
  for (size_t at = 0; at < good.size(); at++) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    write_file(file_, bad);
    EXPECT_FALSE(ReplayReader::open(file_).ok()) << "bit at " << at;
  }
  write_file(file_, good + "x");
  EXPECT_FALSE(ReplayReader::open(file_).ok());
  write_file(file_, good);
  EXPECT_TRUE(ReplayReader::open(file_).ok());
}

TEST_F(ReplayTest, records_are_what_was_written) {
  std::vector<ReplayRecord> written;
  {
    LoopRig rig(Kind::kVirtualLazy);
    auto writer = ReplayWriter::create(file_, "key=value\n");
    ASSERT_TRUE(writer.ok());
    std::mt19937_64 random(1);
    uint64_t instruction = 0;
    int64_t ns = 0;
    for (int i = 0; i < 20000; i++) {
      ReplayRecord r;
      r.kind = static_cast<ReplayKind>(1 + random() % 5);
      r.instruction = instruction += random() >> (random() % 60 + 4) >> 20;
      r.virtual_ns = ns = static_cast<int64_t>((static_cast<uint64_t>(ns) + (random() >> (random() % 60 + 4) >> 20)) & INT64_MAX);
      r.has_digest = random() % 2;
      if (r.has_digest) r.digest = random();
      if (r.kind == ReplayKind::kReset) r.value = 1 + random() % 6;
      if (r.kind == ReplayKind::kInput || r.kind == ReplayKind::kBreak) r.gate = "serial0";
      if (r.kind == ReplayKind::kInput) r.bytes = std::string(random() % 300, static_cast<char>(random()));
      written.push_back(r);
      (*writer)->append(r);
    }
    ReplayRecord end;
    end.instruction = instruction;
    end.virtual_ns = ns;
    end.value = 7 * 16 + 1;
    written.push_back(end);
    (*writer)->append(end);
    EXPECT_TRUE((*writer)->close());
  }
  auto reader = ReplayReader::open(file_);
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  for (const ReplayRecord& r : written) {
    const ReplayRecord* got = (*reader)->peek();
    ASSERT_NE(got, nullptr);
    EXPECT_EQ(got->kind, r.kind);
    EXPECT_EQ(got->instruction, r.instruction);
    EXPECT_EQ(got->virtual_ns, r.virtual_ns);
    EXPECT_EQ(got->has_digest, r.has_digest);
    if (r.has_digest) EXPECT_EQ(got->digest, r.digest);
    EXPECT_EQ(got->value, r.value);
    EXPECT_EQ(got->gate, r.gate);
    EXPECT_EQ(got->bytes, r.bytes);
    (*reader)->next();
  }
  EXPECT_EQ((*reader)->peek(), nullptr);
}

TEST_F(ReplayTest, a_full_disk_ends_the_run_with_an_error) {
  LoopRig rig(Kind::kVirtualLazy);
  auto writer = ReplayWriter::create("/dev/full", "key=value\n");
  EXPECT_FALSE(writer.ok());
  EXPECT_FALSE(ReplayWriter::create("/no/such/folder/x", "").ok());
}

}  // namespace
}  // namespace monochord
