"""`python launch/status.py` is the command `phase6c status`."""

import sys

try:
    from phase6c.commands.status import main
except ImportError as missing:
    sys.exit(f"phase6c is not installed here ({missing}); run 'make demo', or 'pip install .'.")

if __name__ == "__main__":
    main()
