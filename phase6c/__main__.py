"""`python -m phase6c` is the command `phase6c`."""

from phase6c.commands.group import main

if __name__ == "__main__":
    main()
