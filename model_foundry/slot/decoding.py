"""Compressed answers, decoded as they come and never beyond a limit. Pure."""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import brotli

from model_foundry.slot.errors import SlotError

# No more is held at once, whatever a few bytes of input unfold to.
STEP_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 2
# What stands there by mistake says nothing of a compression.
_NONE: Final = frozenset({"", "identity", "none", "utf-8", "utf8", "binary", "chunked"})
_ANY_HEAD: Final = zlib.MAX_WBITS | 32


class Decoder(Protocol):
    """Turns the bytes of a body into those that they stand for, piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes stand for, in pieces of about `STEP_BYTES` at most.

        Raises:
            SlotError: they are not of the encoding.
        """
        ...


def decoder_of(content_encoding: str) -> Decoder:
    """The decoder that a `Content-Encoding` names.

    Raises:
        SlotError: an encoding that is not known, or several.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    match [name for name in names if name not in _NONE]:
        case []:
            return _Identity()
        case ["gzip" | "x-gzip"]:
            return _Zlib(or_plain=True)
        case ["deflate"]:
            return _Zlib()
        case ["br"]:
            return _Brotli()
    raise SlotError("invalid_response", "the answer is compressed in a way that is not known")


class _Identity:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Zlib:
    """gzip (also in several members), zlib, and deflate without a head, which some servers send.

    With `or_plain`, what has no head is no deflate, but not compressed at all: a proxy that decoded
    an answer may leave its header.
    """

    def __init__(self, *, or_plain: bool = False) -> None:
        self._or_plain = or_plain
        self._plain = False
        self._head = b""
        self._inner: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._plain:
            yield data
            return
        if self._inner is None:
            data = self._head = self._head + data
            if len(data) < _HEAD_BYTES:
                return
            window_bits = _window_bits(data)
            if self._or_plain and window_bits < 0:
                self._plain = True
                yield data
                return
            self._inner = zlib.decompressobj(window_bits)
        try:
            more = True
            while data or more:
                if self._inner.eof:
                    self._inner = zlib.decompressobj(_ANY_HEAD)
                part = self._inner.decompress(data, STEP_BYTES)
                data = self._inner.unconsumed_tail or self._inner.unused_data
                more = len(part) == STEP_BYTES
                if part:
                    yield part
        except zlib.error:
            raise _broken() from None


def _window_bits(head: bytes) -> int:
    known = head.startswith(b"\x1f\x8b") or (
        head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:_HEAD_BYTES]) % 31 == 0
    )
    return _ANY_HEAD if known else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            part = self._inner.process(data, output_buffer_limit=STEP_BYTES)
            while part:
                yield part
                part = self._inner.process(b"", output_buffer_limit=STEP_BYTES)
        except brotli.error:
            raise _broken() from None


def _broken() -> SlotError:
    return SlotError("invalid_response", "the answer is compressed, and cannot be decoded")
