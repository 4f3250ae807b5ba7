"""Headers that lie: whatever stands in a file, an answer of ours comes back, soon and without filling the memory."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from analysis.errors import CheckpointError
from analysis.weights.checkpoint import open_checkpoint
from analysis.weights.headers import ITEM_BYTES, read_header
from analysis.weights.json_files import MOST_VALUES

HUGE = st.sampled_from([-1, 2**31, 2**53, 2**62, 2**63 - 1, 2**63, 2**64, 2**200])
NUMBER = st.one_of(st.integers(-2, 70), HUGE)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
GOOD = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
ENTRY = st.one_of(
    ANYTHING,
    st.fixed_dictionaries(
        {
            "dtype": st.one_of(st.sampled_from([*ITEM_BYTES, "f32", "F99", ""]), ANYTHING),
            "shape": st.one_of(st.lists(NUMBER, max_size=4), ANYTHING),
            "data_offsets": st.one_of(st.lists(NUMBER, min_size=1, max_size=3), st.just([0, 16]), ANYTHING),
        }
    ),
    st.just(GOOD),
)
NAMES = st.one_of(st.sampled_from(["a", "b", "model.layers.0.mlp.up_proj.weight", "__metadata__"]), st.text(max_size=5))
FAST = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def answers(file: Path) -> None:
    """The file is refused with a reason, or read; nothing else ever comes out."""
    try:
        opened = open_checkpoint(file)
    except CheckpointError as error:
        assert error.items
        str(error).encode()  # can be printed
    else:
        load_file(file)  # what we let through, safetensors reads too
        assert opened.parameters > 0


def write(folder: Path, header: bytes, data: int = 16, length: int | None = None) -> Path:
    file = folder / "model.safetensors"
    size = len(header) if length is None else length
    file.write_bytes((size & (2**64 - 1)).to_bytes(8, "little") + header + bytes(data))
    return file


@given(
    header=st.one_of(st.dictionaries(NAMES, ENTRY, max_size=4), ANYTHING),
    data=st.sampled_from([0, 15, 16, 17, 64]),
    length=st.one_of(st.none(), NUMBER),
)
@FAST
def test_headers_of_any_content_are_answered(
    tmp_path_factory: pytest.TempPathFactory, header: Any, data: int, length: int | None
) -> None:
    raw = json.dumps(header).encode("utf-8", "surrogatepass")
    answers(write(tmp_path_factory.mktemp("fuzz"), raw, data, length))


@given(raw=st.one_of(st.binary(max_size=200), st.text('{}[]":,0aé\\ud8', max_size=60).map(str.encode)))
@FAST
def test_headers_of_any_bytes_are_answered(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    answers(write(tmp_path_factory.mktemp("fuzz"), raw))


def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path, json.dumps({"a": GOOD}).encode()).read_bytes()
    for size in range(len(whole)):
        (tmp_path / "model.safetensors").write_bytes(whole[:size])
        with pytest.raises(CheckpointError):
            open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ('{"a": %s, "a": %s}', "names a tensor twice: a"),
        ('{"a": {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]}}', "entry of a is damaged"),
        ('{"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}', "entry of a is damaged"),
        ('{"a": {"dtype": "F32", "shape": [4, 4611686018427387904], "data_offsets": [0, 16]}}', "holds 16 bytes"),
        ('{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 9223372036854775808]}}', "entry of a is damaged"),
        ('{"a": {"dtype": "F32", "shape": [4.0], "data_offsets": [0, 16]}}', "entry of a is damaged"),
        ('{"a": {"dtype": ["F32"], "shape": [4], "data_offsets": [0, 16]}}', "entry of a is damaged"),
        ('{"a": {"dtype": "F32", "shape": %s, "data_offsets": [0, 16]}}' % ([1] * 99), "entry of a is damaged"),
        ('{"a": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}}', "is truncated, 16 of"),
        ('{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}', "has 4 bytes after its last tensor"),
        ('{"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}', "leave a hole"),
        (
            '{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},'
            ' "b": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}',
            "the data of b and of the tensor before it overlap",
        ),
        ('{"\\ud800": %s}', "its header is not valid JSON"),
        ('{"__metadata__": 3, "a": %s}', "is not a table of tensors"),
        ('{"a": ' + "9" * 5000 + "}", "its header is not valid JSON"),
        ('{"a": ' * 100_000, "its header is nested too deeply"),
        ("[" * 200_000, "its header is nested too deeply"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_each_lie_has_its_reason(tmp_path: Path, entries: str, reason: str) -> None:
    raw = entries.replace("%s", json.dumps(GOOD)).encode()
    shard, problems = read_header(write(tmp_path, raw))
    assert reason in "\n".join(problems), problems
    assert shard is None or problems


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    _, problems = read_header(write(tmp_path, json.dumps({"a": GOOD}).encode("utf-16")))
    assert problems == ["model.safetensors: its header is not valid JSON"]


def test_a_thousand_problems_are_told_briefly(tmp_path: Path) -> None:
    _, problems = read_header(write(tmp_path, json.dumps({f"t{n}": {} for n in range(1000)}).encode()))
    assert len(problems) == 21
    assert problems[-1] == "model.safetensors: and 980 further problems"


def test_a_hostile_header_of_its_largest_size_takes_little_memory_and_time(tmp_path: Path) -> None:
    file = write(tmp_path, b'{"a":[' + b"[]," * (MOST_VALUES * 2) + b"[]]}")
    started = time.process_time()
    _, problems = read_header(file)
    assert "holds more than" in problems[0]
    assert time.process_time() - started < 1
    length_lies = write(tmp_path, b"{}", length=99_000_000)
    os.truncate(length_lies, 100_000_000)  # a hole: the header is zeros
    assert "not valid JSON" in read_header(length_lies)[1][0]


@pytest.mark.slow
def test_what_is_believed_fits_into_a_gigabyte(tmp_path: Path) -> None:
    names = ",".join(f'"{n}":{{"dtype":"F32"}}' for n in range(MOST_VALUES // 3))
    file = write(tmp_path, b"{" + names.encode() + b"}")
    script = (
        "import sys; from pathlib import Path; from analysis.weights.headers import read_header\n"
        "print(read_header(Path(sys.argv[1]))[1][-1])"
    )

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))

    done = subprocess.run(
        [sys.executable, "-c", script, file], preexec_fn=little_memory, capture_output=True, text=True
    )
    assert "further problems" in done.stdout, done.stderr[-300:]


def test_pipes_folders_and_broken_links_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "link.safetensors").symlink_to("blobs/gone")
    assert read_header(tmp_path / "pipe.safetensors")[1] == ["pipe.safetensors: is not a regular file"]
    assert read_header(tmp_path / "folder.safetensors")[1] == ["folder.safetensors: is not a regular file"]
    assert read_header(tmp_path / "link.safetensors")[1] == [
        "link.safetensors: is a link to blobs/gone, which is not there"
    ]
