#include "tools/monochord/monitor.h"

#include "core/main_loop.h"

namespace monochord {

namespace {
constexpr char kPrompt[] = "(monochord) ";
constexpr size_t kLineMax = 1024;      // bytes; what comes after is dropped
constexpr size_t kHistoryMax = 100;    // lines
}  // namespace

Monitor::Monitor(CharBackend& chr) : chr_(chr) {
  CharReceiver receiver;
  receiver.can_receive = [](void*) -> size_t { return kLineMax; };
  receiver.receive = &Monitor::receive;
  receiver.opaque = this;
  receiver.event = [](void* opaque, CharEvent event) {
    if (event == CharEvent::kFocusIn) static_cast<Monitor*>(opaque)->focus_in();
  };
  chr_.set_receiver(receiver);
}

void Monitor::focus_in() {
  print("\n");  // the guest's line may not have ended
  if (!greeted_) return greet();
  print(kPrompt + line_);
}

void Monitor::greet() {
  greeted_ = true;
  print("Monochord monitor - type 'help' for the commands\n");
  print(kPrompt);
}

void Monitor::receive(void* opaque, const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) static_cast<Monitor*>(opaque)->byte(bytes[i]);
}

void Monitor::print(const std::string& text) {
  // The terminal is raw: a newline alone would only go down.
  std::string out;
  for (char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  chr_.write(reinterpret_cast<const uint8_t*>(out.data()), out.size());
}

void Monitor::replace_line(const std::string& line) {
  for (size_t i = 0; i < line_.size(); ++i) print("\b \b");
  line_ = line;
  print(line_);
}

void Monitor::enter() {
  print("\n");
  const std::string line = line_;
  line_.clear();
  if (!line.empty() && (history_.empty() || history_.back() != line)) {
    if (history_.size() == kHistoryMax) history_.erase(history_.begin());
    history_.push_back(line);
  }
  history_at_ = history_.size();
  print(monitor_command(line));
  if (runstate() != RunState::kShutdown) print(kPrompt);
}

// The two arrows that move through the history: ESC [ A and ESC [ B.
void Monitor::escape_byte(uint8_t c) {
  if (escape_ == Escape::kEsc) {
    escape_ = c == '[' ? Escape::kBracket : Escape::kNone;
    return;
  }
  escape_ = Escape::kNone;
  if (c == 'A' && history_at_ > 0) replace_line(history_[--history_at_]);
  if (c == 'B' && history_at_ < history_.size()) replace_line(++history_at_ < history_.size() ? history_[history_at_] : std::string());
}

void Monitor::byte(uint8_t c) {
  if (escape_ != Escape::kNone) return escape_byte(c);
  switch (c) {
    case 0x1b: escape_ = Escape::kEsc; return;
    case '\r':
    case '\n': return enter();
    case 0x7f:
    case '\b':
      if (line_.empty()) return;
      line_.pop_back();
      return print("\b \b");
    case 0x15:  // Ctrl-U
      return replace_line({});
    default:
      if (c < 0x20 || line_.size() >= kLineMax) return;
      line_ += static_cast<char>(c);
      return print(std::string(1, static_cast<char>(c)));
  }
}

}  // namespace monochord
