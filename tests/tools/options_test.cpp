#include "tools/monochord/options.h"

#include <gtest/gtest.h>

namespace monochord {
namespace {

Result<Options> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "monochord");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

std::string error_of(const std::vector<std::string>& words) {
  const Result<Options> options = parse(words);
  return options ? "no error" : options.error().message;
}

TEST(Options, OneAndTwoDashesAreAlike) {
  EXPECT_EQ(parse({"-m", "64"}).value().ram_bytes, 64u << 20);
  EXPECT_EQ(parse({"--m", "64"}).value().ram_bytes, 64u << 20);
}

TEST(Options, MemoryTakesMegabytesAndSuffixes) {
  EXPECT_EQ(parse({"-m", "1G"}).value().ram_bytes, 1u << 30);
  EXPECT_EQ(parse({"-m", "size=512M"}).value().ram_bytes, 512u << 20);
  EXPECT_EQ(parse({"-m", "2048K"}).value().ram_bytes, 2u << 20);
  EXPECT_NE(error_of({"-m", "0"}).find("-m 0"), std::string::npos);
  EXPECT_NE(error_of({"-m", "lots"}).find("not a size"), std::string::npos);
  EXPECT_NE(error_of({"-m", "99999999999999999T"}).find("-m"), std::string::npos);
  EXPECT_NE(error_of({"-m", "-5"}).find("not a size"), std::string::npos);
}

TEST(Options, UnknownOptionNamesTheNearest) {
  EXPECT_NE(error_of({"-kernle", "x"}).find("did you mean -kernel"), std::string::npos);
  EXPECT_NE(error_of({"--no-rebot"}).find("did you mean -no-reboot"), std::string::npos);
}

TEST(Options, WhatMakesNoSenseIsRefusedWithTheReason) {
  EXPECT_NE(error_of({"-enable-kvm"}).find("hypervisor"), std::string::npos);
  EXPECT_NE(error_of({"-daemonize"}).find("fork"), std::string::npos);
  EXPECT_NE(error_of({"-display", "gtk"}).find("no graphical display"), std::string::npos);
  EXPECT_NE(error_of({"-smp", "4"}).find("use -smp 1"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "kvm"}).find("only 'tcg'"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "tcg,thread=multi"}).find("thread=single"), std::string::npos);
}

TEST(Options, WhatEveryQemuUserTypesIsTaken) {
  const Result<Options> options =
      parse({"-machine", "virt", "-cpu", "rv64,sstc=off,h=off", "-smp", "1", "-m", "512M", "-nographic", "-accel", "tcg,thread=single", "-kernel", "Image",
             "-initrd", "initrd.gz", "-append", "console=ttyS0", "-drive", "file=d.img,format=raw,if=none,id=d0", "-device", "virtio-blk-device,drive=d0",
             "-no-reboot", "-name", "guest", "-rtc", "base=utc,clock=vm", "-global", "virtio-mmio.force-legacy=false", "-s", "-S"});
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_EQ(options.value().kernel, "Image");
  EXPECT_EQ(options.value().devices.at(0).get("drive"), "d0");
  EXPECT_FALSE(options.value().force_legacy);
  EXPECT_TRUE(options.value().freeze);
  EXPECT_EQ(options.value().gdb.at(0), "tcp::1234");
  EXPECT_EQ(options.value().rtc_clock, "vm");
}

TEST(Options, HelpIsPrintedForEveryListAndNamesEveryOption) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-h"}, {"--help"}, {"--version"}, {"-M", "help"}, {"-cpu", "help"}, {"-device", "help"}, {"-d", "help"}, {"-device", "virtio-blk-device,help"}}) {
    const Result<Options> options = parse(words);
    ASSERT_TRUE(options.ok()) << words[0] << ": " << options.error().message;
    EXPECT_EQ(options.value().action, Options::Action::kPrintAndExit);
    EXPECT_FALSE(options.value().text.empty());
  }
  const std::string help = parse({"--help"}).value().text;
  for (const char* name : {"-kernel", "-bios", "-drive", "-gdb", "-serial", "-no-reboot", "Ctrl-A x"}) EXPECT_NE(help.find(name), std::string::npos) << name;
}

TEST(Options, AcceleratorsAndTheirKeys) {
  EXPECT_TRUE(parse({}).value().jit.enabled);
  EXPECT_FALSE(parse({"-accel", "interp"}).value().jit.enabled);
  EXPECT_FALSE(parse({"-M", "virt,accel=interp"}).value().jit.enabled);
  const Result<Options> options = parse({"-accel", "tcg,one-insn-per-tb=on,tb-size=64,x-chain=off", "-perfmap", "-stats"});
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_TRUE(options.value().jit.one_insn);
  EXPECT_FALSE(options.value().jit.chain);
  EXPECT_EQ(options.value().jit.cache_bytes, 64u << 20);
  EXPECT_TRUE(options.value().perfmap);
  EXPECT_TRUE(options.value().stats);
  EXPECT_NE(error_of({"-accel", "tcg,one-insn-per-tb=maybe"}).find("one-insn-per-tb=maybe: on or off"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "tcg,tb-size=0"}).find("from 1 to 1024"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "tcg,tb-size="}).find("from 1 to 1024"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "tcg,tbsize=3"}).find("unknown key 'tbsize'"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "interp,tb-size=3"}).find("only 'tcg' has this key"), std::string::npos);
  EXPECT_NE(error_of({"-accel", "interp", "-perfmap"}).find("-perfmap names generated code"), std::string::npos);
  const std::string help = parse({"-accel", "help"}).value().text;
  for (const char* key : {"tb-size=", "one-insn-per-tb=", "x-chain=", "x-slots=", "x-groups=", "x-follow=", "x-look=", "x-tlb-entries="})
    EXPECT_NE(help.find(key), std::string::npos) << key;
}

TEST(Options, TracesAddUp) {
  const auto bits = [](std::initializer_list<TraceEvent> events) {
    uint64_t mask = 0;
    for (const TraceEvent event : events) mask |= uint64_t{1} << event;
    return mask;
  };
  const Result<Options> options = parse({"-trace", "?ret", "-trace", "enable=marker,file=a,,b", "-trace", "file=a,,b,ring=0x100", "-trace", "-sret", "-d", "trace:ipi,int,trace:kick"});
  ASSERT_TRUE(options.ok()) << options.error().message;
  const TraceRequest& trace = options.value().trace;
  EXPECT_EQ(trace.events, bits({kTrace_mret, kTrace_marker}));
  EXPECT_EQ(trace.text_events, bits({kTrace_ipi, kTrace_kick}));
  EXPECT_EQ(trace.file, "a,b");
  EXPECT_EQ(trace.ring, 256u);
  EXPECT_EQ(options.value().log_items, "int");
  EXPECT_EQ(trace_mask, 0u) << "parsing switches nothing on";
  EXPECT_TRUE(parse({}).value().trace.file.empty());
  EXPECT_EQ(parse({}).value().trace.events, 0u);
  EXPECT_EQ(parse({"-d", "trace:mret"}).value().log_items, "");
}

TEST(Options, WhatIsWrongWithATraceIsSaid) {
  EXPECT_NE(error_of({"-trace", "timer_fierd"}).find("-trace timer_fierd: no such event; did you mean 'timer_fired'?"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,event=x"}).find("did you mean 'events'"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,file=a", "-trace", "sret,file=b"}).find("-trace file=b: the events go to a already"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,file="}).find("missing"), std::string::npos);
  EXPECT_NE(error_of({"-trace", ""}).find("a pattern is missing"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,file=a,ring=many"}).find("ring=many: the number of events"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,file=a,ring=99999999999"}).find("from 1 to"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,file=a,ring=5", "-trace", "ring=6"}).find("there is one ring"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,ring=5"}).find("needs file="), std::string::npos);
  EXPECT_NE(error_of({"-trace", "file=a"}).find("no event is on"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "mret,file=a", "-trace", "-mret"}).find("no event is on"), std::string::npos);
  EXPECT_NE(error_of({"-trace", "events=/no/such/file"}).find("/no/such/file: No such file"), std::string::npos);
  EXPECT_NE(error_of({"-d", "trace:timer_fierd"}).find("-d trace:timer_fierd: no such event"), std::string::npos);
  EXPECT_NE(error_of({"-d", "trace:mret,"}).find("-d"), std::string::npos);
  EXPECT_NE(parse({"-trace", "help"}).value().text.find("timer_fired"), std::string::npos);
  EXPECT_NE(parse({"-d", "help"}).value().text.find("trace:PATTERN"), std::string::npos);
}

TEST(Options, AMissingValueIsAnError) { EXPECT_NE(error_of({"-kernel"}).find("-kernel needs a value"), std::string::npos); }

TEST(Options, AppendAndInitrdNeedAKernel) {
  EXPECT_NE(error_of({"-append", "x"}).find("needs -kernel"), std::string::npos);
  EXPECT_NE(error_of({"-initrd", "x"}).find("needs -kernel"), std::string::npos);
}

TEST(Options, UnknownKeysNameTheNearest) {
  EXPECT_NE(error_of({"-drive", "fil=x"}).find("did you mean 'file'"), std::string::npos);
  EXPECT_NE(error_of({"-cpu", "rv64,sstcc=off"}).find("sstc"), std::string::npos);
  EXPECT_NE(error_of({"-cpu", "rv64,v=on"}).find("v"), std::string::npos);
  EXPECT_NE(error_of({"-device", "virtio-blk-devise"}).find("virtio-blk-device"), std::string::npos);
}

TEST(OptionList, DoubleCommaIsAComma) {
  const OptionList list = OptionList::parse("file=a,,b.img,readonly=on,snapshot", "file");
  EXPECT_EQ(list.get("file"), "a,b.img");
  EXPECT_EQ(list.get("readonly"), "on");
  EXPECT_EQ(list.get("snapshot"), "on");
}

TEST(OptionList, FirstValueBelongsToTheImpliedKeyAndTheLastOneWins) {
  const OptionList list = OptionList::parse("disk.img,id=a,id=b", "file");
  EXPECT_EQ(list.get("file"), "disk.img");
  EXPECT_EQ(list.get("id"), "b");
}

}  // namespace
}  // namespace monochord
