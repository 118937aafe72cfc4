from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from bakeoff.catalog import ModelFiles, entry_cache, resolve_model
from bakeoff.errors import ModelError
from bakeoff.models.decoder import chat_prompt, converted_folder, has_chat_template, load_decoder
from bakeoff.models.loading import cast_weights

MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello"}]


@pytest.mark.models
def test_facts_of_the_loaded_model(smollm2, catalogue_cache):
    assert smollm2.context_length == 8192
    assert smollm2.model.dtype == torch.float32
    assert smollm2.sha256 == resolve_model("smollm2-135m").sha256
    assert not smollm2.model.training
    assert not any(weight.requires_grad for weight in smollm2.model.parameters())


def test_weights_that_are_cast_answer_as_those_that_are_loaded(make_small, tmp_path):
    from transformers import AutoModelForCausalLM

    model = make_small("llama").model
    AutoModelForCausalLM.from_config(model.config).save_pretrained(tmp_path)
    held = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    cast_weights(held, "bfloat16")
    ids = torch.arange(2, 62)[None]
    with torch.inference_mode():
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)(ids).logits
        assert torch.equal(held(ids).logits, loaded)
        assert not torch.equal(held.to(torch.bfloat16)(ids).logits, loaded)


@pytest.mark.models
def test_conversion_loses_nothing_and_is_done_once(smollm2, catalogue_cache, capfd):
    from gguf import GGUFReader, dequantize

    files = resolve_model("smollm2-135m")
    folder = converted_folder(files)
    assert files.sha256 in folder.name
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = load_decoder(files)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    tensors = {tensor.name: tensor for tensor in GGUFReader(files.path).tensors}
    for name, weight in (
        ("blk.7.ffn_gate.weight", again.model.model.layers[7].mlp.gate_proj.weight),
        ("token_embd.weight", again.model.model.embed_tokens.weight),
    ):
        expected = dequantize(tensors[name].data, tensors[name].tensor_type)
        assert np.array_equal(weight.numpy(), expected)
    assert capfd.readouterr() == ("", "")


@pytest.mark.models
def test_the_real_model_speaks(smollm2):
    text = chat_prompt(smollm2.tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
    ids = smollm2.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        out = smollm2.model.generate(**ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in smollm2.tokenizer.decode(out[0, ids["input_ids"].shape[1] :])


@pytest.mark.models
def test_chat_template_of_the_real_model(smollm2):
    assert has_chat_template(smollm2.tokenizer)
    assert chat_prompt(smollm2.tokenizer, MESSAGES) == (
        "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_chat_prompt_without_a_template(byte_level):
    tokenizer = byte_level()
    assert not has_chat_template(tokenizer)
    assert chat_prompt(tokenizer, MESSAGES) == "Be short.\n\nHello"


def test_chat_prompt_moves_a_system_message_that_the_template_refuses(byte_level):
    tokenizer = byte_level()
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
        "[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[model]{% endif %}"
    )
    assert chat_prompt(tokenizer, MESSAGES) == "[user]Be short.\n\nHello[model]"
    with pytest.raises(ModelError, match=r"chat template cannot write these messages: no system here\."):
        chat_prompt(tokenizer, MESSAGES[:1])


@pytest.fixture
def small_folder(make_small, tmp_path):
    """Give a small random decoder as a Hugging Face folder."""
    decoder = make_small("llama")
    folder = tmp_path / "small"
    decoder.model.save_pretrained(folder)
    decoder.tokenizer.save_pretrained(folder)
    return ModelFiles("small", folder, "folder", "0" * 64)


def test_a_local_folder_loads_in_either_type(small_folder, make_small):
    found = load_decoder(small_folder, dtype="bfloat16")
    assert found.model.dtype == torch.bfloat16
    assert (found.context_length, found.dtype, found.name) == (256, "bfloat16", "small")
    same = load_decoder(small_folder).model.state_dict()
    assert all(torch.equal(same[name], weight) for name, weight in make_small("llama").model.state_dict().items())


def test_code_that_comes_with_a_model_never_runs(small_folder, tmp_path):
    config = json.loads((small_folder.path / "config.json").read_text())
    config["model_type"] = "strange"
    config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    (small_folder.path / "config.json").write_text(json.dumps(config))
    (small_folder.path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    with pytest.raises(ModelError, match="The model small cannot be loaded"):
        load_decoder(small_folder)
    assert not (tmp_path / "ran").exists()


def test_truncated_weights_are_told(small_folder):
    weights = small_folder.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="The model small cannot be loaded"):
        load_decoder(small_folder)


def test_the_tokenizer_of_another_model_is_told(small_folder):
    """Its pieces would be numbers that the model has no row for, which ends a forward pass, or a process on a GPU."""
    tokenizer = json.loads((small_folder.path / "tokenizer.json").read_text("utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary |= {f"further{number}": len(vocabulary) + number for number in range(100)}
    (small_folder.path / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    with pytest.raises(ModelError, match=r"The tokenizer of small has 485 pieces and its model 420"):
        load_decoder(small_folder)


def test_pickled_weights_are_not_read(small_folder):
    weights = small_folder.path / "model.safetensors"
    torch.save({}, small_folder.path / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ModelError, match="The model small cannot be loaded"):
        load_decoder(small_folder)


@pytest.mark.models
def test_an_encoder_is_refused(catalogue_cache):
    with pytest.raises(
        ModelError, match=r"must be a decoder \(a causal language model\), but is of the family 'encoder' \(bert\)"
    ):
        load_decoder(resolve_model("minilm-l6"))


@pytest.mark.models
def test_a_broken_gguf_file_is_told_and_leaves_nothing(catalogue_cache, own_home, monkeypatch):
    whole = resolve_model("smollm2-135m").path
    cut = own_home / "cut.gguf"
    with whole.open("rb") as stream:
        cut.write_bytes(stream.read(40_000_000))
    monkeypatch.setenv("BAKEOFF_CACHE", str(own_home / "cache"))
    files = ModelFiles("cut", cut, "gguf", "f" * 64)
    with pytest.raises(ModelError, match=r"cut|not a GGUF file"):
        load_decoder(files)
    assert not list(entry_cache("safetensors", "x").parent.glob("*"))


def test_a_lack_of_memory_is_told(small_folder, monkeypatch):
    def full(*_args, **_kwargs):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    import transformers

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(ModelError, match="not enough memory for the model small") as caught:
        load_decoder(small_folder)
    assert "smaller model" in caught.value.next_step


def test_a_folder_without_settings_is_told(small_folder):
    shutil.rmtree(small_folder.path)
    with pytest.raises(ModelError, match=r"config.json of small cannot be read"):
        load_decoder(small_folder)
