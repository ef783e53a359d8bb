"""The command `tap-usage`, also `python -m tap_usage`."""

import gc


def main() -> None:
    """Run the tap."""
    gc.disable()  # importing leaves no garbage, and looking for it takes a sixth of the start
    from tap_usage.tap import TapUsage  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    TapUsage.cli()


if __name__ == "__main__":
    main()
