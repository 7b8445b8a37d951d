"""Importance matrices as other programs write them, for the tests of their reader and writer.

    python make_importance.py

gguf 0.19.0 and numpy 1.26.4 give the same bytes each time. `dense.gguf` and `experts.gguf` have the keys, the order and
the shapes of llama-imatrix's own files; `older.dat` is what it writes with `--output-format dat`.
"""

import struct
from pathlib import Path

import gguf
import numpy as np

FOLDER = Path(__file__).parent


def write_gguf(name, datasets, chunk_count, chunk_size, entries):
    writer = gguf.GGUFWriter(None, "")
    writer.kv_data[0].clear()
    writer.add_string("general.type", "imatrix")
    writer.add_array("imatrix.datasets", datasets)
    writer.add_uint32("imatrix.chunk_count", chunk_count)
    writer.add_uint32("imatrix.chunk_size", chunk_size)
    for entry in sorted(entries):
        sums, counts = entries[entry]
        writer.add_tensor(entry + ".in_sum2", np.array(sums, np.float32))
        writer.add_tensor(entry + ".counts", np.array(counts, np.float32))
    writer.write_header_to_file(FOLDER / name)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_dat(name, chunk_count, dataset, entries):
    data = struct.pack("<i", len(entries))
    for entry, (calls, values) in entries.items():
        encoded = entry.encode()
        data += struct.pack("<i", len(encoded)) + encoded
        data += struct.pack("<ii", calls, len(values))
        data += np.array(values, np.float32).tobytes()
    data += struct.pack("<ii", chunk_count, len(dataset)) + dataset.encode()
    (FOLDER / name).write_bytes(data)


write_gguf(
    "dense.gguf", ["prose.txt"], 2, 512,
    {
        "blk.0.attn_q.weight": ([1024.0, 512.0, 0.0, 0.25], [1024]),
        "blk.0.ffn_down.weight": ([3.0, 6.0], [1024]),
    })
# The middle expert was not reached.
write_gguf(
    "experts.gguf", ["code.txt", "prose.txt"], 1, 512,
    {
        "blk.0.attn_q.weight": ([1.0, 2.0, 3.0, 4.0], [512]),
        "blk.0.ffn_up_exps.weight": (
            [[300.0, 600.0], [0.0, 0.0], [212.0, 106.0]], [[300], [0], [212]]),
    })
# Means times the number of chunks; the experts' are in one row.
write_dat(
    "older.dat", 2, "older.txt",
    {
        "blk.0.attn_q.weight": (2, [2.0, 1.0, 0.0, 0.5]),
        "blk.0.ffn_up_exps.weight": (2, [2.0, 4.0, 1.0, 1.0, 6.0, 8.0]),
    })
