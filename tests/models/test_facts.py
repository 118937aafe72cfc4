from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bakeoff.catalog import ModelFiles, resolve_model
from bakeoff.errors import ModelError
from bakeoff.models.facts import choose_dtype, read_facts


@pytest.mark.models
def test_facts_of_an_encoder(catalogue_cache):
    found = read_facts(resolve_model("minilm-l6"))
    assert (found.architecture, found.family, found.form) == ("bert", "encoder", "folder")
    assert found.context_length == 512
    assert 22_700_000 < found.parameters < 22_720_000
    assert found.size_bytes == 90_868_376


@pytest.mark.models
def test_facts_of_a_gguf_file(catalogue_cache):
    found = read_facts(resolve_model("smollm2-135m"))
    assert (found.architecture, found.family, found.form) == ("llama", "decoder", "gguf")
    assert (found.context_length, found.parameters) == (8192, 134_515_008)
    assert found.size_bytes == 98_362_432


@pytest.mark.parametrize(
    ("config", "family", "context"),
    [
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "decoder", 0),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_positions": 1024}, "decoder", 1024),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, "encoder", 0),
        ({"model_type": "t5", "architectures": ["T5Model"], "is_encoder_decoder": True}, "seq2seq", 0),
        (
            {
                "model_type": "gemma3",
                "architectures": ["Gemma3ForCausalLM"],
                "text_config": {"max_position_embeddings": 99},
            },
            "decoder",
            99,
        ),
    ],
)
def test_families(tmp_path, config, family, context):
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = read_facts(ModelFiles("given", tmp_path, "folder", ""))
    assert (found.family, found.context_length, found.parameters) == (family, context, 0)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_broken_settings_are_told(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config.json of given"):
        read_facts(ModelFiles("given", tmp_path, "folder", ""))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64])
def test_broken_gguf_files_are_told(tmp_path, content):
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken.gguf is not a GGUF file that can be read"):
        read_facts(ModelFiles("broken", path, "gguf", ""))


def test_broken_safetensors_are_told(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    for content in (b"", b"\xff" * 20, b"\x02" + b"\x00" * 7 + b"[]", b"\x04" + b"\x00" * 7 + b"nope"):
        (tmp_path / "model.safetensors").write_bytes(content)
        with pytest.raises(ModelError, match=r"model.safetensors of given is broken"):
            read_facts(ModelFiles("given", tmp_path, "folder", ""))


def test_choose_dtype():
    assert choose_dtype("cpu") in ("float32", "bfloat16")
    assert choose_dtype("mps") == "float32"
    assert choose_dtype("cuda") in ("float32", "bfloat16")


def test_planning_modules_do_not_load_torch():
    code = (
        "import sys, bakeoff.models, bakeoff.models.facts, bakeoff.models.batching, bakeoff.models.server\n"
        "print(sorted({'torch', 'transformers', 'openai', 'httpx', 'gguf'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
