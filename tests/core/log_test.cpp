// -d and -D, the reports, and "did you mean".
#include "core/log.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/suggest.h"
#include "memory_fixture.h"

namespace monochord {
namespace {

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { log_mask = 0; }
};

TEST_F(LogTest, ItemsHaveTheNamesOfQemu) {
  for (const char* name : {"out_asm", "in_asm", "op", "int", "exec", "cpu", "mmu", "page", "unimp", "guest_errors", "nochain"})
    EXPECT_TRUE(parse_log_items(name).ok()) << name;
  EXPECT_EQ(*parse_log_items("int"), kLogInt);
  EXPECT_EQ(*parse_log_items("in_asm,int,guest_errors"), kLogInAsm | kLogInt | kLogGuestError);
  EXPECT_EQ(*parse_log_items("all") & (kLogInt | kLogOutAsm | kLogCpuReset), kLogInt | kLogOutAsm | kLogCpuReset);
}

TEST_F(LogTest, AnUnknownItemNamesTheNearest) {
  const std::string text = parse_log_items("int,guest_error").error().message;
  EXPECT_NE(text.find("guest_error:"), std::string::npos) << text;
  EXPECT_NE(text.find("'guest_errors'"), std::string::npos) << text;
  for (const char* bad : {"", ",", "int,", ",int", "int,,cpu", "INT "}) {
    Result<uint32_t> items = parse_log_items(bad);
    ASSERT_FALSE(items.ok()) << bad;
    EXPECT_EQ(items.error().message.find('\n'), std::string::npos);
  }
}

TEST_F(LogTest, HelpListsEveryItemThatIsAccepted) {
  const std::string help = log_help();
#define MONOCHORD_LOG_TEST(flag, name, text) EXPECT_NE(help.find("\n" name " "), std::string::npos) << name;
  MONOCHORD_LOG_ITEMS(MONOCHORD_LOG_TEST)
#undef MONOCHORD_LOG_TEST
}

TEST_F(LogTest, OnlyItemsThatAreOnArePrinted) {
  log_mask = kLogInt;
  ::testing::internal::CaptureStderr();
  qemu_log_mask(kLogMmu, "a walk");
  qemu_log_mask(kLogInt | kLogMmu, "a trap %d", 7);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "a trap 7\n");
}

TEST_F(LogTest, GoesToTheFileThatWasNamed) {
  TempFolder folder;
  const std::string path = folder.file("log-%d", "old content");  // %d is the process id
  const pid_t child = fork();
  if (child == 0) {
    log_mask = kLogInt;
    const bool ok = open_log_file((folder.path() + "/log-%d").c_str()).ok();
    qemu_log_mask(kLogInt, "%s", std::string(3000, 'y').c_str());
    _exit(ok ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  FILE* file = fopen(stringf("%s/log-%d", folder.path().c_str(), child).c_str(), "r");
  ASSERT_NE(file, nullptr);
  char text[4000] = {};
  EXPECT_EQ(fread(text, 1, sizeof text, file), 3001u);
  fclose(file);
  EXPECT_EQ(std::string(text), std::string(3000, 'y') + "\n");
}

TEST_F(LogTest, AFileThatCantBeWrittenGivesOneLine) {
  const std::string text = open_log_file("/proc/no/such/log").error().message;
  EXPECT_NE(text.find("/proc/no/such/log"), std::string::npos);
  EXPECT_NE(text.find("No such file"), std::string::npos);
}

TEST_F(LogTest, ReportsCarryTheNameOfTheProgram) {
  ::testing::internal::CaptureStderr();
  warn_report("slow %s", "host");
  error_report("no %d", 5);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "monochord: warning: slow host\nmonochord: no 5\n");
}

TEST_F(LogTest, ANonBlockingTerminalLosesNothing) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::string text(1 << 20, 'z');  // more than the pipe holds
  const pid_t reader = fork();
  if (reader == 0) {
    close(ends[1]);
    std::vector<char> buffer(4096);
    size_t total = 0;
    for (ssize_t got; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) total += static_cast<size_t>(got);
    _exit(total == size_t{1} << 20 ? 0 : 1);
  }
  close(ends[0]);
  write_all(ends[1], text.data(), text.size());
  close(ends[1]);
  int status = 0;
  ASSERT_EQ(waitpid(reader, &status, 0), reader);
  EXPECT_EQ(status, 0);
}

constexpr std::array<std::string_view, 7> kOptions = {"append", "kernel", "machine", "monitor", "nographic", "no-reboot", "initrd"};

TEST(NearestName, ForgivesTypingMistakes) {
  EXPECT_EQ(nearest_name("kernle", kOptions), "kernel");
  EXPECT_EQ(nearest_name("krnel", kOptions), "kernel");
  EXPECT_EQ(nearest_name("initrdd", kOptions), "initrd");
  EXPECT_EQ(nearest_name("apend", kOptions), "append");
  EXPECT_EQ(nearest_name("noreboot", kOptions), "no-reboot");
  EXPECT_EQ(nearest_name("NOGRAPHIC", kOptions), "nographic");
  constexpr std::array<std::string_view, 2> names = {"tax", "the"};  // two letters changed, or two swapped
  EXPECT_EQ(nearest_name("teh", names), "the");
}

TEST(NearestName, TakesAnAbbreviationForItsWord) {
  EXPECT_EQ(nearest_name("nograph", kOptions), "nographic");
  EXPECT_EQ(nearest_name("mach", kOptions), "machine");
  constexpr std::array<std::string_view, 2> names = {"mem", "monitor"};  // "mem" would be nearer by letters
  EXPECT_EQ(nearest_name("mon", names), "monitor");
}

TEST(NearestName, PrefersAnEqualNameAndTheFirstOfEquals) {
  constexpr std::array<std::string_view, 3> names = {"cpu_reset", "cpu", "cpt"};
  EXPECT_EQ(nearest_name("cpu", names), "cpu");
  constexpr std::array<std::string_view, 2> equals = {"ax", "bx"};
  EXPECT_EQ(nearest_name("cx", equals), "ax");
}

TEST(NearestName, SurvivesAnythingAsAWord) {
  EXPECT_EQ(nearest_name("kernel", {}), "");
  EXPECT_FALSE(nearest_name("", kOptions).empty());
  EXPECT_FALSE(nearest_name(std::string(1 << 20, 'k'), kOptions).empty());
}

}  // namespace
}  // namespace monochord
