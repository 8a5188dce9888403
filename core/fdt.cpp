#include "core/fdt.h"

#include <cstring>

extern "C" {
#include <libfdt.h>
}

namespace monochord {

namespace {

constexpr size_t kFirstSize = 4096;
constexpr uint32_t kPhandleMax = 0xfffffffe;  // 0 and 0xffffffff are no phandles

// The child of `parent` whose name is exactly `name` (libfdt's own search would take uart@1000 for "uart").
int child_named(const void* blob, int parent, std::string_view name) {
  for (int child = fdt_first_subnode(blob, parent); child >= 0; child = fdt_next_subnode(blob, child)) {
    int size = 0;
    const char* found = fdt_get_name(blob, child, &size);
    if (found != nullptr && std::string_view(found, static_cast<size_t>(size)) == name) return child;
  }
  return -FDT_ERR_NOTFOUND;
}

// Takes the first name off a path.
std::string_view next_name(std::string_view* path) {
  while (!path->empty() && path->front() == '/') path->remove_prefix(1);
  const std::string_view name = path->substr(0, path->find('/'));
  path->remove_prefix(name.size());
  return name;
}

}  // namespace

FdtBuilder::FdtBuilder() : blob_(kFirstSize) {
  CHECK(fdt_create_empty_tree(blob_.data(), static_cast<int>(blob_.size())) == 0);
}

Result<FdtBuilder> FdtBuilder::from_blob(std::span<const uint8_t> given) {
  if (given.size() < sizeof(fdt_header)) return errorf("not a device tree: it has %zu bytes, a header alone has %zu", given.size(), sizeof(fdt_header));
  if (given.size() > kSizeMax) return errorf("not a device tree: %zu bytes are more than the %zu that one may have", given.size(), kSizeMax);
  FdtBuilder fdt;
  fdt.blob_.assign(given.begin(), given.end());  // libfdt wants it aligned
  const void* blob = fdt.blob_.data();
  if (fdt_magic(blob) != FDT_MAGIC) return errorf("not a device tree: it begins with 0x%08x instead of 0x%08x; make one with dtc", fdt_magic(blob), FDT_MAGIC);
  if (fdt_totalsize(blob) > given.size())
    return errorf("the device tree is cut off: its header says %u bytes, there are %zu", fdt_totalsize(blob), given.size());
  if (const int error = fdt_check_full(blob, given.size()); error != 0) return errorf("the device tree is damaged: %s", fdt_strerror(error));
  // Into our own buffer in the order that editing needs; twice the size is room for any gaps between its blocks.
  std::vector<uint8_t> wide(2 * given.size() + kFirstSize);
  if (const int error = fdt_open_into(blob, wide.data(), static_cast<int>(wide.size())); error != 0)
    return errorf("the device tree is damaged: %s", fdt_strerror(error));
  fdt.blob_ = std::move(wide);
  if (const int error = fdt_check_full(fdt.blob_.data(), fdt.blob_.size()); error != 0)
    return errorf("the device tree is damaged: %s", fdt_strerror(error));
  return fdt;
}

void FdtBuilder::grow() {
  std::vector<uint8_t> wide(2 * blob_.size());
  CHECK_MSG(wide.size() <= 4 * kSizeMax, "a device tree without end");
  CHECK(fdt_open_into(blob_.data(), wide.data(), static_cast<int>(wide.size())) == 0);
  blob_ = std::move(wide);
}

int FdtBuilder::node(std::string_view path) const {
  CHECK_MSG(!path.empty() && path.front() == '/', "paths of nodes begin with /");
  int offset = 0;
  for (std::string_view name = next_name(&path); !name.empty(); name = next_name(&path)) {
    offset = child_named(blob_.data(), offset, name);
    if (offset < 0) return offset;
  }
  return offset;
}

bool FdtBuilder::has_node(std::string_view path) const { return node(path) >= 0; }

int FdtBuilder::make_child(int parent, std::string_view name) {
  int child;
  const auto add = [&](std::string_view as) {
    while ((child = fdt_add_subnode_namelen(blob_.data(), parent, as.data(), static_cast<int>(as.size()))) == -FDT_ERR_NOSPACE) grow();
  };
  add(name);
  if (child != -FDT_ERR_EXISTS) return child;
  // libfdt takes a sibling uart@1000 for "uart"; renaming does not look at siblings.
  add("~new");
  if (child < 0) return child;
  const std::string text(name);
  int error;
  while ((error = fdt_set_name(blob_.data(), child, text.c_str())) == -FDT_ERR_NOSPACE) grow();
  return error == 0 ? child : error;
}

int FdtBuilder::make_node(std::string_view path) {
  CHECK_MSG(!path.empty() && path.front() == '/', "paths of nodes begin with /");
  int offset = 0;
  for (std::string_view rest = path, name = next_name(&rest); !name.empty(); name = next_name(&rest)) {
    int child = child_named(blob_.data(), offset, name);
    if (child == -FDT_ERR_NOTFOUND) child = make_child(offset, name);
    CHECK_MSG(child >= 0, fdt_strerror(child));
    offset = child;  // growing moves no offset
  }
  return offset;
}

void FdtBuilder::add_node(std::string_view path) { make_node(path); }

void FdtBuilder::set(std::string_view path, const char* name, const void* data, size_t size) {
  CHECK(size <= kSizeMax);
  const int offset = make_node(path);
  int error;
  while ((error = fdt_setprop(blob_.data(), offset, name, data, static_cast<int>(size))) == -FDT_ERR_NOSPACE) grow();
  CHECK_MSG(error == 0, fdt_strerror(error));
}

void FdtBuilder::set_cells(std::string_view path, const char* name, std::span<const uint32_t> cells) {
  std::vector<uint32_t> big_endian;
  for (uint32_t cell : cells) big_endian.push_back(cpu_to_fdt32(cell));
  set(path, name, big_endian.data(), big_endian.size() * sizeof(uint32_t));
}

void FdtBuilder::set_cells(std::string_view path, const char* name, std::initializer_list<uint32_t> cells) {
  set_cells(path, name, std::span<const uint32_t>(cells.begin(), cells.size()));
}

void FdtBuilder::set_u64(std::string_view path, const char* name, uint64_t value) { set_u64s(path, name, {&value, 1}); }

void FdtBuilder::set_u64s(std::string_view path, const char* name, std::span<const uint64_t> values) {
  std::vector<uint64_t> big_endian;
  for (uint64_t value : values) big_endian.push_back(cpu_to_fdt64(value));
  set(path, name, big_endian.data(), big_endian.size() * sizeof(uint64_t));
}

void FdtBuilder::set_string(std::string_view path, const char* name, std::string_view value) {
  const std::string text(value);
  set(path, name, text.c_str(), text.size() + 1);
}

void FdtBuilder::set_strings(std::string_view path, const char* name, std::span<const std::string> values) {
  std::string list;
  for (const std::string& value : values) list.append(value.c_str(), value.size() + 1);
  set(path, name, list.data(), list.size());
}

void FdtBuilder::set_bytes(std::string_view path, const char* name, std::span<const uint8_t> bytes) { set(path, name, bytes.data(), bytes.size()); }

void FdtBuilder::set_empty(std::string_view path, const char* name) { set(path, name, nullptr, 0); }

uint32_t FdtBuilder::phandle(std::string_view path) {
  const int offset = make_node(path);
  if (const uint32_t known = fdt_get_phandle(blob_.data(), offset); known != 0 && known <= kPhandleMax) return known;
  while (fdt_node_offset_by_phandle(blob_.data(), next_phandle_) >= 0) next_phandle_++;  // a given tree may use any numbers
  const uint32_t fresh = next_phandle_++;
  set_cells(path, "phandle", {fresh});
  return fresh;
}

std::vector<uint8_t> FdtBuilder::finish() {
  std::vector<uint8_t> packed = blob_;
  CHECK(fdt_pack(packed.data()) == 0);
  packed.resize(fdt_totalsize(packed.data()));
  CHECK(fdt_check_full(packed.data(), packed.size()) == 0);
  return packed;
}

}  // namespace monochord
