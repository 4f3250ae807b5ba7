"""A cache layer with room holds what transformers' own holds, whatever is done to it."""

from __future__ import annotations

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from analysis.language.growing import ROOM, growing_layer


def states(rows: int, places: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(rows, 2, places, 3, generator=generator) for _ in range(2))  # type: ignore[return-value]


def plain(rows: int, places: int) -> DynamicLayer:
    layer = DynamicLayer()
    layer.update(*states(rows, places, seed=0))
    return layer


def same(ours: DynamicLayer, theirs: DynamicLayer) -> bool:
    return torch.equal(ours.keys, theirs.keys) and torch.equal(ours.values, theirs.values)


@pytest.mark.parametrize("room", [0, 4, ROOM])
def test_what_is_added_step_by_step_stands_behind_the_rest_within_the_room_and_beyond(room: int) -> None:
    theirs = plain(5, 7)
    ours = growing_layer().chosen(theirs, torch.arange(5), 7, room)
    for step, places in enumerate((3, 1, 9, 1, 1)):
        new = states(5, places, seed=step + 1)
        given = ours.update(*new)
        theirs.update(*new)
        assert same(ours, theirs)
        assert torch.equal(given[0], ours.keys)
        assert ours.get_seq_length() == theirs.get_seq_length()


def test_rows_and_places_are_chosen_and_the_source_stays_as_it_is() -> None:
    source = plain(4, 6)
    before = source.keys.clone()
    ours = growing_layer().chosen(source, torch.tensor([2, 2, 0]), 4, 2)
    assert torch.equal(ours.keys, before[[2, 2, 0], :, :4])
    ours.update(*states(3, 2, seed=1))
    assert torch.equal(source.keys, before)


def test_no_place_at_all_can_be_chosen() -> None:
    ours = growing_layer().chosen(plain(4, 6), torch.arange(4), 0, 2)
    new = states(4, 2, seed=1)
    assert torch.equal(ours.update(*new)[0], new[0])


def test_rows_that_leave_take_nothing_with_them() -> None:
    theirs = plain(5, 3)
    ours = growing_layer().chosen(theirs, torch.arange(5), 3, 1)
    for layer in (ours, theirs):
        layer.batch_select_indices(torch.tensor([0, 3]))
        layer.update(*states(2, 4, seed=1))
    assert same(ours, theirs)


def test_layers_of_different_widths_are_put_together_with_zeros_behind_the_narrow() -> None:
    narrow, wide = plain(2, 3), plain(3, 5)
    ours = growing_layer().stacked([narrow, wide])
    assert ours.keys.shape == (5, 2, 5, 3)
    assert torch.equal(ours.keys[:2, :, :3], narrow.keys)
    assert torch.equal(ours.values[2:], wide.values)
    assert not ours.values[:2, :, 3:].any()


def test_an_empty_layer_begins_with_what_it_is_given() -> None:
    ours = growing_layer()()
    new = states(2, 3, seed=4)
    assert torch.equal(ours.update(*new)[1], new[1])
