"""The header of a GGUF file, against the library's own writer and reader."""

from __future__ import annotations

import numpy as np
import pytest
from gguf import GGUFEndian, GGUFReader, GGUFWriter

from bakeoff.models.gguf_header import read_gguf_header


@pytest.fixture(params=[GGUFEndian.LITTLE, GGUFEndian.BIG], ids=["little", "big"])
def path(request, tmp_path):
    writer = GGUFWriter(tmp_path / "made.gguf", "llama", endianess=request.param)
    writer.add_context_length(4096)
    writer.add_string("general.name", "größer")
    writer.add_float32("half", 0.5)
    writer.add_bool("true", True)
    writer.add_int64("negative", -7)
    writer.add_array("words", ["a", "", "größe", "d" * 300])
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("lists", [["a", "b"], ["c"]])
    writer.add_uint32("last", 11)
    writer.add_tensor("one", np.ones((3, 4, 5), dtype=np.float32))
    writer.add_tensor("two", np.ones(7, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "made.gguf"


def test_fields_and_shapes_are_those_that_were_written(path):
    found = read_gguf_header(path)
    assert found.fields == {
        "general.architecture": "llama", "llama.context_length": 4096, "general.name": "größer", "half": 0.5,
        "true": True, "negative": -7, "last": 11,
    }  # fmt: skip
    assert sorted(map(sorted, found.shapes)) == [[3, 4, 5], [7]]


def test_a_cut_file_is_refused_wherever_it_is_cut(path):
    whole = path.read_bytes()
    header = whole.index(b"two") + 3 + 4 + 8 + 4 + 8
    for size in range(header):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"."):
            read_gguf_header(path)
    path.write_bytes(whole[:header])
    assert len(read_gguf_header(path).shapes) == 2


@pytest.mark.models
def test_the_real_decoder_has_the_weights_that_the_library_counts(pulled_cache):
    (path,) = pulled_cache.rglob("*.gguf")
    reader = GGUFReader(path)
    assert read_gguf_header(path).shapes == tuple(tuple(map(int, tensor.shape)) for tensor in reader.tensors)
