// What a stretch of guest instructions did outside HartState, so that it can be taken back and run again by the other executor (jit/lockstep.h): the
// stores to memory with the bytes that were there, and what came from outside: device accesses and time.
//
// Rules
// - A hart has one only under --check; nobody else pays for it. While it has one its TLB gets no entries for stores, so that each comes here.
// - Recording, device accesses are made and time is read. Replaying, nothing outside is touched: the answers are those of the recording, and what
//   the second executor does is compared with it, in order.
// - A device may do anything, DMA over the same bytes included. So a device access has to be the first instruction of its stretch; another one is
//   postponed: nothing is done, and the executor ends the stretch in front of it.
// - Main context.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/memory.h"

namespace monochord {

class RiscvCpu;

class StepLog {
 public:
  explicit StepLog(RiscvCpu& cpu) : cpu_(cpu) {}

  // --- the hart's memory accesses and clock -----------------------------------------------------------------------
  // 1, 2, 4 or 8 bytes at `host` were written; `old` is what was there.
  void stored(uint8_t* host, uint64_t paddr, unsigned size, uint64_t old);
  // The page walk set bits of a PTE. Taken back, but not compared: executors may walk at different times.
  void pte_updated(uint64_t* host, uint64_t paddr, uint64_t old);
  MemTxResult device_read(uint64_t paddr, unsigned size, uint64_t* value);
  MemTxResult device_write(uint64_t paddr, unsigned size, uint64_t value);
  uint64_t time();

  // --- the executor that records ----------------------------------------------------------------------------------
  // An instruction goes its slow path; what it does until it is postponed can be taken back.
  void begin_instruction() { mark_ = stores_.size(); }
  // It met a device and is not the first one: it has done nothing, and the stretch ends in front of it.
  bool take_postponed();

  // --- lockstep ---------------------------------------------------------------------------------------------------
  void record();  // a stretch begins
  void undo();    // memory is as it was at record(), and the other executor begins
  void end();     // neither: nothing is kept
  bool walks_changed_tables() const { return pte_updates_; }
  // The first thing that the second executor did otherwise, or empty. After it has run.
  std::string difference() const;

 private:
  enum class Mode : uint8_t { kOff, kRecord, kReplay };
  struct Store {
    uint8_t* host;
    uint64_t paddr, old, value;
    unsigned size;
    bool by_walk;
  };
  enum class OutsideKind : uint8_t { kRead, kWrite, kTime };
  struct Outside {
    OutsideKind kind;
    MemTxResult result;
    unsigned size;
    uint64_t paddr, value;
    uint64_t irq_lines;  // afterwards
  };

  void take_back(size_t from);
  size_t next_of_program(size_t n) const;
  bool must_wait();
  MemTxResult record_outside(const Outside& what);
  const Outside* next_outside(OutsideKind kind, uint64_t paddr, unsigned size);
  static std::string describe(const Store& store);
  static std::string describe(OutsideKind kind, uint64_t paddr, unsigned size);

  RiscvCpu& cpu_;
  Mode mode_ = Mode::kOff;
  bool postponed_ = false;
  bool pte_updates_ = false;
  uint64_t begin_ = 0;         // instructions before the stretch
  size_t mark_ = 0;
  std::vector<Store> stores_;
  std::vector<Outside> outside_;
  // Replaying: how far it has come, and the first difference.
  size_t next_store_ = 0, next_outside_ = 0;
  std::string difference_;
};

}  // namespace monochord
