// pack and unpack: the same chunks with deflated or raw payloads. Hashes are of the raw bytes, so they stay; offsets and CRCs are made anew.
#include <zlib.h>

#include "tools/monochord-trace/commands.h"

namespace monochord::trace {

namespace {

constexpr OptionSpec kOptions[] = {{"-o", "OUT", "write there, and leave FILE as it is"}};
constexpr std::string_view kPackUsage =
    "usage: monochord-trace pack [-o OUT] FILE\n\n"
    "Compresses the chunks of a trace, in place without -o (through a file beside it and a rename). Every reader takes both forms.\n";
constexpr std::string_view kUnpackUsage =
    "usage: monochord-trace unpack [-o OUT] FILE\n\n"
    "Undoes pack: gives the file that was packed, byte for byte. In place without -o.\n";

template <typename T>
void put(std::string* to, T value) {
  to->append(reinterpret_cast<const char*>(&value), sizeof value);
}

uint32_t crc(std::string_view bytes) {
  return static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// The chunk as it shall stand in the file.
std::string rewritten(const Reader& reader, bool deflated) {
  TraceChunkHeader header = reader.chunk();
  std::string payload(reinterpret_cast<const char*>(reader.payload().data()), reader.payload().size());
  header.flags = 0;
  if (deflated) {
    uLongf size = compressBound(payload.size());
    std::string smaller(size, '\0');
    const int result = compress2(reinterpret_cast<Bytef*>(smaller.data()), &size, reinterpret_cast<const Bytef*>(payload.data()), payload.size(),
                                 Z_DEFAULT_COMPRESSION);
    if (result == Z_OK && size < payload.size()) {  // else it stays raw
      smaller.resize(size);
      payload.swap(smaller);
      header.flags = kTraceChunkDeflated;
    }
  }
  header.stored_bytes = static_cast<uint32_t>(payload.size());
  header.crc = crc(payload);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  const uint32_t header_crc = crc(std::string_view(bytes).substr(0, kTraceChunkBytes - 4));
  memcpy(bytes.data() + kTraceChunkBytes - 4, &header_crc, 4);
  return bytes + payload;
}

Status rewrite(Reader& reader, Output& output, bool deflated) {
  std::string header(reader.header_bytes(), '\0');
  if (!reader.bytes().read(0, header.data(), header.size())) return errorf("%s: cannot be read", reader.name().c_str());
  output.write(header);
  uint64_t offset = header.size();
  uint32_t chunks = 0;
  std::string index;
  while (!output.failed() && reader.next_chunk()) {
    const TraceChunkHeader& chunk = reader.chunk();
    put(&index, offset);
    put(&index, chunk.first_sequence);
    put(&index, chunk.first_instruction);
    put(&index, chunk.first_ns);
    put(&index, chunk.hash);
    const std::string bytes = rewritten(reader, deflated);
    output.write(bytes);
    offset += bytes.size();
    chunks++;
  }
  if (!reader.status().ok()) return reader.status();
  if (!reader.closed()) return {};  // then it stays one that was not closed
  std::string head;
  put(&head, kTraceIndexMagic);
  put(&head, chunks);
  index.insert(0, head);
  put(&index, crc(index));
  put(&index, offset);
  index.append(kTraceEndMagic, sizeof kTraceEndMagic);
  output.write(index);
  return {};
}

int run(const char* command, std::string_view usage, Arguments arguments, bool deflated) {
  if (asked_for_help(arguments, usage, kOptions)) return kSame;
  Result<Options> options = Options::parse(command, kOptions, arguments, 1);
  if (!options) return trouble(options.error());
  const std::string& path = (*options)[0];
  Result<std::unique_ptr<Reader>> reader = open_trace(path);
  if (!reader) return trouble(reader.error());
  // In place nothing may get lost: bytes of a chunk that was never finished would.
  if (!options->has("-o") && !(*reader)->closed()) {
    while ((*reader)->next_chunk()) {
    }
    if ((*reader)->tail_bytes() != 0)
      return trouble(errorf("%s: %llu bytes at its end are no whole chunk and would be lost; name another file with -o", path.c_str(),
                            static_cast<unsigned long long>((*reader)->tail_bytes())));
    (*reader)->rewind();
  }
  Result<Output> output = Output::open(options->has("-o") ? options->get("-o") : path);
  if (!output) return trouble(output.error());
  if (Status status = rewrite(**reader, *output, deflated); !status) return trouble(status.error());
  return finish(*output);
}

}  // namespace

int pack_command(Arguments arguments) { return run("pack", kPackUsage, arguments, true); }
int unpack_command(Arguments arguments) { return run("unpack", kUnpackUsage, arguments, false); }

}  // namespace monochord::trace
