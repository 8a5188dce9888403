// Mutated trace files through the reader and everything that follows events: no crash, no hang, no memory past a bound.
//
//   trace_fuzz [--runs N] [--seed N]     a million: trace_fuzz --runs 1000000
//
// The files come from a small writer of its own. Half of the mutations are followed by right checksums, or made before them, so that
// they get past them. Memory is counted by operator new (zlib's own is fixed and not in it); a hang would be more events than a file can hold.
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>

#include "tools/monochord-trace/diff.h"
#include "tools/monochord-trace/exports.h"
#include "tools/monochord-trace/guest_code.h"
#include "tools/monochord-trace/stats.h"
#include "tools/monochord-trace/text.h"

namespace {

size_t allocated = 0, allocated_max = 0;
constexpr size_t kMemoryMax = 8 << 20;  // above what the mutated file itself takes

struct alignas(std::max_align_t) BlockHead {
  size_t size;
};

void* take(size_t size) {
  auto* head = static_cast<BlockHead*>(malloc(sizeof(BlockHead) + size));
  if (head == nullptr) abort();
  head->size = size;
  allocated += size;
  if (allocated > allocated_max) allocated_max = allocated;
  return head + 1;
}

void give(void* block) {
  if (block == nullptr) return;
  auto* head = static_cast<BlockHead*>(block) - 1;
  allocated -= head->size;
  free(head);
}

}  // namespace

void* operator new(size_t size) { return take(size); }
void* operator new[](size_t size) { return take(size); }
void operator delete(void* block) noexcept { give(block); }
void operator delete[](void* block) noexcept { give(block); }
void operator delete(void* block, size_t) noexcept { give(block); }
void operator delete[](void* block, size_t) noexcept { give(block); }

namespace monochord::trace {
namespace {

using Random = std::mt19937_64;

template <typename T>
void put(std::string* to, T value) {
  to->append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <typename T>
T get(const std::string& from, size_t at) {
  T value;
  memcpy(&value, from.data() + at, sizeof value);
  return value;
}
template <typename T>
void set(std::string* in, size_t at, T value) {
  memcpy(in->data() + at, &value, sizeof value);
}
uint32_t sum(std::string_view bytes, uint32_t before = 0) {
  return static_cast<uint32_t>(crc32(before, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

std::string header(uint32_t flags) {
  const std::string schema = own_schema();
  std::string out(kTraceMagic, 8);
  put<uint32_t>(&out, kTraceVersion);
  put<uint32_t>(&out, 0);
  put<uint64_t>(&out, ~uint64_t{0});
  put<uint32_t>(&out, flags);
  put<uint32_t>(&out, static_cast<uint32_t>(schema.size()));
  put<uint32_t>(&out, sum(schema, sum(out)));
  return out + schema;
}

// Events of every kind, with labels and large numbers.
std::string payload(Random& random, unsigned events) {
  std::string out;
  uint8_t buffer[10];
  const auto varint = [&](uint64_t value) {
    out.append(reinterpret_cast<char*>(buffer), static_cast<size_t>(trace_put_varint(buffer, value) - buffer));
  };
  unsigned labels = 0;
  for (unsigned i = 0; i < events; i++) {
    const unsigned number = static_cast<unsigned>(random() % kTraceEventCount);
    out += static_cast<char>(number);
    varint(random() % 5000);
    varint(random() % 5000);
    if (!kTraceEvents[number].label.empty()) {
      const unsigned label = static_cast<unsigned>(random() % (labels + 2));
      varint(label);
      if (label == labels + 1) {
        labels++;
        const char* names[] = {"mstatus", "sstatus", "mie", "timer", "plic"};
        const std::string name = names[random() % 5];
        varint(name.size());
        out += name;
      }
    }
    for (unsigned f = 0; f < trace_field_count(kTraceEvents[number].fields); f++) varint(random() % 4 == 0 ? random() : random() % 16);
  }
  return out;
}

void mutate(std::string* file, Random& random) {
  for (uint64_t times = random() % 4 + 1; times > 0 && !file->empty(); times--) {
    const size_t at = random() % file->size();
    switch (random() % 8) {
      case 0:
      case 1:
        (*file)[at] = static_cast<char>(random());
        break;
      case 2:
        (*file)[at] ^= static_cast<char>(1 << random() % 8);
        break;
      case 3:
        file->resize(at);
        break;
      case 4:
        file->insert(at, file->substr(random() % file->size(), random() % 64));
        break;
      case 5:
        file->erase(at, random() % 64);
        break;
      case 6:
        if (file->size() - at >= 4) set<uint32_t>(file, at, random() % 2 == 0 ? 0xffffffff : static_cast<uint32_t>(random() % 200000));
        break;
      case 7:
        if (file->size() - at >= 8) set<uint64_t>(file, at, random() % 2 == 0 ? ~uint64_t{0} : uint64_t{1} << random() % 64);
        break;
    }
  }
}

std::string make_file(Random& random, bool wrong_payloads) {
  std::string out = header(random() % 4 == 0 ? uint32_t{kTraceFlagRing} : 0);
  std::string index;
  const unsigned chunks = static_cast<unsigned>(random() % 5);
  uint64_t sequence = 0, hash = kTraceHashSeed;
  for (unsigned i = 0; i < chunks; i++) {
    const unsigned events = static_cast<unsigned>(random() % 40);
    std::string raw = payload(random, events);
    if (wrong_payloads && random() % 2 == 0) mutate(&raw, random);
    if (raw.size() > kTraceChunkPayloadMax) raw.resize(kTraceChunkPayloadMax);
    std::string stored = raw;
    TraceChunkHeader chunk;
    if (random() % 2 == 0) {
      uLongf size = compressBound(raw.size());
      stored.resize(size);
      compress(reinterpret_cast<Bytef*>(stored.data()), &size, reinterpret_cast<const Bytef*>(raw.data()), raw.size());
      stored.resize(size);
      chunk.flags = kTraceChunkDeflated;
    }
    hash = trace_hash(hash, reinterpret_cast<const uint8_t*>(raw.data()), raw.size());
    chunk.stored_bytes = static_cast<uint32_t>(stored.size());
    chunk.raw_bytes = static_cast<uint32_t>(raw.size());
    chunk.events = events;
    chunk.crc = sum(stored);
    chunk.first_sequence = sequence;
    chunk.hash = hash;
    chunk.header_crc = sum(std::string_view(reinterpret_cast<const char*>(&chunk), 60));
    put<uint64_t>(&index, out.size());
    put<uint64_t>(&index, sequence);
    put<uint64_t>(&index, 0);
    put<int64_t>(&index, 0);
    put<uint64_t>(&index, hash);
    out.append(reinterpret_cast<const char*>(&chunk), sizeof chunk).append(stored);
    sequence += events;
  }
  if (random() % 4 == 0) return out;  // not closed
  const uint64_t at = out.size();
  std::string head;
  put<uint32_t>(&head, kTraceIndexMagic);
  put<uint32_t>(&head, chunks);
  index.insert(0, head);
  put<uint32_t>(&index, sum(index));
  out += index;
  put<uint64_t>(&out, at);
  return out.append(kTraceEndMagic, 8);
}

// Right sums over wrong content, as far as the file still has its parts.
void repair(std::string* file) {
  if (file->size() < kTraceHeaderBytes) return;
  const size_t schema = get<uint32_t>(*file, 28);
  if (schema > file->size() - kTraceHeaderBytes) return;
  set<uint32_t>(file, 32, sum(std::string_view(*file).substr(kTraceHeaderBytes, schema), sum(std::string_view(*file).substr(0, 32))));
  uint64_t hash = kTraceHashSeed;
  std::string index;
  uint32_t chunks = 0;
  size_t at = kTraceHeaderBytes + schema;
  while (file->size() - at >= kTraceChunkBytes && get<uint32_t>(*file, at) == kTraceChunkMagic) {
    const size_t stored = get<uint32_t>(*file, at + 8), payload_at = at + kTraceChunkBytes;
    if (stored > file->size() - payload_at) break;
    if ((get<uint32_t>(*file, at + 4) & kTraceChunkDeflated) == 0) {
      set<uint32_t>(file, at + 12, static_cast<uint32_t>(stored));
      hash = trace_hash(hash, reinterpret_cast<const uint8_t*>(file->data()) + payload_at, stored);
      set<uint64_t>(file, at + 48, hash);
    }
    hash = get<uint64_t>(*file, at + 48);
    set<uint32_t>(file, at + 20, sum(std::string_view(*file).substr(payload_at, stored)));
    set<uint32_t>(file, at + 60, sum(std::string_view(*file).substr(at, 60)));
    put<uint64_t>(&index, at);
    index.append(*file, at + 24, 24).append(*file, at + 48, 8);
    chunks++;
    at = payload_at + stored;
  }
  // The index, where it still stands behind the last chunk.
  const size_t size = 8 + index.size() + 4;
  if (file->size() - at < size + kTraceEndBytes || get<uint32_t>(*file, at) != kTraceIndexMagic) return;
  set<uint32_t>(file, at + 4, chunks);
  file->replace(at + 8, index.size(), index);
  set<uint32_t>(file, at + size - 4, sum(std::string_view(*file).substr(at, size - 4)));
}

struct Counts {
  uint64_t good = 0, refused = 0, events = 0;
};

[[noreturn]] void fail(const char* what, uint64_t run) {
  fprintf(stderr, "trace_fuzz: run %" PRIu64 ": %s\n", run, what);
  exit(1);
}

void use(const std::string& file, uint64_t run, bool deep, Output& sink, Counts* counts) {
  Result<std::unique_ptr<Reader>> reader = Reader::over(memory_bytes(file), "f");
  if (!reader) {
    counts->refused++;
    if (reader.error().message.find('\n') != std::string::npos || reader.error().message.size() > 300) fail("an error is not one line", run);
    return;
  }
  uint64_t events = 0;
  Stats stats;
  for (Event event; (*reader)->next(&event);) {
    if (++events > file.size() * 1100) fail("more events than the file can hold", run);  // deflate makes at most 1032 of 1
    if (event_text((*reader)->schema(), event).find('\n') != std::string::npos) fail("an event is not one line", run);
    stats.add((*reader)->schema(), event);
  }
  counts->events += events;
  (*reader)->status().ok() ? counts->good++ : counts->refused++;
  if (!deep || !(*reader)->status().ok()) return;
  stats.counts.resize((*reader)->schema().size());
  Filter filter;
  GuestCode code;
  print_stats(**reader, stats, sink);
  print_stats_json(**reader, stats, sink);
  Result<std::unique_ptr<Reader>> other = Reader::over(memory_bytes(file), "g");
  Result<uint64_t> equal = equal_chunks(**reader, **other);
  if (!equal || (*reader)->chunks() < *equal) fail("a file is not equal to itself", run);
  Result<int> same = compare_mainlines(**reader, **other, 3, sink);
  if (same && *same != 0) fail("a mainline is not equal to itself", run);
  using Export = Status (*)(Reader&, const Filter&, Output&);
  for (Export each : {Export(&export_vcd), Export(&export_perfetto)}) {
    (*reader)->rewind();
    if (!each(**reader, filter, sink)) fail("an export of a good file failed", run);
  }
  (*reader)->rewind();
  if (!export_html(**reader, filter, code, sink)) fail("an export of a good file failed", run);
}

uint64_t number(int argc, char** argv, const char* name, uint64_t otherwise) {
  for (int i = 1; i + 1 < argc; i++)
    if (strcmp(argv[i], name) == 0) return strtoull(argv[i + 1], nullptr, 10);
  return otherwise;
}

int run(int argc, char** argv) {
  const uint64_t runs = number(argc, argv, "--runs", 20'000), seed = number(argc, argv, "--seed", 1);
  Result<Output> sink = Output::open("/dev/null");
  if (!sink) return 1;
  Counts counts;
  size_t most = 0;
  for (uint64_t i = 0; i < runs; i++) {
    Random random(seed + i);                                  // so that --seed SEED+I --runs 1 repeats run I
    const bool whole = random() % 32 == 0;                    // a file that is left alone must be good
    const bool wrong_payloads = !whole && random() % 4 == 0;  // wrong inside, right sums
    std::string file = make_file(random, wrong_payloads);
    if (!whole && !wrong_payloads) {
      mutate(&file, random);
      if (random() % 2 == 0) repair(&file);
    }
    const size_t before = allocated;
    allocated_max = allocated;
    const uint64_t good = counts.good;
    use(file, i, random() % 8 == 0, *sink, &counts);
    if (whole && counts.good == good) fail("a good file was refused", i);
    const size_t used = allocated_max - before;
    if (used > most) most = used;
    if (used > kMemoryMax + 2 * file.size()) fail("took too much memory", i);
    if (allocated != before) fail("did not give its memory back", i);
  }
  printf("%" PRIu64 " runs: %" PRIu64 " files read, %" PRIu64 " refused, %" PRIu64 " events; at most %zu KiB of memory\n", runs, counts.good,
         counts.refused, counts.events, most >> 10);
  return counts.good == 0 || counts.refused == 0;
}

}  // namespace
}  // namespace monochord::trace

int main(int argc, char** argv) { return monochord::trace::run(argc, argv); }
