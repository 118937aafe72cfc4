"""BERT encoders laid out for answering: no work on padding, fewer and larger products, in the data type asked for.

The rows of a batch stand end to end, in sequences of few widths, by which attention is computed. Query, key and value
come from one product, and what follows a product (activation, or addition of what came in) is done while it is written.
Weights are kept in the order in which oneDNN reads them, where this processor multiplies bfloat16. Answers are those of
the same model and data type up to the last bits. Several threads may ask one at the same time: an answer changes
nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch.nn import functional

from bakeoff.models.linear_layers import quick_linear_layers
from bakeoff.models.loading import cast_weights
from bakeoff.models.row_layout import Layout, Sequences

__all__ = ["QuickEncoder", "answering_dtype", "answering_model"]

#: What is known of models is that they are built as here; see `_fits`.
_MODEL_TYPE, _ACTIVATION = "bert", "gelu"
_Product = Callable[[torch.Tensor], torch.Tensor]
_AddedProduct = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def answering_dtype(name: str, device: str) -> torch.dtype:
    """Give the data type in which a model answers that was measured in another or the same.

    Parameters
    ----------
    name : {"float32", "bfloat16"}
        The data type that is wanted.
    device : str

    Returns
    -------
    torch.dtype
        float32 where the hardware does not multiply bfloat16: it is quicker there, and closer to the weights.
    """
    from bakeoff.models.facts import choose_dtype

    return torch.bfloat16 if name == "bfloat16" and choose_dtype(device) == "bfloat16" else torch.float32


def answering_model(model: Any, dtype: torch.dtype) -> Any:
    """Give a model that answers as an encoder does, in a data type, as quickly as is known here.

    Parameters
    ----------
    model : transformers model
        Left as it is; what is given may share its weights.
    dtype : torch.dtype

    Returns
    -------
    module
        Called with `input_ids` and `attention_mask`, padded at the end; gives an object with `last_hidden_state`.
    """
    if _fits(model):
        return QuickEncoder(model, dtype).eval()
    if all(weight.dtype is dtype for weight in model.parameters()):
        return model
    import copy

    copied = copy.deepcopy(model)
    cast_weights(copied, "bfloat16" if dtype is torch.bfloat16 else "float32")
    return copied.eval()


class QuickEncoder(torch.nn.Module):
    """A BERT encoder for answering alone.

    Parameters
    ----------
    model : transformers model
        One that `answering_model` finds fit; its weights are copied where the data type is another.
    dtype : torch.dtype
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = model.config
        table, layers = model.embeddings, model.encoder.layer
        # Of one sort of text, as all that is asked here: its vector is added to the positions' once.
        sort = table.token_type_embeddings.weight[0]
        self.words = table.word_embeddings.weight.detach().to(dtype)
        self.positions = (table.position_embeddings.weight.detach().float() + sort.detach().float()).to(dtype)
        self.sorts = (table.token_type_embeddings.weight.detach() - sort.detach()).to(dtype)
        self.first = _norm(table.LayerNorm, dtype)
        self.layers = [_Layer(layer, dtype) for layer in layers]
        self.heads = int(model.config.num_attention_heads)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> Any:
        """Give the last states, shape (rows, tokens, dimensions), 0 where the mask is 0."""
        layout = Layout(attention_mask.sum(dim=1).tolist(), int(attention_mask.shape[1]))
        device = input_ids.device
        places, columns = (torch.from_numpy(own).to(device) for own in (layout.places, layout.columns))
        # Whole rows of a table are copied quicker by this function than by indexing.
        states = functional.embedding(input_ids.reshape(-1)[places], self.words)
        states += functional.embedding(columns, self.positions)
        if token_type_ids is not None:
            states += functional.embedding(token_type_ids.reshape(-1)[places], self.sorts)
        states = self.first(states)
        attend = _Attention(layout, self.heads, states)
        with quick_linear_layers():
            for layer in self.layers:
                states = layer.states(states, attend)
        found = states.new_zeros((input_ids.numel(), states.shape[-1]))
        filled = torch.from_numpy(layout.filled).to(device)
        found.index_copy_(0, places[filled], states.index_select(0, filled))
        return SimpleNamespace(last_hidden_state=found.view(*input_ids.shape, -1))


class _Layer:
    """One layer: attention and what follows, each added to what came in."""

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        own, out = layer.attention.self, layer.attention.output
        together = [(part.weight.detach(), part.bias.detach()) for part in (own.query, own.key, own.value)]
        weight, bias = (torch.cat(parts) for parts in zip(*together, strict=True))
        self.query_key_value = _product(weight, bias, dtype)
        self.attended = _added_product(out.dense.weight, out.dense.bias, dtype)
        self.wide = _product(layer.intermediate.dense.weight, layer.intermediate.dense.bias, dtype, activated=True)
        self.narrow = _added_product(layer.output.dense.weight, layer.output.dense.bias, dtype)
        self.norms = _norm(out.LayerNorm, dtype), _norm(layer.output.LayerNorm, dtype)

    def states(self, states: torch.Tensor, attend: _Attention) -> torch.Tensor:
        """Give the layer's states, shape (tokens, dimensions)."""
        states = self.norms[0](self.attended(attend(self.query_key_value(states)), states))
        return self.norms[1](self.narrow(self.wide(states), states))


class _Attention:
    """Attention inside each row of a batch, whose rows share sequences."""

    def __init__(self, layout: Layout, heads: int, states: torch.Tensor) -> None:
        self.heads, self.blocks = heads, layout.blocks
        self.added = [None if block.whole else _added(block, states) for block in layout.blocks]

    def __call__(self, mixed: torch.Tensor) -> torch.Tensor:
        """Give what tokens attend to, shape (places, dimensions), of queries, keys and values side by side."""
        found = [
            self._within(mixed[block.start : block.end], block.owners.shape, added)
            for block, added in zip(self.blocks, self.added, strict=True)
        ]
        return found[0] if len(found) == 1 else torch.cat(found)

    def _within(self, mixed: torch.Tensor, shape: tuple[int, ...], added: torch.Tensor | None) -> torch.Tensor:
        parts = mixed.view(*shape, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=added)
        return found.transpose(1, 2).reshape(len(mixed), -1)


def _added(block: Sequences, states: torch.Tensor) -> torch.Tensor:
    """Give what is added to a block's attention, shape (sequences, 1, width, width): minus infinity between two rows.

    Places without a token attend to each other, which nobody reads.
    """
    owners = torch.from_numpy(block.owners).to(states.device)
    apart = owners[:, None, :, None] != owners[:, None, None, :]
    return states.new_zeros(apart.shape).masked_fill_(apart, float("-inf"))


def _product(weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype, *, activated: bool = False) -> _Product:
    """Give the function of a linear layer, with the activation behind it where asked."""
    weight, bias = weight.detach().to(dtype).contiguous(), bias.detach().to(dtype)
    if dtype is torch.bfloat16 and _has_one_dnn(weight):
        packed, after = torch.ops.mkldnn._reorder_linear_weight(weight, None), "gelu" if activated else "none"
        # The last argument names gelu's formula: the exact one.
        how = "none" if activated else ""
        return lambda rows: torch.ops.mkldnn._linear_pointwise(rows, packed, bias, after, [], how)
    if activated:
        return lambda rows: functional.gelu(functional.linear(rows, weight, bias))
    return lambda rows: functional.linear(rows, weight, bias)


def _added_product(weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> _AddedProduct:
    """Give the function of a linear layer that adds other states to what it gives, while that is written."""
    weight, bias = weight.detach().to(dtype).contiguous(), bias.detach().to(dtype)
    if dtype is torch.bfloat16 and _has_one_dnn(weight):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        return lambda rows, beside: torch.ops.mkldnn._linear_pointwise.binary(rows, beside, packed, bias, "add")
    return lambda rows, beside: functional.linear(rows, weight, bias).add_(beside)


def _norm(norm: Any, dtype: torch.dtype) -> _Product:
    shape, weight, bias, eps = (
        norm.normalized_shape,
        norm.weight.detach().to(dtype),
        norm.bias.detach().to(dtype),
        norm.eps,
    )
    return lambda states: functional.layer_norm(states, shape, weight, bias, eps)


def _has_one_dnn(weight: torch.Tensor) -> bool:
    names = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    return (
        weight.device.type == "cpu"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in names)
        and hasattr(torch.ops.mkldnn._linear_pointwise, "binary")
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def _fits(model: Any) -> bool:
    """Say whether a model is a BERT encoder of plain layers alone, without adapters in them."""
    config: Any = getattr(model, "config", None)
    if getattr(config, "model_type", "") != _MODEL_TYPE or config.hidden_act != _ACTIVATION:
        return False
    odd = (
        config.is_decoder,
        config.add_cross_attention,
        getattr(config, "position_embedding_type", "absolute") != "absolute",
    )
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    plain = all(type(layer) is torch.nn.Linear and layer.bias is not None for layer in layers)
    # Query, key, value, and three more of each layer; a pooler may follow.
    expected = 6 * int(config.num_hidden_layers)
    return not any(odd) and plain and len(layers) in (expected, expected + 1)
