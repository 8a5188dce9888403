# Memory, loaders, device tree, log, trace points.
set(CORE_MEMORY_SOURCES
  check.cpp result.cpp log.cpp suggest.cpp
  memory_region.cpp flat_view.cpp address_space.cpp mtree.cpp
  fdt.cpp
  file_image.cpp loader.cpp loader_elf.cpp loader_gzip.cpp loader_place.cpp
  symbols.cpp
  trace.cpp trace_chunk.cpp trace_file.cpp trace_session.cpp trace_text.cpp trace_timers.cpp)
