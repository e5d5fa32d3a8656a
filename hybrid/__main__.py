"""`python -m hybrid`: the command line."""

import signal

# Until there is something to stop, Ctrl-C simply ends this, as it ends any program; Python would show where
# it was in its imports. Where the caller has it ignored, it stays so.
_interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _interrupts:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from hybrid.cli.main import main  # noqa: E402

if __name__ == "__main__":
    if _interrupts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
