// Flattened device tree: a small builder over libfdt, for the generated tree and for editing one given with -dtb.
// Main context. Running out of space grows the blob; names and values are the caller's.
// Paths begin with / and are exact: "/soc/uart" is not "/soc/uart@10000000". Setting a property of a missing node makes the node.
// libfdt puts a new node in front of its siblings, so a tree lists them in the reverse order of their making (QEMU's does, too).
// Source: Devicetree Specification v0.4; libfdt.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace monochord {

class FdtBuilder {
 public:
  static constexpr size_t kSizeMax = 16 << 20;                   // bytes of a tree from outside

  FdtBuilder();                                                  // an empty tree
  static Result<FdtBuilder> from_blob(std::span<const uint8_t> blob);  // a checked copy of a given one

  void add_node(std::string_view path);                          // and its missing parents
  bool has_node(std::string_view path) const;
  void set_cells(std::string_view path, const char* name, std::initializer_list<uint32_t> cells);
  void set_cells(std::string_view path, const char* name, std::span<const uint32_t> cells);
  void set_u64(std::string_view path, const char* name, uint64_t value);
  void set_u64s(std::string_view path, const char* name, std::span<const uint64_t> values);
  void set_string(std::string_view path, const char* name, std::string_view value);
  void set_strings(std::string_view path, const char* name, std::span<const std::string> values);
  void set_bytes(std::string_view path, const char* name, std::span<const uint8_t> bytes);
  void set_empty(std::string_view path, const char* name);       // a property without a value
  uint32_t phandle(std::string_view path);                        // allocates one on first use

  // The packed tree.
  std::vector<uint8_t> finish();

 private:
  int node(std::string_view path) const;                         // offset, or a negative libfdt error
  int make_node(std::string_view path);
  int make_child(int parent, std::string_view name);
  void set(std::string_view path, const char* name, const void* data, size_t size);
  void grow();
  std::vector<uint8_t> blob_;
  uint32_t next_phandle_ = 1;
};

}  // namespace monochord
