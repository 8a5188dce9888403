// The table of trace points: off costs nothing and says nothing, on hands a record to the sink.
#include "core/trace.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "core/memory.h"

namespace monochord {
namespace {

std::vector<TraceRecord> records;
void remember(const TraceRecord& record) { records.push_back(record); }

class TraceTest : public ::testing::Test {
 protected:
  TraceTest() {
    records.clear();
    trace_disable_all();
    trace_set_sink(&remember);
  }
  ~TraceTest() override {
    trace_disable_all();
    trace_set_sink(nullptr);
  }
};

TEST_F(TraceTest, EventsThatAreOffReachNobody) {
  trace_interrupt_taken(0, 5, 0x80000000u, 12);
  trace_timer_fired("x", 1, 2, 3);
  EXPECT_TRUE(records.empty());
  ASSERT_TRUE(trace_enable("timer_fired").ok());
  trace_interrupt_taken(0, 5, 0x80000000u, 12);
  EXPECT_TRUE(records.empty());
  trace_timer_fired("x", 1, 2, 3);
  EXPECT_EQ(records.size(), 1u);
}

TEST_F(TraceTest, ARecordHoldsTheEventItsTextAndItsNumbers) {
  ASSERT_TRUE(trace_enable("*").ok());
  trace_timer_fired("aclint.mtimer0", 1, int64_t{1000}, int64_t{-20});
  trace_exception_taken(1, 8, uint64_t{0xffffffff80001234}, 0);
  trace_vm_started();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].event, kTrace_timer_fired);
  EXPECT_STREQ(records[0].text, "aclint.mtimer0");
  EXPECT_EQ(records[0].numbers[1], 1000u);
  EXPECT_EQ(static_cast<int64_t>(records[0].numbers[2]), -20);
  EXPECT_EQ(records[1].text, nullptr);
  EXPECT_EQ(records[1].numbers[2], 0xffffffff80001234u);
  EXPECT_EQ(records[2].event, kTrace_vm_started);
}

TEST_F(TraceTest, TextIsNamesAndNumbersInTheirForm) {
  EXPECT_EQ(trace_text({kTrace_timer_fired, "aclint.mtimer0", {1, 1000, static_cast<uint64_t>(-20), 0}}),
            "timer_fired timer=aclint.mtimer0 clock=virtual deadline=1000ns late=-20ns");
  EXPECT_EQ(trace_text({kTrace_interrupt_taken, nullptr, {0, 5, 0x80000000, 12}}), "interrupt_taken hart=0 cause=5 epc=0x80000000 distance=12");
  EXPECT_EQ(trace_text({kTrace_vm_started, nullptr, {}}), "vm_started");
  EXPECT_EQ(trace_text({kTrace_irq_line, nullptr, {3, 1, 0, 0}}), "irq_line sink=? irq=3 level=1");
  EXPECT_EQ(trace_text({kTrace_clock_enabled, nullptr, {99, 1, 0, 0}}), "clock_enabled clock=? enabled=1");
}

TEST_F(TraceTest, PatternsChooseEventsAsAShellDoes) {
  const auto bits = [](const char* pattern) {
    trace_disable_all();
    EXPECT_TRUE(trace_enable(pattern).ok()) << pattern;
    return trace_mask;
  };
  const auto bit = [](TraceEvent event) { return uint64_t{1} << event; };
  EXPECT_EQ(bits("mmio_*"), bit(kTrace_mmio_read) | bit(kTrace_mmio_write));
  EXPECT_EQ(bits("?ret"), bit(kTrace_mret) | bit(kTrace_sret));
  EXPECT_EQ(bits("wfi*e*d"), bit(kTrace_wfi_entered));
  EXPECT_EQ(bits("*"), (bit(kTraceEventCount) - 1));
  EXPECT_EQ(bits("*_*_*"), bits("host_timer_*"));
  trace_disable_all();
  EXPECT_TRUE(trace_enable("mret").ok());
  EXPECT_TRUE(trace_enable("sret").ok());
  EXPECT_EQ(trace_mask, bit(kTrace_mret) | bit(kTrace_sret)) << "several add up";
}

TEST_F(TraceTest, AnUnknownEventNamesTheNearest) {
  const std::string text = trace_enable("timer_fire").error().message;
  EXPECT_NE(text.find("'timer_fired'"), std::string::npos) << text;
  EXPECT_FALSE(trace_enable("").ok());
  EXPECT_FALSE(trace_enable("timer_fired?").ok());
  EXPECT_EQ(trace_mask, 0u);
}

TEST_F(TraceTest, TheTableIsSoundAndHelpListsItAll) {
  const std::string help = stringf("\n%s", trace_help().c_str());
  std::set<std::string_view> names;
  for (const TraceEventInfo& info : kTraceEvents) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_NE(help.find(stringf("\n%s ", info.name.data())), std::string::npos) << info.name;
    EXPECT_LE(trace_field_count(info.fields), kTraceNumbersMax);
    for (size_t colon = info.fields.find(':'); colon != std::string_view::npos; colon = info.fields.find(':', colon + 1)) {
      ASSERT_LT(colon + 1, info.fields.size());
      EXPECT_NE(strchr("dxtc", info.fields[colon + 1]), nullptr) << info.name;
      EXPECT_TRUE(colon + 2 == info.fields.size() || info.fields[colon + 2] == ' ') << info.name;
    }
  }
}

TEST_F(TraceTest, DeviceAccessesAreEvents) {
  static constexpr MemoryRegionOps kOps{
      [](void*, uint64_t, unsigned, uint64_t* value) {
        *value = 0x1234;
        return MemTxResult::kOk;
      },
      [](void*, uint64_t, unsigned, uint64_t) { return MemTxResult::kOk; }};
  MemoryRegion root, io;
  root.init_container("system", UINT64_MAX);
  io.init_io("serial", &kOps, nullptr, 0x100);
  root.add_subregion(0x10000000, io);
  AddressSpace as("memory", root);
  ASSERT_TRUE(trace_enable("mmio_*").ok());
  uint64_t value;
  as.read(0x10000005, 1, &value);
  as.write(0x10000000, 1, 'A');
  as.read(0x20000000, 1, &value);  // nobody there: no event
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(trace_text(records[0]), "mmio_read region=serial addr=0x10000005 size=1 value=0x34");
  EXPECT_EQ(trace_text(records[1]), "mmio_write region=serial addr=0x10000000 size=1 value=0x41");
}

TEST_F(TraceTest, WithoutASinkEventsAreLinesOfTheLog) {
  trace_set_sink(nullptr);
  ASSERT_TRUE(trace_enable("marker").ok());
  ::testing::internal::CaptureStderr();
  trace_marker(0, 0x2a);
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("ns marker hart=0 value=0x2a\n"), std::string::npos) << line;
}

}  // namespace
}  // namespace monochord
