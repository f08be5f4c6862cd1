"""Compressed answers: decoded as they come, in pieces that are never large."""

import gzip
import random
import zlib

import brotli
import pytest

from model_foundry.slot.decoding import STEP_BYTES, decoder_of
from model_foundry.slot.errors import SlotError

TEXT = b"".join(b'{"number": %d}\n' % number for number in range(300))


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def members(data: bytes) -> bytes:
    return gzip.compress(data[:1_000]) + gzip.compress(data[1_000:])


def by_line(data: bytes) -> bytes:
    """As a server that streams through gzip flushes it."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    lines = data.splitlines(keepends=True)
    parts = [compressor.compress(line) + compressor.flush(zlib.Z_SYNC_FLUSH) for line in lines]
    return b"".join(parts) + compressor.flush()


ENCODINGS = {
    ("", "identity"): bytes,
    ("gzip", "x-gzip", "GZIP", "identity, gzip"): gzip.compress,
    ("gzip ",): members,
    (" gzip",): by_line,
    ("deflate",): zlib.compress,
    ("deflate ",): raw_deflate,
    ("br",): brotli.compress,
}


@pytest.mark.parametrize("size", [1, 2, 7, 1_000, 1_000_000])
@pytest.mark.parametrize(
    ("name", "compress"),
    [(name, compress) for names, compress in ENCODINGS.items() for name in names],
)
def test_what_was_compressed_is_there_again(name: str, compress: object, size: int) -> None:
    assert callable(compress)
    data = compress(TEXT)
    decoder = decoder_of(name)
    parts = [
        part for at in range(0, len(data), size) for part in decoder.feed(data[at : at + size])
    ]
    assert b"".join(parts) == TEXT


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("text", [TEXT, b"", b"\n", b"\n\n" + TEXT, b"{}"])
def test_what_is_called_gzip_and_is_not_compressed_stays_as_it_is(text: bytes, size: int) -> None:
    decoder = decoder_of("gzip")
    parts = [
        part for at in range(0, len(text), size) for part in decoder.feed(text[at : at + size])
    ]
    assert b"".join(parts) == (text if len(text) > 1 else b"")


def test_a_stream_is_readable_as_far_as_it_has_come() -> None:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decoder = decoder_of("gzip")
    for word in (b"one", b"two", b"three"):
        sent = compressor.compress(word) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(decoder.feed(sent)) == word


@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_bomb_unfolds_in_small_pieces(name: str, compress: object) -> None:
    assert callable(compress)
    bomb = compress(bytes(100 * 1024 * 1024))
    assert len(bomb) < 200_000
    sizes = []
    for part in decoder_of(name).feed(bomb):
        sizes.append(len(part))
        if sum(sizes) > 8 * 1024 * 1024:
            break
    assert max(sizes) <= 2 * STEP_BYTES  # brotli's limit is rounded up
    assert sum(sizes) <= 8 * 1024 * 1024 + max(sizes)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_what_cannot_be_decoded_is_an_error(name: str) -> None:
    noise = random.Random(1).randbytes(10_000)
    with pytest.raises(SlotError) as caught:
        list(decoder_of(name).feed(b"\x1f\x8b" + noise if name == "gzip" else noise))
    assert caught.value.kind == "invalid_response"


@pytest.mark.parametrize("name", ["zstd", "lzma", "gzip, br", "x" * 1_000, "\x1b[31m"])
def test_an_encoding_that_is_not_known_is_an_error_without_its_name(name: str) -> None:
    with pytest.raises(SlotError) as caught:
        decoder_of(name)
    assert caught.value.kind == "invalid_response"
    assert name not in str(caught.value)
