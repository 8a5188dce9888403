// Ctrl-A: several front ends on one backend.
#include <timer/host.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "core/main_loop.h"
#include "port/posix/block_file.h"
#include "port/posix/chardev.h"

namespace monochord {

namespace {
constexpr uint8_t kEscape = 0x01;        // Ctrl-A
constexpr size_t kQueueMax = 64 * 1024;  // bytes that a front end has not taken

constexpr char kHelp[] =
    "\r\n"
    "C-a h    this help\r\n"
    "C-a x    quit the emulator\r\n"
    "C-a c    switch between console and monitor\r\n"
    "C-a b    send a break\r\n"
    "C-a s    save the disks of -snapshot\r\n"
    "C-a t    time stamps on and off\r\n"
    "C-a C-a  send C-a\r\n";
}  // namespace

class CharMux::FrontEnd final : public CharBackend {
 public:
  explicit FrontEnd(CharMux& mux) : mux_(mux) { bh_ = qemu_bh_new(on_bottom_half, this); }
  ~FrontEnd() override { qemu_bh_delete(bh_); }
  void write(const uint8_t* bytes, size_t size) override { mux_.write(bytes, size); }
  // The caller may be in the middle of a register access: the bytes come after it.
  void accept_input() override {
    if (!queue_.empty()) qemu_bh_schedule(bh_);
  }
  void flush() override { mux_.backend_->flush(); }
  bool is_terminal() const override { return mux_.backend_->is_terminal(); }

  void drain() {
    while (!queue_.empty() && receiver_.receive != nullptr) {
      uint8_t bytes[256];
      const size_t size = std::min({receiver_.can_receive(receiver_.opaque), queue_.size(), sizeof bytes});
      if (size == 0) break;
      std::copy_n(queue_.begin(), size, bytes);
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(size));
      receiver_.receive(receiver_.opaque, bytes, size);
    }
  }
  void event(CharEvent event) { send_event(event); }
  size_t room() const { return kQueueMax - std::min(queue_.size(), kQueueMax); }
  bool push(uint8_t c) {
    if (room() == 0) return false;
    queue_.push_back(c);
    return true;
  }

 private:
  static void on_bottom_half(void* opaque) {
    FrontEnd& self = *static_cast<FrontEnd*>(opaque);
    self.drain();
    // The backend stopped reading if the queue was full.
    if (self.room() > 0) self.mux_.backend_->accept_input();
  }

  CharMux& mux_;
  QEMUBH* bh_;
  std::deque<uint8_t> queue_;
};

CharMux::CharMux(std::unique_ptr<CharBackend> backend) : backend_(std::move(backend)) {
  CharReceiver receiver;
  receiver.can_receive = on_can_receive;
  receiver.receive = on_receive;
  receiver.opaque = this;
  receiver.event = [](void* opaque, CharEvent event) {
    CharMux& self = *static_cast<CharMux*>(opaque);
    for (size_t i = 0; i < self.count_; i++) self.front_ends_[i]->event(event);
  };
  backend_->set_receiver(receiver);
}

CharMux::~CharMux() { backend_->set_receiver({}); }

CharBackend& CharMux::add_front_end() {
  CHECK(count_ < front_ends_.size());
  front_ends_[count_] = std::make_unique<FrontEnd>(*this);
  return *front_ends_[count_++];
}

void CharMux::set_save_handler(void (*save)(void* opaque), void* opaque) {
  save_ = save;
  save_opaque_ = opaque;
}

size_t CharMux::on_can_receive(void* opaque) {
  CharMux& self = *static_cast<CharMux*>(opaque);
  if (self.count_ == 0) return 0;
  const size_t room = self.front_ends_[self.focus_]->room();
  // A person whose guest reads nothing must still reach Ctrl-A x: go on reading, and drop what has no room.
  return room == 0 && self.backend_->is_terminal() ? 64 : room;
}

void CharMux::on_receive(void* opaque, const uint8_t* bytes, size_t size) {
  CharMux& self = *static_cast<CharMux*>(opaque);
  for (size_t i = 0; i < size; i++) self.key(bytes[i]);
  self.drain();
}

void CharMux::key(uint8_t c) {
  if (escaped_) {
    escaped_ = false;
    command(c);
  } else if (c == kEscape) {
    escaped_ = true;
  } else {
    queue(c);
  }
}

void CharMux::command(uint8_t c) {
  switch (c) {
    case kEscape:
      queue(kEscape);
      break;
    case 'h':
    case '?':
      print(kHelp);
      break;
    case 'x':
      print("\r\nmonochord: terminated\r\n");
      qemu_system_shutdown_request(ShutdownCause::kHostQuit, 0);
      break;
    case 'c':
      if (count_ > 1) set_focus((focus_ + 1) % count_);
      break;
    case 'b':
      front_ends_[focus_]->event(CharEvent::kBreak);
      break;
    case 's':
      save_ != nullptr ? save_(save_opaque_) : commit_all_block_files();
      break;
    case 't':
      stamps_ = !stamps_;
      stamps_from_ms_ = -1;
      line_start_ = false;
      break;
    default:
      break;
  }
}

void CharMux::queue(uint8_t c) { (void)front_ends_[focus_]->push(c); }

void CharMux::drain() { front_ends_[focus_]->drain(); }

void CharMux::set_focus(size_t index) {
  front_ends_[focus_]->drain();
  front_ends_[focus_]->event(CharEvent::kFocusOut);
  focus_ = index;
  front_ends_[focus_]->event(CharEvent::kFocusIn);
}

void CharMux::print(const char* text) { backend_->write(reinterpret_cast<const uint8_t*>(text), strlen(text)); }

void CharMux::write_stamp() {
  const int64_t now_ms = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
  if (stamps_from_ms_ < 0) stamps_from_ms_ = now_ms;
  const int64_t ms = now_ms - stamps_from_ms_;
  const int seconds = static_cast<int>(ms / 1000 % 60), minutes = static_cast<int>(ms / 60000 % 60);
  print(stringf("[%02d:%02d:%02d.%03d] ", static_cast<int>(ms / 3600000), minutes, seconds, static_cast<int>(ms % 1000)).c_str());
}

void CharMux::write(const uint8_t* bytes, size_t size) {
  if (!stamps_) {
    backend_->write(bytes, size);
    return;
  }
  size_t start = 0;
  for (size_t i = 0; i < size; i++) {
    if (line_start_) {
      backend_->write(bytes + start, i - start);
      start = i;
      write_stamp();
      line_start_ = false;
    }
    if (bytes[i] == '\n') line_start_ = true;
  }
  backend_->write(bytes + start, size - start);
}

}  // namespace monochord
