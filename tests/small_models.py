"""Small language models with random weights, as folders, and a tokenizer trained on the suite's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.testing import text_rows


def _tokenizer(*, ends_texts: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<pad>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    texts, labels = text_rows(48)
    core.train_from_iterator(
        [f"{text}\nSentiment: {label}" for text, label in zip(texts, labels, strict=True)], trainer
    )
    if ends_texts:
        core.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", pad_token="<pad>")


def _written(model: Any, tokenizer: Any, folder: Path) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def write_decoder_folder(folder: Path) -> str:
    """Write a Llama of 20,000 weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=1, pad_token_id=0,
        tie_word_embeddings=True, initializer_range=0.1,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    return _written(model, _tokenizer(ends_texts=False), folder)


def write_encoder_folder(folder: Path) -> str:
    """Write a BERT of 30,000 weights."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=400, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(config)
    return _written(model, _tokenizer(ends_texts=True), folder)


def write_seq2seq_folder(folder: Path) -> str:
    """Write a T5 of 50,000 weights; its tokenizer ends texts, as T5's does."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=400, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", decoder_start_token_id=0, eos_token_id=1, pad_token_id=0,
        dropout_rate=0.0, tie_word_embeddings=False,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = T5ForConditionalGeneration(config)
    return _written(model, _tokenizer(ends_texts=True), folder)
