// The CPU model. Source: see config.h.
#include "tcg/riscv/config.h"

#include <iterator>
#include <string_view>

#include "core/suggest.h"

namespace monochord {

namespace {

constexpr size_t kExtensions = static_cast<size_t>(Ext::kCount);

struct ExtensionInfo {
  Ext id;
  std::string_view name;
  bool default_on;
  bool in_isa;
  const char* description;
};
constexpr ExtensionInfo kTable[] = {
#define EXTENSION(id, name, default_on, in_isa, description) {Ext::id, name, default_on, in_isa, description},
#include "tcg/riscv/extensions.inc"
#undef EXTENSION
};
static_assert(std::size(kTable) == kExtensions);

// One name of riscv,isa and whether this hart shows it.
struct IsaName {
  std::string_view name;
  bool (*shown)(const CpuConfig& config);
};
constexpr IsaName kIsaNames[] = {
#define EXTENSION(id, name, default_on, in_isa, description) {name, [](const CpuConfig& config) { return (in_isa) && config.has(Ext::id); }},
#define ISA_NAME(name, condition, description) {name, []([[maybe_unused]] const CpuConfig& config) -> bool { return condition; }},
#include "tcg/riscv/extensions.inc"
#undef EXTENSION
};

// Boolean properties of QEMU 10.0's rv64 that name what is not implemented here: `off` is what they are.
constexpr std::string_view kMissing[] = {
    "e", "h", "v",
    "rva22u64", "rva22s64", "rva23u64", "rva23s64",
    "smaia", "smcdeleg", "smcntrpmf", "smcsrind", "smctr", "smdbltrp", "smepmp", "smmpm", "smnpm", "smrnmi", "smstateen",
    "ssaia", "ssccfg", "sscofpmf", "sscsrind", "ssctr", "ssdbltrp", "ssnpm", "sspm", "supm", "sv64", "svvptc", "x-svukte",
    "zabha", "zacas", "zama16b", "zawrs", "zbc", "zbkb", "zbkc", "zbkx", "zcb", "zce", "zcf", "zcmop", "zcmp", "zcmt",
    "zdinx", "zfa", "zfbfmin", "zfh", "zfhmin", "zfinx", "zhinx", "zhinxmin", "zicbop", "zicfilp", "zicfiss", "zihintntl",
    "zimop", "zk", "zkn", "zknd", "zkne", "zknh", "zkr", "zks", "zksed", "zksh", "zkt", "ztso",
    "zvbb", "zvbc", "zve32f", "zve32x", "zve64d", "zve64f", "zve64x", "zvfbfmin", "zvfbfwma", "zvfh", "zvfhmin", "zvkb",
    "zvkg", "zvkn", "zvknc", "zvkned", "zvkng", "zvknha", "zvknhb", "zvks", "zvksc", "zvksed", "zvksg", "zvksh", "zvkt",
    "xtheadba", "xtheadbb", "xtheadbs", "xtheadcmo", "xtheadcondmov", "xtheadfmemidx", "xtheadfmv", "xtheadmac",
    "xtheadmemidx", "xtheadmempair", "xtheadsync", "xventanacondops",
    "debug", "short-isa-string", "x-misa-w", "rvv_ta_all_1s", "rvv_ma_all_1s", "rvv_vl_half_avl",
};

// Parts of an extension that QEMU knows by a name of their own; here they come and go with it.
struct Part {
  std::string_view name;
  Ext whole;
};
constexpr Part kParts[] = {
    {"zmmul", Ext::kM}, {"zaamo", Ext::kA}, {"zalrsc", Ext::kA}, {"zca", Ext::kC}, {"zcd", Ext::kC},
};

// What is always on, and whose absence would be another kind of CPU.
constexpr std::string_view kAlways[] = {"i", "s", "u", "zicsr"};

// Properties with a value: the one that holds here.
struct Fixed {
  std::string_view name, value;
};
constexpr Fixed kFixed[] = {
    {"cbom_blocksize", "64"}, {"cboz_blocksize", "64"}, {"cbop_blocksize", "64"}, {"priv_spec", "v1.13.0"},
    {"mvendorid", "0"},       {"marchid", "0"},         {"mimpid", "0"},
};

// QEMU's other spellings: "Zicsr" for "zicsr" and so on.
std::string canonical(std::string_view name) {
  std::string text(name);
  if (!text.empty() && text[0] == 'Z') text[0] = 'z';
  return text;
}

template <typename Range>
bool contains(const Range& range, std::string_view name) {
  for (std::string_view item : range)
    if (item == name) return true;
  return false;
}

const ExtensionInfo* find_extension(std::string_view name) {
  for (const ExtensionInfo& info : kTable)
    if (info.name == name) return &info;
  return nullptr;
}

const Part* find_part(std::string_view name) {
  for (const Part& part : kParts)
    if (part.name == name) return &part;
  return nullptr;
}

const Fixed* find_fixed(std::string_view name) {
  for (const Fixed& fixed : kFixed)
    if (fixed.name == name) return &fixed;
  return nullptr;
}

std::string_view name_of(Ext ext) { return kTable[static_cast<size_t>(ext)].name; }

std::string_view nearest_property(std::string_view name) {
  std::vector<std::string_view> names{"g", "mmu", "x-strict-fencei"};
  for (const ExtensionInfo& info : kTable) names.push_back(info.name);
  for (std::string_view missing : kMissing) names.push_back(missing);
  for (const Part& part : kParts) names.push_back(part.name);
  for (const Fixed& fixed : kFixed) names.push_back(fixed.name);
  names.push_back("s");
  names.push_back("u");
  return nearest_name(name, names);
}

void set(CpuConfig& config, Ext ext, bool on) { config.extensions[static_cast<size_t>(ext)] = on; }

Error bad_value(std::string_view name, std::string_view value) {
  return errorf("-cpu: %.*s=%.*s is neither on nor off", static_cast<int>(name.size()), name.data(), static_cast<int>(value.size()),
                value.data());
}

bool parse_bool(std::string_view value, bool* on) {
  *on = value == "on" || value == "true" || value == "yes" || value == "y";
  return *on || value == "off" || value == "false" || value == "no" || value == "n";
}

// What a list of properties asks for beyond single bits: checked when all of it is read, because later words win over earlier ones.
struct Wishes {
  std::vector<std::pair<const Part*, bool>> parts;
};

Status apply(CpuConfig& config, Wishes& wishes, std::string_view property) {
  const size_t equals = property.find('=');
  const std::string name = canonical(property.substr(0, equals));
  if (equals == std::string_view::npos)
    return errorf("-cpu: '%s' needs a value: %s=on or %s=off", name.c_str(), name.c_str(), name.c_str());
  const std::string_view value = property.substr(equals + 1);
  if (const Fixed* fixed = find_fixed(name)) {
    if (value == fixed->value) return {};
    return errorf("-cpu: %s is always %.*s here; leave it out", name.c_str(), static_cast<int>(fixed->value.size()), fixed->value.data());
  }
  const bool missing = contains(kMissing, name);
  const ExtensionInfo* info = find_extension(name);
  const Part* part = find_part(name);
  const bool special = name == "g" || name == "mmu" || name == "x-strict-fencei";
  if (!missing && info == nullptr && part == nullptr && !special && !contains(kAlways, name)) {
    const std::string_view nearest = nearest_property(name);
    return errorf("-cpu: rv64 has no property '%s'; did you mean '%.*s'? (-cpu help lists them)", name.c_str(),
                  static_cast<int>(nearest.size()), nearest.data());
  }
  bool on;
  if (!parse_bool(value, &on)) return bad_value(name, value);
  if (missing) {
    if (!on) return {};
    return errorf("-cpu: %s=on: %s is not implemented; leave it out or write %s=off", name.c_str(), name.c_str(), name.c_str());
  }
  if (contains(kAlways, name)) {
    if (on) return {};
    return errorf("-cpu: %s=off: this CPU always has %s; leave it out", name.c_str(), name.c_str());
  }
  if (part != nullptr) {
    wishes.parts.emplace_back(part, on);
  } else if (name == "x-strict-fencei") {
    config.strict_fencei = on;
  } else if (name == "mmu") {
    for (Ext ext : {Ext::kSv39, Ext::kSv48, Ext::kSv57}) set(config, ext, on);
  } else if (name == "g") {
    if (on)
      for (Ext ext : {Ext::kM, Ext::kA, Ext::kF, Ext::kD, Ext::kZifencei}) set(config, ext, true);
  } else {
    set(config, info->id, on);
    if (info->id == Ext::kB && on)
      for (Ext ext : {Ext::kZba, Ext::kZbb, Ext::kZbs}) set(config, ext, true);
    // The modes of satp nest: a larger one brings the smaller ones.
    if (on && (info->id == Ext::kSv57 || info->id == Ext::kSv48)) set(config, Ext::kSv39, true);
    if (on && info->id == Ext::kSv57) set(config, Ext::kSv48, true);
    if (!on && info->id == Ext::kSv39)
      for (Ext ext : {Ext::kSv48, Ext::kSv57}) set(config, ext, false);
    if (!on && info->id == Ext::kSv48) set(config, Ext::kSv57, false);
  }
  return {};
}

Status check(const CpuConfig& config, const Wishes& wishes) {
  if (config.has(Ext::kD) && !config.has(Ext::kF)) return errorf("-cpu: d needs f; write d=off too");
  for (const auto& [part, on] : wishes.parts) {
    if (on == config.has(part->whole)) continue;
    const std::string_view whole = name_of(part->whole);
    return errorf("-cpu: %.*s=%s: it is a part of %.*s here; write %.*s=%s", static_cast<int>(part->name.size()), part->name.data(),
                  on ? "on" : "off", static_cast<int>(whole.size()), whole.data(), static_cast<int>(whole.size()), whole.data(),
                  on ? "on" : "off");
  }
  return {};
}

}  // namespace

unsigned CpuConfig::satp_levels() const { return has(Ext::kSv57) ? 5 : has(Ext::kSv48) ? 4 : has(Ext::kSv39) ? 3 : 0; }

std::vector<std::string> CpuConfig::isa_extensions() const {
  std::vector<std::string> names;
  for (const IsaName& isa_name : kIsaNames)
    if (isa_name.shown(*this)) names.emplace_back(isa_name.name);
  return names;
}

std::string CpuConfig::isa() const {
  std::string text = "rv64";
  for (const std::string& name : isa_extensions()) {
    if (name.size() > 1) text += '_';
    text += name;
  }
  return text;
}

const char* CpuConfig::mmu_type() const {
  switch (satp_levels()) {
    case 5: return "riscv,sv57";
    case 4: return "riscv,sv48";
    case 3: return "riscv,sv39";
    default: return nullptr;
  }
}

CpuConfig default_cpu_config() {
  CpuConfig config;
  for (const ExtensionInfo& info : kTable) set(config, info.id, info.default_on);
  return config;
}

CpuConfig full_cpu_config() {
  CpuConfig config;
  config.extensions.set();
  return config;
}

Result<CpuConfig> parse_cpu_model(const std::string& text) {
  std::string_view rest = text;
  const size_t comma = rest.find(',');
  const std::string_view model = rest.substr(0, comma);
  if (model != "rv64" && model != "rv64-riscv-cpu")
    return errorf("-cpu: there is no model '%.*s'; the only one is rv64 (-cpu help)", static_cast<int>(model.size()), model.data());
  rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  CpuConfig config = default_cpu_config();
  Wishes wishes;
  while (!rest.empty()) {
    const size_t end = rest.find(',');
    const std::string_view property = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (property.empty()) continue;
    if (Status status = apply(config, wishes, property); !status) return status.error();
  }
  if (Status status = check(config, wishes); !status) return status.error();
  return config;
}

std::string cpu_help() {
  std::string text = "Available CPUs:\n  rv64\n\nExtensions of rv64, as -cpu rv64[,NAME=on|off]... (those marked * are on by default):\n";
  for (const ExtensionInfo& info : kTable) {
    if (contains(kAlways, info.name)) continue;
    text += stringf("%c %-12.*s %s\n", info.default_on ? '*' : ' ', static_cast<int>(info.name.size()), info.name.data(), info.description);
  }
  text += "  x-strict-fencei  stores are visible to instruction fetch only after fence.i\n"
          "QEMU's other extension names may be written with =off.\n";
  return text;
}

}  // namespace monochord
