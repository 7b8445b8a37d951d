"""Makes the small GGUF and safetensors fixtures of the file tests.

    python make_files.py

Made with gguf 0.19.0, safetensors 0.8.0, numpy 1.26.4, torch 2.13.0. Deterministic: running it again gives the
same bytes.
"""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent


def fill(writer: gguf.GGUFWriter) -> None:
    writer.add_uint8("values.u8", 255)
    writer.add_int8("values.i8", -128)
    writer.add_uint16("values.u16", 65535)
    writer.add_int16("values.i16", -32768)
    writer.add_uint32("values.u32", 2**32 - 1)
    writer.add_int32("values.i32", -(2**31))
    writer.add_uint64("values.u64", 2**64 - 1)
    writer.add_int64("values.i64", -(2**63))
    writer.add_float32("values.f32", 1.5)
    writer.add_float64("values.f64", 0.1)
    writer.add_bool("values.true", True)
    writer.add_bool("values.false", False)
    writer.add_string("values.text", "grüße ✓")
    for name, kind, values in [
        ("u8", gguf.GGUFValueType.UINT8, [0, 1, 255]),
        ("i8", gguf.GGUFValueType.INT8, [-1, 127]),
        ("u16", gguf.GGUFValueType.UINT16, [1, 65535]),
        ("i16", gguf.GGUFValueType.INT16, [-2, 2]),
        ("u32", gguf.GGUFValueType.UINT32, [7]),
        ("i32", gguf.GGUFValueType.INT32, [-7, 7]),
        ("u64", gguf.GGUFValueType.UINT64, [2**63]),
        ("i64", gguf.GGUFValueType.INT64, [-(2**63)]),
        ("f32", gguf.GGUFValueType.FLOAT32, [0.5, -0.25, 3.0]),
        ("f64", gguf.GGUFValueType.FLOAT64, [0.1]),
        ("bool", gguf.GGUFValueType.BOOL, [True, False]),
    ]:
        writer.add_key_value(f"arrays.{name}", values, gguf.GGUFValueType.ARRAY, kind)
    writer.add_array("arrays.text", ["", "a", "ß", "\u0120the"])
    # Not UTF-8: values are bytes, whatever they hold.
    writer.add_key_value("values.raw", b"\xff\x00\x80", gguf.GGUFValueType.STRING)
    writer.add_tensor("matrix", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("half", np.arange(5, dtype=np.float16))
    blocks = np.arange(2 * 34, dtype=np.uint8).reshape(2, 34)
    writer.add_tensor("blocks", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("cube", np.arange(24, dtype=np.int32).reshape(2, 3, 4))


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    writer = gguf.GGUFWriter(HERE / "all-values.gguf", "test")
    fill(writer)
    finish(writer)

    writer = gguf.GGUFWriter(HERE / "aligned.gguf", "test")
    writer.add_custom_alignment(64)
    writer.add_tensor("a", np.ones(3, dtype=np.float32))
    writer.add_tensor("b", np.ones(17, dtype=np.float32))
    finish(writer)

    writer = gguf.GGUFWriter(HERE / "split.gguf", "test", split_max_tensors=2)
    for index in range(5):
        writer.add_tensor(f"t{index}", np.full(4, index, dtype=np.float32))
    finish(writer)

    types = [
        torch.bool, torch.uint8, torch.int8, torch.float8_e5m2, torch.float8_e4m3fn,
        torch.float8_e8m0fnu, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.int16, torch.uint16,
        torch.float16, torch.bfloat16, torch.int32, torch.uint32, torch.float32, torch.complex64,
        torch.float64, torch.int64, torch.uint64,
    ]
    tensors = {}
    for index, dtype in enumerate(types):
        # Two of each type, named against the order of the types, so that both sort keys show.
        for letter in "ba":
            name = f"{letter}.{len(types) - index:02d}"
            tensors[name] = torch.zeros(index % 3 + 1, 2, dtype=torch.uint8).to(dtype)
    tensors["scalar ü \"quoted\""] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 4)
    save_file(tensors, HERE / "all-types.safetensors", metadata={"format": "pt"})
    save_file({}, HERE / "no-tensors.safetensors")

    # Numbers and strings as Python's json spells them.
    numbers = [0.1, 1e-05, 0.0001, 10000.0, 1e15, 1e16, 9007199254740993.0, 12345678901234567.0, 1e22, 5e-324,
               1.7976931348623157e308, -0.0, 1 / 3, 123456.789, 1e100, -2.5e-10]
    text = {"numbers": numbers, "text": "a\"b\\c\n\t\x01\x7fé✓😀/", "empty": {}, "none": [], "null": None}
    (HERE / "python-compact.json").write_text(
        json.dumps(text, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    (HERE / "python-indented.json").write_text(
        json.dumps(text, ensure_ascii=False, indent=2, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    main()
