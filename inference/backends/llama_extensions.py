"""Functions of llama.cpp that are exported but not in its stable C API (`src/llama-ext.h`).

They carry C++ names, and a release may rename them; all such names are in this file.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.backends.llama_bindings import api, runtime_version
from inference.errors import UnsupportedModelError

Rows = NDArray[np.float32]


class _Functions:
    def __init__(self) -> None:
        context, floats = api.llama_context_p_ctypes, ctypes.POINTER(ctypes.c_float)
        flag, number = ctypes.c_bool, ctypes.c_int32
        self.set_hidden: Any = exported_function(
            "llama_set_embeddings_nextn", "P13llama_contextbb", "YAXPEAUllama_context@@_N1@Z"
        )
        self.get_hidden: Any = exported_function(
            "llama_get_embeddings_nextn", "P13llama_context", "YAPEAMPEAUllama_context@@@Z"
        )
        self.get_hidden_row: Any = exported_function(
            "llama_get_embeddings_nextn_ith", "P13llama_contexti", "YAPEAMPEAUllama_context@@H@Z"
        )
        self.set_layer_input: Any = exported_function(
            "llama_set_embeddings_layer_inp", "P13llama_contextjb", "YAXPEAUllama_context@@I_N@Z"
        )
        self.get_layer_input: Any = exported_function(
            "llama_get_embeddings_layer_inp", "P13llama_contextj", "YAPEAMPEAUllama_context@@I@Z"
        )
        self.set_hidden.argtypes, self.set_hidden.restype = (context, flag, flag), None
        self.get_hidden.argtypes, self.get_hidden.restype = (context,), floats
        self.get_hidden_row.argtypes, self.get_hidden_row.restype = (context, number), floats
        self.set_layer_input.argtypes = (context, ctypes.c_uint32, flag)
        self.set_layer_input.restype = None
        self.get_layer_input.argtypes = (context, ctypes.c_uint32)
        self.get_layer_input.restype = floats


def exported_function(name: str, itanium: str, msvc: str) -> Any:
    """By its C name, or what compilers make of the C++ name: `itanium` and `msvc` are what follows
    it there. Raises `UnsupportedModelError` if the runtime has none of these."""
    # The module binds none of these, so the library itself is needed.
    library = api._lib
    for exported in (name, f"_Z{len(name)}{name}{itanium}", f"?{name}@@{msvc}"):
        function = getattr(library, exported, None)
        if function is not None:
            return function
    raise UnsupportedModelError(
        f"llama-cpp-python {runtime_version()} has no function {name}, which draft heads (MTP,"
        " EAGLE-3) need; install the version that Sotto was made for, or draft without them."
    )


@cache
def _functions() -> _Functions:
    return _Functions()


def require_functions() -> None:
    """Raises `UnsupportedModelError` if any of them is missing."""
    _functions()


def output_hidden_rows(context: Any) -> None:
    """Makes the context keep the last layer's rows from now on, for all tokens.

    To keep those with logits alone is not possible: draft heads' graphs do not sort them out.
    """
    _functions().set_hidden(context, True, False)  # noqa: FBT003 - C API


def hidden_rows(context: Any, n_rows: int, width: int) -> Rows:
    """The last layer's, of shape (n_rows, width). A view: valid until the context's next call."""
    return np.ctypeslib.as_array(_functions().get_hidden(context), shape=(n_rows, width))


def hidden_row(context: Any, row: int, width: int) -> Rows:
    """The same for one row of the batch, of shape (width,)."""
    return np.ctypeslib.as_array(_functions().get_hidden_row(context, row), shape=(width,))


def output_layer_input(context: Any, layer: int) -> None:
    """Makes the context keep what goes into that layer. The runtime aborts at the next call if the
    model's architecture was not made for it."""
    _functions().set_layer_input(context, layer, True)  # noqa: FBT003 - C API


def layer_input(context: Any, layer: int, n_rows: int, width: int) -> Rows:
    """Of shape (n_rows, width). A view: valid until the context's next call."""
    pointer = _functions().get_layer_input(context, layer)
    return np.ctypeslib.as_array(pointer, shape=(n_rows, width))
