"""llama.cpp as a server of the OpenAI API, on loopback and in a process of its own.

    python benchmarks/llama_server.py MODEL.gguf SLOTS THREADS

Prints its address, and serves until its standard input ends: it never outlives the benchmark that started it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The name that the server gives its model.
SERVED = "served"
#: Tokens of context that each slot has.
CONTEXT = 8192


def in_bfloat16(source: Path, target: Path) -> Path:
    """Write a GGUF file's weights as bfloat16, as which our own side reads them, where that is not done yet.

    So both sides have one model in one data type, and llama.cpp reads prompts faster in it than in Q4_1 on processors
    that have instructions for it.
    """
    import gguf
    import numpy as np

    if target.exists():
        return target
    reader = gguf.GGUFReader(source)
    aside = target.with_suffix(".part")
    writer = gguf.GGUFWriter(aside, reader.fields["general.architecture"].contents())
    written = {"general.architecture", "general.file_type", "general.quantization_version"}
    for name, field in reader.fields.items():
        if name not in written and not name.startswith("GGUF."):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    kind = gguf.GGMLQuantizationType.BF16
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim == 1:
            writer.add_tensor(tensor.name, values.astype(np.float32))
        else:
            writer.add_tensor(tensor.name, gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    aside.replace(target)
    return target


@contextmanager
def served(model: Path, *, slots: int, threads: int) -> Iterator[str]:
    """Serve a GGUF file, and give the address of its API while the block runs."""
    command = [sys.executable, str(Path(__file__)), str(model), str(slots), str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise SystemExit(f"The server of {model} ended with {process.wait()}; its message stands above.")
            yield f"{address}/v1"
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    import xllamacpp

    model, slots, threads = sys.argv[1:4]
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {SERVED}
    settings.n_parallel = int(slots)
    settings.n_ctx = CONTEXT * int(slots)
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = int(threads)
    settings.verbosity = -1
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
