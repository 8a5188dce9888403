// -device properties: values, errors that name what is wrong, and help from the same rows.
#include "devices/properties.h"

#include <gtest/gtest.h>

#include "devices/device_types.h"
#include "devices/loader_device.h"
#include "devices/virtio_blk.h"

namespace monochord {
namespace {

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(Properties, numbers_are_decimal_or_hexadecimal_and_bounded) {
  EXPECT_EQ(*parse_uint("0", 10), 0u);
  EXPECT_EQ(*parse_uint("0x80000000", UINT64_MAX), 0x80000000u);
  EXPECT_EQ(*parse_uint("18446744073709551615", UINT64_MAX), UINT64_MAX);
  for (const char* bad : {"", "x", "0x", "1x", "-1", "11", "18446744073709551616", "0x10000000000000000", " 1", "1 "})
    EXPECT_FALSE(parse_uint(bad, 10).ok()) << bad;
}

TEST(Properties, sizes_take_suffixes_of_1024) {
  EXPECT_EQ(*parse_size("512", 1 << 20), 512u);
  EXPECT_EQ(*parse_size("4k", 1 << 20), 4096u);
  EXPECT_EQ(*parse_size("1M", 1 << 20), 1u << 20);
  EXPECT_EQ(*parse_size("2T", UINT64_MAX), uint64_t{2} << 40);
  for (const char* bad : {"", "k", "2M", "1Q", "1kk", "99999999999999T"}) EXPECT_FALSE(parse_size(bad, 1 << 20).ok()) << bad;
}

TEST(Properties, an_unknown_one_names_the_nearest) {
  const Result<VirtioBlkOptions> o = VirtioBlkOptions::create({{"serail", "x"}});
  ASSERT_FALSE(o.ok());
  EXPECT_TRUE(contains(o.error().message, "'serail'")) << o.error().message;
  EXPECT_TRUE(contains(o.error().message, "'serial'")) << o.error().message;
}

TEST(Properties, a_bad_value_names_device_property_and_what_it_takes) {
  const Result<VirtioBlkOptions> o = VirtioBlkOptions::create({{"discard", "maybe"}});
  ASSERT_FALSE(o.ok());
  EXPECT_EQ(o.error().message, "-device virtio-blk-device,discard=maybe: it takes on or off");
}

TEST(Properties, block_sizes_and_queue_size_are_checked) {
  EXPECT_TRUE(VirtioBlkOptions::create({{"logical_block_size", "4k"}, {"physical_block_size", "4096"}, {"queue-size", "1024"}}).ok());
  EXPECT_FALSE(VirtioBlkOptions::create({{"logical_block_size", "0"}}).ok());
  EXPECT_FALSE(VirtioBlkOptions::create({{"logical_block_size", "513"}}).ok());
  EXPECT_FALSE(VirtioBlkOptions::create({{"logical_block_size", "4M"}}).ok());
  EXPECT_FALSE(VirtioBlkOptions::create({{"logical_block_size", "4k"}}).ok());  // larger than physical
  EXPECT_FALSE(VirtioBlkOptions::create({{"queue-size", "0"}}).ok());
  EXPECT_FALSE(VirtioBlkOptions::create({{"queue-size", "2048"}}).ok());
  EXPECT_FALSE(VirtioBlkOptions::create({{"queue-size", "100"}}).ok());
}

TEST(LoaderDeviceProperties, only_combinations_that_make_sense) {
  EXPECT_TRUE(LoaderDevice::create({{"file", "f"}}).ok());
  EXPECT_TRUE(LoaderDevice::create({{"file", "f"}, {"addr", "0x1000"}, {"force-raw", "on"}, {"cpu-num", "0"}}).ok());
  EXPECT_TRUE(LoaderDevice::create({{"addr", "0x1000"}, {"data", "5"}, {"data-len", "8"}}).ok());
  EXPECT_TRUE(LoaderDevice::create({{"addr", "0x1000"}, {"cpu-num", "0"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"addr", "1"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"file", "f"}, {"force-raw", "on"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"file", "f"}, {"data", "1"}, {"data-len", "1"}, {"addr", "0"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"data", "1"}, {"addr", "0"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"data", "1"}, {"data-len", "9"}, {"addr", "0"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"data", "1"}, {"data-len", "0"}, {"addr", "0"}}).ok());
  EXPECT_FALSE(LoaderDevice::create({{"data-len", "4"}, {"addr", "0"}}).ok());
}

TEST(DeviceTypes, help_lists_every_type_and_every_property) {
  const std::string help = device_help();
  for (const DeviceType& type : device_types()) {
    EXPECT_TRUE(contains(help, type.name));
    EXPECT_EQ(find_device_type(type.name), &type);
    const std::string text = device_type_help(type);
    for (const PropertyInfo& row : type.properties) EXPECT_TRUE(contains(text, row.name)) << text;
  }
  EXPECT_EQ(find_device_type("nothing"), nullptr);
  EXPECT_TRUE(contains(unknown_device_type("virtio-blk").message, "virtio-blk-device"));
}

// The defaults that help prints are the defaults that are used.
TEST(DeviceTypes, printed_defaults_are_the_real_ones) {
  const VirtioBlkOptions o;
  PropertyList list;
  for (const auto& row : VirtioBlkOptions::properties())
    if (row.info.default_value[0] != 0) list.push_back({row.info.name, row.info.default_value});
  const Result<VirtioBlkOptions> set = VirtioBlkOptions::create(list);
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set.value().logical_block_size, o.logical_block_size);
  EXPECT_EQ(set.value().physical_block_size, o.physical_block_size);
  EXPECT_EQ(set.value().queue_size, o.queue_size);
  EXPECT_EQ(set.value().complete_delay_ns, o.complete_delay_ns);
  EXPECT_EQ(set.value().discard, o.discard);
  EXPECT_EQ(set.value().write_zeroes, o.write_zeroes);
  EXPECT_EQ(set.value().config_wce, o.config_wce);
  EXPECT_EQ(set.value().event_idx, o.event_idx);
  EXPECT_EQ(set.value().indirect_desc, o.indirect_desc);
}

}  // namespace
}  // namespace monochord
