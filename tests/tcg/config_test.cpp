// -cpu: what it accepts, what it refuses with which words, and what the device tree says then.
#include "tcg/riscv/config.h"

#include <gtest/gtest.h>

namespace monochord {
namespace {

CpuConfig parsed(const std::string& text) {
  const Result<CpuConfig> result = parse_cpu_model(text);
  EXPECT_TRUE(result.ok()) << text << ": " << result.error().message;
  return result.ok() ? result.value() : CpuConfig{};
}
std::string refused(const std::string& text) {
  const Result<CpuConfig> result = parse_cpu_model(text);
  EXPECT_FALSE(result.ok()) << text;
  return result.ok() ? "" : result.error().message;
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

const char kOracle[] =
    "rv64,h=off,zbc=off,zfa=off,zawrs=off,zicbop=off,zihintntl=off,svvptc=off,zicond=on,svinval=on,svpbmt=on,svnapot=on,svadu=on,svade=on";

TEST(CpuConfig, TheIsaStringIsQemus) {
  // QEMU 10.0.2: -M virt,dumpdtb= with this -cpu.
  EXPECT_EQ(parsed(kOracle).isa(),
            "rv64imafdc_zic64b_zicbom_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicond_zicntr_zicsr_zifencei_zihintpause_zihpm_zmmul_za64rs_zaamo_"
            "zalrsc_zca_zcd_zba_zbb_zbs_shcounterenw_shgatpa_shtvala_shvsatpa_shvstvala_shvstvecd_ssccptr_sscounterenw_sstc_sstvala_sstvecd_"
            "ssu64xl_svade_svadu_svinval_svnapot_svpbmt");
  EXPECT_STREQ(parsed(kOracle).mmu_type(), "riscv,sv57");
}

TEST(CpuConfig, TheDefaultIsQemusRv64WithoutWhatIsMissing) {
  // QEMU's default string, less h zicbop zihintntl zawrs zfa zbc svvptc.
  EXPECT_EQ(default_cpu_config().isa(),
            "rv64imafdc_zic64b_zicbom_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicsr_zifencei_zihintpause_zihpm_zmmul_za64rs_zaamo_zalrsc_"
            "zca_zcd_zba_zbb_zbs_shcounterenw_shgatpa_shtvala_shvsatpa_shvstvala_shvstvecd_ssccptr_sscounterenw_sstc_sstvala_sstvecd_ssu64xl_"
            "svadu");
  EXPECT_EQ(parsed("rv64").isa(), default_cpu_config().isa());
}

TEST(CpuConfig, PartsLeaveTheStringWithTheirExtension) {
  // Read off QEMU with m=off, a=off, c=off, d=off.
  EXPECT_TRUE(has(parsed("rv64,m=off").isa(), "rv64iafdc_"));
  EXPECT_FALSE(has(parsed("rv64,m=off").isa(), "zmmul"));
  EXPECT_FALSE(has(parsed("rv64,a=off").isa(), "zaamo_zalrsc"));
  EXPECT_TRUE(has(parsed("rv64,a=off").isa(), "za64rs"));
  EXPECT_FALSE(has(parsed("rv64,c=off").isa(), "zc"));
  EXPECT_TRUE(has(parsed("rv64,d=off").isa(), "_zca_zba"));
  EXPECT_TRUE(has(parsed("rv64,b=on").isa(), "rv64imafdcb_"));
}

TEST(CpuConfig, ExtensionsAreTheIsaStringInPieces) {
  std::string joined = "rv64";
  for (const std::string& name : parsed(kOracle).isa_extensions()) joined += name.size() > 1 ? "_" + name : name;
  EXPECT_EQ(joined, parsed(kOracle).isa());
}

TEST(CpuConfig, SatpModesNest) {
  EXPECT_EQ(parsed("rv64").satp_levels(), 5u);
  EXPECT_EQ(parsed("rv64,sv57=off").satp_levels(), 4u);
  EXPECT_STREQ(parsed("rv64,sv57=off").mmu_type(), "riscv,sv48");
  EXPECT_EQ(parsed("rv64,sv57=off,sv48=off,sv39=on").satp_levels(), 3u);
  EXPECT_EQ(parsed("rv64,sv48=off").satp_levels(), 3u);
  EXPECT_EQ(parsed("rv64,mmu=off").satp_levels(), 0u);
  EXPECT_EQ(parsed("rv64,mmu=off").mmu_type(), nullptr);
}

TEST(CpuConfig, BooleansHaveTheirSpellings) {
  for (const char* off : {"off", "false", "no"}) EXPECT_FALSE(parsed(std::string("rv64,sstc=") + off).has(Ext::kSstc));
  for (const char* on : {"on", "true", "yes"}) EXPECT_TRUE(parsed(std::string("rv64,svpbmt=") + on).has(Ext::kSvpbmt));
  EXPECT_TRUE(has(refused("rv64,sstc=maybe"), "neither on nor off"));
  EXPECT_TRUE(has(refused("rv64,sstc"), "sstc=on"));
  EXPECT_TRUE(parsed("rv64,Zicsr=on,Zifencei=on").has(Ext::kZifencei));
}

TEST(CpuConfig, TheLastWordWins) {
  EXPECT_TRUE(parsed("rv64,svpbmt=off,svpbmt=on").has(Ext::kSvpbmt));
  EXPECT_FALSE(parsed("rv64,svpbmt=on,svpbmt=off").has(Ext::kSvpbmt));
}

TEST(CpuConfig, WhatQemuKnowsAndThisHasNotCanBeSwitchedOffOnly) {
  for (const char* name : {"h", "v", "e", "zbc", "zfa", "zawrs", "zicbop", "zihintntl", "svvptc", "zfh", "zvfh", "smaia", "ssaia", "zkr", "smstateen",
                           "sscofpmf", "zacas", "xtheadba", "x-svukte", "debug", "Zfh", "Zve64d", "sv64", "zce", "rva22s64"}) {
    parsed(std::string("rv64,") + name + "=off");
    const std::string error = refused(std::string("rv64,") + name + "=on");
    EXPECT_TRUE(has(error, "not implemented")) << error;
    std::string lower(name);
    if (lower[0] == 'Z') lower[0] = 'z';
    EXPECT_TRUE(has(error, lower.c_str())) << error;
  }
}

TEST(CpuConfig, UnknownNamesGetTheNearestOne) {
  EXPECT_TRUE(has(refused("rv64,sstcc=on"), "'sstc'"));
  EXPECT_TRUE(has(refused("rv64,zbx=off"), "did you mean"));
  EXPECT_TRUE(has(refused("rv64,=on"), "no property ''"));
  EXPECT_TRUE(has(refused("rv32"), "'rv32'"));
  EXPECT_TRUE(has(refused("max"), "rv64"));
  EXPECT_TRUE(has(refused(""), "rv64"));
}

TEST(CpuConfig, ImpossibleCombinationsAreRefused) {
  EXPECT_TRUE(has(refused("rv64,f=off"), "d=off"));
  EXPECT_FALSE(parsed("rv64,f=off,d=off").has(Ext::kF));
  EXPECT_TRUE(has(refused("rv64,zmmul=off"), "m=off"));
  EXPECT_FALSE(parsed("rv64,zmmul=off,m=off").has(Ext::kM));
  parsed("rv64,zca=on,zcd=on,zaamo=on,zalrsc=on");
  for (const char* name : {"i", "s", "u", "zicsr"}) EXPECT_TRUE(has(refused(std::string("rv64,") + name + "=off"), "always"));
  EXPECT_TRUE(has(refused("rv64,cbom_blocksize=32"), "always 64"));
  parsed("rv64,cbom_blocksize=64,g=on,s=on,u=on,i=on,mmu=on,pmp=on");
}

TEST(CpuConfig, HelpListsEverySwitch) {
  const std::string help = cpu_help();
  for (const char* name : {"rv64", " zba ", " sstc ", " svnapot ", " sv57 ", " pmp ", "x-strict-fencei"}) EXPECT_TRUE(has(help, name)) << name;
}

TEST(CpuConfig, StrictFenceIIsOffUnlessAsked) {
  EXPECT_FALSE(parsed("rv64").strict_fencei);
  EXPECT_TRUE(parsed("rv64,x-strict-fencei=on").strict_fencei);
}

}  // namespace
}  // namespace monochord
