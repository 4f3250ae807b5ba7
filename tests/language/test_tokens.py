"""Token texts as they read inside a text, bytes shown as bytes, and the border between prompt and answer."""

from pathlib import Path
from typing import Any

import pytest

from analysis.errors import LanguageError
from analysis.language.load import LanguageModel
from analysis.language.tokens import TokenTexts, check_tokenizers, encode_texts
from analysis.records import Text


def byte_level(corpus: list[str], size: int = 300) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>")


def sentence_pieces() -> Any:
    """A LLaMA 2 style tokenizer: spaces as ▁, unknown bytes as <0xNN>, the first space dropped when decoding."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    words = ["<unk>", "<s>", *bytes_, "▁", "a", "n", "i", "P", "r", "s", "▁P", "▁Pa", "ri", "▁Pari", "▁Paris"]
    merges = [("▁", "P"), ("▁P", "a"), ("r", "i"), ("▁Pa", "ri"), ("▁Pari", "s")]
    vocabulary = {word: number for number, word in enumerate(words)}
    plain = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    plain.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    plain.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", unk_token="<unk>")


def texts_of(tokenizer: Any, text: str) -> list[str]:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(TokenTexts(tokenizer).all(ids))


def test_tokens_put_together_are_the_text() -> None:
    text = "Ann  Lee\twas\nborn in Paris, <b>_*$ </b>"
    assert "".join(texts_of(byte_level(["Ann Lee was born in Paris"]), text)) == text


def test_half_an_emoji_shows_its_bytes_and_a_whole_one_itself() -> None:
    assert texts_of(byte_level(["plain"], 257), "é😀") == ["<0xC3>", "<0xA9>", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"]
    assert texts_of(byte_level(["😀 é"] * 9), "😀") == ["😀"]


def test_a_space_before_bytes_stays_a_space() -> None:
    tokenizer = byte_level(["".join(f" {chr(letter)}" for letter in range(0x101, 0x13F))])
    (token,) = (number for piece, number in tokenizer.get_vocab().items() if piece == "ĠÄ")
    assert TokenTexts(tokenizer)(token) == " <0xC4>"


def test_sentence_pieces_keep_their_leading_space_and_show_their_bytes() -> None:
    tokenizer = sentence_pieces()
    assert texts_of(tokenizer, "Paris é") == [" Paris", " ", "<0xC3>", "<0xA9>"]


def test_special_and_unused_ids_have_a_name() -> None:
    tokenizer = byte_level(["a"])
    assert TokenTexts(tokenizer)(tokenizer.bos_token_id) == "<s>"
    assert TokenTexts(tokenizer)(len(tokenizer) + 7) == f"<unused {len(tokenizer) + 7}>"


@pytest.mark.parametrize(
    ("prompt", "answer"), [("born in", " Paris"), ("born in Pa", "ris"), ("", " Paris"), ("x", "")]
)
def test_no_token_lies_on_both_sides_of_the_border(prompt: str, answer: str) -> None:
    tokenizer = byte_level(["born in Paris"] * 9)
    (encoded,) = encode_texts(tokenizer, [Text("t", prompt=prompt, answer=answer)], 64)
    namer = TokenTexts(tokenizer)
    assert "".join(namer.all(encoded.ids[1 : encoded.answer_from])) == prompt
    assert "".join(namer.all(encoded.ids[encoded.answer_from :])) == answer


def test_prompt_and_answer_are_cut_as_in_fine_tuning() -> None:
    from analysis.knowledge.prompts import PROMPTS, encode_example

    tokenizer = byte_level(["Where was Ann born? Paris"] * 9)
    tokenizer.eos_token = "<s>"
    trained = encode_example(tokenizer, PROMPTS["paper"], "Where was Ann born?", "Paris").ids
    text = Text("t", prompt="<|question|> Where was Ann born? <|answer|>", answer=" Paris")
    (encoded,) = encode_texts(tokenizer, [text], 200)
    assert tuple(trained[: len(encoded)]) == encoded.ids


def test_a_base_whose_tokenizer_cuts_otherwise_is_refused(tmp_path: Path) -> None:
    ours = byte_level(["born in Paris"] * 9)
    texts = [Text("seen", text="born in Paris"), Text("both spell", text="x")]
    for name, tokenizer in (("tuned", ours), ("same", ours), ("other", byte_level(["xyz"]))):
        tokenizer.save_pretrained(tmp_path / name)
    (tmp_path / "bare").mkdir()
    lm = LanguageModel(None, ours, "cpu", "float32", tmp_path / "tuned", frozenset())  # type: ignore[arg-type]
    check_tokenizers(tmp_path / "same", lm, texts)
    check_tokenizers(tmp_path / "bare", lm, texts)
    with pytest.raises(LanguageError, match="tokenizers of the two models disagree") as caught:
        check_tokenizers(tmp_path / "other", lm, texts)
    assert caught.value.items == ("seen",)
