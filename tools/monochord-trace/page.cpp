#include "tools/monochord-trace/page.h"

// PAGE_DIR comes from CMake.
#define EMBED(name, file)                                                                                                                   \
  asm(".pushsection .rodata\n.global page_" #name "_begin\n.global page_" #name "_end\npage_" #name "_begin:\n.incbin \"" PAGE_DIR "/" file \
      "\"\npage_" #name "_end:\n.byte 0\n.popsection");                                                                                     \
  extern "C" const char page_##name##_begin[], page_##name##_end[]

EMBED(html, "page.html");
EMBED(css, "page.css");
EMBED(data, "data.js");
EMBED(model, "model.js");
EMBED(draw, "draw.js");
EMBED(details, "details.js");
EMBED(main, "main.js");

namespace monochord::trace {

#define PART(name) std::string_view(page_##name##_begin, static_cast<size_t>(page_##name##_end - page_##name##_begin))

std::string_view page_html() { return PART(html); }
std::string_view page_css() { return PART(css); }
std::string page_js() {
  std::string all;
  for (std::string_view part : {PART(data), PART(model), PART(draw), PART(details), PART(main)}) all += part;
  return all;
}

}  // namespace monochord::trace
