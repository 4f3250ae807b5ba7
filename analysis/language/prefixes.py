"""What many prompts begin with, found and read once: shots, an instruction, the first words of a question's form.

Each prompt's start is the longest of its beginnings that enough others share. The beginning of all of them is read
once, then each different start goes on from it; rows then go on from their start's cache. Knows no drafts or answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.language.caches import rows_of
from analysis.language.forward import predict

if TYPE_CHECKING:
    from analysis.language.load import LanguageModel

Ids = Sequence[int]
SHARERS = 4  # a start read for fewer prompts costs about what it saves
WORTH_SHARING = 0.125  # of the tokens: below this the extra passes cost more than they save


@dataclass(frozen=True)
class Starts:
    """Different starts, and which of them each prompt has; the empty start where it shares none.

    `root` is what all of them begin with. Every prompt keeps at least its last token.
    """

    root: tuple[int, ...]
    texts: tuple[tuple[int, ...], ...]
    of: tuple[int, ...]  # prompt -> its place in texts

    def length(self, prompt: int) -> int:
        """Tokens of a prompt's start."""
        return len(self.texts[self.of[prompt]])


def find_starts(prompts: Sequence[Ids], most: int) -> Starts | None:
    """The starts worth reading once, at most `most` of them; None where sharing would not pay."""
    if not prompts:
        return None
    total, sharers = sum(map(len, prompts)), SHARERS
    nodes = _Nodes(prompts)
    while True:
        lengths = nodes.shared(sharers)
        texts = dict.fromkeys(tuple(prompt[:length]) for prompt, length in zip(prompts, lengths, strict=True))
        if len(texts) <= most:
            break
        sharers *= 2
    read = nodes.root + sum(len(text) - nodes.root for text in texts if text)
    if sum(lengths) - read < WORTH_SHARING * total:
        return None
    places = {text: place for place, text in enumerate(texts)}
    of = tuple(places[tuple(prompt[:length])] for prompt, length in zip(prompts, lengths, strict=True))
    return Starts(tuple(prompts[0][: nodes.root]), tuple(texts), of)


class _Nodes:
    """The tree of all beginnings after the common one (`root` tokens): how many prompts pass each node."""

    def __init__(self, prompts: Sequence[Ids]) -> None:
        ordered = [tuple(prompt) for prompt in prompts]
        self.root = common_length([min(ordered), max(ordered), min(ordered, key=len)])
        self._paths: list[list[int]] = []
        names: dict[tuple[int, int], int] = {}
        for prompt in ordered:
            path, node = [], -1
            for token in prompt[self.root : -1]:
                node = names.setdefault((node, token), len(names))
                path.append(node)
            self._paths.append(path)
        self._sizes = Counter(node for path in self._paths for node in path)

    def shared(self, sharers: int) -> list[int]:
        """How long the start of each prompt is, if so many prompts must share what follows the root."""
        return [self.root + sum(self._sizes[node] >= sharers for node in path) for path in self._paths]


def common_length(prompts: Sequence[Ids]) -> int:
    """Tokens all of these begin with, the last token of none counted."""
    length = 0
    for tokens in zip(*(prompt[:-1] for prompt in prompts), strict=False):
        if len(set(tokens)) > 1:
            break
        length += 1
    return length


class ReadStarts:
    """The starts' keys and values, from which batches of rows go on."""

    def __init__(self, lm: LanguageModel, starts: Starts) -> None:
        import torch

        self.starts = starts
        self._cache: Any = None
        with torch.inference_mode():
            for texts in ([starts.root], [text[len(starts.root) :] for text in starts.texts]):
                if any(texts):
                    self._read(lm, texts)

    def _read(self, lm: LanguageModel, texts: Sequence[Ids]) -> None:
        import torch

        longest = max(map(len, texts))
        ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=lm.device)
        before = rows_of(self._cache, [0] * len(texts)) if self._cache else None
        nowhere = torch.zeros_like(ids, dtype=torch.bool)
        self._cache = predict(lm, nowhere, input_ids=ids, past_key_values=before).cache

    def lengths(self, prompts: Sequence[int]) -> list[int]:
        """Tokens of each prompt's start."""
        return [self.starts.length(prompt) for prompt in prompts]

    def of(self, prompts: Sequence[int], room: int) -> Any:
        """A cache of their own for these prompts, as wide as the longest start, with room for so many places more."""
        places = [self.starts.of[prompt] for prompt in prompts]
        return rows_of(self._cache, places, max(self.lengths(prompts)), room)
