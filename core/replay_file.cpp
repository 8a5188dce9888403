#include "core/replay_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "core/log.h"
#include "core/main_loop.h"
#include "core/trace_format.h"

namespace monochord {

namespace {

constexpr char kMagic[8] = {'M', 'O', 'N', 'O', 'R', 'E', 'C', '\0'};
constexpr uint32_t kVersion = 1;
constexpr uint32_t kChunkMagic = 0x53434552;  // "RECS"
constexpr size_t kPrefixBytes = 16, kChunkBytes = 12, kCrcBytes = 4;
constexpr size_t kHeaderMax = 1 << 20;
constexpr size_t kChunkMax = 256 << 10;
constexpr size_t kFlushAt = 60 << 10;
constexpr size_t kNameMax = 64, kInputMax = 64 << 10;
constexpr uint8_t kDigestBit = 0x80;

uint32_t crc_of(const void* bytes, size_t size) { return static_cast<uint32_t>(crc32(0, static_cast<const Bytef*>(bytes), static_cast<uInt>(size))); }

uint32_t get_u32(const uint8_t* from) {
  uint32_t value;
  memcpy(&value, from, sizeof value);
  return value;
}

void put_u32(std::string& to, uint32_t value) { to.append(reinterpret_cast<const char*>(&value), sizeof value); }

void put_varint(std::string& to, uint64_t value) {
  uint8_t bytes[10];
  to.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(trace_put_varint(bytes, value) - bytes));
}

void put_text(std::string& to, std::string_view text) {
  put_varint(to, text.size());
  to += text;
}

bool has_value(ReplayKind kind) { return kind == ReplayKind::kReset || kind == ReplayKind::kEnd; }
bool has_gate(ReplayKind kind) { return kind == ReplayKind::kInput || kind == ReplayKind::kBreak; }

}  // namespace

// --- writing --------------------------------------------------------------------------------------------------------------
Result<std::unique_ptr<ReplayWriter>> ReplayWriter::create(const std::string& path, std::string_view header) {
  if (header.size() > kHeaderMax) return errorf("recording %s: a command line of %zu bytes is too long", path.c_str(), header.size());
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return errorf("recording %s: can't write it: %s", path.c_str(), strerror(errno));
  std::unique_ptr<ReplayWriter> writer(new ReplayWriter(path, fd));
  std::string start(kMagic, sizeof kMagic);
  put_u32(start, kVersion);
  put_u32(start, static_cast<uint32_t>(header.size()));
  start += header;
  put_u32(start, crc_of(start.data(), start.size()));
  if (const char* error = writer->put(start)) return errorf("recording %s: can't write it: %s", path.c_str(), error);
  return writer;
}

ReplayWriter::~ReplayWriter() {
  if (fd_ >= 0) ::close(fd_);
}

// Null, or why not.
const char* ReplayWriter::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    else if (written == 0) return "no room";
    else if (errno != EINTR) return strerror(errno);
  }
  return nullptr;
}

void ReplayWriter::fail(const char* why) {
  broken_ = true;
  error_report("recording %s: can't write it: %s; the run ends", path_.c_str(), why);
  qemu_system_shutdown_request(ShutdownCause::kHostError, 1);
}

void ReplayWriter::flush() {
  if (records_.empty()) return;
  std::string head;
  put_u32(head, kChunkMagic);
  put_u32(head, static_cast<uint32_t>(records_.size()));
  put_u32(head, crc_of(records_.data(), records_.size()));
  head += records_;
  records_.clear();
  if (broken_) return;
  if (const char* error = put(head)) fail(error);
}

void ReplayWriter::append(const ReplayRecord& record) {
  records_ += static_cast<char>(static_cast<uint8_t>(record.kind) | (record.has_digest ? kDigestBit : 0));
  put_varint(records_, record.instruction - instruction_);
  put_varint(records_, trace_zigzag(static_cast<uint64_t>(record.virtual_ns) - static_cast<uint64_t>(virtual_ns_)));
  if (record.has_digest) records_.append(reinterpret_cast<const char*>(&record.digest), sizeof record.digest);
  if (has_value(record.kind)) put_varint(records_, record.value);
  if (has_gate(record.kind)) put_text(records_, std::string_view(record.gate).substr(0, kNameMax));
  if (record.kind == ReplayKind::kInput) {
    CHECK(record.bytes.size() <= kInputMax);
    put_text(records_, record.bytes);
  }
  count_++;
  instruction_ = record.instruction;
  virtual_ns_ = record.virtual_ns;
  if (records_.size() >= kFlushAt) flush();
}

bool ReplayWriter::close() {
  flush();
  if (::close(fd_) != 0 && !broken_) fail(strerror(errno));
  fd_ = -1;
  return !broken_;
}

// --- reading --------------------------------------------------------------------------------------------------------------
Result<std::unique_ptr<ReplayReader>> ReplayReader::open(const std::string& path) {
  Result<FileImage> file = FileImage::open(path);
  if (!file) return errorf("recording %s", file.error().message.c_str());
  std::unique_ptr<ReplayReader> reader(new ReplayReader(std::move(file.value())));
  reader->path_ = path;
  if (const Status ok = reader->check(); !ok) return errorf("recording %s: %s; record it anew", path.c_str(), ok.error().message.c_str());
  return reader;
}

Status ReplayReader::check() {
  const uint8_t* const data = file_.data();
  const uint64_t size = file_.size();
  if (size < kPrefixBytes || memcmp(data, kMagic, sizeof kMagic) != 0) return errorf("this is no recording");
  if (const uint32_t version = get_u32(data + 8); version != kVersion) return errorf("its version is %u, and this program reads version %u", version, kVersion);
  const uint64_t header_size = get_u32(data + 12);
  if (header_size > kHeaderMax || size < kPrefixBytes + header_size + kCrcBytes) return errorf("it is cut short inside its header");
  if (get_u32(data + kPrefixBytes + header_size) != crc_of(data, kPrefixBytes + header_size)) return errorf("its header is damaged");
  header_.assign(reinterpret_cast<const char*>(data + kPrefixBytes), header_size);
  first_chunk_ = chunk_ = kPrefixBytes + header_size + kCrcBytes;

  // Everything once: what is played later was looked at.
  bool ended = false;
  uint64_t instruction = 0;
  while (next_chunk()) {
    while (at_ != end_) {
      if (ended) return errorf("something follows its end, at offset %llu", static_cast<unsigned long long>(at_ - data));
      const uint64_t at = static_cast<uint64_t>(at_ - data);
      if (!decode() || record_.instruction < instruction) return errorf("a record at offset %llu makes no sense", static_cast<unsigned long long>(at));
      instruction = record_.instruction;
      ended = record_.kind == ReplayKind::kEnd;
    }
  }
  if (chunk_ != size) return errorf("it is damaged or cut short at offset %llu", static_cast<unsigned long long>(chunk_));
  if (!ended) return errorf("it has no end (the recorder was killed, or the disk was full)");
  chunk_ = first_chunk_;
  at_ = end_ = nullptr;
  record_ = ReplayRecord{};
  over_ = false;
  next();
  return {};
}

// False: no whole chunk stands at chunk_.
bool ReplayReader::next_chunk() {
  const uint8_t* const data = file_.data();
  const uint64_t left = file_.size() - chunk_;
  if (left < kChunkBytes || get_u32(data + chunk_) != kChunkMagic) return false;
  const uint64_t size = get_u32(data + chunk_ + 4);
  if (size == 0 || size > kChunkMax || left - kChunkBytes < size) return false;
  const uint8_t* const records = data + chunk_ + kChunkBytes;
  if (get_u32(data + chunk_ + 8) != crc_of(records, size)) return false;
  at_ = records;
  end_ = records + size;
  chunk_ += kChunkBytes + size;
  return true;
}

// The record at at_ into record_, which still holds the one before.
bool ReplayReader::decode() {
  ReplayRecord& r = record_;
  const uint8_t head = *at_++;
  r.has_digest = (head & kDigestBit) != 0;
  r.kind = static_cast<ReplayKind>(head & ~kDigestBit);
  if (r.kind < ReplayKind::kSample || r.kind > ReplayKind::kEnd) return false;
  uint64_t value;
  const auto varint = [&] { return (at_ = trace_get_varint(at_, end_, &value)) != nullptr; };
  if (!varint()) return false;
  r.instruction += value;
  if (!varint()) return false;
  r.virtual_ns = static_cast<int64_t>(static_cast<uint64_t>(r.virtual_ns) + trace_unzigzag(value));
  if (r.virtual_ns < 0 || r.instruction > INT64_MAX) return false;
  if (r.has_digest) {
    if (end_ - at_ < 8) return false;
    memcpy(&r.digest, at_, 8);
    at_ += 8;
  }
  r.value = 0;
  if (has_value(r.kind)) {
    if (!varint()) return false;
    r.value = value;
    const uint64_t cause = r.kind == ReplayKind::kEnd ? value & 15 : value;
    if (cause < static_cast<uint64_t>(ShutdownCause::kGuestShutdown) || cause > static_cast<uint64_t>(ShutdownCause::kDeadlock)) return false;
  }
  const auto text = [&](std::string& to, size_t most) {
    if (!varint() || value > most || value > static_cast<uint64_t>(end_ - at_)) return false;
    to.assign(reinterpret_cast<const char*>(at_), value);
    at_ += value;
    return true;
  };
  r.gate.clear();
  r.bytes.clear();
  if (has_gate(r.kind) && !text(r.gate, kNameMax)) return false;
  return r.kind != ReplayKind::kInput || text(r.bytes, kInputMax);
}

void ReplayReader::next() {
  if (at_ == end_ && !next_chunk()) {
    over_ = true;
    return;
  }
  CHECK_MSG(decode(), "a recording that was good is damaged now");
}

}  // namespace monochord
