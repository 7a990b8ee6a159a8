"""What stands around a request's messages: its headers, and its compression."""

from enum import Enum
from typing import Final

import cramjam

MEDIA_TYPE: Final = "application/x-protobuf"


class Version(Enum):
    """A version of the protocol; its value is the message's name."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


class Unsupported(ValueError):
    """Content that no version of the protocol has."""


class TooLarge(ValueError):
    """A body over its limit."""


class Malformed(ValueError):
    """A body that is no request; nothing of it can be used."""


def version(content_type: str | None, encoding: str | None) -> Version:
    """What the headers say that the body is. Senders of old leave them out. Raises Unsupported."""
    if encoding is not None and encoding.strip().lower() != "snappy":
        raise Unsupported(f"Content-Encoding is '{encoding[:100]}': it must be snappy")
    media, *parameters = (part.strip() for part in (content_type or MEDIA_TYPE).split(";"))
    if media.lower() != MEDIA_TYPE:
        raise Unsupported(f"Content-Type is '{media[:100]}': it must be {MEDIA_TYPE}")
    name = Version.V1.value
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "proto":
            name = value.strip().strip('"')
    try:
        return Version(name)
    except ValueError:
        known = " or ".join(one.value for one in Version)
        raise Unsupported(f"Content-Type has proto={name[:100]}: it must be {known}") from None


def decompressed_size(body: bytes) -> int:
    """Bytes that a snappy block says it becomes. Raises Malformed."""
    size = 0
    for index, byte in enumerate(body[:5]):
        size |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return size
    raise Malformed("the body is no snappy block")


def decompress(body: bytes, limit: int) -> bytes:
    """The block's content. Raises TooLarge before a byte is made that is over the limit, and Malformed."""
    size = decompressed_size(body)
    if size > limit:
        raise TooLarge(f"the body is {size} bytes without compression: {limit} are the most")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise Malformed(f"the body is no snappy block: {error}") from error


def compress(body: bytes) -> bytes:
    """As a snappy block."""
    return bytes(cramjam.snappy.compress_raw(body))
