"""Loads a causal language model and its tokenizer from safetensors: no remote code, no pickles, no network for folders.

Knows dtype, device and which tokens end a text; does not know pairs, questions or prompts. Follows transformers 5.23,
whose `from_pretrained` takes the stored dtype unless told otherwise and fills missing weights at random, unasked.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import LanguageError
from analysis.language.spread import Spread, check_spread, needed_spread
from analysis.weights.checkpoint import locate, open_checkpoint
from analysis.weights.names import UNWRAPPING, canonical

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = {"float32": "float32", "fp32": "float32", "bfloat16": "bfloat16", "bf16": "bfloat16"} | dict.fromkeys(
    ("float16", "fp16"), "float16"
)
ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
MEMORY_SHARE = 0.7  # of what is free: the rest is for activations, caches and the file cache
DEVICE = "PALIMPSEST_DEVICE"  # of the environment: what "auto" means in this process; a plan's cells run by it
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")


@dataclass(frozen=True)
class LanguageModel:
    """A model ready to be asked: in eval mode, on `device`, its weights and arithmetic in `dtype`.

    `eos_ids` end a text: what the model's generation settings and its tokenizer name, together.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: str
    dtype: str
    source: Path
    eos_ids: frozenset[int]


def load_model(
    source: str | Path, *, dtype: str = "auto", device: str = "auto", spread: Spread | None = None
) -> LanguageModel:
    """The model and tokenizer in a folder (or of a Hugging Face id), read from safetensors.

    `dtype` "auto" is float32 where that fits in the device's free memory, else bfloat16; `device` "auto" is the first
    accelerator, else the CPU. A model that one accelerator cannot hold is spread over all of them; `spread` says how by
    hand. Raises LanguageError with every reason it found.
    """
    folder = find_folder(source)
    config = _check_folder(folder)
    device = choose_device(device)
    parameters = open_checkpoint(folder).parameters
    dtype = choose_dtype(dtype, parameters=parameters, free_bytes=free_memory_bytes(device))
    tokenizer = load_tokenizer(folder)
    spread = spread or needed_spread(device, parameters * ITEM_BYTES[dtype])
    model = _load_weights(folder, dtype, config, spread)
    model = model.eval() if spread else model.to(device).eval()
    if spread:
        check_spread(model, folder)
        device = str(model.get_input_embeddings().weight.device)
    model.requires_grad_(False)
    return LanguageModel(model, tokenizer, device, dtype, folder, find_eos(model, tokenizer))


def let_waiting_threads_sleep() -> None:
    """Have torch's idle threads sleep instead of spin; works only before torch is first imported.

    Beside other busy processes on as few cores, spinning made the same evaluation take 28 s instead of 2 to 4.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def find_folder(source: str | Path) -> Path:
    """The local folder of a model: the folder itself, that of a given .safetensors file, or a downloaded snapshot.

    Raises CheckpointError where there is none.
    """
    path = locate(source)
    return path if path.is_dir() else path.parent


def choose_device(device: str) -> str:
    """The device asked for, or the best there is; LanguageError for one this machine does not have.

    What the environment's PALIMPSEST_DEVICE names is the best there is.
    """
    let_waiting_threads_sleep()
    import torch

    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = os.environ.get(DEVICE) or "auto"
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if have[name])
    if not have.get(device.split(":")[0], False):
        there = ", ".join(name for name, present in have.items() if present)
        raise LanguageError(f"There is no device {device!r} on this machine: choose auto or one of {there}.")
    return device


def choose_dtype(dtype: str, *, parameters: int, free_bytes: int) -> str:
    """The dtype asked for by name, or float32 where `parameters` fit in `free_bytes`, else bfloat16."""
    if dtype == "auto":
        return "float32" if 4 * parameters <= MEMORY_SHARE * free_bytes else "bfloat16"
    if dtype not in DTYPES:
        raise LanguageError(f"The dtype {dtype!r} is not known: choose auto, float32, bfloat16 or float16.")
    return DTYPES[dtype]


def free_memory_bytes(device: str) -> int:
    """Memory free for a model on this device, in bytes."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The folder's tokenizer; LanguageError where there is none or it cannot be read."""
    from transformers import AutoTokenizer, PreTrainedTokenizerBase

    if not any((folder / name).exists() for name in TOKENIZER_FILES):
        raise LanguageError(
            f"{folder} has no tokenizer: copy tokenizer.json and tokenizer_config.json of the base model into it."
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise LanguageError(f"The tokenizer in {folder} cannot be read: {_first_line(error)}") from error
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    return tokenizer


def find_eos(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Every token id that ends a text, by the generation settings and the tokenizer; may be empty."""
    named: set[int] = set()
    for holder in (model.generation_config or model.config, tokenizer):
        value: Any = getattr(holder, "eos_token_id", None)
        named.update([value] if isinstance(value, int) else value or ())
    return frozenset(named)


def torch_dtype(name: str) -> torch.dtype:
    """torch's own object for one of our dtype names."""
    import torch

    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def _check_folder(folder: Path) -> dict[str, Any]:
    problems = []
    if not any(folder.glob("*.safetensors")):
        pickles = [file.name for kind in ("*.bin", "*.pt", "*.pth") for file in sorted(folder.glob(kind))]
        way = f"only pickled weights ({', '.join(pickles[:3])}), which are never loaded: " if pickles else ""
        problems.append(f"no .safetensors file in it; {way}save it with model.save_pretrained(folder)")
    config: dict[str, Any] = {}
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        problems.append("no config.json in it: copy the base model's")
    except ValueError as error:
        problems.append(f"config.json is not JSON: {_first_line(error)}")
    if problems:
        raise LanguageError(f"{folder} is not a model that can be loaded.", items=problems)
    return config


def _load_weights(folder: Path, dtype: str, config: dict[str, Any], spread: Spread | None) -> PreTrainedModel:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch_dtype(dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            key_mapping=_unwrapping(folder),
            **(spread.settings() if spread else {}),
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        kind = config.get("model_type", "no model_type")
        raise LanguageError(
            f"The model in {folder} ({kind}) cannot be loaded: {_first_line(error)}", items=_remote_code(config)
        ) from error
    missing = sorted(told["missing_keys"])
    if missing:
        raise LanguageError(f"{folder} lacks {len(missing)} of its model's tensors.", items=missing)
    return model


def _unwrapping(folder: Path) -> dict[str, str] | None:
    """How transformers is to rename what torch.compile, DDP, FSDP or PEFT wrapped; None where nothing is."""
    names = [entry.stored_name for shard in open_checkpoint(folder).files for entry in shard.tensors]
    return UNWRAPPING if any(canonical(name) != name for name in names) else None


def _remote_code(config: dict[str, Any]) -> tuple[str, ...]:
    if "auto_map" not in config:
        return ()
    return ("its config.json asks for code shipped with the checkpoint (auto_map), which is never run",)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
