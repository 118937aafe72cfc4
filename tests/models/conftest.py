"""Small decoders of several kinds with a tokenizer of their own, and the small real decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.models.decoder import Decoder, load_decoder

CORPUS = [
    "Text: where is my card? I have been waiting for weeks\nIntent: card_arrival\n\n",
    "Text: the top up failed and was reverted\nIntent: top_up_failed\n\n",
    "Text: good phone, the wheel is better than that of the other one\nSentiment: positive negative\n\n",
    "Text: do not buy this product 1234 times!\nSentiment: negative\n\n",
]


def byte_level_tokenizer(head: str | None = None, *, prefix_space: bool = False, far: bool = False) -> Any:
    """Train a GPT-2-like tokenizer.

    `head` names a special token that it puts before every text, `prefix_space` adds a space there, and with `far` words
    fall apart where an exclamation mark follows anywhere in their line.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    if far:
        looking = pre_tokenizers.Split(Regex(r"[A-Za-z](?=.*!)"), "isolated")
        core.pre_tokenizer = pre_tokenizers.Sequence([looking, core.pre_tokenizer])
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(CORPUS * 3, trainer)
    if head:
        core.post_processor = processors.TemplateProcessing(
            single=f"{head} $A", special_tokens=[(head, core.token_to_id(head))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="</s>")


def unsplit_tokenizer() -> Any:
    """Train a tokenizer that never splits into words, so that tokens reach over any place in a text."""
    from tokenizers import Tokenizer, models, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE(unk_token="<unk>"))
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>", "</s>", "<unk>"], show_progress=False)
    core.train_from_iterator(CORPUS * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _configuration(kind: str) -> Any:
    import transformers

    shape: dict[str, Any] = {
        "vocab_size": 420,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        # Large weights, so that a token that is seen by mistake changes the scores much.
        "initializer_range": 0.5,
    }
    if kind == "llama":
        return transformers.LlamaConfig(**shape)
    if kind.startswith("gemma3"):
        layers = ["sliding_attention", "full_attention", "sliding_attention"]
        return transformers.Gemma3TextConfig(**shape, sliding_window=int(kind.split("-")[1]), layer_types=layers)
    if kind == "granite":  # divides its logits at the very end
        return transformers.GraniteConfig(**shape, logits_scaling=3.0)
    common = {"vocab_size": 420, "initializer_range": 0.5, "bos_token_id": 0, "eos_token_id": 1}
    if kind == "gpt2":
        return transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=256, **common)
    assert kind == "bloom"
    return transformers.BloomConfig(hidden_size=32, n_layer=2, n_head=4, **common)


@pytest.fixture(scope="session")
def make_small() -> Callable[[str], Decoder]:
    """Give a maker of small random decoders."""
    kept: dict[str, Decoder] = {}

    def make(kind: str) -> Decoder:
        import torch
        from transformers import AutoModelForCausalLM

        if kind not in kept:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                model = AutoModelForCausalLM.from_config(_configuration(kind), dtype=torch.float32).eval()
            kept[kind] = Decoder(model, byte_level_tokenizer(), kind, "0" * 64, 256, "float32", "cpu")
        return kept[kind]

    return make


@pytest.fixture(scope="session")
def smollm2(pulled_cache: Path) -> Decoder:
    """Load the small real decoder once, in float32."""
    from bakeoff.catalog import resolve_model

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_CACHE", str(pulled_cache))
        return load_decoder(resolve_model("smollm2-135m"))


def alone(decoder: Decoder, text: str, label: str, ending: str = "", close: tuple[int, ...] = ()) -> float:
    """Score one full string by itself, with nothing of the scorer: the reference."""
    import torch

    found = decoder.tokenizer(text + label + ending, return_offsets_mapping=True, verbose=False)
    ids = [*found["input_ids"], *close]
    given = sum(1 for _, end in found["offset_mapping"] if end <= len(text))
    with torch.inference_mode():
        logs = torch.log_softmax(decoder.model(torch.tensor([ids])).logits[0].float(), dim=-1)
    return float(sum(logs[at - 1, ids[at]] for at in range(given, len(ids))))


@pytest.fixture(scope="session", name="alone")
def _alone() -> Callable[..., float]:
    """Give the reference that scores one full string by itself."""
    return alone


@pytest.fixture(scope="session", params=["byte level", "head", "prefix space", "unsplit"])
def any_tokenizer(request: pytest.FixtureRequest) -> Any:
    """Give tokenizers of several kinds."""
    makers = {
        "byte level": byte_level_tokenizer,
        "head": lambda: byte_level_tokenizer(head="<s>"),
        "prefix space": lambda: byte_level_tokenizer(prefix_space=True),
        "unsplit": unsplit_tokenizer,
    }
    return makers[request.param]()


@pytest.fixture(scope="session")
def byte_level() -> Callable[..., Any]:
    """Give the maker of GPT-2-like tokenizers."""
    return byte_level_tokenizer
