"""Every exception that leaves `inference`.

    InferenceError
    ├── ModelError                 a model file cannot be used
    │   ├── ModelNotFoundError     no such file
    │   ├── InvalidModelError      not a GGUF, truncated, absurd or inconsistent header
    │   ├── UnsupportedModelError  a well-formed file that this runtime or use cannot serve
    │   └── ModelTooLargeError     does not fit into the memory that is free
    ├── PromptTooLongError         the prompt alone exceeds the context
    ├── ChatUnsupportedError       the model takes no conversations
    ├── ChatTemplateError          the model's chat template is broken or does more than is allowed
    ├── GrammarError               the grammar that an answer is to have cannot be used
    ├── EngineNotReadyError        submitted before the model is loaded, or after it failed
    ├── EngineClosedError          submitted to, or waiting on, an engine that was closed
    └── BackendError               the runtime failed while decoding

Messages are whole sentences for the person at the editor and say what to do.
"""

from __future__ import annotations


class InferenceError(Exception):
    """Base of all of them."""


class ModelError(InferenceError):
    """A model file cannot be used."""


class ModelNotFoundError(ModelError):
    """No such file, or it cannot be read."""


class InvalidModelError(ModelError):
    """Not a GGUF file, truncated, or with an inconsistent header."""


class UnsupportedModelError(ModelError):
    """A well-formed file that this runtime cannot serve."""


class ModelTooLargeError(ModelError):
    """More memory is needed than is free."""


class PromptTooLongError(InferenceError):
    """The prompt alone exceeds the context."""


class ChatUnsupportedError(InferenceError):
    """The model takes no conversations."""


class ChatTemplateError(InferenceError):
    """The model's chat template is broken, refuses the conversation, or does too much."""


class GrammarError(InferenceError):
    """The grammar that an answer is to have is malformed, or the prompt allows none."""


class EngineNotReadyError(InferenceError):
    """No model is loaded (yet, or any more)."""


class EngineClosedError(InferenceError):
    """The engine was closed."""


class BackendError(InferenceError):
    """The runtime failed while decoding."""
