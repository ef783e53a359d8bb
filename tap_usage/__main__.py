"""The command `tap-usage`, also `python -m tap_usage`."""

import gc
import signal
import sys


def main() -> None:
    """Run the tap."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the tap listens to it, Ctrl-C ends the process without a word
    gc.disable()  # importing leaves no garbage, and looking for it takes a sixth of the start
    from tap_usage import logs
    from tap_usage.reading.sheet import SheetError

    try:
        from tap_usage.tap import TapUsage
    except SheetError as error:
        sys.exit(f"a data sheet in tap_usage/vendors cannot be true: {error}")
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000)  # rows are many containers and no cycles: looked through every 700, they cost a tenth more
    logs.set_up()
    TapUsage.cli()


if __name__ == "__main__":
    main()
