"""Stage 5: a checkpoint → GGUF for llama.cpp and a Hugging Face folder for MLX, same weights.

    python -m training.export --run RUN --tokenizer FILE --name NAME --out FOLDER

Writes `NAME-q8_0.gguf`, `NAME-f16.gguf` and `NAME-hf/` (`config.json`, `model.safetensors` in
float16, the tokenizer), which `mlx_lm` and transformers load as an ordinary Qwen3 model.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from training.model import Model, ModelConfig

END = "<|endoftext|>"
FIM_TOKENS = {
    "pre": "<|fim_prefix|>",
    "suf": "<|fim_suffix|>",
    "mid": "<|fim_middle|>",
    "pad": "<|fim_pad|>",
    "rep": "<|repo_name|>",
    "sep": "<|file_sep|>",
}
DESCRIPTION = "Fill-in-the-middle code model trained from scratch on permissively licensed source"
KINDS = {
    "f32": (gguf.LlamaFileType.ALL_F32, gguf.GGMLQuantizationType.F32),
    "f16": (gguf.LlamaFileType.MOSTLY_F16, gguf.GGMLQuantizationType.F16),
    "q8_0": (gguf.LlamaFileType.MOSTLY_Q8_0, gguf.GGMLQuantizationType.Q8_0),
}


def load_checkpoint(run: Path) -> Model:
    """The newest checkpoint of a training run, in float32 on the CPU."""
    folder = run / (run / "newest").read_text()
    state = torch.load(folder / "state.pt", map_location="cpu")
    model = Model(ModelConfig(**state["config"]))
    model.load_state_dict(state["model"])
    return model.eval()


def tensors(model: Model) -> Iterator[tuple[str, str, Tensor]]:
    """(GGUF name, Hugging Face name, tensor) of every parameter; fused matrices come apart."""
    c = model.config
    n_q, n_kv = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
    yield "token_embd.weight", "model.embed_tokens.weight", model.embedding
    yield "output_norm.weight", "model.norm.weight", model.final_norm
    for i, block in enumerate(model.blocks):
        own: dict[str, Any] = dict(block.named_parameters())
        q, k, v = own["attn.qkv"].split([n_q, n_kv, n_kv])
        gate, up = own["gate_up"].split(c.ffn)
        for short, long, tensor in (
            ("attn_norm", "input_layernorm", own["attn_norm"]),
            ("attn_q", "self_attn.q_proj", q),
            ("attn_k", "self_attn.k_proj", k),
            ("attn_v", "self_attn.v_proj", v),
            ("attn_q_norm", "self_attn.q_norm", own["attn.q_norm"]),
            ("attn_k_norm", "self_attn.k_norm", own["attn.k_norm"]),
            ("attn_output", "self_attn.o_proj", own["attn.out"]),
            ("ffn_norm", "post_attention_layernorm", own["ffn_norm"]),
            ("ffn_gate", "mlp.gate_proj", gate),
            ("ffn_up", "mlp.up_proj", up),
            ("ffn_down", "mlp.down_proj", own["down"]),
        ):
            yield f"blk.{i}.{short}.weight", f"model.layers.{i}.{long}.weight", tensor


def write_gguf(path: Path, model: Model, tokenizer: dict[str, Any], name: str, kind: str) -> None:
    """One GGUF file. Vectors stay float32; matrices take the precision of `kind`."""
    c = model.config
    file_type, matrix_type = KINDS[kind]
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_description(DESCRIPTION)
    writer.add_license("Apache-2.0")
    writer.add_size_label(f"{model.n_parameters() / 1e6:.1f}M")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(file_type)
    writer.add_block_count(c.n_layers)
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.dim)
    writer.add_feed_forward_length(c.ffn)
    writer.add_head_count(c.n_heads)
    writer.add_head_count_kv(c.n_kv_heads)
    writer.add_key_length(c.head_dim)
    writer.add_value_length(c.head_dim)
    writer.add_rope_dimension_count(c.head_dim)
    writer.add_rope_freq_base(c.rope_theta)
    writer.add_layer_norm_rms_eps(c.norm_eps)
    writer.add_vocab_size(c.vocab)
    _add_tokenizer(writer, tokenizer, c.vocab)
    for gguf_name, _, tensor in tensors(model):
        values = tensor.detach().float().contiguous().numpy()
        if values.ndim == 1 or kind == "f32":
            writer.add_tensor(gguf_name, values)
        else:
            packed = gguf.quants.quantize(values, matrix_type)
            writer.add_tensor(gguf_name, packed, raw_dtype=matrix_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], n_vocab: int) -> None:
    control = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    texts: list[str] = [""] * n_vocab
    for text, index in (tokenizer["model"]["vocab"] | control).items():
        texts[index] = text
    kinds = [gguf.TokenType.CONTROL if t in control else gguf.TokenType.NORMAL for t in texts]
    merges = tokenizer["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_bos_token_id(control[END])
    writer.add_eos_token_id(control[END])
    writer.add_eot_token_id(control[END])
    writer.add_pad_token_id(control[END])
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
    for key, text in FIM_TOKENS.items():
        writer.add_uint32(f"tokenizer.ggml.fim_{key}_token_id", control[text])


def write_folder(folder: Path, model: Model, tokenizer_file: Path) -> None:
    """The same weights in Hugging Face's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    c = model.config
    halves = {hf: t.detach().to(torch.float16).contiguous() for _, hf, t in tensors(model)}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
    tokenizer = json.loads(tokenizer_file.read_text())
    end = next(t["id"] for t in tokenizer["added_tokens"] if t["content"] == END)
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": c.vocab,
        "hidden_size": c.dim,
        "intermediate_size": c.ffn,
        "num_hidden_layers": c.n_layers,
        "num_attention_heads": c.n_heads,
        "num_key_value_heads": c.n_kv_heads,
        "head_dim": c.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": c.context,
        "rms_norm_eps": c.norm_eps,
        "rope_theta": c.rope_theta,
        "rope_scaling": None,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float16",
        "use_cache": True,
    }
    others = [t["content"] for t in tokenizer["added_tokens"] if t["content"] != END]
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": END,
        "pad_token": END,
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": c.context,
        "additional_special_tokens": others,
    }
    generation = {"eos_token_id": end, "pad_token_id": end, "do_sample": False}
    for name, table in (
        ("config.json", config),
        ("tokenizer_config.json", tokenizer_config),
        ("generation_config.json", generation),
    ):
        (folder / name).write_text(json.dumps(table, indent=2) + "\n")


def quantization_error(model: Model) -> float:
    """Largest relative error (RMS, over matrices) that Q8_0 makes."""
    worst = 0.0
    for _, _, tensor in tensors(model):
        values = tensor.detach().float().contiguous().numpy()
        if values.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            back = gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)
            worst = max(worst, float(np.sqrt(((back - values) ** 2).mean() / (values**2).mean())))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=["q8_0", "f16"])
    args = parser.parse_args()
    model = load_checkpoint(args.run)
    tokenizer = json.loads(args.tokenizer.read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    for kind in args.kinds:
        path = args.out / f"{args.name}-{kind}.gguf"
        write_gguf(path, model, tokenizer, args.name, kind)
        print(path, path.stat().st_size, "bytes")
    write_folder(args.out / f"{args.name}-hf", model, args.tokenizer)
    print(f"largest relative error of a matrix in Q8_0: {quantization_error(model):.4f}")


if __name__ == "__main__":
    main()
