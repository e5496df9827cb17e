"""Checks of an EAGLE-3 head and its target together, before the runtime sees them.

They mirror the assertions with which it would end the process while it builds or runs the head's
graph (`src/models/eagle3.cpp` and `extract_layer_inputs` in `src/llama-context.cpp`, llama.cpp as
bundled with llama-cpp-python 0.3.36).
"""

from __future__ import annotations

from io import FileIO

import numpy as np

from inference.errors import UnsupportedModelError
from inference.models.catalogue import catalogue
from inference.models.gguf import GgufHeader, TensorInfo, read_header
from inference.models.refusals import invalid, shown, unreadable, unsupported
from inference.models.summary import ModelSummary

_N_TARGET_LAYERS = 3
_ANOTHER = "choose the head that was made for this model"


def read_target_layers(head: ModelSummary, target: ModelSummary) -> tuple[int, ...]:
    """Checks the head against its target. Returns the target's layers whose inputs it wants.

    Raises `InvalidModelError`, or `UnsupportedModelError` where the two do not belong together.
    """
    header = read_header(head.path)
    tensors = {tensor.name: tensor for tensor in header.tensors}
    if target.arch not in catalogue().architectures.eagle3_targets:
        why = f"models of the architecture {shown(target.arch)} show an EAGLE-3 head none of their"
        raise unsupported(head.path, f"{why} layers", "use it with another model")
    if head.n_layers != 1:
        raise invalid(head.path, f"{head.n_layers} layers for eagle3.block_count", "one")
    key, value = (header.get(f"eagle3.attention.{name}_length") for name in ("key", "value"))
    if key != value:
        raise invalid(head.path, f"heads of {key} and {value} values", "two equal numbers")
    if head.n_vocab != target.n_vocab:
        raise _misfit(head, "tokens", head.n_vocab, target.n_vocab)
    hidden = header.get("eagle3.target_hidden_size")
    if hidden != target.n_embd:
        raise _misfit(head, "values for each token of its target", hidden, target.n_embd)
    _check_borrowed(head, target, tensors)
    _check_vocabulary_map(header, tensors, head.n_vocab)
    return _target_layers(header, target)


def _misfit(head: ModelSummary, what: str, found: object, wanted: int) -> UnsupportedModelError:
    why = f"it expects {found} {what}, and the model has {wanted}"
    return unsupported(head.path, why, _ANOTHER)


def _target_layers(header: GgufHeader, target: ModelSummary) -> tuple[int, ...]:
    found = header.get("eagle3.target_layers")
    layers = tuple(n for n in found if isinstance(n, int)) if isinstance(found, tuple) else ()
    n_layers = target.n_layers - target.n_mtp_layers
    if len(layers) != _N_TARGET_LAYERS:
        count = f"{len(layers)} numbers for eagle3.target_layers"
        raise invalid(header.path, count, f"{_N_TARGET_LAYERS}")
    if not all(0 <= layer < n_layers for layer in layers):
        listed = ", ".join(map(str, layers))
        why = f"it wants to see the layers {listed} of a model that has {n_layers}"
        raise unsupported(header.path, why, _ANOTHER)
    return layers


def _check_borrowed(
    head: ModelSummary, target: ModelSummary, tensors: dict[str, TensorInfo]
) -> None:
    """What the head has not itself it takes from its target, where it must fit."""
    embedding = tensors.get("token_embd.weight")
    if embedding is not None and embedding.shape[-1] != head.n_vocab:
        found = f"{embedding.shape[-1]} rows in token_embd.weight"
        raise invalid(head.path, found, f"{head.n_vocab}, one for each token")
    output = tensors.get("output.weight")
    if (embedding is None or output is None) and head.n_embd != target.n_embd:
        raise _misfit(head, "values in a row of its target's tables", head.n_embd, target.n_embd)
    if output is None and "d2t" in tensors:
        raise invalid(head.path, "a vocabulary of its own (d2t)", "an output of its own as well")


def _check_vocabulary_map(header: GgufHeader, tensors: dict[str, TensorInfo], n_vocab: int) -> None:
    """`d2t` names the target's token for each of the head's."""
    table = tensors.get("d2t")
    if table is None:
        return
    n_rows = tensors["output.weight"].shape[-1]
    if table.type.name != "I64" or table.shape != (n_rows,):
        found = f"{table.type.name} data of shape {table.shape} in the tensor 'd2t'"
        raise invalid(header.path, found, f"I64 data, one for each of {n_rows} outputs")
    try:
        with FileIO(header.path) as file:
            file.seek(header.data_offset + table.offset)
            tokens = np.frombuffer(file.read(table.n_bytes), "<i8")
    except OSError as error:
        raise unreadable(header.path, error) from error
    if tokens.min() < 0 or tokens.max() >= n_vocab:
        raise invalid(header.path, "a token that there is not in 'd2t'", f"0 to {n_vocab - 1}")
