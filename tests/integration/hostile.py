"""Model files that are what they say, and made to harm who opens them."""

from __future__ import annotations

import io
import json
import zipfile
import zlib

from pipelines.training.model import Model, ModelFormat
from pipelines.training.model_file import pack

DEEP = "[" * 200_000  # no parser can follow it


def with_card(model: Model, card: str) -> bytes:
    """The model's file with another card."""
    import xgboost

    content = pack(model)
    if model.form == "ubj":
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        booster.set_attr(redeye=card)
        return bytes(booster.save_raw("ubj"))
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(name, card if name == "redeye.json" else old.read(name))
    return packed.getvalue()


def inflated(gigabytes: int) -> bytes:
    """A deflate stream of so many gigabytes of blanks, in a thousandth of that."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * 2**24) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (64 * gigabytes) + packer.flush()


def archive(members: dict[str, bytes], *, deflated: int = 0) -> bytes:
    """A zip of the members; the first holds so many gigabytes once it is unpacked, whatever it was."""
    packed, first = io.BytesIO(), next(iter(members))
    with zipfile.ZipFile(packed, "w") as made:
        for name, content in members.items():
            made.writestr(name, inflated(deflated) if deflated and name == first else content)
        if deflated:
            # The stream was stored as it is: what the directory says of it is what readers believe.
            info = made.getinfo(first)
            info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, deflated * 2**30
    content = packed.getvalue()
    if deflated:  # the local header says how it is packed, too
        content = content[:8] + zipfile.ZIP_DEFLATED.to_bytes(2, "little") + content[10:]
    return content


def ubj(rest: bytes) -> bytes:
    """How a booster begins, and goes on otherwise."""
    return b"{L" + (7).to_bytes(8, "big") + b"learner" + rest


def npy(count: int) -> bytes:
    """The head of an array of so many numbers, and none of them."""
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


ARRAY = {
    "__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy",
    "file": "1.npy", "__id__": 1, "protocol": 2, "_skops_version": "0.16",
}  # fmt: skip
NODE = json.dumps(ARRAY).encode()
CARD = b'{"name": "x", "schema": {}, "vocabulary": {}, "trained_until": "2013-01-01"}'
BOMBS: dict[str, tuple[ModelFormat, bytes]] = {
    "a schema of 16 GB": ("skops", archive({"schema.json": b""}, deflated=16)),
    "a card of 16 GB": ("skops", archive({"redeye.json": b"", "schema.json": NODE, "1.npy": npy(0)}, deflated=16)),
    "an array of 16 GB": ("skops", archive({"1.npy": b"", "schema.json": NODE, "redeye.json": CARD}, deflated=16)),
    "an array that says it has 2^50 numbers": ("skops", archive({"1.npy": npy(2**50), "schema.json": NODE, "redeye.json": CARD})),
    "an archive in an archive": ("skops", archive({"schema.json": archive({"schema.json": b""}, deflated=16)})),
    "a schema that nests without end": ("skops", archive({"schema.json": DEEP.encode()})),
    "a booster that says it has 2^60 numbers": ("ubj", ubj(b"[$d#L" + (2**60).to_bytes(8, "big"))),
    "a name of 2^62 characters": ("ubj", b"{L" + (2**62).to_bytes(8, "big")),
    "a booster that nests without end": ("ubj", ubj(b"[" * 20_000_000)),
}  # fmt: skip
