// A unit of generated code and its ways out. Both live in the code buffer's half that holds the code, and go with it.
#pragma once

#include <cstdint>

namespace monochord {

struct TbPage;
struct TranslationBlock;

// A direct way out. Unlinked it leads to its stub; linked, to the target's code.
//
// In the same page it stays linked as long as the target is. To another page (S and M mode) the link holds for the page's address that it was made
// for: `far` comes between, compares, and asks the jump cache where the unit runs at another address. It is undone when the hart's TLB forgets the
// target's page (Tlb::add_link). With several harts the jump cache is asked: each has a TLB of its own.
struct TbExit {
  uint8_t* field = nullptr;        // rel32
  uint8_t* stub = nullptr;
  TranslationBlock* from = nullptr;
  TranslationBlock* to = nullptr;  // null: unlinked
  TbExit* next_in = nullptr;       // others that lead to `to`
  int32_t target = 0;              // offset from the page
  uint8_t mode = 0;
  bool backward = false;           // enters where the budget is looked at
  bool grouped = true;             // false: to the version of the code in which each access goes by itself
  // Distances from the stub of the code that compares, of the address in it, and of its jump's rel32. 0: in the same page.
  uint8_t far = 0, far_address = 0, far_jump = 0;
};

// A host instruction that touches guest memory, and the stub of its site: distances from the unit's first byte.
struct TbSite {
  uint32_t access, stub;
};

struct TranslationBlock {
  uint64_t page_paddr = 0;
  uint64_t granules = 0;           // 64-byte pieces of the page that it was made from
  TbPage* page = nullptr;
  TbPage* next_page = nullptr;        // of an instruction that straddles both
  TranslationBlock* page_next = nullptr;
  TbExit* incoming = nullptr;
  TbExit* exits = nullptr;
  uint8_t* entry_indirect = nullptr;  // rax: the guest address
  uint8_t* entry_check = nullptr;     // looks at the budget
  uint8_t* entry = nullptr;
  uint8_t* end = nullptr;
  TbSite* sites = nullptr;
  uint32_t site_count = 0;
  uint16_t start = 0;
  uint16_t insn_count = 0;
  uint16_t exit_count = 0;
  uint8_t mode = 0;
  bool grouped = true;
  bool valid = true;
  bool straddles = false;
};

// Follows the call of a slow path in the code, behind the jump that tries again; so it is aligned to nothing.
struct [[gnu::packed]] SiteInfo {
  int32_t slot;         // distance of the slot from the frame register; 0: none
  int32_t misses;       // of its counter
  int32_t limit;        // 4096 - bytes that must lie in the page
  int32_t base_offset;  // group: first byte of it from the access that asks
  uint16_t offset;      // of the instruction in the page
  uint16_t next;        // of the next one
  uint8_t count;        // instructions started since the budget was last counted down, this one included
  uint8_t mem_op;
  uint8_t kind;         // SiteKind
  uint8_t sub;          // AmoOp, Cbo, HelperOp
  uint8_t mode;
  uint8_t destination;  // guest register of the result
  uint32_t dirty64;     // floating-point registers that may hold a NaN of the host's, as doubles
  uint32_t dirty32;     // ... as singles
  int64_t imm;          // CSR arguments
};

enum class SiteKind : uint8_t { kLoad, kStore, kLoadReserved, kStoreConditional, kAmo, kHelper, kGroup };

}  // namespace monochord
