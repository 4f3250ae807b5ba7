"""Output heads that are the input embedding, on one side or on both: compared by what is stored, counted once.

Works on names (bare name -> canonical name, a table a side), which it corrects in place; reads no weights.
"""

from analysis.records import Finding
from analysis.weights.checkpoint import Checkpoint
from analysis.weights.names import place
from analysis.weights.pairing import PairedTensor

HEADS = ("lm_head.weight", "embed_out.weight")


def reconcile_tied(
    base: Checkpoint, tuned: Checkpoint, base_names: dict[str, str], tuned_names: dict[str, str]
) -> list[Finding]:
    """A head that one side stores and the other shares with its embedding.

    Where tuned stores it, its base value is base's embedding: compared with that. Where only base stores it, tuned has
    no place for it: left out, so that each weight is counted once.
    """
    embedding = next((key for key in base_names if place(key).module == "embed"), None)
    findings = []
    for key in sorted((set(base_names) ^ set(tuned_names)) & set(HEADS)):
        if key in tuned_names and base.tied and embedding is not None:
            base_names[key] = base_names[embedding]
            message = (
                "only tuned stores an output head of its own: it is compared with base's embedding, which is its head"
            )
        elif key in base_names and tuned.tied:
            base_names.pop(key)
            message = "only base stores an output head of its own; tuned shares its embedding, so the head is left out"
        else:
            continue
        findings.append(Finding("warning", "tied-on-one-side", message, (key,)))
    return findings


def tied_copies(
    base: Checkpoint, tuned: Checkpoint, base_names: dict[str, str], tuned_names: dict[str, str]
) -> tuple[PairedTensor, ...]:
    """Heads that both sides store though their configs tie them: taken out of the names, kept as copies."""
    copies = []
    embedding = next((key for key in tuned_names if place(key).module == "embed"), None)
    for key in HEADS:
        if not (base.tied and tuned.tied and key in base_names and key in tuned_names and embedding in base_names):
            continue
        base_names.pop(key)
        stored = tuned.tensors[tuned_names.pop(key)]
        copies.append(PairedTensor(tuned_names[embedding], base.tensors[base_names[embedding]], stored))
    return tuple(copies)
