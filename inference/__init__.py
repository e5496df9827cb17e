"""Sotto's inference engine: requests in, streamed text out. Knows no editor.

This is the front door: whoever is outside imports from here only.
"""

from __future__ import annotations

# The engine and what is exchanged with it.
from inference.chat_types import ChatMessage, ChatPrompt, ChatRole, Tool, ToolCall
from inference.config import EngineConfig
from inference.engine import Engine
from inference.errors import (
    BackendError,
    ChatTemplateError,
    ChatUnsupportedError,
    EngineClosedError,
    EngineNotReadyError,
    GrammarError,
    InferenceError,
    InvalidModelError,
    ModelError,
    ModelNotFoundError,
    ModelTooLargeError,
    PromptTooLongError,
    UnsupportedModelError,
)
from inference.generation import Generation
from inference.hardware import HardwareReport, RuntimeInfo, hardware_report
from inference.loading import try_again

# Model files and this machine.
from inference.models.builtin_model import builtin_model_path
from inference.models.catalogue import PromptOrder
from inference.models.memory import estimate_memory
from inference.models.summary import ModelSummary, inspect_model
from inference.types import (
    Chunk,
    DraftCounts,
    EngineState,
    EngineStatus,
    FimPrompt,
    FinishReason,
    GenerationRequest,
    GenerationResult,
    Grammar,
    ModelInfo,
    Priority,
    Prompt,
    SamplingParams,
    SpeculationMode,
    TextPrompt,
    TokenPrompt,
    Usage,
    add_counts,
)

__all__ = [
    "BackendError",
    "ChatMessage",
    "ChatPrompt",
    "ChatRole",
    "ChatTemplateError",
    "ChatUnsupportedError",
    "Chunk",
    "DraftCounts",
    "Engine",
    "EngineClosedError",
    "EngineConfig",
    "EngineNotReadyError",
    "EngineState",
    "EngineStatus",
    "FimPrompt",
    "FinishReason",
    "Generation",
    "GenerationRequest",
    "GenerationResult",
    "Grammar",
    "GrammarError",
    "HardwareReport",
    "InferenceError",
    "InvalidModelError",
    "ModelError",
    "ModelInfo",
    "ModelNotFoundError",
    "ModelSummary",
    "ModelTooLargeError",
    "Priority",
    "Prompt",
    "PromptOrder",
    "PromptTooLongError",
    "RuntimeInfo",
    "SamplingParams",
    "SpeculationMode",
    "TextPrompt",
    "TokenPrompt",
    "Tool",
    "ToolCall",
    "UnsupportedModelError",
    "Usage",
    "add_counts",
    "builtin_model_path",
    "estimate_memory",
    "hardware_report",
    "inspect_model",
    "try_again",
]
