#include "core/trace_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/main_loop.h"

namespace monochord {

namespace {

constexpr size_t kIndexFirst = 1024;  // entries
// Any chunk of a ring that is full holds at least this many events, or as many as it may.
constexpr size_t kEventsInFullChunk = (kTraceChunkPayloadMax - kTraceEventBytesMax) / kTraceEventBytesMax;

void* map(size_t size) {
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory != MAP_FAILED ? memory : nullptr;
}

std::string schema_text() {
  std::string text;
  for (const TraceEventInfo& info : kTraceEvents) {
    text += info.name;
    text += info.stream == TraceStream::kGuest ? "|guest|" : "|host|";
    text += info.label;
    text += '|';
    text += info.fields;
    text += '\n';
  }
  CHECK(text.size() <= kTraceSchemaMax);
  return text;
}

}  // namespace

Result<std::unique_ptr<TraceFile>> TraceFile::open(const TraceFileOptions& options) {
  const char* const path = options.path.c_str();
  // Not blocking: a pipe would wait for its reader.
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
  struct stat info = {};
  if (fd < 0 && errno == EISDIR) return errorf("-trace file=%s: it is a directory; name a file", path);
  const bool opened = fd >= 0 && fstat(fd, &info) == 0;
  if ((opened && !S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) || (!opened && errno == ENXIO)) {
    if (fd >= 0) ::close(fd);
    return errorf("-trace file=%s: a pipe or socket can't hold a trace, which must not wait for a reader; name a file", path);
  }
  if (!opened || (S_ISREG(info.st_mode) && ftruncate(fd, 0) != 0)) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return errorf("-trace file=%s: %s; name a file that can be written", path, strerror(error));
  }
  std::unique_ptr<TraceFile> file(new TraceFile(options, fd));
  file->regular_ = S_ISREG(info.st_mode);
  if (!file->grow_index() || (file->ring() && !file->make_ring()))
    return errorf("-trace ring=%llu: no memory for so many events; keep fewer", static_cast<unsigned long long>(options.ring_events));
  if (file->ring()) return file;
  file->buffer_.resize(kTraceChunkBytes + kTraceChunkPayloadMax);
  file->chunk_.begin(file->buffer_.data(), kTraceChunkPayloadMax, 0);
  file->quiet_ = true;  // an error here is the caller's to report
  errno = 0;
  file->write_header();
  file->quiet_ = false;
  if (file->broken_) return errorf("-trace file=%s: can't write it: %s", path, strerror(errno));
  return file;
}

TraceFile::TraceFile(const TraceFileOptions& options, int fd) : options_(options), fd_(fd), schema_(schema_text()) {}

TraceFile::~TraceFile() {
  if (fd_ >= 0) ::close(fd_);
  if (index_ != nullptr) munmap(index_, index_capacity_ * sizeof *index_);
  if (slots_ != nullptr) munmap(slots_, slot_count_ * slot_size_);
}

bool TraceFile::close(bool failed) {
  if (fd_ < 0) return !broken_;
  if (chunk_.events() != 0) next_chunk();
  writing_ = true;
  if (!ring()) {
    write_index();
  } else if (failed) {
    write_ring();
  } else if (regular_) {
    unlink(path().c_str());  // empty, and of no failure
  }
  // Some file systems say only here that the disk is full.
  if (::close(fd_) != 0 && !broken_) fail(strerror(errno));
  fd_ = -1;
  return !broken_;
}

void TraceFile::save_after_crash() {
  if (fd_ < 0 || writing_) return;  // half of something is there already
  quiet_ = true;
  if (chunk_.events() != 0) next_chunk();
  ring() ? write_ring() : write_index();
  ::close(fd_);
  fd_ = -1;
}

// --- chunks ---------------------------------------------------------------------------------------------------------------
void TraceFile::next_chunk() {
  writing_ = true;
  const uint64_t sequence = chunk_.next_sequence();
  chunk_.end();
  if (ring()) {
    keep_chunk();
    chunk_.begin(slot_bytes(slot_), slot_size_ - kTraceChunkBytes, sequence);
  } else {
    write_chunk(buffer_.data(), chunk_.size());
    chunk_.begin(buffer_.data(), kTraceChunkPayloadMax, sequence);
  }
  writing_ = false;
}

void TraceFile::write_header() {
  uint8_t header[kTraceHeaderBytes];
  const struct {
    uint32_t version, stream;
    uint64_t events;
    uint32_t flags, schema_bytes;
  } fields = {kTraceVersion, options_.stream == TraceStream::kHost, options_.events, ring() ? uint32_t{kTraceFlagRing} : 0,
              static_cast<uint32_t>(schema_.size())};
  static_assert(sizeof fields == kTraceHeaderBytes - 12);
  memcpy(header, kTraceMagic, 8);
  memcpy(header + 8, &fields, sizeof fields);
  const uint32_t crc = trace_crc(trace_crc(0, header, kTraceHeaderBytes - 4), schema_.data(), schema_.size());
  memcpy(header + kTraceHeaderBytes - 4, &crc, sizeof crc);
  write_bytes(header, sizeof header);
  write_bytes(schema_.data(), schema_.size());
}

void TraceFile::write_chunk(uint8_t* bytes, size_t size) {
  if (broken_) return;
  if (index_count_ == index_capacity_ && !grow_index()) return fail("no memory for its index");
  const TraceChunkHeader header = trace_seal_chunk(bytes, &hash_);
  index_[index_count_++] = {offset_, header.first_sequence, header.first_instruction, header.first_ns, header.hash};
  write_bytes(bytes, size);
}

void TraceFile::write_index() {
  const uint64_t at = offset_;
  const uint32_t head[] = {kTraceIndexMagic, static_cast<uint32_t>(index_count_)};
  const size_t size = index_count_ * sizeof *index_;
  uint32_t crc = trace_crc(0, head, sizeof head);
  // zlib counts in 32 bits.
  for (size_t i = 0; i < index_count_; i++) crc = trace_crc(crc, &index_[i], sizeof index_[i]);
  write_bytes(head, sizeof head);
  write_bytes(index_, size);
  write_bytes(&crc, sizeof crc);
  write_bytes(&at, sizeof at);
  write_bytes(kTraceEndMagic, sizeof kTraceEndMagic);
}

void TraceFile::write_bytes(const void* bytes, size_t size) {
  const char* from = static_cast<const char*>(bytes);
  while (size > 0 && !broken_) {
    const ssize_t written = write(fd_, from, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail(written < 0 ? strerror(errno) : "nothing is taken");
    from += written;
    size -= static_cast<size_t>(written);
    offset_ += static_cast<uint64_t>(written);
  }
}

// mremap is no part of the heap: handler context may call it.
bool TraceFile::grow_index() {
  const size_t capacity = index_capacity_ == 0 ? kIndexFirst : 2 * index_capacity_;
  void* const moved = index_ == nullptr ? map(capacity * sizeof *index_)
                                        : mremap(index_, index_capacity_ * sizeof *index_, capacity * sizeof *index_, MREMAP_MAYMOVE);
  if (moved == nullptr || moved == MAP_FAILED) return false;
  index_ = static_cast<IndexEntry*>(moved);
  index_capacity_ = capacity;
  return true;
}

void TraceFile::fail(const char* why) {
  broken_ = true;
  if (quiet_) return;
  error_report("-trace file=%s: %s; the trace ends after %llu bytes, and so does the run", path().c_str(), why, static_cast<unsigned long long>(offset_));
  qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
}

// --- the ring -------------------------------------------------------------------------------------------------------------
bool TraceFile::make_ring() {
  const uint64_t wanted = options_.ring_events;
  CHECK(wanted <= kTraceRingMax);
  // Small chunks waste headers, large ones keep more than was asked for.
  chunk_events_max_ = static_cast<uint32_t>(std::max<uint64_t>(wanted / 8, 1));
  const size_t payload = std::min(kTraceChunkPayloadMax, chunk_events_max_ * kTraceEventBytesMax);
  slot_size_ = kTraceChunkBytes + payload;
  slot_count_ = wanted / std::min<size_t>(chunk_events_max_, kEventsInFullChunk) + 4;
  slots_ = static_cast<uint8_t*>(map(slot_count_ * slot_size_));
  if (slots_ == nullptr) return false;
  kept_.resize(slot_count_);
  free_.reserve(slot_count_);
  // The last one freed is used first, so the rest stays untouched.
  for (size_t slot = slot_count_; slot-- > 1;) free_.push_back(static_cast<uint32_t>(slot));
  chunk_.begin(slot_bytes(0), payload, 0);
  return true;
}

void TraceFile::keep_chunk() {
  kept_[(kept_first_ + kept_count_++) % kept_.size()] = {slot_, chunk_.events(), chunk_.size()};
  kept_events_ += chunk_.events();
  while (kept_events_ - kept_[kept_first_].events >= options_.ring_events) {
    free_.push_back(kept_[kept_first_].slot);
    kept_events_ -= kept_[kept_first_].events;
    kept_first_ = (kept_first_ + 1) % kept_.size();
    kept_count_--;
  }
  CHECK(!free_.empty());
  slot_ = free_.back();
  free_.pop_back();
}

void TraceFile::write_ring() {
  write_header();
  for (size_t i = 0; i < kept_count_; i++) {
    const Kept& kept = kept_[(kept_first_ + i) % kept_.size()];
    write_chunk(slot_bytes(kept.slot), kept.size);
  }
  write_index();
}

}  // namespace monochord
