"""Model files that are what they say, and made to harm who opens them."""

from __future__ import annotations

import io
import zipfile

from pipelines.methods.model import Model
from pipelines.methods.modelfile import pack

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
