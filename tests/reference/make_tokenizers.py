"""Writes small tokenizers of three kinds, and what Hugging Face's library makes of texts with them.

Run it in this folder with tokenizers 0.23.3: `python3 make_tokenizers.py`.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
LENGTHS = [6, 24]

CORPUS = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light,
it was the season of Darkness, it was the spring of hope, it was the winter of despair, we had
everything before us, we had nothing before us, we were all going direct to Heaven, we were all going
direct the other way. Unwanted wanting wanted: 12345 cafés, naïve façades; the cat's hat isn't there!
""".strip().split("\n")

TEXTS = [
    "",
    "It was the best of times",
    "unwanted CAFÉ, Naïve façade!!",
    "the [SEP] token </s> inside",
    "  two  spaces,\ttab and\nline ",
    "12345 67890 (3.14)",
    "日本語 and emoji 😀, zero\u200bwidth",
    "it was the season of " * 4,
    "zzzzqqqq",
]
PAIRS = [(1, 2), (7, 1), (1, 7), (7, 7), (0, 1)]


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=160, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer, ("[PAD]", 0)


def byte_pairs():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    specials = ["<s>", "<pad>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, ("<pad>", 1)


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>",
        pair="$A </s> $B </s>",
        special_tokens=[("</s>", 1)],
    )
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer, ("<pad>", 0)


def case(tokenizer, texts, length, pad):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokens = tokenizer.encode(*texts).ids if len(texts) > 1 else tokenizer.encode(texts[0]).ids
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_token=pad[0], pad_id=pad[1])
    padded = tokenizer.encode(*texts)
    return {
        "texts": texts,
        "length": length,
        "all": len(tokens),
        "tokens": padded.ids,
        "segments": padded.type_ids,
        "mask": padded.attention_mask,
    }


result = {}
for name, make in [("word_piece", word_piece), ("byte_pairs", byte_pairs), ("unigram", unigram)]:
    tokenizer, pad = make()
    if name == "word_piece":
        # Those of the file are not used here.
        tokenizer.enable_truncation(7)
        tokenizer.enable_padding(length=7, pad_token=pad[0], pad_id=pad[1])
    tokenizer.save(str(HERE / f"tokenizer_{name}.json"), pretty=False)
    cases = []
    for length in LENGTHS:
        cases += [case(tokenizer, [text], length, pad) for text in TEXTS]
        cases += [case(tokenizer, [TEXTS[a], TEXTS[b]], length, pad) for a, b in PAIRS]
    tokenizer.no_padding()
    tokenizer.no_truncation()
    plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    texts = [tokenizer.decode(ids) for ids in plain]
    result[name] = {
        "size": tokenizer.get_vocab_size(),
        "plain": [{"text": text, "tokens": ids, "back": back} for text, ids, back in zip(TEXTS, plain, texts)],
        "cases": cases,
    }
(HERE / "tokenizers.json").write_text(json.dumps(result, ensure_ascii=True, indent=None) + "\n")
