#include "tools/monochord-trace/handlers.h"

#include <algorithm>

namespace monochord::trace {

namespace {

void end_from(std::vector<Frame>& frames, size_t first, std::vector<Frame>* ended) {
  while (frames.size() > first) {
    ended->push_back(frames.back());
    frames.pop_back();
  }
}

// Frames that a hart at `privilege` cannot be in.
void end_above(std::vector<Frame>& frames, uint64_t privilege, std::vector<Frame>* ended) {
  for (size_t i = 0; i < frames.size(); i++)
    if (frames[i].to != kPrivilegeUnknown && frames[i].to > privilege) return end_from(frames, i, ended);
}

void end_returned(std::vector<Frame>& frames, uint8_t privilege, std::vector<Frame>* ended) {
  for (size_t i = frames.size(); i-- > 0;)
    if (frames[i].to == privilege || frames[i].to == kPrivilegeUnknown) return end_from(frames, i, ended);
}

}  // namespace

Handlers::Step Handlers::follow(const Schema& schema, const Event& event) {
  Step step;
  const TraceEvent known = schema.known(event);
  if (known != kTrace_interrupt_taken && known != kTrace_exception_taken && known != kTrace_trap_entered && known != kTrace_mret &&
      known != kTrace_sret)
    return step;
  std::vector<Frame>& frames = harts_[schema.get(event, 0)].frames;
  switch (known) {
    case kTrace_interrupt_taken:
    case kTrace_exception_taken:
      if (frames.size() == kFramesMax) {  // no return for so long: those are lost
        step.ended.push_back(frames.front());
        frames.erase(frames.begin());
      }
      frames.push_back({known == kTrace_interrupt_taken, kPrivilegeUnknown, false, schema.get(event, 1), schema.get(event, 2), event.sequence,
                        event.instruction, event.ns, 0});
      step.began = true;
      break;
    case kTrace_trap_entered:
      if (!frames.empty() && !frames.back().entered) {
        Frame frame = frames.back();
        frames.pop_back();
        frame.entered = true;
        frame.to = static_cast<uint8_t>(schema.get(event, 2) & 3);
        end_above(frames, schema.get(event, 1), &step.ended);
        frames.push_back(frame);
      }
      break;
    default:
      end_returned(frames, known == kTrace_mret ? 3 : 1, &step.ended);
      end_above(frames, schema.get(event, 1), &step.ended);
      break;
  }
  return step;
}

bool Handlers::in_interrupt(uint64_t hart) {
  const std::vector<Frame>& frames = harts_[hart].frames;
  return std::any_of(frames.begin(), frames.end(), [](const Frame& frame) { return frame.interrupt; });
}

std::vector<uint64_t> Handlers::harts() const {
  std::vector<uint64_t> numbers;
  for (const auto& [number, hart] : harts_) numbers.push_back(number);
  return numbers;
}

}  // namespace monochord::trace
