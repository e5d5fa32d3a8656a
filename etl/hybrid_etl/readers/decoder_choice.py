"""Which decoder a run uses: the native one where it is, else plain Python, which says that it is in use."""

from __future__ import annotations

from collections.abc import Callable

from hybrid_etl.errors import UserError
from hybrid_etl.events import emit
from hybrid_etl.native.library import NotAvailable, must_be_native, wanted


def choose_decoder(check: Callable[[], object]) -> str:
    """`native` or `python`; `check` raises NotAvailable where the native one cannot be used.

    Raises UserError when HYBRID_DECODER insists on the native one and it is not there.
    """
    if not wanted():
        return "python"
    try:
        check()
    except NotAvailable as reason:
        if must_be_native():
            raise UserError(f"HYBRID_DECODER is native, but there is no native decoder: {reason}.") from None
        emit("warning", f"Decoding in plain Python, at a tenth of the speed: no native decoder, {reason}.")
        return "python"
    return "native"
