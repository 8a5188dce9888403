#include "tcg/exec/step_log.h"

#include <cstring>

#include "core/result.h"
#include "tcg/riscv/cpu.h"

namespace monochord {

namespace {

uint64_t bytes_at(const uint8_t* host, unsigned size) {
  uint64_t value = 0;
  memcpy(&value, host, size);
  return value;
}

}  // namespace

void StepLog::record() {
  stores_.clear();
  outside_.clear();
  mark_ = 0;
  postponed_ = pte_updates_ = false;
  begin_ = cpu_.instructions();
  mode_ = Mode::kRecord;
}

void StepLog::take_back(size_t from) {
  for (size_t i = stores_.size(); i-- > from;) {
    const Store& store = stores_[i];
    memcpy(store.host, &store.old, store.size);
    cpu_.code_written(store.paddr, store.size);
  }
}

void StepLog::undo() {
  take_back(0);
  next_store_ = next_outside_ = 0;
  difference_.clear();
  mode_ = Mode::kReplay;
}

void StepLog::end() { mode_ = Mode::kOff; }

void StepLog::stored(uint8_t* host, uint64_t paddr, unsigned size, uint64_t old) {
  const Store store{host, paddr, old, bytes_at(host, size), size, false};
  if (mode_ == Mode::kRecord) {
    stores_.push_back(store);
  } else if (mode_ == Mode::kReplay) {
    const size_t n = next_of_program(next_store_);
    next_store_ = n + 1;
    if (!difference_.empty()) return;
    if (n >= stores_.size()) {
      difference_ = "the interpreter stores " + describe(store) + ", generated code nothing more";
    } else if (const Store& other = stores_[n]; other.host != host || other.size != size || other.value != store.value) {
      difference_ = "generated code stores " + describe(other) + ", the interpreter " + describe(store);
    }
  }
}

void StepLog::pte_updated(uint64_t* host, uint64_t paddr, uint64_t old) {
  if (mode_ != Mode::kRecord) return;
  pte_updates_ = true;
  stores_.push_back({reinterpret_cast<uint8_t*>(host), paddr, old, *host, sizeof *host, true});
}

size_t StepLog::next_of_program(size_t n) const {
  while (n < stores_.size() && stores_[n].by_walk) n++;
  return n;
}

bool StepLog::must_wait() {
  postponed_ = postponed_ || (mode_ == Mode::kRecord && cpu_.instructions() - begin_ > 1);
  return postponed_;
}

bool StepLog::take_postponed() {
  if (!postponed_) return false;
  postponed_ = false;
  take_back(mark_);
  stores_.resize(mark_);
  return true;
}

MemTxResult StepLog::record_outside(const Outside& what) {
  if (mode_ == Mode::kRecord) outside_.push_back(what);
  return what.result;
}

const StepLog::Outside* StepLog::next_outside(OutsideKind kind, uint64_t paddr, unsigned size) {
  const size_t n = next_outside_++;
  if (n < outside_.size()) {
    const Outside& what = outside_[n];
    if (what.kind == kind && what.paddr == paddr && what.size == size) {
      cpu_.irq_lines = what.irq_lines;
      return &what;
    }
  }
  if (difference_.empty()) {
    difference_ = "the interpreter " + describe(kind, paddr, size) + ", generated code " +
                  (n < outside_.size() ? describe(outside_[n].kind, outside_[n].paddr, outside_[n].size) : "does not");
  }
  return nullptr;
}

MemTxResult StepLog::device_read(uint64_t paddr, unsigned size, uint64_t* value) {
  if (mode_ == Mode::kReplay) {
    const Outside* const what = next_outside(OutsideKind::kRead, paddr, size);
    *value = what != nullptr ? what->value : 0;
    return what != nullptr ? what->result : MemTxResult::kOk;
  }
  *value = 0;
  if (must_wait()) return MemTxResult::kOk;
  const MemTxResult result = cpu_.as.read(paddr, size, value);
  return record_outside({OutsideKind::kRead, result, size, paddr, *value, cpu_.irq_lines});
}

MemTxResult StepLog::device_write(uint64_t paddr, unsigned size, uint64_t value) {
  if (mode_ == Mode::kReplay) {
    const Outside* const what = next_outside(OutsideKind::kWrite, paddr, size);
    if (what != nullptr && what->value != value && difference_.empty()) {
      difference_ = stringf("generated code writes 0x%llx to the device at 0x%llx, the interpreter 0x%llx", static_cast<unsigned long long>(what->value),
                            static_cast<unsigned long long>(paddr), static_cast<unsigned long long>(value));
    }
    return what != nullptr ? what->result : MemTxResult::kOk;
  }
  if (must_wait()) return MemTxResult::kOk;
  const MemTxResult result = cpu_.as.write(paddr, size, value);
  return record_outside({OutsideKind::kWrite, result, size, paddr, value, cpu_.irq_lines});
}

uint64_t StepLog::time() {
  if (mode_ == Mode::kReplay) {
    if (next_outside_ >= outside_.size() || outside_[next_outside_].kind != OutsideKind::kTime) {
      next_outside(OutsideKind::kTime, 0, 0);
      return 0;
    }
    return outside_[next_outside_++].value;  // it changes no lines
  }
  const TimeSource& source = cpu_.time_source();
  const uint64_t now = source.read(source.opaque);
  record_outside({OutsideKind::kTime, MemTxResult::kOk, 0, 0, now, 0});
  return now;
}

std::string StepLog::difference() const {
  if (!difference_.empty()) return difference_;
  if (const size_t n = next_of_program(next_store_); n < stores_.size()) return "generated code stores " + describe(stores_[n]) + ", the interpreter does not";
  if (next_outside_ < outside_.size()) {
    const Outside& what = outside_[next_outside_];
    return "generated code " + describe(what.kind, what.paddr, what.size) + ", the interpreter does not";
  }
  return {};
}

std::string StepLog::describe(const Store& store) {
  return stringf("0x%0*llx (%u bytes) to 0x%llx", static_cast<int>(2 * store.size), static_cast<unsigned long long>(store.value), store.size,
                 static_cast<unsigned long long>(store.paddr));
}

std::string StepLog::describe(OutsideKind kind, uint64_t paddr, unsigned size) {
  if (kind == OutsideKind::kTime) return "reads the time";
  return stringf("%s %u bytes of the device at 0x%llx", kind == OutsideKind::kRead ? "reads" : "writes", size, static_cast<unsigned long long>(paddr));
}

}  // namespace monochord
