// Binary traces: what is appended is what an independent reader finds; chunks, labels, rings, disks that are full, processes that crash.
#include "core/trace_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/main_loop.h"
#include "core/trace_session.h"
#include "tests/core/loop_fixture.h"
#include "tests/core/trace_decoder.h"
#include "tests/timer/alloc_count.h"

namespace monochord {
namespace {

struct Given {
  TraceRecord record;
  uint64_t instructions;
  int64_t ns;
};

class TraceFileTest : public ::testing::Test {
 protected:
  TraceFileTest() {
    char name[] = "/tmp/trace-file-test-XXXXXX";
    const int fd = mkstemp(name);
    CHECK(fd >= 0);
    ::close(fd);
    path = name;
    options.path = path;
    options.events = trace_events_of(TraceStream::kGuest);
  }
  ~TraceFileTest() override {
    unlink(path.c_str());
    loop_reset();
  }

  std::unique_ptr<TraceFile> open() {
    Result<std::unique_ptr<TraceFile>> file = TraceFile::open(options);
    EXPECT_TRUE(file.ok()) << file.error().message;
    return file.ok() ? std::move(*file) : nullptr;
  }
  std::string error_of(const std::string& name) {
    options.path = name;
    const Result<std::unique_ptr<TraceFile>> file = TraceFile::open(options);
    return file.ok() ? "no error" : file.error().message;
  }
  DecodedTrace read() { return TraceDecoder(file_bytes(path)).read(); }
  // Numbers of every size and sign, all events, labels that come again.
  std::vector<Given> make_events(unsigned count) {
    static const char* const kTexts[] = {"aclint.mtimer0", "plic", "serial", nullptr, "", "riscv.stimer0"};
    std::mt19937_64 random(7);
    std::vector<Given> events;
    uint64_t instructions = 0;
    int64_t ns = 0;
    for (unsigned i = 0; i < count; i++) {
      Given given{};
      given.record.event = static_cast<TraceEvent>(random() % kTraceEventCount);
      given.record.text = kTexts[random() % std::size(kTexts)];
      for (uint64_t& number : given.record.numbers) number = random() >> random() % 64;
      if (random() % 4 == 0) given.record.numbers[0] = ~given.record.numbers[0];
      instructions += random() >> (30 + random() % 34);
      ns += static_cast<int64_t>(random() >> (30 + random() % 34)) * (random() % 8 == 0 ? -1 : 1);
      given.instructions = instructions;
      given.ns = ns;
      events.push_back(given);
    }
    return events;
  }
  static void append(TraceFile& file, const std::vector<Given>& events) {
    for (const Given& given : events) file.append(given.record, given.instructions, given.ns);
  }
  // What was read is events[first...].
  static void expect_same(const DecodedTrace& read, const std::vector<Given>& events, size_t first = 0) {
    ASSERT_EQ(read.events.size(), events.size() - first);
    for (size_t i = 0; i < read.events.size(); i++) {
      const DecodedTrace::Event& got = read.events[i];
      const Given& want = events[first + i];
      const TraceEventInfo& info = kTraceEvents[want.record.event];
      ASSERT_EQ(got.sequence, first + i);
      ASSERT_EQ(got.number, want.record.event);
      ASSERT_EQ(got.instructions, want.instructions);
      ASSERT_EQ(got.ns, want.ns);
      ASSERT_EQ(got.label, info.label.empty() || want.record.text == nullptr ? "-" : want.record.text);
      ASSERT_EQ(got.values.size(), trace_field_count(info.fields));
      for (size_t f = 0; f < got.values.size(); f++) ASSERT_EQ(got.values[f], want.record.numbers[f]);
    }
  }
  static Given event(const char* label, uint64_t n) { return {{kTrace_timer_armed, label, {1, n}}, n, static_cast<int64_t>(n)}; }

  std::string path;
  TraceFileOptions options;
};

TEST_F(TraceFileTest, WhatIsAppendedIsWhatIsRead) {
  const std::vector<Given> events = make_events(100'000);
  auto file = open();
  append(*file, events);
  EXPECT_TRUE(file->close(false));
  const DecodedTrace read = this->read();
  EXPECT_TRUE(read.closed);
  EXPECT_EQ(read.stream, 0u);
  EXPECT_EQ(read.mask, options.events);
  EXPECT_EQ(read.flags, 0u);
  EXPECT_GT(read.chunks.size(), 10u);
  expect_same(read, events);
}

TEST_F(TraceFileTest, WithoutEventsThereIsAWholeFile) {
  options.stream = TraceStream::kHost;
  auto file = open();
  EXPECT_TRUE(file->close(false));
  const DecodedTrace read = this->read();
  EXPECT_TRUE(read.closed);
  EXPECT_EQ(read.stream, 1u);
  EXPECT_TRUE(read.events.empty());
  EXPECT_NE(read.schema.find("timer_fired|guest|timer|clock:c deadline:t late:t\n"), std::string::npos) << read.schema;
  EXPECT_NE(read.schema.find("\nvm_started|host||\n"), std::string::npos) << read.schema;
}

TEST_F(TraceFileTest, EqualEventsGiveEqualBytesWhereverTheirLabelsLie) {
  const std::vector<Given> events = make_events(20'000);
  auto file = open();
  append(*file, events);
  EXPECT_TRUE(file->close(false));
  const std::string first = file_bytes(path);
  std::vector<std::string> copies;
  copies.reserve(events.size());
  std::vector<Given> moved = events;
  for (Given& given : moved)
    if (given.record.text != nullptr) given.record.text = copies.emplace_back(given.record.text).c_str();
  file = open();
  append(*file, moved);
  EXPECT_TRUE(file->close(false));
  EXPECT_TRUE(file_bytes(path) == first);
}

TEST_F(TraceFileTest, ManyAndLongLabelsEndAChunkInTime) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < 5000; i++) names.push_back(stringf("timer%u-", i) + std::string(i % 300, 'x'));
  auto file = open();
  std::vector<Given> events;
  for (unsigned i = 0; i < 20'000; i++) events.push_back(event(names[i * 7919 % names.size()].c_str(), i));
  append(*file, events);
  EXPECT_TRUE(file->close(false));
  const DecodedTrace read = this->read();
  ASSERT_EQ(read.events.size(), events.size());
  for (size_t i = 0; i < events.size(); i++) ASSERT_EQ(read.events[i].label, std::string(events[i].record.text).substr(0, 255));
  names.resize(1500);
  for (std::string& name : names) name.resize(10);  // many of them are equal now, and short: the number of labels ends a chunk
  for (unsigned i = 0; i < names.size(); i++) names[i] = stringf("t%u", i);
  events.clear();
  for (unsigned i = 0; i < 3000; i++) events.push_back(event(names[i % names.size()].c_str(), i));
  file = open();
  append(*file, events);
  EXPECT_TRUE(file->close(false));
  expect_same(this->read(), events);
  EXPECT_EQ(this->read().chunks.at(0).events, 1024u);
}

TEST_F(TraceFileTest, InstructionsNeverGoBack) {
  auto file = open();
  file->append(event("a", 100).record, 100, 100);
  file->append(event("a", 90).record, 90, 90);
  EXPECT_TRUE(file->close(false));
  const DecodedTrace read = this->read();
  ASSERT_EQ(read.events.size(), 2u);
  EXPECT_EQ(read.events[1].instructions, 100u);
  EXPECT_EQ(read.events[1].ns, 90);
}

TEST_F(TraceFileTest, AppendingAllocatesNothing) {
  const std::vector<Given> events = make_events(200'000);
  for (const uint64_t ring : {0, 1000}) {
    options.ring_events = ring;
    auto file = open();
    const long before = allocations;
    append(*file, events);
    EXPECT_EQ(allocations, before);
    EXPECT_TRUE(file->close(true));
  }
}

TEST_F(TraceFileTest, ARingHasAtLeastTheLastEventsAndNotManyMore) {
  const std::vector<Given> all = make_events(70'000);
  for (const uint64_t wanted : {1, 2, 7, 100, 1000, 60'000}) {
    for (const size_t given : {size_t{0}, size_t{1}, size_t{99}, size_t{5000}, all.size()}) {
      options.ring_events = wanted;
      const std::vector<Given> events(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(given));
      auto file = open();
      append(*file, events);
      EXPECT_TRUE(file->close(true));
      const DecodedTrace read = this->read();
      EXPECT_TRUE(read.closed);
      EXPECT_EQ(read.flags, 1u);
      EXPECT_GE(read.events.size(), std::min<uint64_t>(wanted, given));
      EXPECT_LE(read.events.size(), wanted + wanted / 4 + 3000) << wanted;
      expect_same(read, events, given - read.events.size());
    }
  }
}

TEST_F(TraceFileTest, ARingOfTheLongestEventsKeepsThem) {
  options.ring_events = 50'000;
  std::vector<std::string> names;
  for (unsigned i = 0; i < 2000; i++) names.push_back(stringf("%u", i) + std::string(260, 'n'));
  auto file = open();
  std::vector<Given> events;
  for (uint64_t i = 0; i < 130'000; i++) {
    const uint64_t wild = i % 2 ? ~uint64_t{0} >> 1 : 0;
    events.push_back({{kTrace_timer_fired, names[i % names.size()].c_str(), {wild, wild, wild}}, i << 40, static_cast<int64_t>(wild)});
  }
  append(*file, events);
  EXPECT_TRUE(file->close(true));
  EXPECT_GE(this->read().events.size(), 50'000u);
}

TEST_F(TraceFileTest, ARingOfARunWithoutFailureLeavesNoFile) {
  options.ring_events = 10;
  auto file = open();
  append(*file, make_events(100));
  EXPECT_TRUE(file->close(false));
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(TraceFileTest, WhatCantBeATraceIsRefused) {
  EXPECT_NE(error_of("/dev/full").find("/dev/full: can't write it: No space left"), std::string::npos) << error_of("/dev/full");
  EXPECT_NE(error_of("/tmp").find("/tmp: it is a directory"), std::string::npos) << error_of("/tmp");
  EXPECT_NE(error_of("/no/such/folder/t").find("/no/such/folder/t: No such file"), std::string::npos);
  const std::string fifo = path + ".fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(error_of(fifo).find("a pipe or socket can't hold a trace"), std::string::npos) << error_of(fifo);
  unlink(fifo.c_str());
}

// A limit of the size of files stands for a disk that fills up.
TEST_F(TraceFileTest, AFullDiskIsSaidOnceAndEndsTheRun) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  auto file = open();
  const rlimit small = {100'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  ::testing::internal::CaptureStderr();
  append(*file, make_events(100'000));
  EXPECT_FALSE(file->close(false));
  const std::string said = ::testing::internal::GetCapturedStderr();
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_NE(said.find(path + ": File too large; the trace ends after 100000 bytes"), std::string::npos) << said;
  EXPECT_EQ(loop_requests.shutdown, static_cast<int>(ShutdownCause::kHostError));
  EXPECT_EQ(loop_requests.exit_status, 1);
  EXPECT_EQ(file_bytes(path).size(), 100'000u);
}

TEST_F(TraceFileTest, ACrashSavesWhatThereIs) {
  const std::vector<Given> events = make_events(3000);
  for (const uint64_t ring : {0, 5000}) {
    options.ring_events = ring;
    auto file = open();
    append(*file, events);
    file->save_after_crash();
    file->append(events[0].record, 0, 0);  // the handler may go on for a while
    EXPECT_TRUE(file->close(true));
    EXPECT_TRUE(this->read().closed);
    expect_same(this->read(), events);
  }
}

// --- the session ------------------------------------------------------------------------------------------------------------------

class TraceSessionTest : public TraceFileTest {
 protected:
  TraceSessionTest() { request.file = path; }
  ~TraceSessionTest() override { unlink((path + ".host").c_str()); }
  bool exists(const std::string& name) { return access(name.c_str(), F_OK) == 0; }
  static constexpr uint64_t bit(TraceEvent event) { return uint64_t{1} << event; }

  LoopRig rig{Kind::kVirtualLazy};
  TraceRequest request;
};

TEST_F(TraceSessionTest, GuestAndHostGoToFilesOfTheirOwn) {
  request.events = bit(kTrace_marker) | bit(kTrace_kick);
  request.text_events = bit(kTrace_marker) | bit(kTrace_mret);
  ASSERT_TRUE(trace_start(request).ok());
  ::testing::internal::CaptureStderr();
  trace_marker(0, 1);
  trace_kick(0);
  trace_mret(0, 1, 2);
  trace_sret(0, 1, 2);
  trace_marker(0, 2);
  EXPECT_EQ(trace_finish(0), 0);
  EXPECT_EQ(trace_mask, 0u);
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_NE(text.find("mret hart=0 to=1 pc=0x2"), std::string::npos) << text;
  const DecodedTrace guest = read();
  ASSERT_EQ(guest.events.size(), 2u);
  EXPECT_EQ(guest.mask, bit(kTrace_marker)) << "the other stream's events show nowhere";
  EXPECT_EQ(guest.events[1].sequence, 1u);
  const DecodedTrace host = TraceDecoder(file_bytes(path + ".host")).read();
  ASSERT_EQ(host.events.size(), 1u);
  EXPECT_EQ(host.stream, 1u);
  EXPECT_EQ(host.mask, bit(kTrace_kick));
}

TEST_F(TraceSessionTest, WithoutHostEventsThereIsNoHostFile) {
  request.events = bit(kTrace_marker);
  ASSERT_TRUE(trace_start(request).ok());
  EXPECT_EQ(trace_finish(3), 3);
  EXPECT_TRUE(exists(path));
  EXPECT_FALSE(exists(path + ".host"));
}

TEST_F(TraceSessionTest, ARingIsWrittenWhenTheStatusOrSomebodySaysThatTheRunFailed) {
  request.events = bit(kTrace_marker);
  request.ring = 10;
  for (const int how : {0, 1, 2}) {
    ASSERT_TRUE(trace_start(request).ok());
    trace_marker(0, 1);
    if (how == 2) trace_files_fail();
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(trace_finish(how == 1 ? 4 : 0), how == 1 ? 4 : 0);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(exists(path), how != 0) << how;
    EXPECT_EQ(said.find(path) != std::string::npos, how != 0) << said;
  }
}

TEST_F(TraceSessionTest, AFileThatCantBeMadeLeavesEverythingOff) {
  request.events = ~uint64_t{0} >> (64 - kTraceEventCount);
  ASSERT_EQ(mkdir((path + ".host").c_str(), 0700), 0);
  EXPECT_FALSE(trace_start(request).ok());
  rmdir((path + ".host").c_str());
  EXPECT_EQ(trace_mask, 0u);
  ASSERT_TRUE(trace_start(request).ok()) << "and it can be tried again";
  EXPECT_EQ(trace_finish(0), 0);
}

using TraceSessionDeathTest = TraceSessionTest;
TEST_F(TraceSessionDeathTest, AFailedCheckSavesTheRing) {
  request.events = bit(kTrace_marker);
  request.ring = 5;
  EXPECT_DEATH(
      {
        if (!trace_start(request).ok()) exit(0);
        for (uint64_t i = 0; i < 100; i++) trace_marker(0, i);
        CHECK_MSG(false, "planted");
      },
      "planted");
  const DecodedTrace read = this->read();
  EXPECT_TRUE(read.closed);
  ASSERT_GE(read.events.size(), 5u);
  EXPECT_EQ(read.events.back().values.at(1), 99u);
}

// The timer library's observer: which stream a timer belongs to, what is late, what was deferred.
class TraceTimersTest : public TraceSessionTest {
 protected:
  struct Line {
    std::string text;
    bool host;
  };
  std::vector<std::string> lines_of(const std::string& name) {
    std::vector<std::string> lines;
    for (const DecodedTrace::Event& event : TraceDecoder(file_bytes(name)).read().events) {
      TraceRecord record{static_cast<TraceEvent>(event.number), event.label.c_str(), {}};
      std::copy(event.values.begin(), event.values.end(), record.numbers);
      lines.push_back(trace_text(record));
    }
    return lines;
  }
  void start(const char* patterns) {
    for (std::string_view rest = patterns; !rest.empty();) {
      const size_t blank = std::min(rest.find(' '), rest.size());
      request.events |= trace_match("", rest.substr(0, blank)).value();
      rest.remove_prefix(std::min(blank + 1, rest.size()));
    }
    cpu_enable_ticks();
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    ASSERT_TRUE(trace_start(request).ok());
  }
  void pass(int64_t ns) {
    bql_unlock();
    virtual_timer_host_advance_ns(ns);
    bql_lock();
  }
  using Lines = std::vector<std::string>;
};

TEST_F(TraceTimersTest, TimersOfVirtualAreTheGuestsAndTheOthersTheHosts) {
  start("timer_* host_timer_*");
  QEMUTimer guest, outside, wall;
  const auto nothing = [](void*) {};
  timer_init_ns(&guest, QEMU_CLOCK_VIRTUAL, nothing, nullptr);
  timer_init_full(&outside, nullptr, QEMU_CLOCK_VIRTUAL, SCALE_NS, QEMU_TIMER_ATTR_EXTERNAL, nothing, nullptr);
  timer_init_ns(&wall, QEMU_CLOCK_REALTIME, nothing, nullptr);
  timer_set_name(&guest, "dev.guest");
  timer_set_name(&outside, "dev.outside");
  timer_mod_ns(&guest, 100);
  timer_mod_ns(&outside, 100);
  timer_mod_ns(&wall, 500);
  pass(100);
  timer_mod_ns(&guest, 1000);
  timer_del(&guest);
  timer_del(&wall);
  EXPECT_EQ(trace_finish(0), 0);
  EXPECT_EQ(lines_of(path), (Lines{"timer_armed timer=dev.guest clock=virtual deadline=100ns", "timer_fired timer=dev.guest clock=virtual deadline=100ns late=0ns",
                                   "timer_returned timer=dev.guest clock=virtual", "timer_armed timer=dev.guest clock=virtual deadline=1000ns",
                                   "timer_cancelled timer=dev.guest clock=virtual deadline=1000ns"}));
  const std::string number = stringf("timer=timer%llu", static_cast<unsigned long long>(wall.number));
  EXPECT_EQ(lines_of(path + ".host"),
            (Lines{"host_timer_armed timer=dev.outside clock=virtual deadline=100ns", "host_timer_armed " + number + " clock=realtime deadline=500ns",
                   "host_timer_fired timer=dev.outside clock=virtual deadline=100ns late=0ns", "host_timer_returned timer=dev.outside clock=virtual",
                   "host_timer_cancelled " + number + " clock=realtime deadline=500ns"}));
  timer_set_name(&guest, nullptr);
  timer_set_name(&outside, nullptr);
}

TEST_F(TraceTimersTest, ASignalThatFindsTheMaskClosedIsDeferredForSoLong) {
  start("alarm_*");
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [] {});
  timer.mod_in(100);
  pass(130);  // delivered: nobody is in the way
  timer.mod_in(100);
  virtual_timer_host_set_ns(240);
  EXPECT_FALSE(virtual_timer_host_signal()) << "the BQL is held";
  virtual_timer_host_set_ns(260);
  EXPECT_FALSE(virtual_timer_host_signal());
  virtual_timer_host_set_ns(300);
  bql_unlock();
  bql_lock();
  virtual_timer_host_set_ns(310);
  bql_unlock();
  virtual_timer_host_signal();  // a stray one
  bql_lock();
  EXPECT_EQ(trace_finish(0), 0);
  Lines lines = lines_of(path + ".host");
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("alarm_armed") || line == "alarm_raised"; });
  EXPECT_EQ(lines, (Lines{"alarm_delivered late=0ns", "alarm_deferred masked=60ns", "alarm_delivered late=0ns"}));
}

// The library alone (timer_event_text) gives the lines that the emulator's trace has.
TEST_F(TraceTimersTest, TheLibrarysOwnTextIsTheTraces) {
  QEMUTimer guest, outside, wall;
  const auto nothing = [](void*) {};
  timer_init_ns(&guest, QEMU_CLOCK_VIRTUAL, nothing, nullptr);
  timer_init_full(&outside, nullptr, QEMU_CLOCK_VIRTUAL, SCALE_NS, QEMU_TIMER_ATTR_EXTERNAL, nothing, nullptr);
  timer_init_ns(&wall, QEMU_CLOCK_HOST, nothing, nullptr);
  timer_set_name(&guest, "dev.guest");
  timer_set_name(&outside, "dev.outside");  // `wall` has none
  const auto scenario = [&] {
    virtual_timer_host_set_ns(0);
    timer_mod_ns(&guest, 100);
    timer_mod_ns(&outside, 100);
    timer_mod_ns(&wall, 130);
    pass(140);
    timer_mod_ns(&guest, 200);
    virtual_timer_host_set_ns(240);
    virtual_timer_host_signal();  // the BQL is held
    virtual_timer_host_set_ns(300);
    pass(0);
    timer_mod_ns(&guest, 1000);
    timer_mod_ns(&wall, 1000);
    pass(0);
    timer_del(&guest);
    timer_del(&wall);
    qemu_clock_enable(QEMU_CLOCK_HOST, false);
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
    qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
    qemu_clock_enable(QEMU_CLOCK_HOST, true);
    bql_unlock();
    virtual_timer_host_signal();  // a stray one, which takes the alarm away
    bql_lock();
  };
  start("timer_* host_timer_* alarm_* clock_enabled");
  scenario();
  EXPECT_EQ(trace_finish(0), 0);
  Lines traced = lines_of(path);
  EXPECT_EQ(traced.size(), 10u) << "armed, fired, returned, twice; armed, cancelled; the clock off and on";
  for (const std::string& line : lines_of(path + ".host")) traced.push_back(line);

  static Lines streams[2];
  streams[0].clear();
  streams[1].clear();
  timer_set_observer([](void*, const TimerEvent* event) {
    char text[TIMER_EVENT_TEXT_MAX];
    if (timer_event_text(text, sizeof text, event) == 0) return;
    for (std::string_view rest = text; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string line(rest.substr(0, end));
      streams[!line.starts_with("timer_") && !line.starts_with("clock_")].push_back(line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }, nullptr);
  scenario();
  timer_set_observer(nullptr, nullptr);
  streams[0].insert(streams[0].end(), streams[1].begin(), streams[1].end());
  EXPECT_EQ(streams[0], traced);
  timer_set_name(&guest, nullptr);
  timer_set_name(&outside, nullptr);
}

TEST_F(TraceTimersTest, NobodyListensWhereNoSuchEventIsOn) {
  start("marker");
  TestTimer timer(QEMU_CLOCK_VIRTUAL, [] {});
  timer.mod_in(100);
  pass(100);
  EXPECT_EQ(trace_finish(0), 0);
  EXPECT_TRUE(lines_of(path).empty());
}

TEST_F(TraceTimersTest, TheClockThatTheGuestSeesIsSwitched) {
  start("clock_enabled");
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, false);
  qemu_clock_enable(QEMU_CLOCK_HOST, false);
  qemu_clock_enable(QEMU_CLOCK_HOST, true);
  qemu_clock_enable(QEMU_CLOCK_VIRTUAL, true);
  EXPECT_EQ(trace_finish(0), 0);
  EXPECT_EQ(lines_of(path), (Lines{"clock_enabled clock=virtual enabled=0", "clock_enabled clock=virtual enabled=1"}));
}

}  // namespace
}  // namespace monochord
