#include "tools/monochord/monitor.h"

#include <gtest/gtest.h>

namespace monochord {
namespace {

class Typewriter final : public CharBackend {
 public:
  void write(const uint8_t* bytes, size_t size) override { text.append(reinterpret_cast<const char*>(bytes), size); }
  void type(const std::string& keys) { receiver_.receive(receiver_.opaque, reinterpret_cast<const uint8_t*>(keys.data()), keys.size()); }
  std::string text;
};

TEST(Monitor, HelpListsEveryCommandOfTheIssue) {
  const std::string help = monitor_command("help");
  for (const char* name : {"info registers", "info timers", "info mtree", "info jit", "stop", "cont", "quit"}) EXPECT_NE(help.find(name), std::string::npos) << name;
}

TEST(Monitor, UnknownCommandNamesTheNearest) { EXPECT_NE(monitor_command("info register").find("info registers"), std::string::npos); }

TEST(Monitor, InfoJitSaysSoWhereNoneRuns) { EXPECT_NE(monitor_command("info jit").find("does not run"), std::string::npos); }

TEST(Monitor, EmptyLinesPrintNothing) { EXPECT_EQ(monitor_command("   "), ""); }

TEST(Monitor, EditsTheLine) {
  Typewriter terminal;
  Monitor monitor(terminal);
  terminal.type("info stX\x7f" "atus\r");
  EXPECT_NE(terminal.text.find("VM status:"), std::string::npos);
}

TEST(Monitor, UpArrowBringsTheLastLineBack) {
  Typewriter terminal;
  Monitor monitor(terminal);
  terminal.type("info version\r");
  terminal.text.clear();
  terminal.type("\x1b[A\r");
  EXPECT_NE(terminal.text.find("Monochord"), std::string::npos);
}

TEST(Monitor, AVeryLongLineIsCutAndNothingElse) {
  Typewriter terminal;
  Monitor monitor(terminal);
  terminal.type(std::string(100000, 'a') + "\r");
  EXPECT_NE(terminal.text.find("unknown command"), std::string::npos);
}

}  // namespace
}  // namespace monochord
