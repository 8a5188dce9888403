// Names for the bits of the machine- and supervisor-level CSRs. Source: Privileged manual, chapters 3.1 and 12.1; Sstc, Svpbmt, Svadu chapters.
#pragma once

#include <cstdint>

namespace monochord {

inline constexpr uint64_t kMstatusSie = uint64_t{1} << 1;
inline constexpr uint64_t kMstatusMie = uint64_t{1} << 3;
inline constexpr uint64_t kMstatusSpie = uint64_t{1} << 5;
inline constexpr uint64_t kMstatusMpie = uint64_t{1} << 7;
inline constexpr uint64_t kMstatusSpp = uint64_t{1} << 8;
inline constexpr unsigned kMstatusMppShift = 11;
inline constexpr uint64_t kMstatusMpp = uint64_t{3} << kMstatusMppShift;
inline constexpr uint64_t kMstatusFs = uint64_t{3} << 13;
inline constexpr uint64_t kMstatusMprv = uint64_t{1} << 17;
inline constexpr uint64_t kMstatusSum = uint64_t{1} << 18;
inline constexpr uint64_t kMstatusMxr = uint64_t{1} << 19;
inline constexpr uint64_t kMstatusTvm = uint64_t{1} << 20;
inline constexpr uint64_t kMstatusTw = uint64_t{1} << 21;
inline constexpr uint64_t kMstatusTsr = uint64_t{1} << 22;
inline constexpr uint64_t kMstatusUxl64 = uint64_t{2} << 32;
inline constexpr uint64_t kMstatusUxl = uint64_t{3} << 32;
inline constexpr uint64_t kMstatusSxl64 = uint64_t{2} << 34;
inline constexpr uint64_t kMstatusSd = uint64_t{1} << 63;

// What a write of sstatus can change.
inline constexpr uint64_t kSstatusWritable = kMstatusSie | kMstatusSpie | kMstatusSpp | kMstatusFs | kMstatusSum | kMstatusMxr;

inline constexpr uint64_t kEnvcfgFiom = uint64_t{1} << 0;
inline constexpr unsigned kEnvcfgCbieShift = 4;
inline constexpr uint64_t kEnvcfgCbie = uint64_t{3} << kEnvcfgCbieShift;  // 0 traps, 1 flush, 2 reserved, 3 invalidate
inline constexpr uint64_t kEnvcfgCbcfe = uint64_t{1} << 6;
inline constexpr uint64_t kEnvcfgCbze = uint64_t{1} << 7;
inline constexpr uint64_t kMenvcfgAdue = uint64_t{1} << 61;
inline constexpr uint64_t kMenvcfgPbmte = uint64_t{1} << 62;
inline constexpr uint64_t kMenvcfgStce = uint64_t{1} << 63;

// mip and mie
inline constexpr uint64_t kMipSsip = uint64_t{1} << 1;
inline constexpr uint64_t kMipMsip = uint64_t{1} << 3;
inline constexpr uint64_t kMipStip = uint64_t{1} << 5;
inline constexpr uint64_t kMipMtip = uint64_t{1} << 7;
inline constexpr uint64_t kMipSeip = uint64_t{1} << 9;
inline constexpr uint64_t kMipMeip = uint64_t{1} << 11;
inline constexpr uint64_t kMipSupervisor = kMipSsip | kMipStip | kMipSeip;
inline constexpr uint64_t kMipAll = kMipSupervisor | kMipMsip | kMipMtip | kMipMeip;

inline constexpr uint64_t kCauseInterrupt = uint64_t{1} << 63;

// mcounteren, scounteren, mcountinhibit
inline constexpr uint64_t kCounterCy = 1, kCounterTm = 2, kCounterIr = 4;
inline constexpr unsigned kHpmFirst = 3, kHpmLast = 18;  // the programmable counters that exist
inline constexpr uint64_t kCounterHpm = 0x7fff8;         // their bits

// satp
inline constexpr unsigned kSatpModeShift = 60;
inline constexpr uint64_t kSatpPpn = (uint64_t{1} << 44) - 1;
enum SatpMode : unsigned { kSatpBare = 0, kSatpSv39 = 8, kSatpSv48 = 9, kSatpSv57 = 10 };

// A byte of pmpcfg
inline constexpr uint8_t kPmpR = 1, kPmpW = 2, kPmpX = 4, kPmpA = 0x18, kPmpTor = 0x08, kPmpNa4 = 0x10, kPmpNapot = 0x18, kPmpL = 0x80;

}  // namespace monochord
