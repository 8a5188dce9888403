// gzip through zlib. A build without zlib (MONOCHORD_WITHOUT_ZLIB) says so instead.
#include <algorithm>
#include <cstring>
#include <sys/mman.h>

#include "core/loader_place.h"

#ifndef MONOCHORD_WITHOUT_ZLIB
#include <zlib.h>
#endif

namespace monochord {

bool is_gzip(const FileImage& file) {
  return file.size() >= 3 && file.data()[0] == 0x1f && file.data()[1] == 0x8b && file.data()[2] == 8;  // RFC 1952: magic, deflate
}

#ifdef MONOCHORD_WITHOUT_ZLIB

Result<FileImage> gunzip(const FileImage& file, uint64_t) {
  return errorf("%s is packed with gzip, and this build has no zlib; unpack it first (gunzip -k)", file.path().c_str());
}

#else

namespace {

constexpr uint64_t kFirstBytes = 4 << 20;
constexpr uint64_t kChunkBytes = 1 << 30;  // zlib counts in 32 bits

// Memory that grows by moving, not copying. Owns it until take().
class Output {
 public:
  explicit Output(uint64_t limit) : limit_(limit) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (data_ != nullptr) munmap(data_, capacity_);
  }

  // Makes room for more than `used` bytes. False: no memory.
  bool grow() {
    const uint64_t wanted = std::min(limit_, capacity_ == 0 ? kFirstBytes : 2 * capacity_);
    if (wanted <= capacity_) return false;
    void* data = data_ == nullptr ? mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                  : mremap(data_, capacity_, wanted, MREMAP_MAYMOVE);
    if (data == MAP_FAILED) return false;
    data_ = static_cast<uint8_t*>(data);
    capacity_ = wanted;
    return true;
  }
  // Gives it away, cut to `size` bytes (not 0).
  uint8_t* take(uint64_t size) {
    void* data = mremap(data_, capacity_, size, 0);
    CHECK(data == data_);  // getting smaller in place can't fail
    return std::exchange(data_, nullptr);
  }
  uint8_t* data() const { return data_; }
  uint64_t capacity() const { return capacity_; }

 private:
  uint64_t limit_;
  uint8_t* data_ = nullptr;
  uint64_t capacity_ = 0;
};

// Unpacks every member; bytes behind the last one that aren't a member are padding, as gzip has it. One line where it can't.
Status inflate_all(const FileImage& file, uint64_t size_max, Output& output, uint64_t* size) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return errorf("%s: no memory to unpack it", file.path().c_str());
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } end{&stream};

  uint64_t read = 0, written = 0;
  for (;;) {
    if (written == output.capacity() && !output.grow()) return errorf("%s: no memory to unpack it", file.path().c_str());
    const uInt in_bytes = static_cast<uInt>(std::min(file.size() - read, kChunkBytes));
    const uInt out_bytes = static_cast<uInt>(std::min(output.capacity() - written, kChunkBytes));
    stream.next_in = const_cast<Bytef*>(file.data() + read);
    stream.avail_in = in_bytes;
    stream.next_out = output.data() + written;
    stream.avail_out = out_bytes;
    const int result = inflate(&stream, Z_NO_FLUSH);
    read += in_bytes - stream.avail_in;
    written += out_bytes - stream.avail_out;
    if (written > size_max)
      return errorf("%s unpacks to more than %s, which can't be meant for this machine; raise -m or give another file", file.path().c_str(),
                    size_text(size_max).c_str());
    if (result == Z_STREAM_END) {
      *size = written;
      const bool another = file.size() - read >= 3 && memcmp(file.data() + read, "\x1f\x8b\x08", 3) == 0;
      if (!another) return {};
      if (inflateReset(&stream) != Z_OK) return errorf("%s: no memory to unpack it", file.path().c_str());
    } else if (result == Z_MEM_ERROR) {
      return errorf("%s: no memory to unpack it", file.path().c_str());
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return errorf("%s: its gzip data is damaged near byte %llu (%s); fetch or make it again", file.path().c_str(), hex(read),
                    stream.msg != nullptr ? stream.msg : "unknown form");
    } else if (read == file.size() && stream.avail_out != 0) {
      return errorf("%s: its gzip data is cut off after %llu bytes; fetch or make it again", file.path().c_str(), hex(read));
    }
  }
}

}  // namespace

Result<FileImage> gunzip(const FileImage& file, uint64_t size_max) {
  size_max = std::min(size_max, uint64_t{1} << 40);
  Output output(size_max + 1);  // one byte more shows that there is more
  uint64_t size = 0;
  if (Status status = inflate_all(file, size_max, output, &size); !status) return status.error();
  if (size == 0) return errorf("%s unpacks to nothing", file.path().c_str());
  FileImage unpacked;
  unpacked.path_ = file.path();
  unpacked.data_ = output.take(size);
  unpacked.size_ = size;
  return unpacked;
}

#endif

}  // namespace monochord
