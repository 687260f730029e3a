"""`python -m socketscope` is the command `socketscope`."""

from socketscope.cli import main

if __name__ == "__main__":
    main()
