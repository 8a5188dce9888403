// Mutated recordings through their reader: no crash, no hang, no memory past a bound, and nothing that was changed is taken for the recording.
//
//   replay_fuzz [--runs N] [--seed N]     a million: replay_fuzz --runs 1000000
//
// Half of the mutations are followed by right checksums, so that they get to the records.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "core/bql.h"
#include "core/replay_file.h"

namespace monochord {
namespace {

constexpr size_t kHead = 16, kCrc = 4, kChunk = 12;
constexpr uint64_t kRecordsMax = 1 << 20;  // a record has three bytes and more, and a file here has some 100 KB

uint32_t get_u32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  if (at + 4 <= bytes.size()) memcpy(&value, bytes.data() + at, 4);
  return value;
}
void put_crc(std::string& bytes, size_t at, size_t from, size_t size) {
  if (at + 4 > bytes.size() || from + size > bytes.size()) return;
  const uint32_t crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()) + from, static_cast<uInt>(size)));
  memcpy(bytes.data() + at, &crc, 4);
}

// Checksums that fit what is there now.
void repair(std::string& bytes) {
  const size_t header = get_u32(bytes, 12);
  if (header > bytes.size() || kHead + header + kCrc > bytes.size()) return;
  put_crc(bytes, kHead + header, 0, kHead + header);
  for (size_t at = kHead + header + kCrc; at + kChunk <= bytes.size();) {
    const size_t size = get_u32(bytes, at + 4);
    if (size > bytes.size() - at - kChunk) return;
    put_crc(bytes, at + 8, at + kChunk, size);
    at += kChunk + size;
  }
}

std::string read_fd(int fd) {
  std::string bytes(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  if (pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) abort();
  return bytes;
}

std::string recording(int fd, const std::string& path, std::mt19937_64& random, int records) {
  Result<std::unique_ptr<ReplayWriter>> writer = ReplayWriter::create(path, "program=x\ncommand=monochord -replay\nseed=1\nrtc-base=2\ntime=real\n");
  if (!writer) abort();
  ReplayRecord r;
  for (int i = 0; i < records; i++) {
    r.kind = static_cast<ReplayKind>(1 + random() % 5);
    r.instruction += random() % 100000;
    r.virtual_ns += static_cast<int64_t>(random() % 1000000);
    r.has_digest = random() % 4 == 0;
    r.digest = random();
    r.value = 1 + random() % 6;
    r.gate = "serial0";
    r.bytes = std::string(random() % 40, 'x');
    (*writer)->append(r);
  }
  r.kind = ReplayKind::kEnd;
  r.value = 1;
  (*writer)->append(r);
  if (!(*writer)->close()) abort();
  return read_fd(fd);
}

void mutate(std::string& bytes, std::mt19937_64& random) {
  for (unsigned times = 1 + random() % 4; times > 0 && !bytes.empty(); times--) {
    const size_t at = random() % bytes.size();
    switch (random() % 6) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
      case 1: bytes[at] = static_cast<char>(random()); break;
      case 2: bytes.resize(at); break;
      case 3: bytes.insert(at, std::string(random() % 9, static_cast<char>(random()))); break;
      case 4: bytes.erase(at, random() % 9); break;
      case 5: {
        const uint32_t value = random() % 2 ? UINT32_MAX - static_cast<uint32_t>(random() % 4) : static_cast<uint32_t>(random());
        if (at + 4 <= bytes.size()) memcpy(bytes.data() + at, &value, 4);
        break;
      }
    }
  }
}

int fuzz(uint64_t runs, uint64_t seed) {
  std::mt19937_64 random(seed);
  const int fd = memfd_create("recording", 0);
  if (fd < 0) abort();
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const std::string good[] = {recording(fd, path, random, 3), recording(fd, path, random, 200), recording(fd, path, random, 6000)};
  uint64_t taken = 0;
  const auto harm = [&](uint64_t run, const char* what) {
    fprintf(stderr, "replay_fuzz: seed %llu, run %llu: %s\n", static_cast<unsigned long long>(seed), static_cast<unsigned long long>(run), what);
    return 1;
  };
  for (uint64_t run = 0; run < runs; run++) {
    // The big one, of several chunks, now and then: it takes its time.
    std::string bytes = good[random() % 64 == 0 ? 2 : random() % 2];
    const std::string original = bytes;
    mutate(bytes, random);
    const bool repaired = random() % 2;
    if (repaired) repair(bytes);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) abort();
    Result<std::unique_ptr<ReplayReader>> reader = ReplayReader::open(path);
    if (!reader) continue;
    taken++;
    if (!repaired && bytes != original) return harm(run, "a changed file was taken");
    uint64_t records = 0, instruction = 0;
    for (; (*reader)->peek() != nullptr; (*reader)->next()) {
      if ((*reader)->peek()->instruction < instruction || ++records > kRecordsMax) return harm(run, "records that make no sense");
      instruction = (*reader)->peek()->instruction;
    }
  }
  printf("%llu mutated recordings: %llu whole enough to be read, none harmful\n", static_cast<unsigned long long>(runs),
         static_cast<unsigned long long>(taken));
  return taken > 0 || runs < 1000 ? 0 : 1;
}

}  // namespace
}  // namespace monochord

int main(int argc, char** argv) {
  uint64_t runs = 1'000'000, seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--runs") == 0) runs = strtoull(argv[i + 1], nullptr, 10);
    else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], nullptr, 10);
    else {
      fprintf(stderr, "usage: replay_fuzz [--runs N] [--seed N]\n");
      return 2;
    }
  }
  monochord::bql_lock();
  return monochord::fuzz(runs, seed);
}
