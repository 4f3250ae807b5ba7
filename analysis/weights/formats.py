"""Recognises what cannot be ranked, and says what it is, why, and which command turns it into something that can.

Looks at file names, config entries and dtypes; reads no weight and never unpickles.
"""

from pathlib import Path
from typing import Any

from analysis.weights.headers import TensorEntry

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_TO_SAFETENSORS = (
    "load it once with transformers where you trust it and call model.save_pretrained(folder), which writes safetensors"
)
_OTHERS = {".h5": "TensorFlow weights", ".msgpack": "Flax weights", ".onnx": "an ONNX graph", ".npz": "numpy arrays"}
_CODES = (".qweight", ".qzeros", ".g_idx", ".weight.absmax", ".weight.quant_map", ".SCB", ".weight_packed")
_SCALES = (".weight_scale", ".weight_scale_inv", ".input_scale")


def unreadable(path: Path) -> str:
    """Why a file or folder without safetensors weights cannot be used, and the way out."""
    if not path.is_dir():
        return _file_reason(path)
    if (path / "adapter_config.json").exists():
        return (
            "is a PEFT adapter, not a whole model: merge it into its base "
            "(PeftModel.from_pretrained(...).merge_and_unload().save_pretrained(folder))"
        )
    if (path / "zero_to_fp32.py").exists() or any(path.glob("global_step*")):
        return "is a DeepSpeed ZeRO checkpoint: run `python zero_to_fp32.py . OUT --safe_serialization` inside it"
    if any(path.glob("*_optim_states.pt")) or any(path.glob("mp_rank_*")):
        return (
            "is the inside of a DeepSpeed ZeRO checkpoint: run `python zero_to_fp32.py . OUT --safe_serialization` "
            "in the folder above it"
        )
    if any(path.glob("*.distcp")) or any(path.glob("*/*.distcp")):
        return "is a sharded FSDP checkpoint (.distcp): `accelerate merge-weights FOLDER OUT` turns it into safetensors"
    others = sorted(file for file in path.iterdir() if file.suffix in (*_PICKLED, ".gguf", *_OTHERS))
    if others:
        return _file_reason(others[0])
    below = sorted({file.parent.name for file in path.glob("*/*.safetensors")})
    hint = f" (there are some in {', '.join(below[:3])})" if below else ""
    return f"holds no .safetensors files; give the folder that holds the model's weights{hint}"


def _file_reason(file: Path) -> str:
    if file.suffix == ".gguf":
        return f"{file.name} is GGUF, a quantised format that restoring cannot write; use the safetensors it came from"
    if file.suffix in _PICKLED:
        return f"{file.name} is a pickle, which can run code when opened and is never loaded here; {_TO_SAFETENSORS}"
    if file.suffix in _OTHERS:
        return f"{file.name} holds {_OTHERS[file.suffix]}; {_TO_SAFETENSORS}"
    return f"{file.name} is not a safetensors file; give a folder or a .safetensors file"


def quantised(config: dict[str, Any], entries: dict[str, TensorEntry]) -> list[str]:
    """Why a quantised checkpoint is refused: its stored numbers are codes, and a relative change of codes is none."""
    settings = config.get("quantization_config")
    if settings:
        method = settings.get("quant_method", "unknown method") if isinstance(settings, dict) else "unknown method"
        return [
            f"config.json says the weights are quantised ({method}); "
            "use the unquantised checkpoint, or dequantise it and save it in bfloat16"
        ]
    low = sorted(name for name, entry in entries.items() if entry.dtype.startswith("F8"))
    if low:
        return [f"{len(low)} tensors are 8-bit floats with separate scales ({low[0]}, ...); use the 16-bit checkpoint"]
    codes = sorted(name for name in entries if name.endswith(_CODES) or name.endswith(_SCALES))
    if codes:
        return [
            f"{len(codes)} tensors are codes or scales of quantised weights ({codes[0]}, ...); "
            "use the unquantised checkpoint, or dequantise it and save it in bfloat16"
        ]
    return []
