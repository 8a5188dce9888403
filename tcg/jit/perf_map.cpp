#include "tcg/jit/perf_map.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "core/log.h"

namespace monochord {

PerfMap* perf_map = nullptr;

namespace {

std::string line_text(uintptr_t begin, uintptr_t end, const std::string& name) {
  return stringf("%llx %llx %s\n", static_cast<unsigned long long>(begin), static_cast<unsigned long long>(end - begin), name.c_str());
}

}  // namespace

std::string PerfMap::default_path() { return stringf("/tmp/perf-%d.map", static_cast<int>(getpid())); }

Result<std::unique_ptr<PerfMap>> PerfMap::open(const std::string& path) {
  // A folder that all may write to: whoever laid a link there does not choose what we write over.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644);
  if (fd < 0) return errorf("-perfmap: %s: %s; perf looks for its map there and nowhere else", path.c_str(), strerror(errno));
  return std::unique_ptr<PerfMap>(new PerfMap(path, fd));
}

PerfMap::~PerfMap() {
  if (fd_ >= 0) close(fd_);
}

void PerfMap::write(const std::string& text) {
  for (size_t done = 0; done < text.size() && fd_ >= 0;) {
    const ssize_t size = ::write(fd_, text.data() + done, text.size() - done);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      warn_report("%s: %s; perf will know no more names", path_.c_str(), strerror(errno));
      close(fd_);
      fd_ = -1;
      return;
    }
    done += static_cast<size_t>(size);
  }
}

void PerfMap::add(const uint8_t* begin, const uint8_t* end, const std::string& name) {
  const Line line{reinterpret_cast<uintptr_t>(begin), reinterpret_cast<uintptr_t>(end), name};
  lines_.push_back(line);
  write(line_text(line.begin, line.end, name));
}

void PerfMap::forget(const uint8_t* begin, const uint8_t* end) {
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin), last = reinterpret_cast<uintptr_t>(end);
  std::erase_if(lines_, [&](const Line& line) { return line.begin < last && line.end > first; });
  std::string text;
  for (const Line& line : lines_) text += line_text(line.begin, line.end, line.name);
  if (fd_ < 0) return;
  if (ftruncate(fd_, 0) != 0 || lseek(fd_, 0, SEEK_SET) != 0) warn_report("%s: %s", path_.c_str(), strerror(errno));
  write(text);
}

}  // namespace monochord
