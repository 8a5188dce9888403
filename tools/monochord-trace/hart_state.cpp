#include "tools/monochord-trace/hart_state.h"

namespace monochord::trace {

namespace {

constexpr uint64_t kSBits = 1u << 1 | 1u << 5 | 1u << 9;  // what sie shows of mie

}  // namespace

bool HartState::follow(const Schema& schema, const Event& event) {
  switch (schema.known(event)) {
    case kTrace_trap_entered:
      privilege = schema.get(event, 2) & 3;
      if (*privilege == 3) {
        mpie = mie;
        mie = false;
      } else {
        spie = sie;
        sie = false;
      }
      return true;
    case kTrace_mret:
      privilege = schema.get(event, 1) & 3;
      mie = mpie;
      mpie = true;
      return true;
    case kTrace_sret:
      privilege = schema.get(event, 1) & 3;
      sie = spie;
      spie = true;
      return true;
    case kTrace_csr_write: {
      const uint64_t value = schema.get(event, 2);
      const bool machine = event.label == "mstatus";
      if (machine || event.label == "sstatus") {
        sie = (value >> 1 & 1) != 0;
        spie = (value >> 5 & 1) != 0;
        if (machine) {
          mie = (value >> 3 & 1) != 0;
          mpie = (value >> 7 & 1) != 0;
        }
        return true;
      }
      if (event.label == "mie") {
        enables = value;
        enables_known = ~uint64_t{0};
        return true;
      }
      if (event.label == "sie") {
        // sie shows 0 for what is not delegated: a bit that stays 0 says nothing about mie, one that is or was 1 does.
        const uint64_t shown = (value | schema.get(event, 1)) & kSBits;
        enables = (enables & ~shown) | (value & shown);
        enables_known |= shown;
        return true;
      }
      return false;
    }
    default:
      return false;
  }
}

std::optional<bool> HartState::m_masked() const {
  if (!privilege) return std::nullopt;
  if (*privilege < 3) return false;
  return mie ? std::optional<bool>(!*mie) : std::nullopt;
}

std::optional<bool> HartState::s_masked() const {
  if (!privilege) return std::nullopt;
  if (*privilege != 1) return *privilege == 3;
  return sie ? std::optional<bool>(!*sie) : std::nullopt;
}

}  // namespace monochord::trace
