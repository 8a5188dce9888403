// Raw images: contents, limits, locks, and a host that fails.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "port/posix/block_file.h"
#include "process.h"

namespace monochord {
namespace {

class BlockFileTest : public ::testing::Test {
 protected:
  static constexpr size_t kSize = 1 << 20;
  BlockFileTest() {
    char name[] = "/tmp/monochord-image-XXXXXX";
    const int fd = mkstemp(name);
    path = name;
    contents.resize(kSize);
    for (size_t i = 0; i < kSize; i++) contents[i] = static_cast<char>(i * 2654435761u >> 24);
    CHECK(write(fd, contents.data(), kSize) == static_cast<ssize_t>(kSize));
    close(fd);
  }
  ~BlockFileTest() override { unlink(path.c_str()); }

  Result<std::unique_ptr<BlockBackend>> open_image(bool read_only = false, bool snapshot = false) {
    BlockFileOptions options;
    options.path = path;
    options.id = "d0";
    options.read_only = read_only;
    options.snapshot = snapshot;
    return open_block_file(options);
  }
  std::string file() {
    std::string all(kSize * 2, '\0');
    const int fd = open(path.c_str(), O_RDONLY);
    const ssize_t got = read(fd, all.data(), all.size());
    close(fd);
    all.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return all;
  }

  std::string path, contents;
};

TEST_F(BlockFileTest, ReadsAndWritesWhatIsAsked) {
  auto made = open_image();
  ASSERT_TRUE(made.ok());
  BlockBackend& disk = **made;
  EXPECT_EQ(disk.size_bytes(), kSize);
  EXPECT_FALSE(disk.read_only());
  EXPECT_EQ(disk.id(), "d0");
  std::string buffer(4096, '\0');
  EXPECT_EQ(disk.read(512 * 3, buffer.data(), 4096), 0);
  EXPECT_EQ(buffer, contents.substr(512 * 3, 4096));
  const std::string text(1024, 'w');
  EXPECT_EQ(disk.write(512 * 5, text.data(), text.size()), 0);
  EXPECT_EQ(disk.flush(), 0);
  contents.replace(512 * 5, 1024, text);
  EXPECT_EQ(file(), contents);
  EXPECT_EQ(disk.write_zeroes(512, 70'000 / 512 * 512), 0);
  contents.replace(512, 70'000 / 512 * 512, std::string(70'000 / 512 * 512, '\0'));
  EXPECT_EQ(file(), contents);
  EXPECT_EQ(disk.discard(0, 512), 0);
}

TEST_F(BlockFileTest, NothingReachesPastTheEnd) {
  auto made = open_image();
  ASSERT_TRUE(made.ok());
  BlockBackend& disk = **made;
  std::string buffer(4096, '\0');
  EXPECT_EQ(disk.read(kSize - 512, buffer.data(), 1024), EIO);
  EXPECT_EQ(disk.write(kSize, buffer.data(), 512), EIO);
  EXPECT_EQ(disk.read(UINT64_MAX - 511, buffer.data(), 512), EIO);
  EXPECT_EQ(disk.write_zeroes(kSize - 512, UINT64_MAX), EIO);
  EXPECT_EQ(disk.discard(512, UINT64_MAX - 100), EIO);
  EXPECT_EQ(file().size(), kSize);
}

TEST_F(BlockFileTest, AnOddSizeIsRoundedUpWithZeros) {
  ASSERT_EQ(truncate(path.c_str(), 1000), 0);
  auto made = open_image();
  ASSERT_TRUE(made.ok());
  EXPECT_EQ((*made)->size_bytes(), 1024u);
  std::string buffer(1024, 'x');
  EXPECT_EQ((*made)->read(0, buffer.data(), 1024), 0);
  EXPECT_EQ(buffer, contents.substr(0, 1000) + std::string(24, '\0'));
}

TEST_F(BlockFileTest, ReadOnlyIsNeverWritten) {
  auto made = open_image(true);
  ASSERT_TRUE(made.ok());
  EXPECT_TRUE((*made)->read_only());
  EXPECT_EQ((*made)->write(0, contents.data(), 512), EROFS);
  EXPECT_EQ((*made)->write_zeroes(0, 512), EROFS);
  EXPECT_EQ((*made)->discard(0, 512), EROFS);
  EXPECT_EQ((*made)->flush(), 0);
  EXPECT_EQ(file(), contents);
}

TEST_F(BlockFileTest, ASnapshotRemembersUntilTheEndAndLeavesTheImageAlone) {
  {
    auto made = open_image(false, true);
    ASSERT_TRUE(made.ok());
    BlockBackend& disk = **made;
    EXPECT_FALSE(disk.read_only());
    std::string expected = contents;
    // Writes of many sizes, then everything is read in other pieces.
    for (size_t i = 1; i < 60; i++) {
      const size_t offset = i * i * 512 % (kSize - 64 * 512), size = (i % 7 + 1) * 512;
      const std::string text(size, static_cast<char>('A' + i % 26));
      ASSERT_EQ(disk.write(offset, text.data(), size), 0);
      expected.replace(offset, size, text);
    }
    std::string now(kSize, '\0');
    for (size_t at = 0; at < kSize; at += 32768) ASSERT_EQ(disk.read(at, now.data() + at, 32768), 0);
    EXPECT_EQ(now, expected);
    EXPECT_EQ(disk.flush(), 0);
  }
  EXPECT_EQ(file(), contents);
}

TEST_F(BlockFileTest, ASnapshotMayBeCommitted) {
  auto made = open_image(false, true);
  ASSERT_TRUE(made.ok());
  const std::string text(8192, 'S');
  for (size_t offset : {size_t{0}, size_t{512 * 77}, kSize - 8192}) {
    ASSERT_EQ((*made)->write(offset, text.data(), text.size()), 0);
    contents.replace(offset, text.size(), text);
  }
  EXPECT_NE(file(), contents);
  testing::internal::CaptureStderr();
  commit_all_block_files();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("d0"), std::string::npos);
  EXPECT_EQ(file(), contents);
  EXPECT_FALSE(open_image().ok()) << "it is still locked against writers";
  ASSERT_EQ((*made)->write(512, text.data(), 512), 0);
  EXPECT_EQ(file(), contents) << "later changes are a snapshot's again";
}

TEST_F(BlockFileTest, TwoWritersAreRefused) {
  auto first = open_image();
  ASSERT_TRUE(first.ok());
  for (const bool read_only : {false, true}) {
    auto second = open_image(read_only);
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.error().message.find("another process"), std::string::npos);
  }
  first->reset();
  auto reader = open_image(true), another = open_image(true);
  EXPECT_TRUE(reader.ok() && another.ok());
  EXPECT_FALSE(open_image().ok()) << "a writer beside readers";
}

TEST_F(BlockFileTest, WhatIsNotADiskIsRefused) {
  for (const char* what : {"/nowhere/at/all", "/tmp", "/dev/null"}) {
    BlockFileOptions options;
    options.path = what;
    auto made = open_block_file(options);
    ASSERT_FALSE(made.ok()) << what;
    EXPECT_EQ(made.error().message.find('\n'), std::string::npos);
    EXPECT_NE(made.error().message.find(what), std::string::npos);
  }
}

TEST_F(BlockFileTest, AnImageThatBecameShorterIsAnErrorAndOneLine) {
  auto made = open_image();
  ASSERT_TRUE(made.ok());
  ASSERT_EQ(truncate(path.c_str(), 4096), 0);
  std::string buffer(4096, '\0');
  testing::internal::CaptureStderr();
  EXPECT_EQ((*made)->read(8192, buffer.data(), 4096), EIO);
  EXPECT_EQ((*made)->read(8192, buffer.data(), 4096), EIO);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_NE(said.find("d0"), std::string::npos);
  EXPECT_EQ((*made)->read(0, buffer.data(), 4096), 0);
}

TEST_F(BlockFileTest, AnImageWhoseNameIsGoneGoesOn) {
  auto made = open_image();
  ASSERT_TRUE(made.ok());
  unlink(path.c_str());
  std::string buffer(512, '\0');
  EXPECT_EQ((*made)->read(512, buffer.data(), 512), 0);
  EXPECT_EQ(buffer, contents.substr(512, 512));
  EXPECT_EQ((*made)->write(0, buffer.data(), 512), 0);
}

// A full disk: a small tmpfs in a mount namespace of its own.
TEST(BlockFileOnAFullDisk, TheGuestGetsEnospcAndTheUserOneLine) {
  ChildProcess child([] {
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 77;
    char folder[] = "/tmp/monochord-full-XXXXXX";
    if (mkdtemp(folder) == nullptr) return 77;
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (mount("none", folder, "tmpfs", 0, "size=64k") != 0) {
      rmdir(folder);
      return 77;
    }
    const std::string path = std::string(folder) + "/image";
    close(open(path.c_str(), O_CREAT | O_WRONLY, 0600));
    if (truncate(path.c_str(), 1 << 20) != 0) return 1;  // sparse
    BlockFileOptions options;
    options.path = path;
    options.id = "d0";
    int full = 0;
    {
      auto made = open_block_file(options);
      if (!made.ok()) return 2;
      const std::string text(4096, 'x');
      for (uint64_t at = 0; at < 1 << 20; at += 4096) {
        const int error = (*made)->write(at, text.data(), text.size());
        if (error == ENOSPC) full++;
        if (error != 0 && error != ENOSPC) return 3;
      }
    }
    umount(folder);
    rmdir(folder);
    return full > 100 ? 0 : 4;
  });
  const int status = child.wait();
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "this host forbids mounts";
  EXPECT_EQ(status, 0);
  const std::string said = child.rest_of(child.stderr_fd);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_NE(said.find("No space"), std::string::npos) << said;
}

}  // namespace
}  // namespace monochord
