"""`python launch/track.py` is the command `phase6c track`."""

import sys

try:
    from phase6c.commands.track import main
except ImportError as missing:
    sys.exit(f"phase6c is not installed here ({missing}); run 'make demo', or 'pip install .'.")

if __name__ == "__main__":
    main()
