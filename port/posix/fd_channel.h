// Bytes in and out of non-blocking fds, for character backends: reading as much as the receiver takes, and a bounded queue for output that the
// other side does not take at once.
//
// Rules
// - Main context, BQL held. The fds belong to the caller; it closes them after close().
// - write() takes everything. A full queue waits for the other side; a side that is gone gets nothing, after one warning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "core/chardev.h"

namespace monochord {

class FdChannel {
 public:
  struct Owner {
    const CharReceiver* receiver;         // may change at any time
    void (*closed)(void* opaque);         // the other side went away; called at most once an open(). May call close().
    void* opaque;
  };
  explicit FdChannel(const Owner& owner) : owner_(owner) {}
  ~FdChannel() { close(); }
  FdChannel(const FdChannel&) = delete;
  FdChannel& operator=(const FdChannel&) = delete;

  // Either may be -1. `what` names the output in warnings ("stdout"). `lossy`: output is dropped without a word when the other side is gone.
  void open(int in_fd, int out_fd, const std::string& what, bool lossy = false);
  void close();
  bool is_open() const { return in_fd_ >= 0 || out_fd_ >= 0; }

  void write(const uint8_t* bytes, size_t size);
  void accept_input();  // looks at the receiver again at the next turn of the loop
  void flush();         // waits a second at most
  // Nobody takes output (any more): open() again when somebody is there.
  bool output_is_gone() const { return gone_; }

 private:
  static void on_readable(void* opaque) { static_cast<FdChannel*>(opaque)->read_input(); }
  static void on_writable(void* opaque) { static_cast<FdChannel*>(opaque)->write_queue(); }
  void read_input();
  void write_queue();
  size_t write_now(const uint8_t* bytes, size_t size);
  void output_gone(int error);
  void watch();
  void set_handlers(int fd, bool read, bool write);

  Owner owner_;
  int in_fd_ = -1;
  int out_fd_ = -1;
  std::string what_;
  bool lossy_ = false;
  bool reading_ = false;       // in_fd_ is watched
  bool gone_ = true;           // output is dropped
  bool warned_ = false;
  bool closed_told_ = false;
  std::deque<uint8_t> queue_;
};

}  // namespace monochord
